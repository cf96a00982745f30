"""caprockfs: the same snapshots, asked for by time, by file and by loss."""
import os
import subprocess

import pytest

import harness


def stamp(summary):
    """How the mount writes the time of a snapshot."""
    return summary['time'].replace(':', '-')


def ls(*argv):
    return harness.sh('ls', *argv).out.splitlines()


@pytest.mark.main
def test_as_of_a_time(repo, tree):
    for day in ('2021-06-30T10:00:00Z', '2021-06-30T12:00:00Z',
                '2021-07-02T00:00:00Z'):
        harness.write(tree / 'when', day)
        repo.backup('--time', day, tree)
    repo.backup('--time', '2021-07-01T00:00:00Z', tree, source='other')
    with repo.mount() as mount:
        asof = mount.path / 'asof'
        assert ls(asof) == ['README']
        assert 'asof/2026-03-01/' in (asof / 'README').read_text()
        for typed, want in (
                ('2021-06-29', None),
                ('2021-06-30T09-59-59Z', None),
                ('2021-06-30T10-00-00Z', '2021-06-30T10:00:00Z'),
                ('2021-06-30', '2021-06-30T12:00:00Z'),
                ('2021-07-01', '2021-06-30T12:00:00Z'),
                ('2021-07-02', '2021-07-02T00:00:00Z'),
                ('yesterday', '2021-07-02T00:00:00Z'),
                ('today', '2021-07-02T00:00:00Z')):
            assert ('src' in ls(asof / typed)) == bool(want), typed
            if want:
                assert (asof / typed / 'src/when').read_text() == want
                assert os.readlink(asof / typed / 'src') == \
                    f'../../snapshots/src/{want.replace(":", "-")}'
        assert ls(asof / '2021-06-30') == ['src']
        assert ls(asof / '2021-07-01') == ['other', 'src']
        # Nothing of it is listed for having been asked for.
        assert ls(asof) == ['README']
        for name in ('tomorrow', '2021-02-30', '2021-06-30T10:00:00Z', 'src'):
            assert not (asof / name).exists()
    with repo.mount('source=src') as mount:
        assert not (mount.path / 'asof').exists()


def test_what_was_asked_for_follows_new_snapshots(repo, tree):
    repo.backup(tree)
    with repo.mount() as mount:
        link = mount.path / 'asof/today/src'
        before = os.readlink(link)
        with subprocess.Popen(['tail', '-f', '/dev/null'],
                              cwd=mount.path / 'asof/today') as process:
            made = stamp(repo.backup(tree))
            harness.until(lambda: os.readlink(link).endswith(made),
                          'asof/today leads to the new snapshot')
            # The directory is the one that it was.
            assert os.readlink(f'/proc/{process.pid}/cwd') == \
                os.fspath(link.parent)
            process.kill()
        assert before != os.readlink(link)
