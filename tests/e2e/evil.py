#!/usr/bin/python3
"""Make a directory of everything that is hard to back up.

usage: evil.py DIR

As root on ext4 with ea_inode.  Rows E2 to E5, E9 and E10 of the list of evil
inputs: special files, holes, names, depths, link farms, attributes.  Whatever
cannot be made is an error: a row that is missing would test nothing.
"""
import contextlib
import errno
import os
import socket
import stat
import struct
import subprocess
import sys

LINKS = 2000       # what an ordinary run makes
LINKS_MAX = 64999  # beside the first name: ext4 has no more
DEPTH = 40
DEEP_NAME = b'd' * 250


def write(name, data=b'x'):
    with open(name, 'wb') as file:
        file.write(data)


def run(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def special_files():
    """E2: must be stored as they are, and never be opened for reading."""
    os.mkfifo(b'fifo')
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
        sock.bind(b'socket')
    os.mknod(b'char', stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(b'block', stat.S_IFBLK | 0o600, os.makedev(7, 200))
    os.mknod(b'whiteout', stat.S_IFCHR)
    os.mknod(b'large-numbers', stat.S_IFCHR, os.makedev(4095, 1048575))


def holes():
    """E3: what a reader of zeros would be busy with for hours."""
    with open(b'sparse-15T', 'wb') as file:
        os.truncate(file.fileno(), 15 << 40)
        os.pwrite(file.fileno(), b'data', (14 << 40) + 12345)
    with open(b'hole-only', 'wb') as file:
        os.truncate(file.fileno(), 1 << 30)
    with open(b'hole-first', 'wb') as file:
        os.pwrite(file.fileno(), b'd' * 5000, 1 << 20)
    with open(b'hole-last', 'wb') as file:
        os.pwrite(file.fileno(), b'd' * 5000, 0)
        os.truncate(file.fileno(), 1 << 20)
    with open(b'comb', 'wb') as file:
        for i in range(200):
            os.pwrite(file.fileno(), b'%04d' % i * 1024, i * 16384)
    with open(b'unwritten', 'wb') as file:
        os.posix_fallocate(file.fileno(), 0, 1 << 20)
        os.pwrite(file.fileno(), b'd' * 4096, 65536)
    write(b'zeros', bytes(100_000))
    write(b'empty', b'')


NAMES = (
    b'new\nline', b'tab\there', b'\x1b]0;title\x07\x1b[2J', b'\x9b31m',
    b'\xff\xfe\x80', b'\xc0\xaf', b'\xed\xa0\x80', b'n' * 255,
    b'\xe2\x80\xaegnp.exe', b'..\\..\\evil', b'--help', b'-rf', b' . ', b'...',
    b'~', b'*', b'a:b', b'%s%n', b'"quoted\' $(id)', b'CON', b'case', b'CASE',
    'é'.encode(), 'e\u0301'.encode(), b'snapshots', b'.caprock', b'\x01',
    b'\x7f',
)


def names():
    """E4."""
    os.mkdir(b'names')
    for i, name in enumerate(NAMES):
        write(b'names/' + name, b'%d' % i)
    os.mkdir(b'names/\x1b[31mfolder\n')
    write(b'names/\x1b[31mfolder\n/inside', b'i')


def depth():
    """E5: a path of 10,045 bytes, a target of 4,095."""
    at = os.open(b'.', os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir(DEEP_NAME, dir_fd=at)
        below = os.open(DEEP_NAME, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    leaf = os.open(b'leaf', os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=at)
    os.write(leaf, b'deep')
    os.close(leaf)
    os.close(at)
    os.symlink(b'x' * 4095, b'long-target')
    os.symlink(b'y' * 256, b'target-256')
    os.symlink(b'y' * 257, b'target-257')
    os.symlink(b'loop', b'loop')
    os.symlink(b'../../../../../../etc/shadow', b'escape')
    os.symlink(b'/etc/passwd', b'absolute')
    os.symlink(b'\xff\n', b'odd-target')


def links(count):
    """E9: a farm, pairs across directories, and links to what is no file."""
    os.mkdir(b'farm')
    write(b'farm-0', b'linked')
    for i in range(count):
        os.link(b'farm-0', b'farm/%05d' % i)
    os.mkdir(b'pairs')
    for i in range(20):
        write(b'pairs/a%d' % i, b'same')
        os.link(b'pairs/a%d' % i, b'pairs/b%d' % i)
    os.link(b'fifo', b'fifo-too')
    os.link(b'char', b'char-too')
    os.link(b'loop', b'loop-too', follow_symlinks=False)


def attributes():
    """E10."""
    write(b'xattr-large')
    os.setxattr(b'xattr-large', b'user.large', b'v' * 65536)
    write(b'xattr-edges')
    os.setxattr(b'xattr-edges', b'user.empty', b'')
    os.setxattr(b'xattr-edges', b'user.' + b'n' * 250, b'\0\xff' * 100)
    os.setxattr(b'xattr-edges', b'trusted.one', b't')
    os.setxattr(b'xattr-edges', b'security.other', b's')
    write(b'xattr-many')
    for i in range(2000):
        try:
            os.setxattr(b'xattr-many', b'user.%04d' % i + b'k' * 200, b'v' * 10)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.E2BIG):
                raise
            break
    os.symlink(b'nowhere', b'xattr-link')
    os.setxattr(b'xattr-link', b'trusted.link', b'l', follow_symlinks=False)
    os.setxattr(b'fifo', b'trusted.fifo', b'f')
    os.mkdir(b'xattr-dir')
    os.setxattr(b'xattr-dir', b'user.dir', b'd')
    write(b'capability')
    # What setcap cap_net_raw+ep writes: revision 2, effective.
    os.setxattr(b'capability', b'security.capability',
                struct.pack('<5I', 0x02000001, 1 << 13, 0, 0, 0))
    write(b'acl')
    run('setfacl', '-m', 'u:1234:rw,g:99:r,m::rwx', 'acl')
    os.mkdir(b'acl-default')
    run('setfacl', '-d', '-m', 'u:1234:rwx', 'acl-default')
    write(b'acl-default/inherits')


def modes_and_times():
    """E10, E6 as root: what only root can read."""
    write(b'suid')
    os.chmod(b'suid', 0o6755)
    os.mkdir(b'sticky', 0o777)
    os.chmod(b'sticky', 0o3777)
    write(b'mode-000')
    os.chmod(b'mode-000', 0)
    write(b'large-owner')
    os.chown(b'large-owner', 4294967294, 4294967294)
    os.lchown(b'loop', 1, 2)
    os.mkdir(b'empty-dir')
    os.mkdir(b'dir-000')
    write(b'dir-000/inside')
    os.chmod(b'dir-000', 0)
    for name, when in ((b'time-1938', -10**18), (b'time-1969', -1),
                       (b'time-2446', 15032385535 * 10**9 + 999_999_999),
                       (b'time-0', 0)):
        write(name)
        os.utime(name, ns=(when, when))
    os.utime(b'absolute', ns=(5, 123456789), follow_symlinks=False)


def flags():
    """E10: last, for nothing can be added to them."""
    write(b'immutable')
    run('chattr', '+i', 'immutable')
    write(b'append-only')
    run('chattr', '+a', 'append-only')
    os.mkdir(b'nodump')
    run('chattr', '+d', 'nodump')
    os.mkdir(b'immutable-dir')
    write(b'immutable-dir/inside')
    run('chattr', '+i', 'immutable-dir')


def make(folder, count=LINKS):
    """Make it below @folder, with a farm of @count links."""
    os.makedirs(folder, exist_ok=True)
    here = os.open('.', os.O_RDONLY | os.O_DIRECTORY)
    mask = os.umask(0o022)
    try:
        os.chdir(folder)
        special_files()
        holes()
        names()
        depth()
        links(count)
        attributes()
        modes_and_times()
        flags()
    finally:
        os.umask(mask)
        os.fchdir(here)
        os.close(here)
    return folder


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(sys.argv[1])
