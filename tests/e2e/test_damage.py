"""One flipped byte, in every file of a repository, one at a time.

Each is reported with the name of the file and everything it costs; whatever is
not named is still there, byte for byte.
"""
import contextlib
import errno
import itertools
import os
import random
import shutil

import pytest

import harness

MIB = 1 << 20


class Damaged:
    """A repository with two keys, two snapshots, and copies of what is in them."""

    def __init__(self, folder):
        self.folder = folder
        self.repo = harness.Repo(folder).init()
        self.other = self.repo.with_key(folder / 'other-key')
        tree = folder / 'tree'
        harness.make_tree(tree)
        harness.write(tree / 'media', harness.noise(7, 3 * MIB))
        harness.write(tree / 'logs/today', harness.noise(8, 20_000))
        for i in range(40):
            harness.write(tree / f'many/{i}', f'number {i}\n')
        os.symlink('x/' * 200, tree / 'far')
        self.copies = {}
        self.backup()
        # The other key is admitted meanwhile: so there are three key lists.
        self.repo.caprock('key', 'add', '--role', 'read', '--label', 'auditor',
                          '--new-key-file', self.other.key)
        harness.write(tree / 'logs/today', harness.noise(9, 30_000))
        harness.write(tree / 'many/7', b'another seven\n')
        self.backup()
        self.random = random.Random(20261122)
        self.fresh = itertools.count()

    def backup(self):
        ident = self.repo.backup(self.folder / 'tree')['snapshot']
        copy = self.folder / f'copy{len(self.copies)}'
        harness.sh('cp', '-a', self.folder / 'tree', copy)
        self.copies[ident] = copy

    def new_state(self, repo):
        """As a machine that never saw the repository."""
        return repo.with_state(self.folder / f'state{next(self.fresh)}')

    def positions(self, path):
        """First, last and what lies between; a part of each is random."""
        size = path.stat().st_size
        return sorted({0, size - 1, size // 2, min(size - 1, 300),
                       self.random.randrange(size),
                       self.random.randrange(size)})

    @contextlib.contextmanager
    def flipped(self, path, at):
        """One bit of the byte @at of @path is another."""
        data = path.read_bytes()
        changed = bytearray(data)
        changed[at] ^= 1 << self.random.randrange(8)
        path.chmod(0o600)
        path.write_bytes(changed)
        try:
            yield
        finally:
            path.write_bytes(data)

    def every_flip(self, kind):
        """Go through all flips of the files below @kind: (name, position)."""
        folder = self.repo.path / kind
        files = [folder] if folder.is_file() else [
            path for path in self.repo.files(kind)
            if kind != 'keys' or path.parent.name == 'keys']
        assert files
        for path in files:
            for at in self.positions(path):
                with self.flipped(path, at):
                    name = str(path.relative_to(self.repo.path))
                    print(f'{name} at {at}')
                    yield name, at


@pytest.fixture(scope='module', name='damaged')
def make_damaged(tmp_path_factory):
    folder = tmp_path_factory.mktemp('damaged')
    yield Damaged(folder)
    shutil.rmtree(folder)


def of_type(lines, kind):
    return [line for line in lines if line['type'] == kind]


def verify(repo, *args, rc=4):
    """Findings of `verify`, by type, and the summary."""
    lines, summary = repo.json('verify', *args, rc=rc)
    return (of_type(lines, 'damaged'), of_type(lines, 'lost'),
            of_type(lines, 'note'), summary)


def is_lost(path, lost):
    """Whether the findings @lost of one snapshot name @path."""
    return any(path == line['path'] or
               (line['below'] and (not line['path'] or
                                   path.startswith(line['path'] + '/')))
               for line in lost)


def is_file(path):
    return path.is_file() and not path.is_symlink()


def same(one, other):
    if one.is_symlink() or other.is_symlink():
        return os.readlink(one) == os.readlink(other)
    if one.is_file() and other.is_file():
        return one.read_bytes() == other.read_bytes()
    return one.is_dir() == other.is_dir()


def names_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*'))


def check_restored(damaged, repo, lost, mounted=None):
    """Everything in no finding comes back; what is in one comes back or not,
    but never as something else."""
    for ident, copy in damaged.copies.items():
        of_this = [line for line in lost if line['snapshot'] == ident]
        target = damaged.folder / 'target'
        repo.restore(ident, target, rc=4 if of_this else 0)
        for name in names_below(copy):
            restored = target / name
            if is_lost(name, of_this):
                assert not is_file(restored) or same(restored, copy / name)
            else:
                assert os.path.lexists(restored), f'{name} is not restored'
                assert same(restored, copy / name), f'{name} is another'
        shutil.rmtree(target)
        if mounted:
            check_mounted(mounted[ident], copy, of_this)


def check_mounted(shown, copy, lost):
    """EIO for exactly what is lost; a lost directory cannot be listed."""
    for name in names_below(copy):
        failed, expected = False, is_lost(name, lost)
        try:
            if is_file(copy / name):
                assert same(shown / name, copy / name), name
            elif (copy / name).is_symlink():
                assert os.readlink(shown / name) == os.readlink(copy / name)
            elif (copy / name).is_dir():
                assert sorted(os.listdir(shown / name)) == \
                    sorted(os.listdir(copy / name))
            else:
                os.lstat(shown / name)
        except OSError as error:
            assert error.errno == errno.EIO, error
            failed = True
        assert failed == expected, f'{name}: readable: {not failed}'


def test_all_is_well(damaged):
    """The state from which all flips start."""
    for repo in (damaged.repo, damaged.new_state(damaged.other)):
        for args in ([], ['--read-data']):
            lines, summary = repo.json('verify', *args)
            assert not lines
            assert summary['snapshots'] == 2 and summary['damaged'] == 0
    check_restored(damaged, damaged.repo, [])


@pytest.mark.main
def test_repository(damaged):
    for name, _ in damaged.every_flip('repository'):
        done = damaged.repo.caprock('verify', rc=(4, 10))
        assert name in done.err


def test_key_slots(damaged):
    """Our own does not open, and is named; by another key it is found."""
    for name, _ in damaged.every_flip('keys'):
        ours, theirs = damaged.repo, damaged.new_state(damaged.other)
        if name.split('/')[1] not in damaged.repo.key.read_text():
            ours, theirs = damaged.other, damaged.repo
        done = ours.caprock('verify', rc=(4, 12))
        assert name in done.err
        found, lost, _, _ = verify(theirs, '--read-data')
        assert [line['object'] for line in found] == [name]
        assert not lost


def test_key_lists(damaged):
    """Nothing opens without the newest; an older one is missed by nobody."""
    newest = f'keys/roster/{len(damaged.repo.files("keys/roster"))}'
    for name, at in damaged.every_flip('keys/roster'):
        if name == newest:
            done = damaged.repo.caprock('verify', rc=4)
            assert name in done.err
            continue
        repo = damaged.new_state(damaged.repo)
        found, lost, _, _ = verify(repo)
        assert [line['object'] for line in found] == [name]
        assert not lost
        if at == 0:
            check_restored(damaged, repo, [])


def test_segments(damaged):
    for name, at in damaged.every_flip('index'):
        repo = damaged.new_state(damaged.repo) if at else damaged.repo
        found, lost, notes, _ = verify(repo, '--read-data')
        assert [line['object'] for line in found] == [name]
        assert not lost
        assert any('nothing is lost' in line['why'] for line in notes)
        if at == 0:
            check_restored(damaged, repo, [])


def test_manifests(damaged):
    """The snapshot is named and shown as damaged, the other one is there."""
    for name, at in damaged.every_flip('snapshots'):
        repo = damaged.new_state(damaged.repo) if at else damaged.repo
        found, lost, _, summary = verify(repo, '--read-data')
        assert [line['object'] for line in found] == [name]
        assert not lost and summary['snapshots'] == 1
        shown = repo.snapshots(rc=4)
        assert [line['object'] for line in of_type(shown, 'damaged')] == [name]
        assert len(of_type(shown, 'snapshot')) == 1
        good = of_type(shown, 'snapshot')[0]['id']
        target = damaged.folder / 'target'
        repo.restore(good, target)
        assert names_below(target) == names_below(damaged.copies[good])
        shutil.rmtree(target)


@pytest.mark.parametrize('kind', ['packs/data', 'packs/meta'])
def test_packs(damaged, kind):
    """Snapshots and paths are named, and exactly those cannot be read."""
    costs = 0
    for name, at in damaged.every_flip(kind):
        repo = damaged.new_state(damaged.repo) if at % 2 else damaged.repo
        found, lost, notes, _ = verify(repo, '--read-data')
        assert {line['object'] for line in found} == {name}
        assert {line['object'] for line in lost} <= {name}
        # Each damage either costs something, or it is said that it does not.
        assert bool(lost) != bool(notes)
        costs += bool(lost)
        check_restored(damaged, repo, lost)
        # To a person, too.
        done = repo.caprock('verify', '--read-data', rc=4)
        assert name in done.out
        assert all(line['path'] in done.out for line in lost)
    assert costs > 0


@pytest.mark.main
def test_packs_by_structure(damaged):
    """Without --read-data: what is no content, and all directories."""
    for path in damaged.repo.files('packs'):
        meta = path.parent.parent.name == 'meta'
        name = str(path.relative_to(damaged.repo.path))
        for at in (0, 300, path.stat().st_size - 1):
            with damaged.flipped(path, at):
                content = at == 300 and not meta
                found, lost, _, _ = verify(damaged.repo,
                                           rc=0 if content else 4)
                assert {line['object'] for line in found} == \
                    (set() if content else {name})
                assert bool(lost) == (at == 300 and meta)


def test_mounted(damaged):
    """A mount shows EIO for exactly what verify names, and survives."""
    for path in damaged.repo.files('packs'):
        for at in damaged.positions(path)[1:4]:
            with damaged.flipped(path, at):
                repo = damaged.new_state(damaged.repo)
                lost = verify(repo, '--read-data')[1]
                with repo.mount(expect=['packs/', 'damage']) as mount:
                    folder = mount.path / 'snapshots' / harness.SOURCE
                    shown = dict(zip(damaged.copies,
                                     sorted(folder.iterdir())))
                    check_restored(damaged, repo, lost, shown)
                    assert mount.alive()


@pytest.mark.parametrize('what', ['packs', 'index', 'keys/roster', 'snapshots'])
def test_missing(damaged, what):
    """A file that is gone is named as one that is damaged."""
    newest = f'keys/roster/{len(damaged.repo.files("keys/roster"))}'
    for path in damaged.repo.files(what):
        name = str(path.relative_to(damaged.repo.path))
        kept = damaged.folder / 'kept'
        for state in (damaged.repo, damaged.new_state(damaged.repo)):
            os.rename(path, kept)
            try:
                done = state.caprock('--json', 'verify', rc=(0, 4, 6))
            finally:
                os.rename(kept, path)
            if what == 'snapshots':
                # The last of a chain is missed by who has seen it only.
                last = path.name.endswith('-2')
                assert done.returncode == 6 or (last and state
                                                is not damaged.repo)
            elif what == 'keys/roster' and done.returncode == 6:
                assert state is damaged.repo, 'others cannot know'
            else:
                assert done.returncode == 4
                said = done.out + done.err
                # The newest key list: its key's slot is left over.
                assert name in said or name == newest and 'keys/' in said
