"""What a mount does before it is asked: small files of a directory that is read
through are in the page cache by then, and what is damaged is left alone."""
import errno
import os
import random
import re
import signal

import pytest

import harness

KIB = 1 << 10
LARGE = 8 << 20


def figure(mount, pattern):
    """A number of the newest figures."""
    before = len(mount.lines)
    os.kill(mount.server, signal.SIGUSR1)

    def look():
        lines = mount.lines[before:]
        # The last line of them: so all others are there.
        if not any('figures: ahead: ' in line for line in lines):
            return None
        return [match for match in
                (re.search(pattern, line) for line in lines) if match]
    found = harness.until(look, f'a figure {pattern}')
    return float(found[-1].group(1))


def stored(mount):
    return figure(mount, r'figures: ahead: (\d+) files')


def requests(mount):
    return figure(mount, r'figures: read: (\d+) requests')


def make_files(folder, n, size):
    for i in range(n):
        harness.write(folder / f'{i:03d}', harness.noise(i + 1, size))


@pytest.mark.main
@pytest.mark.threads
def test_files_of_a_walk_are_there_before_it_comes_by(repo, tmp_path):
    tree = tmp_path / 'tree'
    make_files(tree / 'a', 40, 20 * KIB + 7)
    repo.backup(tree)
    with repo.mount(expect=('figures: ',)) as mount:
        folder = mount.snapshot() / 'a'
        names = sorted(os.listdir(folder))
        for name in names[:3]:
            assert (folder / name).read_bytes() == \
                (tree / 'a' / name).read_bytes()
        harness.until(lambda: stored(mount) >= 10, 'files are stored')
        before = requests(mount)
        for name in names[3:7]:
            assert (folder / name).read_bytes() == \
                (tree / 'a' / name).read_bytes()
        assert requests(mount) == before, 'nobody asked'
        for name in names:
            assert (folder / name).read_bytes() == \
                (tree / 'a' / name).read_bytes()


@pytest.mark.main
@pytest.mark.threads
def test_walks_in_any_order_read_what_was_stored(repo, tmp_path):
    """Through all directories, by name and by chance, with large files too."""
    tree, chance = tmp_path / 'tree', random.Random(1)
    for i in range(20):
        make_files(tree / f'{i:02d}', chance.randrange(1, 30),
                   chance.choice((1, 4096, 5000, 70000)))
        os.link(tree / f'{i:02d}' / '000', tree / f'{i:02d}' / 'link')
        (tree / f'{i:02d}' / 'empty').touch()
    harness.write(tree / '10' / 'large', harness.noise(7, LARGE))
    repo.backup(tree)
    for order in (sorted, lambda files: chance.sample(files, len(files))):
        with repo.mount(expect=('figures: ',)) as mount:
            top = mount.snapshot()
            for folder in sorted(os.listdir(top)):
                for name in order(os.listdir(top / folder)):
                    assert (top / folder / name).read_bytes() == \
                        (tree / folder / name).read_bytes(), (folder, name)
            assert stored(mount) > 0


def test_of_a_large_file_the_next_part_is_decoded(repo, tmp_path):
    tree = tmp_path / 'tree'
    harness.write(tree / 'large', harness.noise(1, LARGE))
    repo.backup(tree)
    with repo.mount(expect=('figures: ',)) as mount:
        with open(mount.snapshot() / 'large', 'rb', buffering=0) as file:
            for _ in range(32):
                file.read(64 * KIB)
            harness.until(
                lambda: figure(mount, r'ahead: .* ([\d.]+) MiB decoded') >= 1,
                'some is decoded')


def test_blocks_that_follow_are_decoded_ahead(repo, tmp_path):
    tree = tmp_path / 'tree'
    for i in range(24 * 8):
        harness.write(tree / f'{i // 8:02d}' / f'{i:03d}',
                      harness.noise(i + 1, 40 * KIB))
    repo.backup(tree)
    with repo.mount(expect=('figures: ',)) as mount:
        top = mount.snapshot()
        for folder in sorted(os.listdir(top)):
            for name in sorted(os.listdir(top / folder)):
                assert (top / folder / name).read_bytes() == \
                    (tree / folder / name).read_bytes()
        assert figure(mount, r'ahead: .* (\d+) blocks followed') > 0


def test_the_next_directory_is_brought_when_it_is_listed(repo, tmp_path):
    tree = tmp_path / 'tree'
    for i in range(21):
        make_files(tree / f'{i:02d}', 4, 3000)
    repo.backup(tree)
    with repo.mount(expect=('figures: ',)) as mount:
        *walked, last = sorted(mount.snapshot().iterdir())
        for folder in walked:
            for path in sorted(folder.iterdir()):
                path.read_bytes()
        before = stored(mount)
        names = os.listdir(last)
        harness.until(lambda: stored(mount) > before, 'files are stored')
        for name in names:
            assert (last / name).read_bytes() == \
                (tree / last.name / name).read_bytes()


def test_what_is_damaged_is_told_when_it_is_asked_for(repo, tmp_path):
    """The files in the second half of the pack cannot be read: nobody says so
    before somebody wants one, and nothing of them is shown."""
    tree = tmp_path / 'tree'
    make_files(tree / 'a', 60, 60 * KIB)
    repo.backup(tree)
    pack = max(repo.files('packs/data'), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    for at in range(len(data) // 2, len(data) * 3 // 4, 4 * KIB):
        data[at] ^= 4
    pack.chmod(0o600)
    pack.write_bytes(data)
    name = str(pack.relative_to(repo.path))
    with repo.mount(expect=('figures: ', name)) as mount:
        folder = mount.snapshot() / 'a'
        names = sorted(os.listdir(folder))
        for one in names[:3]:
            assert (folder / one).read_bytes() == \
                (tree / 'a' / one).read_bytes()
        harness.until(lambda: stored(mount) >= 5, 'some are stored')
        assert not any(name in line for line in mount.lines)
        bad = 0
        for one in names:
            try:
                assert (folder / one).read_bytes() == \
                    (tree / 'a' / one).read_bytes(), one
            except OSError as e:
                assert e.errno == errno.EIO
                bad += 1
        assert 0 < bad < len(names) - 10
        assert sum(name in line for line in mount.lines) == bad
        assert mount.alive()
