"""The comparer itself: each kind of difference is planted and must be found."""
import os
import stat
import sys

import pytest

import compare
import harness


def copies(folder):
    """Two equal trees, ctime aside."""
    folder.mkdir()
    harness.make_tree(folder / 'a')
    harness.need_root()
    with open(folder / 'a/hollow/gaps', 'wb') as file:
        os.pwrite(file.fileno(), b'x' * 8192, 1 << 20)
        os.truncate(file.fileno(), 3 << 20)
    os.mknod(folder / 'a/null', stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.setxattr(folder / 'a/small', 'user.one', b'1')
    harness.sh('cp', '-a', '--sparse=auto', folder / 'a', folder / 'b')
    return folder / 'a', folder / 'b'


def found(a, b, **options):
    return {(os.fsdecode(difference.path), difference.what)
            for difference in compare.compare(a, b, **options)}


def test_equal_trees_are_equal(tmp_path):
    a, b = copies(tmp_path / 'trees')
    assert found(a, b, ctime=False) == set()
    assert found(a, a) == set()


def relink(path):
    """Another file of the same content where a link was."""
    os.unlink(path)
    path.write_bytes(b'inline')


def touch(path, **times):
    os.utime(path, follow_symlinks=False, **times)


def keeping_mtime(path, change):
    before = os.lstat(path)
    change(path)
    touch(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def overwrite(path, data, at):
    def change(path):
        with open(path, 'r+b') as file:
            os.pwrite(file.fileno(), data, at)
    keeping_mtime(path, change)


PLANTED = [
    ('mode', 'small', lambda p: p.chmod(0o4644), 'mode'),
    ('owner', 'small', lambda p: os.chown(p, 1, -1), 'uid'),
    ('group', 'small', lambda p: os.chown(p, -1, 1), 'gid'),
    ('mode of a directory', 'docs', lambda p: p.chmod(0o1755), 'mode'),
    ('owner of a symlink', 'link', lambda p: os.lchown(p, 1, -1), 'uid'),
    ('a nanosecond', 'docs',
     lambda p: touch(p, ns=(1, 1_234_567_890_123_456_788)), 'mtime_ns'),
    ('time of a symlink', 'link', lambda p: touch(p, ns=(1, 1)), 'mtime_ns'),
    ('size', 'noise', lambda p: os.truncate(p, 299_999), 'size'),
    ('a byte', 'noise', lambda p: overwrite(p, b'\0', 150_000), 'bytes'),
    ('the last byte', 'noise', lambda p: overwrite(p, b'\0', 299_999),
     'bytes'),
    ('an xattr less', 'small', lambda p: os.removexattr(p, 'user.one'),
     'xattr user.one'),
    ('another value', 'small', lambda p: os.setxattr(p, 'user.one', b'2'),
     'xattr user.one'),
    ('an xattr more', 'docs', lambda p: os.setxattr(p, 'user.two', b''),
     'xattr user.two'),
    ('an ACL', 'small',
     lambda p: harness.sh('setfacl', '-m', 'u:1:r', p),
     'xattr system.posix_acl_access'),
    ('a security attribute', 'small',
     lambda p: os.setxattr(p, 'security.one', b'1'), 'xattr security.one'),
    ('a trusted attribute', 'small',
     lambda p: os.setxattr(p, 'trusted.one', b'1'), 'xattr trusted.one'),
    ('a filled hole', 'hollow/gaps', lambda p: overwrite(p, b'\0' * 4096, 0),
     'data runs'),
    ('a byte in a hole', 'hollow/gaps',
     lambda p: overwrite(p, b'!', 2 << 20), 'bytes'),
    ('a file more', 'docs/new', lambda p: p.touch(), 'name'),
    ('a file less', 'docs/deep/er/note', os.unlink, 'name'),
    ('an odd name', 'docs/odd\n', lambda p: p.touch(), 'name'),
    ('another device', 'null',
     lambda p: (os.unlink(p),
                os.mknod(p, stat.S_IFCHR | 0o600, os.makedev(1, 5))), 'rdev'),
    ('another type', 'pipe', lambda p: (os.unlink(p), p.touch()), 'type'),
    ('a directory for a file', 'empty',
     lambda p: (os.unlink(p), p.mkdir()), 'type'),
    ('another target', 'link',
     lambda p: (os.unlink(p), os.symlink('docs/readme.tx7', p)), 'target'),
    ('a link that is a copy', 'small', relink, 'nlink'),
]


@pytest.mark.parametrize('path, plant, what',
                         [row[1:] for row in PLANTED],
                         ids=[row[0] for row in PLANTED])
def test_each_difference_is_found(tmp_path, path, plant, what):
    a, b = copies(tmp_path / 'trees')
    plant(b / path)
    assert (path, what) in found(a, b, ctime=False)
    assert (path, what) in found(b, a, ctime=False)


def test_ctime_counts_when_asked(tmp_path):
    a, b = copies(tmp_path / 'trees')
    harness.until(lambda: [os.chmod(b / 'small', 0o644),
                           os.stat(b / 'small').st_ctime_ns >
                           os.stat(a / 'small').st_ctime_ns][1],
                  'time passes')
    assert ('small', 'ctime_ns') in found(a, b)
    assert found(a, b, ctime=False) == set()


def test_link_groups_are_compared_as_partitions(tmp_path):
    """Four names, in pairs: the same link counts, other pairs."""
    for side, pairs in (('a', ('12', '34')), ('b', ('13', '24'))):
        (tmp_path / side).mkdir()
        for first, second in pairs:
            harness.write(tmp_path / side / first, b'', ns=(1, 1))
            os.link(tmp_path / side / first, tmp_path / side / second)
        os.utime(tmp_path / side, ns=(1, 1))
    assert found(tmp_path / 'a', tmp_path / 'b', ctime=False) == {
        ('2', 'link to'), ('3', 'link to'), ('4', 'link to')}


def test_names_of_any_bytes_and_paths_of_any_length(tmp_path):
    for side in 'ab':
        os.mkdir(tmp_path / side)
        at = os.open(tmp_path / side, os.O_RDONLY)
        for _ in range(40):
            os.mkdir(b'\xff' * 250, dir_fd=at)
            below = os.open(b'\xff' * 250, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        leaf = os.open(b'leaf\n', os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=at)
        os.write(leaf, side.encode())
        os.close(leaf)
        os.close(at)
    bytes_found = [difference for difference
                   in compare.compare(tmp_path / 'a', tmp_path / 'b', False)
                   if difference.what == 'bytes']
    assert len(bytes_found) == 1
    assert len(bytes_found[0].path) == 40 * 251 + 5
    assert '\\xff' in compare.describe(bytes_found[0])


def test_the_program_says_so(tmp_path):
    a, b = copies(tmp_path / 'trees')
    argv = [sys.executable, compare.__file__, '--no-ctime', a]
    assert harness.run([*argv, b]).out == ''
    os.unlink(b / 'empty')
    touch(b, ns=(1, os.stat(a).st_mtime_ns))
    assert harness.run([*argv, b], rc=1).out == 'empty: name: there | missing\n'
    assert 'compare.py' in harness.run([*argv], rc=2).err
