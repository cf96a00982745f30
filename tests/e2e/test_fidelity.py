"""Everything that was stored is shown, and nothing that was not."""
import concurrent.futures
import errno
import os
import pathlib
import re
import stat
import time

import pytest

import compare
import evil
import harness


# ---- stat ----

def entries(top):
    """Every path below @top, links not followed, and @top: as bytes."""
    top = os.fsencode(top)
    result = [b'']
    for folder, folders, files in os.walk(top):
        # Its paths are longer than the kernel takes.
        folders[:] = [name for name in folders if name != evil.DEEP_NAME]
        result += [os.path.relpath(os.path.join(folder, name), top)
                   for name in folders + files]
    return result


def data_bytes(path):
    """How much of a file is not hole."""
    with open(path, 'rb') as file:
        runs = compare.data_runs(file.fileno(), os.fstat(file.fileno()).st_size)
        return sum(end - begin for begin, end in runs)


FIELDS = ('st_mode', 'st_nlink', 'st_uid', 'st_gid', 'st_rdev', 'st_size',
          'st_mtime_ns', 'st_ctime_ns')


def test_every_field_of_stat(ext4, tmp_path):
    """Of everything that is hard to back up, directories too."""
    top = evil.make(ext4 / 'evil', 20)
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(top)
    kinds = set()
    with repo.mount() as mount:
        for name in entries(top):
            live = os.path.join(os.fsencode(top), name)
            shown = os.path.join(os.fsencode(mount.snapshot()), name)
            want, is_ = os.lstat(live), os.lstat(shown)
            for field in FIELDS:
                assert getattr(is_, field) == getattr(want, field), (name, field)
            kinds.add(stat.S_IFMT(want.st_mode))
            # None is stored: what never changes was not read since.
            assert is_.st_atime_ns == is_.st_mtime_ns
            assert 4096 <= is_.st_blksize <= 1 << 20
            assert is_.st_blksize & (is_.st_blksize - 1) == 0
            if stat.S_ISREG(want.st_mode):
                assert is_.st_blocks == -(-data_bytes(live) // 512), name
    assert len(kinds) == 7


def test_directories_say_what_is_in_them(repo, tree):
    """The type that a listing gives is that of stat."""
    os.mknod(tree / 'device', stat.S_IFBLK | 0o600, os.makedev(7, 3))
    repo.backup(tree)
    with repo.mount() as mount:
        for folder, _, _ in os.walk(mount.path):
            for entry in os.scandir(folder):
                st = os.lstat(entry.path)
                assert entry.inode() == st.st_ino
                assert entry.is_dir(follow_symlinks=False) == \
                    stat.S_ISDIR(st.st_mode)
                assert entry.is_symlink() == stat.S_ISLNK(st.st_mode)


# From before 1901 to the end of what ext4 can hold, with odd nanoseconds.
TIMES = [-2**31 * 10**9, -10**18 + 1, -999_999_999, -1, 0, 1,
         (2**31 - 1) * 10**9 + 999_999_999, 2**31 * 10**9, 2**32 * 10**9 + 1,
         15_032_385_534 * 10**9 + 123_456_789]


def test_times_of_any_century(ext4, tmp_path):
    top = ext4 / 'top'
    for i, when in enumerate(TIMES):
        harness.write(top / str(i), b'x', ns=(when, when))
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(top)
    with repo.mount() as mount:
        for i, when in enumerate(TIMES):
            path = mount.snapshot() / str(i)
            assert os.stat(path).st_mtime_ns == when
            done = harness.sh('stat', '--format', '%.9Y', path)
            assert int(done.out.replace('.', '')) == when
        years = harness.sh('ls', '-l', '--time-style=+%Y', mount.snapshot()).out
        assert '1901' in years and '2446' in years


# ---- holes ----

def test_holes_are_found_where_they_are(ext4, tmp_path):
    """SEEK_HOLE and SEEK_DATA from every edge, and what tar makes of it."""
    top = ext4 / 'top'
    top.mkdir()
    with open(top / 'comb', 'wb') as file:
        for i in range(50):
            os.pwrite(file.fileno(), b'%04d' % i * 2048, i * 65536)
        os.truncate(file.fileno(), 5 << 20)
    with open(top / 'hole', 'wb') as file:
        os.truncate(file.fileno(), 1 << 30)
    harness.write(top / 'dense', harness.noise(1, 100_000))
    harness.sh('sync', '-f', top)
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(top)

    def seek(file, at, whence):
        try:
            return os.lseek(file.fileno(), at, whence)
        except OSError as error:
            return error.errno

    with repo.mount() as mount:
        shown = mount.snapshot()
        for name in ('comb', 'hole', 'dense'):
            size = os.stat(top / name).st_size
            edges = {0, 1, size - 1, size, size + 1}
            edges |= {at for i in range(min(51, size // 65536))
                      for edge in (i * 65536, i * 65536 + 8192)
                      for at in (edge - 1, edge, edge + 1) if at >= 0}
            with open(top / name, 'rb') as a, open(shown / name, 'rb') as b:
                for at in edges:
                    for whence in (os.SEEK_DATA, os.SEEK_HOLE):
                        assert seek(a, at, whence) == seek(b, at, whence), \
                            (name, at, whence)
        assert os.stat(shown / 'hole').st_blocks == 0
        assert os.stat(shown / 'comb').st_blocks == 50 * 16
        harness.sh('tar', '-C', shown, '--sparse', '-cf', tmp_path / 'a.tar',
                   '.')
        assert (tmp_path / 'a.tar').stat().st_size < 2 << 20
        assert harness.sh('du', '--block-size=1', shown / 'comb').out.split()[0] \
            == str(50 * 8192)


# ---- names, xattrs, the whole ----

@pytest.mark.main
def test_names_of_any_bytes(repo, tmp_path):
    top = os.fsencode(tmp_path / 'top')
    os.mkdir(top)
    names = sorted({*evil.NAMES, b'\xff' * 255, 'ü'.encode() * 127})
    for i, name in enumerate(names):
        with open(os.path.join(top, name), 'wb') as file:
            file.write(b'%d' % i)
    repo.backup(tmp_path / 'top')
    with repo.mount() as mount:
        shown = os.fsencode(mount.snapshot())
        assert sorted(os.listdir(shown)) == names
        for i, name in enumerate(names):
            with open(os.path.join(shown, name), 'rb') as file:
                assert file.read() == b'%d' % i
        for name, error in ((b'n' * 256, errno.ENAMETOOLONG),
                            (b'n' * 254, errno.ENOENT),
                            (b'\xff' * 254, errno.ENOENT)):
            with pytest.raises(OSError) as caught:
                os.stat(os.path.join(shown, name))
            assert caught.value.errno == error


def test_xattrs_that_only_root_may_set(ext4, tmp_path):
    harness.need_programs('setcap', 'getcap')
    top = ext4 / 'top'
    program = harness.write(top / 'program', b'#!/bin/sh\n')
    program.chmod(0o755)
    harness.sh('setcap', 'cap_net_raw,cap_dac_read_search=ep', program)
    for name in ('security.other', 'trusted.one', 'user.two'):
        os.setxattr(program, name, name.encode())
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(top)
    with repo.mount('allow_other') as mount, \
            harness.as_nobody(tmp_path) as nobody:
        shown = mount.snapshot() / 'program'
        assert harness.sh('getcap', shown).out.split()[1] == \
            harness.sh('getcap', program).out.split()[1]
        assert sorted(os.listxattr(shown)) == sorted(os.listxattr(program))
        for name in os.listxattr(program):
            assert os.getxattr(shown, name) == os.getxattr(program, name)
        # trusted.* is not for everybody.
        listed = harness.run(['getfattr', '-m', '-', shown], **nobody).out
        assert 'user.two' in listed and 'trusted' not in listed


def test_the_totals_are_true(repo, tree):
    """What df says: the repository's size, and every entry of every snapshot."""
    def totals(mount):
        st = os.statvfs(mount.path)
        return st.f_blocks * st.f_frsize, st.f_files

    def want():
        size = -(-repo.size('packs') // 4096) * 4096
        return size, sum(int(snapshot['entries'])
                         for snapshot in repo.snapshots())

    repo.backup(tree)
    with repo.mount() as mount:
        assert totals(mount) == want()
        harness.write(tree / 'more', harness.noise(9, 500_000))
        before = want()
        repo.backup(tree)
        assert want() > before
        harness.until(lambda: totals(mount) == want(), 'the totals follow')
        line = harness.sh('df', '--output=size,itotal', '-B1', mount.path).out
        assert tuple(map(int, line.split()[-2:])) == want()


# ---- Inode numbers ----

def two_snapshots(repo, top):
    """Files, links and directories, of which some change; returns the names."""
    for i in range(40):
        harness.write(top / f'd{i % 4}/e{i % 2}/f{i}',
                      harness.noise(i, 3000 + i))
    harness.write(top / 'large', harness.noise(99, 3_000_000))
    harness.write(top / 'd0/linked', b'version 1' * 100)
    os.link(top / 'd0/linked', top / 'd1/linked-too')
    repo.backup(top)
    changed = ['d0/e0/f0', 'd3/e1/f7', 'd0/linked', 'd1/linked-too']
    for name in changed:
        with open(top / name, 'r+b') as file:
            file.write(b'VERSION')
    repo.backup(top)
    return changed


def opened(mount, *argv, rc=0):
    """What regular files and directories of @mount a program read."""
    harness.need_programs('strace')
    trace = mount.path.parent / 'trace'
    harness.sh('strace', '-f', '-y', '-s', '0', '-o', trace, '-e',
               'trace=read,pread64,readv,mmap,getdents64', *argv, rc=rc)
    read, listed = set(), set()
    for line in trace.read_text(errors='replace').splitlines():
        match = re.search(r'(\w+)\(.*?<(' + re.escape(os.fspath(mount.path)) +
                          r'[^>]*)>', line)
        if match:
            (listed if match[1] == 'getdents64' else read).add(match[2])
    return read, listed


def test_what_did_not_change_is_not_read(repo, tmp_path):
    """diff -r and cmp of two snapshots know equal files by their number."""
    changed = two_snapshots(repo, tmp_path / 'top')
    with repo.mount() as mount:
        old, new = (mount.snapshot(which=which) for which in (0, 1))
        read, listed = opened(mount, 'diff', '-r', '-q', old, new, rc=1)
        assert read == {f'{side}/{name}' for side in (old, new)
                        for name in changed}
        assert f'{new}/d2/e0' in listed
        read, _ = opened(mount, 'cmp', old / 'large', new / 'large')
        assert read == set()
        read, _ = opened(mount, 'cmp', old / changed[0], new / changed[0], rc=1)
        assert len(read) == 2


def test_directories_may_share_their_number(repo, tmp_path):
    """With sharedirs not even the directories are looked into."""
    top = tmp_path / 'top'
    changed = two_snapshots(repo, top)
    repo.backup(top)
    with repo.mount('sharedirs') as mount:
        old, new, same = (mount.snapshot(which=which) for which in range(3))
        read, listed = opened(mount, 'diff', '-r', '-q', old, new, rc=1)
        assert read == {f'{side}/{name}' for side in (old, new)
                        for name in changed}
        for below in ('d2', 'd2/e0', 'd1/e1'):
            assert f'{new}/{below}' not in listed
            assert os.stat(old / below).st_ino == os.stat(new / below).st_ino
        for below in ('', 'd0', 'd0/e0', 'd3/e1'):
            assert os.stat(old / below).st_ino != os.stat(new / below).st_ino
        # And all below: the roots of two equal snapshots are one.
        read, listed = opened(mount, 'diff', '-r', new, same)
        assert (read, listed) == (set(), set())
        # Links, in one directory or another, stay apart all the same.
        assert os.stat(new / 'd0/linked').st_ino != \
            os.stat(same / 'd0/linked').st_ino
        compare.assert_equal(top, same)
    with repo.mount() as mount:
        numbers = [{os.stat(path).st_ino for path in
                    (mount.snapshot(which=which), *mount.snapshot(which=which)
                     .glob('**'))} for which in range(3)]
        assert not numbers[0] & numbers[1] and not numbers[1] & numbers[2]


# Makes the links of all snapshots one file, as sharing their numbers would.
SHARED_NUMBERS = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>
static void share(struct stat *st)
{
	if (S_ISREG(st->st_mode) && st->st_nlink > 1)
		st->st_ino = 4711;
}
int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	int (*real)(int, const char *, struct stat *, int) =
		dlsym(RTLD_NEXT, "fstatat");
	int r = real(dir, path, st, flags);
	if (r == 0)
		share(st);
	return r;
}
int fstat(int fd, struct stat *st)
{
	int (*real)(int, struct stat *) = dlsym(RTLD_NEXT, "fstat");
	int r = real(fd, st);
	if (r == 0)
		share(st);
	return r;
}
int stat(const char *path, struct stat *st)
{
	return fstatat(AT_FDCWD, path, st, 0);
}
int lstat(const char *path, struct stat *st)
{
	return fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}
int a(int, const char *, struct stat *, int)
	__asm__("fstatat64") __attribute__((alias("fstatat")));
int b(int, struct stat *) __asm__("fstat64") __attribute__((alias("fstat")));
int c(const char *, struct stat *)
	__asm__("stat64") __attribute__((alias("stat")));
int d(const char *, struct stat *)
	__asm__("lstat64") __attribute__((alias("lstat")));
'''


def copy_all(mount, how, out, env=None):
    """Copy all snapshots at once; returns where."""
    out.mkdir()
    snapshots = mount.path / 'snapshots'
    if how == 'cp':
        harness.sh('cp', '-a', snapshots / 'src', out, env=env)
    else:
        harness.sh('tar', '-C', snapshots, '--format=posix', '-cf',
                   f'{out}.tar', 'src', env=env)
        harness.sh('tar', '-C', out, '-xpf', f'{out}.tar')
    return out / 'src'


def linked_versions(top):
    return [(path / 'd0/linked').read_bytes()[:9] for path in
            sorted(top.iterdir())]


def test_copies_of_all_snapshots_keep_versions_apart(repo, tmp_path):
    """And would not, if linked files shared their numbers: seen to fail."""
    harness.need_programs('gcc', 'tar')
    harness.write(tmp_path / 'share.c', SHARED_NUMBERS)
    harness.sh('gcc', '-shared', '-fPIC', '-o', tmp_path / 'share.so',
               tmp_path / 'share.c', '-ldl')
    two_snapshots(repo, tmp_path / 'top')
    with repo.mount() as mount:
        for how in ('cp', 'tar'):
            copy = copy_all(mount, how, tmp_path / how)
            assert linked_versions(copy) == [b'version 1', b'VERSION 1']
            for which, path in enumerate(sorted(copy.iterdir())):
                compare.assert_equal(mount.snapshot(which=which), path,
                                     ctime=False)
            copy = copy_all(mount, how, tmp_path / f'{how}-shared',
                            {'LD_PRELOAD': os.fspath(tmp_path / 'share.so')})
            assert len(set(linked_versions(copy))) == 1


# ---- symlinks=, special= ----

def link_tree(top):
    """Links that lead to live files, in several ways."""
    harness.write(top / 'docs/deep/file', b'as it was')
    links = {
        'absolute': top / 'docs/deep/file',
        'docs/absolute': top / 'docs/deep/file',
        'docs/deep/absolute': top / 'docs/deep/file',
        'folder': top / 'docs',
        'root': top,
        'outside': '/etc/passwd',
        'out': '../' * 30 + os.fspath(top)[1:] + '/docs/deep/file',
        'docs/deep/top': '../..',
        'docs/deep/through': 'top/../../../.caprock/README',
        'relative': 'docs/deep/file',
        'docs/relative': '../docs/deep/./file',
        'long': f'{top}/docs/' + 'deep/../' * 60 + 'deep/file',
    }
    for name, target in links.items():
        os.symlink(target, top / name)
    return top


def assert_inside(mount, shown, top):
    """Every link of @shown leads into it, or nowhere."""
    inside = os.path.realpath(shown)
    for path in shown.rglob('*'):
        if not path.is_symlink():
            continue
        target = os.readlink(path)
        assert len(target) == os.lstat(path).st_size, path
        real = os.path.realpath(path)
        assert (real + '/').startswith(inside + '/'), (path, target)
        assert real.startswith(os.fspath(mount.path))
    for name in ('absolute', 'docs/absolute', 'docs/deep/absolute', 'out',
                 'relative', 'docs/relative', 'folder/deep/file', 'long'):
        assert (top / name).read_bytes() == b'as it was', name
    with pytest.raises(FileNotFoundError):
        (top / 'outside').read_bytes()


@pytest.mark.main
def test_links_lead_into_the_snapshot(repo, tmp_path):
    """Of one directory, which is the root, and of several paths."""
    live = link_tree(tmp_path / 'live')
    other = harness.write(tmp_path / 'other', b'o')
    repo.backup(live, source='one')
    repo.backup(live, other, source='several')
    repo.backup(other, source='file')
    harness.write(live / 'docs/deep/file', b'as it is')
    with repo.mount('symlinks=inside') as mount:
        shown = mount.snapshot('one')
        assert_inside(mount, shown, shown)
        assert os.readlink(shown / 'absolute') == 'docs/deep/file'
        assert os.readlink(shown / 'root') == '.'
        assert os.readlink(shown / 'docs/relative') == '../docs/deep/./file'
        assert os.readlink(shown / 'outside') == \
            '.not-in-this-snapshot/etc/passwd'
        shown = mount.snapshot('several')
        assert_inside(mount, shown, pathlib.Path(f'{shown}{live}'))
        # The links of the mount itself still lead where they did.
        assert (mount.path / 'latest/one/absolute').read_bytes() == b'as it was'
    with repo.mount('symlinks=asis') as mount:
        shown = mount.snapshot('one')
        assert os.readlink(shown / 'absolute') == f'{live}/docs/deep/file'
        assert (shown / 'absolute').read_bytes() == b'as it is'


def test_links_and_special_files_can_be_hidden(repo, tree):
    os.mknod(tree / 'device', stat.S_IFCHR | 0o600, os.makedev(1, 3))
    repo.backup(tree)
    repo.backup(tree)
    special = {'pipe', 'socket', 'device'}
    everything = set(os.listdir(tree))
    assert special | {'link'} <= everything
    for words, hidden in ((('symlinks=hide',), {'link'}),
                          (('special=hide',), special),
                          (('symlinks=hide', 'special=hide'),
                           special | {'link'})):
        with repo.mount(*words) as mount:
            top = mount.snapshot()
            for _ in range(2):  # the second comes from the kernel
                assert set(os.listdir(top)) == everything - hidden
                for name in everything:
                    assert os.path.lexists(top / name) == (name not in hidden)
            assert (mount.path / 'latest/src/small').read_bytes() == b'inline'


def test_diff_comes_out_clean_without_special_files(repo, tree):
    repo.backup(tree)
    repo.backup(tree)
    argv = ['diff', '-r', '--no-dereference']
    with repo.mount() as mount:
        done = harness.sh(*argv, *(mount.snapshot(which=i) for i in (0, 1)),
                          rc=1)
        assert 'is a fifo' in done.out
    with repo.mount('special=hide') as mount:
        done = harness.sh(*argv, *(mount.snapshot(which=i) for i in (0, 1)))
        assert done.out == ''


def test_a_directory_of_hidden_things_is_empty(repo, tmp_path):
    """More of them than one reply to the kernel holds."""
    for i in range(3000):
        (tmp_path / 'top/pipes').mkdir(parents=True, exist_ok=True)
        os.mkfifo(tmp_path / f'top/pipes/{i:04}-{"p" * 60}')
    harness.write(tmp_path / 'top/pipes/zz', b'z')
    repo.backup(tmp_path / 'top')
    with repo.mount('special=hide') as mount:
        assert os.listdir(mount.snapshot() / 'pipes') == ['zz']


# ---- xattrs of ours ----

def ours(path, name):
    """The value, or None where there is none."""
    try:
        return os.getxattr(path, f'user.caprock.{name}').decode()
    except OSError as error:
        assert error.errno == errno.ENODATA
        return None


@pytest.mark.main
def test_the_hash_of_a_file(repo, tmp_path):
    """Whether it is stored or taken: what b2sum prints."""
    top = tmp_path / 'top'
    for name, length in (('empty', 0), ('inline', 200), ('inline-too', 256),
                         ('one-chunk', 5000), ('list', 300_000),
                         ('large', 20_000_000)):
        harness.write(top / name, harness.noise(length, length))
    os.link(top / 'inline', top / 'linked')
    with open(top / 'sparse', 'wb') as file:
        os.truncate(file.fileno(), 1 << 20)
        os.pwrite(file.fileno(), b'middle', 512 << 10)
    with open(top / 'hole', 'wb') as file:
        os.truncate(file.fileno(), 2 << 30)
    repo.backup(top)
    with repo.mount() as mount:
        shown = mount.snapshot()
        for name in ('empty', 'inline', 'inline-too', 'one-chunk', 'list',
                     'large', 'linked', 'sparse'):
            want = harness.sh('b2sum', '-l', '256', top / name).out.split()[0]
            assert ours(shown / name, 'b2sum256') == want, name
        # None is stored of what would take hours to hash.
        assert ours(shown / 'hole', 'b2sum256') is None
        assert ours(shown, 'b2sum256') is None
        assert ours(mount.path, 'b2sum256') is None
        assert ours(mount.path / '.caprock/README', 'b2sum256') is None
        compare.assert_equal(top, shown)


def test_ours_are_never_listed_and_not_to_be_forged(repo, tree):
    os.setxattr(tree / 'small', 'user.caprock.b2sum256', b'forged')
    os.setxattr(tree / 'small', 'user.caprock.other', b'stored')
    os.setxattr(tree / 'noise', 'user.plain', b'p')
    repo.backup(tree)
    with repo.mount() as mount:
        top = mount.snapshot()
        want = harness.sh('b2sum', '-l', '256', tree / 'small').out.split()[0]
        assert ours(top / 'small', 'b2sum256') == want
        assert ours(top / 'small', 'other') == 'stored'
        assert os.listxattr(top / 'noise') == ['user.plain']
        assert os.listxattr(top / 'empty') == []
        assert ours(top / 'noise', 'nothing') is None
        ids = [snapshot['id'] for snapshot in repo.snapshots()]
        for path in (top, top / 'small', top / 'docs/readme.txt'):
            assert ours(path, 'snapshot') == ids[-1]
    with repo.mount('source=src') as mount:
        assert ours(next(mount.path.iterdir()), 'snapshot') == ids[-1]


def test_since_when_a_version_stands(repo, tmp_path):
    """first_seen and last_seen: of files, small ones, links and directories."""
    top = tmp_path / 'top'
    harness.write(top / 'a/same', harness.noise(1, 5000))
    made = []

    def backup():
        made.append(repo.backup(top)['time'].replace(':', '-'))

    def version(name, text, when):
        harness.write(top / name, text, ns=(when, when))

    # Of b: one, two, two, one again, gone; of c: the last two.
    version('a/b', b'one', 10**18)
    version('a/large-b', harness.noise(2, 9000), 10**18)
    backup()
    version('a/b', b'two', 2 * 10**18)
    version('a/large-b', harness.noise(3, 9000), 2 * 10**18)
    backup()
    harness.write(top / 'elsewhere', b'e')
    backup()
    version('a/b', b'one', 10**18)
    version('a/large-b', harness.noise(2, 9000), 10**18)
    version('a/c', b'c', 10**18)
    backup()
    os.unlink(top / 'a/b')
    os.unlink(top / 'a/large-b')
    backup()
    repo.backup(top, source='other')
    want = {
        'a/same': [(0, 4)] * 5,
        'a/b': [(0, 3), (1, 2), (1, 2), (0, 3), None],
        'a/large-b': [(0, 3), (1, 2), (1, 2), (0, 3), None],
        'a/c': [None, None, None, (3, 4), (3, 4)],
        'elsewhere': [None, None, (2, 4), (2, 4), (2, 4)],
        'a': [(0, 0), (1, 2), (1, 2), (3, 3), (4, 4)],
    }
    for options in ((), ('source=src',)):
        with repo.mount(*options) as mount:
            folder = mount.path if options else mount.path / 'snapshots/src'
            for name, expected in want.items():
                for which, span in enumerate(expected):
                    path = folder / made[which] / name
                    assert path.exists() == (span is not None)
                    if span:
                        seen = [ours(path, x) for x in ('first_seen',
                                                        'last_seen')]
                        assert seen == [made[i] for i in span], (name, which)
            # A new snapshot counts as soon as it is there.
            if not options:
                backup()
                harness.until((folder / made[-1]).exists, 'it appears')
                assert ours(folder / made[0] / 'a/same', 'last_seen') == made[-1]
                assert ours(mount.snapshot('other') / 'a/same', 'first_seen') \
                    not in made[:5]
                want['a/same'] = [(0, 5)] * 5
                want['a/c'][3:] = [(3, 5)] * 2
                want['elsewhere'][2:] = [(2, 5)] * 3
                want['a'][4] = (4, 5)


def test_a_missing_xattr_costs_no_reading(repo, tree):
    """What has none is known to have none without the repository."""
    harness.need_programs('strace')
    os.setxattr(tree / 'noise', 'user.far', b'v' * 1000)
    repo.backup(tree)
    with repo.mount() as mount:
        top = mount.snapshot()
        names = [top / name for name in ('small', 'empty', 'docs',
                                         'docs/readme.txt', 'docs/deep/er/note')]
        for path in names:  # what a listing reads is read once
            os.stat(path)
        trace = mount.path.parent / 'trace'
        with harness.running(['strace', '-f', '-y', '-p', str(mount.server),
                              '-e',
                              'trace=openat,pread64,preadv,mmap',
                              '-o', os.fspath(trace)]) as tracer:
            harness.until(lambda: any('attached' in line for line
                                      in tracer.err.lines), 'strace attaches')
            for path in names:
                for name in ('user.none', 'system.posix_acl_access',
                             'security.capability', 'user.far'):
                    with pytest.raises(OSError) as caught:
                        os.getxattr(path, name)
                    assert caught.value.errno == errno.ENODATA
                assert os.listxattr(path) == []
            assert '/packs/' not in trace.read_text()
            # The same eyes see what is read.
            assert (top / 'noise').read_bytes() == \
                (tree / 'noise').read_bytes()
            harness.until(lambda: '/packs/data/' in trace.read_text(),
                          'a file is seen to be read')
            assert os.getxattr(top / 'noise', 'user.far') == b'v' * 1000


def everything_of(path):
    """What is shown of one entry, with every option that works for it."""
    st = os.lstat(path)
    seen = None
    if stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode):
        seen = [ours(path, name) for name in ('b2sum256', 'snapshot',
                                              'first_seen', 'last_seen')]
    return (st, seen, os.readlink(path) if stat.S_ISLNK(st.st_mode) else None,
            {name: os.getxattr(path, name, follow_symlinks=False)
             for name in os.listxattr(path, follow_symlinks=False)})


@pytest.mark.threads
def test_many_ask_at_once(repo, tmp_path):
    """What is made of stored entries is the same whoever asks, and when."""
    top = link_tree(tmp_path / 'top')
    for i in range(60):
        path = harness.write(top / f'd{i % 5}/f{i}', harness.noise(i, 40 * i))
        os.chown(path, i % 3, i % 2)
        os.symlink(path, top / f'd{i % 5}/link{i}')
        harness.sh('setfacl', '-m', f'u:{i % 4}:r', path)
    for i in range(3):
        harness.write(top / 'd0/f0', str(i))
        repo.backup(top)
    options = ('map=names', 'symlinks=inside', 'sharedirs')
    with repo.mount(*options) as mount:
        paths = [path.relative_to(mount.path) for which in range(3)
                 for path in mount.snapshot(which=which).rglob('*')]
        one_by_one = [everything_of(mount.path / path) for path in paths]
    assert len({result[0].st_uid for result in one_by_one}) == 3
    with repo.mount(*options, 'cache=16M') as mount, \
            concurrent.futures.ThreadPoolExecutor(16) as pool:
        again = [mount.path / path for path in paths]
        for path, want, found in zip(again, one_by_one,
                                     pool.map(everything_of, again)):
            assert found[1:] == want[1:], path
            for field in FIELDS + ('st_ino', 'st_blocks'):
                assert getattr(found[0], field) == getattr(want[0], field), path


# ---- The price of xattrs ----

def test_the_price_of_a_long_listing(repo, tmp_path):
    """Printed, not judged: ls -lR with the questions for ACLs and without."""
    for i in range(5000):
        harness.write(tmp_path / f'top/{i % 50}/{i}', b'x')
    repo.backup(tmp_path / 'top')
    took = {}
    for options in ((), ('noxattr',)):
        with repo.mount(*options) as mount:
            for turn in ('first', 'second'):
                begun = time.monotonic()
                lines = harness.sh('ls', '-lR', mount.snapshot()).out.count('\n')
                took[options, turn] = time.monotonic() - begun
                assert lines > 5000
    for (options, turn), seconds in took.items():
        print(f'ls -lR of 5000 files, {turn}, {",".join(options) or "default"}: '
              f'{seconds:.2f} s')
