"""A mount of a repository that is damaged: errors where the damage is, and only
there, told and listed."""
import contextlib
import errno
import os
import re

import pytest

import harness

MIB = 1 << 20
SIZE = 6 * MIB


class Packed:
    """A source whose large files have a pack of their own each."""

    def __init__(self, repo, folder):
        self.repo, self.tree = repo, folder / 'tree'
        harness.make_tree(self.tree)
        # What else there is has packs of its own.
        repo.backup(self.tree, source='small')
        self.packs = {}
        known = set()
        for name in ('one', 'two'):
            harness.write(self.tree / name, harness.noise(len(name) + ord(
                name[0]), SIZE))
            repo.backup(self.tree)
            packs = {path for path in repo.files('packs/data')
                     if path.stat().st_size > SIZE}
            self.packs[name], = packs - known
            known |= packs

    def name(self, name):
        """Of the pack, as messages have it."""
        return str(self.packs[name].relative_to(self.repo.path))

    def check_others(self, folder, damaged):
        """All that is not damaged is what it was."""
        for path in self.tree.rglob('*'):
            name = str(path.relative_to(self.tree))
            if name not in damaged and path.is_file() \
                    and not path.is_symlink():
                assert (folder / name).read_bytes() == path.read_bytes(), name


@pytest.fixture(name='packed')
def make_packed(repo, tmp_path):
    return Packed(repo, tmp_path)


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.chmod(0o600)
    path.write_bytes(data)


def damaged_lines(mount):
    text = (mount.path / '.caprock/damaged.txt').read_text('ascii')
    assert not text or text.endswith('\n')
    return [line.split('\t') for line in text.splitlines()]


def copy_fails(source, target):
    """cp says why, and leaves a file without content at most."""
    done = harness.sh('cp', source, target, rc=1)
    assert 'Input/output error' in done.err
    assert not target.exists() or target.stat().st_size == 0


def fails_with_eio(path, offset, length=4096):
    fd = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(OSError) as info:
            os.pread(fd, length, offset)
        assert info.value.errno == errno.EIO
    finally:
        os.close(fd)


@pytest.mark.main
@pytest.mark.threads
def test_a_file_known_to_be_damaged_is_refused_as_a_whole(packed, tmp_path):
    """The block near the end is bad: who copies gets nothing, not the rest."""
    flip(packed.packs['one'], SIZE - MIB // 2)
    with packed.repo.mount(expect=[packed.name('one')]) as mount:
        assert damaged_lines(mount) == []
        top = mount.snapshot()
        # Nobody knows yet: so a first copy may begin, and must fail.
        harness.sh('cp', top / 'one', tmp_path / 'first', rc=1)
        copy = (tmp_path / 'first').read_bytes()
        assert copy == (packed.tree / 'one').read_bytes()[:len(copy)]
        # What the kernel kept of it goes within a second or so.
        def refused():
            (tmp_path / 'again').unlink(missing_ok=True)
            harness.sh('cp', top / 'one', tmp_path / 'again', rc=1)
            return (tmp_path / 'again').stat().st_size == 0
        harness.until(refused, 'the file is refused from its beginning')
        for offset in (0, 4096, MIB, SIZE - 4096):
            fails_with_eio(top / 'one', offset)
        packed.check_others(top, {'one'})
        # In an older snapshot it is the same content: at once.
        copy_fails(mount.snapshot(which=0) / 'one', tmp_path / 'older')
        packed.check_others(mount.snapshot(which=0), {'one', 'two'})
        assert mount.alive()
        newest, oldest = (f'src@{mount.snapshot(which=n).name}'
                          for n in (-1, 0))
        lines = harness.until(
            lambda: len(damaged_lines(mount)) == 2 and damaged_lines(mount),
            'both places are listed')
        assert [line[1:3] for line in lines] == [[newest, '/one'],
                                                 [oldest, '/one']]
        for when, _, _, why in lines:
            assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', when)
            assert re.match(re.escape(packed.name('one')) +
                            r': block \d+ at \d+: ', why), why
        for snapshot in (newest, oldest):
            assert any(f'snapshot {snapshot}: /one: {packed.name("one")}: '
                       'block ' in line for line in mount.lines), mount.lines
        assert len(mount.lines) == 2, 'each place is told once'


def test_a_pack_that_is_gone_is_known_at_the_first_read(packed, tmp_path):
    """Every copy of it fails from its first byte, and it is looked for."""
    aside = tmp_path / 'aside'
    os.rename(packed.packs['two'], aside)
    state = packed.repo.with_state(tmp_path / 'fresh')
    with state.mount(expect=[packed.name('two'), 'is in no pack']) as mount:
        top = mount.snapshot()
        copy_fails(top / 'two', tmp_path / 'copy')
        packed.check_others(top, {'two'})
        assert [line[2] for line in damaged_lines(mount)] == ['/two']
        # It comes back, as things do that lie on a network.
        os.rename(aside, packed.packs['two'])
        data = (packed.tree / 'two').read_bytes()

        def is_back():
            with contextlib.suppress(OSError):
                return (top / 'two').read_bytes() == data
            return False
        harness.until(is_back, 'the pack that came back is found')


@pytest.mark.main
def test_a_pack_that_was_replaced_is_found_in_its_place(packed, tmp_path):
    """Another pack holds the same since: who was mounted before reads that."""
    with packed.repo.mount() as mount:
        os.unlink(packed.packs['two'])
        # Another machine sees that it is gone, and stores it again.
        harness.sh('cp', '-a', packed.tree, tmp_path / 'again')
        other = packed.repo.with_state(tmp_path / 'fresh')
        assert other.backup(tmp_path / 'again')['bytes_added'] > SIZE
        folder = mount.path / 'snapshots' / harness.SOURCE
        harness.until(lambda: len(os.listdir(folder)) == 3,
                      'the new snapshot is shown')
        for which in (1, 2):
            assert (mount.snapshot(which=which) / 'two').read_bytes() == \
                (packed.tree / 'two').read_bytes()
        assert damaged_lines(mount) == []


@pytest.mark.main
def test_a_bad_directory_leaves_its_siblings(repo, tmp_path):
    """Directories were backed up one by one, so that each has its own pack."""
    tree, known, packs = tmp_path / 'tree', set(), {}
    for name in ('a', 'b', 'c'):
        for n in range(30):
            harness.write(tree / name / f'file{n}', f'{name} {n}\n')
        repo.backup(tree)
        new = set(repo.files('packs/meta')) - known
        known |= new
        packs[name], = new
    # The pack of `b` also holds a root: that of the snapshot in the middle.
    packs['b'].unlink()
    with repo.mount(expect=['packs/meta/', 'is in no pack']) as mount:
        top = mount.snapshot()
        assert sorted(os.listdir(top)) == ['a', 'b', 'c']
        for name in ('a', 'c'):
            assert len(os.listdir(top / name)) == 30
            for n in range(30):
                assert (top / name / f'file{n}').read_text() == f'{name} {n}\n'
        for attempt in (lambda: os.listdir(top / 'b'),
                        lambda: os.stat(top / 'b/file3')):
            with pytest.raises(OSError) as info:
                attempt()
            assert info.value.errno == errno.EIO
        assert os.stat(top / 'b').st_mode == (tree / 'b').stat().st_mode
        assert mount.alive()
        assert ['/b'] == [line[2] for line in damaged_lines(mount)]


def test_a_bad_manifest_is_listed(repo, tree):
    repo.backup(tree)
    first = repo.files('snapshots')
    repo.backup(tree)
    last, = set(repo.files('snapshots')) - set(first)
    flip(last, 300)
    name = str(last.relative_to(repo.path))
    with repo.mount(expect=[name]) as mount:
        assert len(os.listdir(mount.path / 'snapshots/src')) == 1
        (_, where, path, why), = damaged_lines(mount)
        assert (where, path) == (name, '') and name in why
        status = (mount.path / '.caprock/status.json').read_text()
        assert name in status


def test_many_damaged_places_stay_bounded(repo, tmp_path):
    """More places than the list has room for: it ends with a line that says
    so, and everything else goes on."""
    count = 8000
    tree = tmp_path / 'tree'
    for n in range(count):
        folder = tree / f'{n // 1000}' / ('x' * 200)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{n:05}').write_bytes(harness.noise(n, 300))
    harness.write(tree / 'empty')
    repo.backup(tree)
    for path in repo.files('packs/data'):
        path.unlink()
    with repo.mount(expect=['packs/data/', 'is in no pack']) as mount:
        top = mount.snapshot()
        for path in tree.rglob('*'):
            if path.is_file() and path.name != 'empty':
                with pytest.raises(OSError):
                    (top / path.relative_to(tree)).read_bytes()
        assert (top / 'empty').read_bytes() == b''

        def text():
            return (mount.path / '.caprock/damaged.txt').read_text()
        harness.until(lambda: text().endswith('names them all\n'),
                      'the list says that it is full')
        assert len(text()) <= MIB
        before = text()
        assert len(before.splitlines()) > 1000
        assert text() == before
