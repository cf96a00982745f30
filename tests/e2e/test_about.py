"""`.caprock/`: what a mount says of itself."""
import json
import os

import pytest

import harness


def status_of(mount):
    return json.loads((mount.path / '.caprock/status.json').read_text())


@pytest.mark.main
def test_the_files(repo, tree):
    repo.backup('--time', '2021-06-30T10:00:00Z', tree)
    repo.backup('--time', '2021-07-01T10:00:00Z', tree)
    repo.backup('--time', '2020-07-01T10:00:00Z', tree, source='web')
    with repo.mount() as mount:
        about = mount.path / '.caprock'
        readme = (about / 'README').read_text('ascii')
        for word in os.listdir(about):
            assert word == 'README' or word in readme
        for name in os.listdir(about):
            assert (about / name).stat().st_size == len(
                (about / name).read_bytes())
        assert (about / 'damaged.txt').read_bytes() == b''
        status = status_of(mount)
        version = (about / 'version').read_text().split()
        assert status['version'] == version[1]
        assert status['repository'] == version[-1]
        assert status['sources'] == [
            {'source': 'src', 'snapshots': 2,
             'newest': '2021-07-01T10:00:00Z'},
            {'source': 'web', 'snapshots': 1,
             'newest': '2020-07-01T10:00:00Z'}]
        assert (status['snapshots'], status['damaged'], status['refused'],
                status['not_counted'], status['tampered']) == (3, 0, 0, 0, None)
        assert status['refresh']['error'] is None
        assert not status['refresh']['key_revoked']
        assert status['mounted'] <= status['refresh']['last']
        cache = status['cache']
        assert cache['limit'] == 256 << 20
        (mount.snapshot() / 'noise').read_bytes()
        harness.until(lambda: status_of(mount)['cache']['blocks_decoded'] >
                      cache['blocks_decoded'], 'the figures follow')
        assert status_of(mount)['cache']['bytes'] > 0
        with pytest.raises(OSError):
            (about / 'status.json').write_text('x')


@pytest.mark.main
def test_what_grows_is_read_whole(repo, tree):
    """Who has a version open reads that one to its end; who opens it again
    reads the next, and neither sees zero bytes."""
    repo.backup(tree)
    with repo.mount() as mount:
        path = mount.path / '.caprock/status.json'
        with open(path, 'rb') as first:
            size = os.fstat(first.fileno()).st_size
            head = first.read(10)
            for n in range(3):
                repo.backup(tree, source=f'source-{n}')
            harness.until(lambda: status_of(mount)['snapshots'] == 4,
                          'all are listed')
            data = head + first.read()
            assert len(data) == size and json.loads(data)['snapshots'] == 1
            assert not os.path.samestat(os.fstat(first.fileno()),
                                        os.stat(path))
        for _ in range(200):
            data = path.read_bytes()
            assert b'\0' not in data and json.loads(data)['snapshots'] == 4


def test_what_keeps_it_from_looking_is_told(repo, tree):
    """Whoever is in the mount goes on with what it shows."""
    repo.backup(tree)
    folder, aside = repo.path / 'snapshots', repo.path / 'aside'
    with repo.mount(expect=['snapshots']) as mount:
        os.rename(folder, aside)
        harness.write(folder, b'no folder')
        error = harness.until(lambda: status_of(mount)['refresh']['error'],
                              'the error is shown')
        assert 'snapshots' in error
        assert (mount.snapshot() / 'small').read_bytes() == b'inline'
        os.unlink(folder)
        os.rename(aside, folder)
        harness.until(lambda: not status_of(mount)['refresh']['error'],
                      'the error is over')
        assert (mount.snapshot() / 'small').read_bytes() == b'inline'
        # Gone without a trace, on the other hand, is tampering.
        os.rename(folder, aside)
        told = harness.until(lambda: status_of(mount)['tampered'],
                             'what this machine saw is missed')
        assert 'is gone' in told and status_of(mount)['snapshots'] == 0
        os.rename(aside, folder)
        harness.until(lambda: status_of(mount)['snapshots'] == 1,
                      'it is shown again')
