"""What restore brings back, where it may write, and what it does in trouble."""
import contextlib
import ctypes
import fcntl
import hashlib
import multiprocessing
import os
import random
import signal
import stat

import pytest

import compare
import evil
import harness

MIB = 1 << 20
TEMPORARY = '.caprock-restore-*'
RENAME_EXCHANGE = 2


def leftovers(folder):
    return sorted(folder.rglob(TEMPORARY))


def inode_flags(path):
    """As lsattr shows them; with holes in what a directory's index does."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        value = bytearray(4)
        fcntl.ioctl(fd, 0x80086601, value)  # FS_IOC_GETFLAGS
        return int.from_bytes(value, 'little') & 0xf8  # i, a, d, A and s
    finally:
        os.close(fd)


@contextlib.contextmanager
def evil_repo(ext4, tmp_path, links):
    """An evil tree, backed up."""
    top = evil.make(ext4 / 'evil', links)
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(top)
    try:
        yield repo, top
    finally:
        # Otherwise nobody can remove it.
        harness.sh('chattr', '-R', '-f', '-i', '-a', ext4, rc=None)


def check_evil(repo, top, out):
    compare.assert_equal(top, out, ctime=False)
    for name in ('immutable', 'append-only', 'immutable-dir', 'nodump',
                 'empty'):
        assert inode_flags(out / name) == inode_flags(top / name), name
    again = ('--into-existing', '--overwrite', 'always')
    repo.restore('latest', out, *again, '--verify')
    compare.assert_equal(top, out, ctime=False)


def test_the_evil_tree_comes_back(ext4, tmp_path):
    with evil_repo(ext4, tmp_path, evil.LINKS) as (repo, top):
        done = repo.restore('latest', ext4 / 'out', '--verify')
        assert 'warning' not in done.out and done.err == ''
        check_evil(repo, top, ext4 / 'out')


@pytest.mark.long
def test_the_largest_farm_comes_back(ext4, tmp_path):
    with evil_repo(ext4, tmp_path, evil.LINKS_MAX) as (repo, top):
        repo.restore('latest', ext4 / 'out')
        check_evil(repo, top, ext4 / 'out')


@pytest.mark.long
def test_more_links_than_the_target_takes(ext4, tmp_path):
    """One copy, not one for each of the names that are too many."""
    names = 65_100
    with harness.tmpfs(tmp_path / 'src', '64m') as source:
        harness.write(source / 'first', b'one file')
        for i in range(names - 1):
            os.link(source / 'first', source / f'{i:05}')
        repo = harness.Repo(tmp_path / 'r').init()
        repo.backup(source)
    done = repo.restore('latest', ext4 / 'out')
    inodes = {path.stat().st_ino for path in (ext4 / 'out').iterdir()}
    assert len(list((ext4 / 'out').iterdir())) == names
    assert len(inodes) <= 1 + 16  # a copy for each worker at most
    assert 'restored as a copy, not a hard link: Too many links' in done.err


def test_links_do_not_reach_other_file_systems(repo, tmp_path):
    tree = tmp_path / 'tree'
    harness.write(tree / 'a/file', b'one file')
    (tree / 'b').mkdir()
    os.link(tree / 'a/file', tree / 'b/file')
    repo.backup(tree)
    with harness.tmpfs(tmp_path / 'out/b', '1m'):
        done = repo.restore('latest', tmp_path / 'out', '--into-existing')
        assert 'b/file: restored as a copy, not a hard link' in done.err
        assert (tmp_path / 'out/b/file').read_bytes() == b'one file'


def random_tree(folder, seed):
    """Files and folders of every kind of size, mode, time and attribute."""
    chance = random.Random(seed)
    folders, files = [folder], []
    folder.mkdir()
    for i in range(chance.randrange(20, 120)):
        name = ''.join(chance.choices('ab\n \\é%.', k=chance.randrange(1, 20)))
        path = chance.choice(folders) / f'{i}{name}'
        kind = chance.random()
        if kind < 0.2:
            path.mkdir()
            folders.append(path)
        elif kind < 0.3 and files:
            os.link(chance.choice(files), path)
            continue
        elif kind < 0.35:
            os.symlink(name, path)
        else:
            size = chance.choice((0, 1, 256, 257, 4096, 70_000, 1_500_000))
            path.write_bytes(harness.noise(chance.randrange(9), size))
            if chance.random() < 0.3:
                # A hole, in the middle or at the end.
                with open(path, 'r+b') as file:
                    os.truncate(file.fileno(), size + 200_000)
                    if chance.random() < 0.5:
                        os.pwrite(file.fileno(), b'end', size + 150_000)
            files.append(path)
        if not path.is_symlink():
            if chance.random() < 0.3:
                os.setxattr(path, 'user.x', harness.noise(
                    i, chance.randrange(400)))
            os.chmod(path, chance.choice((0o644, 0o4755, 0o600, 0o2775)))
        if os.geteuid() == 0:
            os.chown(path, chance.randrange(3), chance.randrange(3),
                     follow_symlinks=False)
    for path in reversed([*folders, *files]):
        os.utime(path, ns=(0, chance.randrange(-10**18, 10**19 // 2)))


@pytest.mark.parametrize('seed', range(10))
def test_random_trees_come_back(ext4, tmp_path, seed):
    random_tree(ext4 / 'tree', seed)
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(ext4 / 'tree')
    repo.restore('latest', ext4 / 'out', '--verify')
    compare.assert_equal(ext4 / 'tree', ext4 / 'out', ctime=False)


@pytest.mark.threads
def test_a_large_file_is_written_by_all(repo, tmp_path):
    """In pieces, with holes where they were; and read back by --verify."""
    tree = tmp_path / 'tree'
    tree.mkdir()
    with open(tree / 'large', 'wb') as file:
        file.write(harness.noise(1, 40 * MIB))
        file.seek(60 * MIB)
        file.write(harness.noise(2, 50 * MIB))
        os.truncate(file.fileno(), 200 * MIB)
    repo.backup(tree)
    done = repo.restore('latest', tmp_path / 'out', '--verify')
    assert 'verified 1 files: 0 differ' in done.out
    compare.assert_equal(tree, tmp_path / 'out', ctime=False)


# ---- What is chosen, and where it goes


def names_in(folder):
    return sorted(os.fspath(path.relative_to(folder))
                  for path in folder.rglob('*'))


def test_a_part_goes_into_the_target(repo, tree, tmp_path):
    repo.backup(tree)
    repo.restore('latest:docs/', tmp_path / 'docs')
    compare.assert_equal(tree / 'docs/deep', tmp_path / 'docs/deep',
                         ctime=False)
    repo.restore('latest:docs/readme.txt', tmp_path / 'one')
    assert names_in(tmp_path / 'one') == ['readme.txt']
    assert stat.S_IMODE((tmp_path / 'one').stat().st_mode) == 0o700
    repo.restore('latest:link', tmp_path / 'two')
    assert os.readlink(tmp_path / 'two/link') == 'docs/readme.txt'


@pytest.mark.parametrize('patterns, want', [
    (['--include', 'note'],
     ['docs', 'docs/deep', 'docs/deep/er', 'docs/deep/er/note']),
    (['--include', 'docs/deep'],
     ['docs', 'docs/deep', 'docs/deep/er', 'docs/deep/er/note']),
    (['--include', '/small'], ['small']),
    (['--include', 'nothing such'], []),
    (['--include', 'docs', '--exclude', 'deep/'],
     ['docs', 'docs/readme.txt', 'docs/small-too']),
    (['--include', '*too', '--include', 'hollow/'],
     ['docs', 'docs/small-too', 'hollow']),
    (['--exclude', '*', '--exclude', 'x'], []),
])
def test_patterns_choose(repo, tree, tmp_path, patterns, want):
    repo.backup(tree)
    repo.restore('latest', tmp_path / 'out', *patterns)
    assert names_in(tmp_path / 'out') == want
    # The way there has its attributes too.
    if 'docs' in want:
        assert (tmp_path / 'out/docs').stat().st_mtime_ns == \
            (tree / 'docs').stat().st_mtime_ns


def test_patterns_take_paths_as_they_were(repo, tree, tmp_path):
    repo.backup(tree)
    repo.restore('latest', tmp_path / 'out', '--include', tree / 'docs/deep')
    assert 'docs/deep/er/note' in names_in(tmp_path / 'out')
    assert 'docs/readme.txt' not in names_in(tmp_path / 'out')


def test_a_dry_run_writes_nothing(repo, tree, tmp_path):
    repo.backup(tree)
    lines, summary = repo.json('restore', 'latest', '--dry-run', '--target',
                               tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
    assert sorted(line['path'] for line in lines) == names_in(tree)
    assert {line['action'] for line in lines} == {'new'}
    # What it says is what then happens.
    real = repo.json('restore', 'latest', '--target', tmp_path / 'out')[1]
    assert real['files'] + real['linked'] == summary['files']
    assert real['others'] == summary['others']
    before = compare.compare(tree, tmp_path / 'out', ctime=False)
    done = repo.restore('latest', tmp_path / 'out', '--dry-run',
                        '--into-existing', '--overwrite', 'always')
    assert 'M docs/readme.txt' in done.out.splitlines()
    assert compare.compare(tree, tmp_path / 'out', ctime=False) == before


@pytest.mark.parametrize('target, status, says', [
    ('full', 1, 'is not empty: choose another, or add --into-existing'),
    ('full/file', 1, 'Not a directory'),
    ('not/there', 1, 'cannot be made: No such file or directory'),
    ('repository', 1, 'lies in the repository'),
    ('repository/in/', 1, 'lies in the repository'),
    ('repository/packs', 1, 'lies in the repository'),
])
def test_targets_that_will_not_do(repo, tree, tmp_path, target, status, says):
    repo.backup(tree)
    harness.write(tmp_path / 'full/file', b'mine')
    before = names_in(tmp_path)
    done = repo.restore('latest', tmp_path / target, rc=status)
    assert says in done.err
    done = repo.restore('latest:nothing', tmp_path / 'new', rc=1)
    assert 'nothing: not in this snapshot' in done.err
    assert 'name a directory with --target' in \
        repo.caprock('restore', 'latest', rc=2).err
    assert names_in(tmp_path) == before


# ---- What is there already


OLD, NOW, NEW = (n * 10**18 for n in (1, 1.5, 1.6))


@pytest.fixture
def meeting(repo, tmp_path):
    """A snapshot of a/file and others, and a target that has some of it."""
    tree, out = tmp_path / 'tree', tmp_path / 'out'
    for name in ('old', 'same', 'new', 'kept', 'link', 'folder/inside',
                 'way/inside', 'gone'):
        harness.write(tree / name, f'snapshot {name}',
                      ns=(int(NOW), int(NOW)))
    repo.backup(tree)
    outside = tmp_path / 'outside'
    harness.write(outside / 'inside', b'outside')
    harness.write(outside / 'file', b'outside')
    for name, when in (('old', OLD), ('same', NOW), ('new', NEW)):
        harness.write(out / name, b'target', ns=(int(when), int(when)))
    harness.write(out / 'mine', b'mine')
    os.symlink(outside / 'file', out / 'link')
    os.symlink(outside, out / 'folder')
    harness.write(out / 'way', b'a file in the way')
    (out / 'kept').mkdir()
    os.utime(out / 'kept', ns=(int(NEW), int(NEW)))
    return repo, out, outside


@pytest.mark.parametrize('overwrite, status, replaced', [
    ('never', 1, set()),
    ('older', 1, {'old'}),
    ('always', 0, {'old', 'same', 'new', 'kept', 'link', 'folder/inside',
                   'way/inside'}),
])
def test_what_exists(meeting, overwrite, status, replaced):
    repo, out, outside = meeting
    repo.restore('latest', out, '--into-existing', '--overwrite', overwrite,
                 rc=status)
    assert (out / 'gone').read_text() == 'snapshot gone'
    assert (out / 'mine').read_text() == 'mine'
    assert (outside / 'file').read_text() == 'outside'
    assert (outside / 'inside').read_text() == 'outside'
    for name in ('old', 'same', 'new'):
        want = f'snapshot {name}' if name in replaced else 'target'
        assert (out / name).read_text() == want, name
    assert out.joinpath('link').is_symlink() == ('link' not in replaced)
    assert out.joinpath('folder').is_symlink() == \
        ('folder/inside' not in replaced)
    assert out.joinpath('kept').is_dir() == ('kept' not in replaced)
    assert not leftovers(out)


def test_directories_that_are_not_empty_stay(repo, tree, tmp_path):
    repo.backup(tree)
    out = tmp_path / 'out'
    harness.write(out / 'small/mine', b'mine')
    done = repo.restore('latest', out, '--into-existing', '--overwrite',
                        'always', rc=1)
    assert 'small: a directory is in the way: Directory not empty' in done.err
    assert (out / 'small/mine').read_bytes() == b'mine'
    assert (out / 'noise').read_bytes() == (tree / 'noise').read_bytes()
    assert not leftovers(out)


def test_unchanged_files_get_their_attributes_only(repo, tree, tmp_path):
    os.chmod(tree / 'noise', 0o640)
    repo.backup(tree)
    out = tmp_path / 'out'
    repo.restore('latest', out)
    inode = (out / 'noise').stat().st_ino
    os.chmod(out / 'noise', 0o777)
    os.setxattr(out / 'noise', 'user.extra', b'not in the snapshot')
    # An equal size and time, but the name of a file elsewhere as well.
    os.link(out / 'docs/readme.txt', tmp_path / 'elsewhere')
    os.chmod(tmp_path / 'elsewhere', 0o600)
    summary = repo.json('restore', 'latest', '--target', out,
                        '--into-existing', '--overwrite', 'always')[1]
    assert summary['unchanged'] >= 3
    assert (out / 'noise').stat().st_ino == inode
    assert stat.S_IMODE((tmp_path / 'elsewhere').stat().st_mode) == 0o600
    compare.assert_equal(tree, out, ctime=False)


def test_verify_finds_what_only_looks_unchanged(repo, tree, tmp_path):
    repo.backup(tree)
    out = tmp_path / 'out'
    repo.restore('latest', out)
    st = (out / 'noise').stat()
    with open(out / 'noise', 'r+b') as file:
        os.pwrite(file.fileno(), b'x', 200_000)
    os.utime(out / 'noise', ns=(st.st_atime_ns, st.st_mtime_ns))
    again = ('--into-existing', '--overwrite', 'always')
    repo.restore('latest', out, *again)
    done = repo.restore('latest', out, *again, '--verify', rc=4)
    assert 'noise: reads back differently: the content at byte' in done.err
    assert '1 differ' in done.out


def test_immutable_files_are_named(repo, ext4, tmp_path):
    tree = tmp_path / 'tree'
    harness.write(tree / 'fixed', b'snapshot')
    harness.write(tree / 'other', b'snapshot')
    repo.backup(tree)
    out = ext4 / 'out'
    harness.write(out / 'fixed', b'target')
    harness.sh('chattr', '+i', out / 'fixed')
    try:
        done = repo.restore('latest', out, '--into-existing', '--overwrite',
                            'always', rc=1)
        assert 'fixed: Operation not permitted' in done.err
        assert (out / 'fixed').read_bytes() == b'target'
        assert (out / 'other').read_bytes() == b'snapshot'
        assert not leftovers(out)
    finally:
        harness.sh('chattr', '-i', out / 'fixed')


# ---- Somebody else is in the target


def swap(folder, name, outside):
    """Until killed: exchange @name with a symlink to @outside."""
    libc = ctypes.CDLL(None, use_errno=True)
    os.chdir(folder)
    with contextlib.suppress(FileExistsError):
        os.symlink(outside, '.swap-' + name)
    a, b = name.encode(), b'.swap-' + name.encode()
    while True:
        libc.renameat2(-100, a, -100, b, RENAME_EXCHANGE)


def fingerprint(folder):
    """Everything that a write in it, or to it, would change."""
    digest = hashlib.sha256()
    for path in [folder, *sorted(folder.rglob('*'))]:
        st = path.lstat()
        digest.update(repr((path, st.st_mode, st.st_uid, st.st_gid, st.st_ino,
                            st.st_nlink, st.st_size, st.st_mtime_ns,
                            st.st_ctime_ns)).encode())
    return digest.digest()


@pytest.mark.parametrize('seconds', [
    5, pytest.param(300, marks=pytest.mark.long)])
def test_nothing_escapes_a_race(repo, tmp_path, seconds):
    """Directories and files turn into symlinks to outside, and back."""
    tree, out, outside = (tmp_path / name for name in
                          ('tree', 'out', 'outside'))
    for top in (tree, outside):
        for name in ('d/sub', 'e/sub'):
            for i in range(30):
                harness.write(top / name / f'{i}', f'{top} {i}')
        harness.write(top / 'file', os.fspath(top))
    for i in range(30):
        os.link(tree / f'd/sub/{i}', tree / f'e/sub/linked-{i}')
        os.symlink('nowhere', tree / f'd/symlink-{i}')
        os.mkfifo(tree / f'e/fifo-{i}')
    os.chmod(tree / 'file', 0o4777)
    repo.backup(tree)
    repo.restore('latest', out)
    before = fingerprint(outside)
    context = multiprocessing.get_context('fork')
    swappers = [context.Process(target=swap, args=args, daemon=True)
                for args in ((out, 'd', outside / 'd'),
                             (out, 'file', outside / 'file'),
                             (out / 'e', 'sub', outside / 'e/sub'))]
    for swapper in swappers:
        swapper.start()
    try:
        ends = harness.time.monotonic() + seconds
        while harness.time.monotonic() < ends:
            repo.restore('latest', out, '--into-existing', '--overwrite',
                         'always', rc=(0, 1))
            assert fingerprint(outside) == before
    finally:
        for swapper in swappers:
            swapper.kill()
            swapper.join()
    assert not leftovers(outside)


# ---- Not root


def test_without_root(ext4, tmp_path):
    """Owners are left out, with one warning; so is what only root can do."""
    tree = tmp_path / 'tree'
    harness.make_tree(tree)
    for name in ('docs', 'docs/readme.txt', 'noise'):
        os.chown(tree / name, 1, 2)
    os.chmod(tree / 'noise', 0o6755)
    os.chmod(tree / 'docs/deep', 0o500)
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(tree)
    harness.sh('chown', '-R', '65534:65534', repo.folder)
    os.chmod(ext4, 0o777)
    with harness.as_nobody(tmp_path) as nobody:
        done = repo.restore('latest', ext4 / 'out', '--verify', **nobody)
        assert done.err.count('owners are not restored') == 1
        assert len(done.err.splitlines()) == 1
        again = ('--into-existing', '--overwrite', 'always')
        repo.restore('latest', ext4 / 'out', *again, **nobody)
        done = repo.restore('latest', ext4 / 'no', '--no-owner', **nobody)
        assert done.err == ''
    for out in (ext4 / 'out', ext4 / 'no'):
        differences = {(os.fsdecode(difference.path), difference.what)
                       for difference in compare.compare(tree, out,
                                                         ctime=False)
                       if difference.what not in ('uid', 'gid')}
        # Not setuid for somebody else.
        assert differences == {('noise', 'mode')}
        assert stat.S_IMODE((out / 'noise').stat().st_mode) == 0o755


def test_a_device_needs_root(tmp_path):
    harness.need_root()
    tree = tmp_path / 'tree'
    tree.mkdir()
    os.mknod(tree / 'null', stat.S_IFCHR | 0o666, os.makedev(1, 3))
    harness.write(tree / 'file', b'content')
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(tree)
    harness.sh('chown', '-R', '65534:65534', repo.folder)
    with harness.as_nobody(tmp_path) as nobody:
        done = repo.restore('latest', repo.folder / 'out', '--no-owner', rc=1,
                            **nobody)
    assert 'null: Operation not permitted' in done.err
    assert (repo.folder / 'out/file').read_bytes() == b'content'


# ---- Trouble


def test_a_full_disk_ends_it(repo, tmp_path):
    harness.need_root()
    tree = tmp_path / 'tree'
    for i in range(40):
        harness.write(tree / f'{i:02}', harness.noise(i, MIB // 2))
    repo.backup(tree)
    with harness.tmpfs(tmp_path / 'small', '8m') as small:
        done = repo.restore('latest', small / 'out', rc=1)
        assert len(done.err.splitlines()) == 1
        assert 'No space left on device' in done.err
        assert 'make room and run it again' in done.err
        # What has its name is whole.
        there = list((small / 'out').iterdir())
        assert there and not leftovers(small)
        for path in there:
            assert path.read_bytes() == (tree / path.name).read_bytes()
        harness.sh('mount', '-o', 'remount,size=40m', small)
        repo.restore('latest', small / 'out', '--into-existing',
                     '--overwrite', 'always')
        compare.assert_equal(tree, small / 'out', ctime=False)


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL])
def test_it_goes_on_after_an_interruption(repo, tmp_path, how):
    tree, out = tmp_path / 'tree', tmp_path / 'out'
    for i in range(3000):
        harness.write(tree / f'{i % 7}/{i}', f'number {i}\n' * 200)
    for i in range(20):
        harness.write(tree / f'large/{i}', harness.noise(i, 8 * MIB))
    repo.backup(tree)
    with repo.start('restore', 'latest', '--target', out) as process:
        harness.until(lambda: len(list(out.rglob('*'))) > 100 or
                      process.poll() is not None, 'something is restored')
        process.send_signal(how)
        status = process.wait(60)
    if how == signal.SIGINT:
        # On a fast machine it may have been done already.
        assert status in (0, 130)
        if status == 130:
            assert any('interrupted' in line for line in process.err.lines)
        assert not leftovers(out)
    for path in out.rglob('*'):
        if path.is_file() and not path.match(TEMPORARY):
            assert path.read_bytes() == \
                (tree / path.relative_to(out)).read_bytes()
    repo.restore('latest', out, '--into-existing', '--overwrite', 'always')
    assert not leftovers(out)
    compare.assert_equal(tree, out, ctime=False)


def flip(path, offset):
    with open(path, 'r+b') as file:
        byte = os.pread(file.fileno(), 1, offset)
        os.pwrite(file.fileno(), bytes([byte[0] ^ 1]), offset)


def largest(repo, kind):
    return max(repo.files(f'packs/{kind}'), key=lambda path: path.stat().st_size)


def check_what_is_left(tree, out, named):
    """Everything is there and right, or was named."""
    missing = {name for name in names_in(tree)
               if not os.path.lexists(out / name)}
    for name in sorted(missing):
        assert any(path == '.' or name == path or
                   name.startswith(path + '/') for path in named), name
    for path in out.rglob('*'):
        if path.is_file():
            assert path.read_bytes() == \
                (tree / path.relative_to(out)).read_bytes()
    return missing


def damaged_names(done):
    return {line.removeprefix('caprock: ').split(': damaged')[0]
            for line in done.err.splitlines() if ': damaged' in line}


@pytest.mark.parametrize('kind', ['data', 'meta'])
def test_damage_costs_what_is_damaged(repo, tmp_path, kind):
    tree = tmp_path / 'tree'
    for i in range(400):
        harness.write(tree / f'{i % 20}/{i}', harness.noise(i, 30_000))
    os.link(tree / '0/0', tree / '19/linked')
    repo.backup(tree)
    pack = largest(repo, kind)
    flip(pack, pack.stat().st_size // 3)
    done = repo.restore('latest', tmp_path / 'out', '--verify', rc=4)
    missing = check_what_is_left(tree, tmp_path / 'out', damaged_names(done))
    assert missing
    # All directories of so small a tree are in one block.
    assert kind == 'meta' or len(missing) < len(names_in(tree))
    assert not leftovers(tmp_path / 'out')


def test_a_damaged_page_costs_its_names_only(repo, tmp_path):
    """Of a directory of many pages: those after it are there too."""
    tree = tmp_path / 'tree'
    names = sorted(hashlib.md5(b'%d' % i).hexdigest() for i in range(20_000))
    for name in names:
        harness.write(tree / 'many' / name)
    repo.backup(tree)
    pack = largest(repo, 'meta')
    flip(pack, pack.stat().st_size // 4)
    done = repo.restore('latest', tmp_path / 'out', rc=4)
    assert damaged_names(done) == {'many'}
    there = names_in(tmp_path / 'out/many')
    assert len(names) * 0.5 < len(there) < len(names)
    assert there[-1] == names[-1] or there[0] == names[0]


def test_one_damaged_file_of_many_names(repo, tmp_path):
    tree = tmp_path / 'tree'
    harness.write(tree / 'a', harness.noise(1, 300_000))
    for name in 'bcd':
        os.link(tree / 'a', tree / name)
    harness.write(tree / 'e')
    repo.backup(tree)
    pack = largest(repo, 'data')
    flip(pack, pack.stat().st_size // 2)
    done = repo.restore('latest', tmp_path / 'out', rc=4)
    assert names_in(tmp_path / 'out') == ['e']
    assert damaged_names(done) == set('abcd')


def test_a_file_system_without_attributes(repo, tmp_path):
    """Told once, and all else is there."""
    harness.need_root()
    tree = tmp_path / 'tree'
    for i in range(10):
        harness.write(tree / f'{i}', b'content')
        os.setxattr(tree / f'{i}', 'trusted.x', b'x')
    harness.sh('setfacl', '-m', 'u:7:r,g::rw,m::rw', tree / '9')
    repo.backup(tree)
    with harness.mounted('none', tmp_path / 'ramfs', '-t', 'ramfs') as at:
        done = repo.restore('latest', at / 'out', rc=1)
        assert len(done.err.splitlines()) == 1
        assert 'takes no such extended attributes' in done.err
        assert (at / 'out/8').read_bytes() == b'content'
        # Without its ACL the mode would say more than was meant.
        assert stat.S_IMODE((tree / '9').stat().st_mode) == 0o664
        assert stat.S_IMODE((at / 'out/9').stat().st_mode) == 0o604
