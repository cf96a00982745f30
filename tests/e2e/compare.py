#!/usr/bin/python3
"""Compare two trees by descriptor: everything a backup has to keep.

usage: compare.py [--no-ctime] A B

Type, mode, owner, device number, size, link count, mtime and ctime to the
nanosecond, extended attributes (ACLs and security.* too), which names are links
to one file, where the holes are, and the bytes.  Not: inode and device, size
and link count of directories, access times.

A name is bytes and is opened relative to its directory, without following: no
name is too odd and no path too long.  Exit status 0: equal, 1: not, 2: trouble.
"""
import argparse
import collections
import errno
import os
import resource
import stat
import sys

PIECE = 1 << 20

# What differs at a path, and how it is in A and in B.
Difference = collections.namedtuple('Difference', 'path what a b')


def show(name):
    """A name as printable ASCII."""
    return repr(bytes(name))[2:-1]


def describe(difference):
    path, what, a, b = difference
    return f'{show(path) or "."}: {what}: {a} | {b}'


class Node:
    """One entry of one tree, opened without following and without reading."""

    def __init__(self, name, parent=None):
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        self.fd = os.open(name, flags, dir_fd=parent)
        self.stat = os.fstat(self.fd)
        self.kind = stat.S_IFMT(self.stat.st_mode)

    def close(self):
        os.close(self.fd)

    def open(self, flags=os.O_RDONLY):
        """Open for reading what O_PATH only points at."""
        path = f'/proc/self/fd/{self.fd}'
        try:
            return os.open(path, flags | os.O_NOATIME | os.O_CLOEXEC)
        except PermissionError:
            # O_NOATIME is for the owner.
            return os.open(path, flags | os.O_CLOEXEC)

    def xattrs(self):
        path = f'/proc/self/fd/{self.fd}'
        try:
            names = os.listxattr(path)
        except OSError as error:
            if error.errno == errno.ENOTSUP:
                return {}
            raise
        return {os.fsencode(name): os.getxattr(path, name) for name in names}

    def target(self):
        return os.readlink(b'', dir_fd=self.fd)

    def names(self):
        fd = self.open(os.O_RDONLY | os.O_DIRECTORY)
        try:
            names = [os.fsencode(name) for name in os.listdir(fd)]
        finally:
            os.close(fd)
        if len(set(names)) != len(names):
            twice = {name for name in names if names.count(name) > 1}
            raise OSError(errno.EIO, f'listed twice: {sorted(twice)}')
        return sorted(names)


def data_runs(fd, size):
    """[(begin, end)] of what is no hole."""
    runs, at = [], 0
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            raise
        at = os.lseek(fd, begin, os.SEEK_HOLE)
        runs.append((begin, min(at, size)))
    return runs


def union(a, b):
    """Runs that cover both lists of runs."""
    result = []
    for begin, end in sorted(a + b):
        if result and begin <= result[-1][1]:
            result[-1][1] = max(end, result[-1][1])
        else:
            result.append([begin, end])
    return result


def read_at(fd, length, at):
    """All of it, or what there is before the end."""
    result = os.pread(fd, length, at)
    while len(result) < length:
        more = os.pread(fd, length - len(result), at + len(result))
        if not more:
            break
        result += more
    return result


class Comparison:
    """Walks both trees at once and collects what differs."""

    def __init__(self, ctime=True):
        self.ctime, self.differences, self.count = ctime, [], 0
        # (device, inode) to the first path, in each tree.
        self.first = ({}, {})

    def add(self, path, what, a, b):
        self.differences.append(Difference(path, what, a, b))

    def attempt(self, path, what, call, *args):
        """Call for both sides; None if either fails, which is a difference."""
        results = []
        for arg in args:
            try:
                results.append((call(arg), None))
            except OSError as error:
                results.append((None, error.strerror))
        if any(error for _, error in results):
            self.add(path, what, *(error or 'fine' for _, error in results))
            return None
        return [value for value, _ in results]

    def trees(self, a, b):
        opened = self.attempt(b'', 'open', Node, a, b)
        if opened:
            self.walk(opened)

    def walk(self, top):
        """Depth first, without recursion: trees may be deep."""
        stack = [(b'', *top, self.below(b'', top))]
        while stack:
            path, a, b, names = stack[-1]
            name = next(names, None)
            if name is None:
                stack.pop()
                a.close()
                b.close()
                continue
            below = path + b'/' + name if path else name
            both = self.attempt(below, 'open', lambda node, n=name:
                                Node(n, node.fd), a, b)
            if both:
                stack.append((below, *both, self.below(below, both)))

    def below(self, path, both):
        """Compare two entries; the names that both have in them."""
        self.count += 1
        self.attributes(path, both)
        if both[0].kind != both[1].kind:
            return iter(())
        if both[0].kind == stat.S_IFREG:
            self.content(path, both)
        elif both[0].kind == stat.S_IFLNK:
            targets = self.attempt(path, 'target', Node.target, *both)
            if targets and targets[0] != targets[1]:
                self.add(path, 'target', *map(show, targets))
        elif both[0].kind == stat.S_IFDIR:
            return self.names(path, both)
        return iter(())

    def names(self, path, both):
        lists = self.attempt(path, 'list', Node.names, *both)
        if not lists:
            return iter(())
        a, b = map(set, lists)
        for name in sorted(a ^ b):
            self.add(path + b'/' + name if path else name, 'name',
                     *('there' if name in side else 'missing'
                       for side in (a, b)))
        return iter(sorted(a & b))

    def attributes(self, path, both):
        a, b = (node.stat for node in both)
        if both[0].kind != both[1].kind:
            self.add(path, 'type', *(oct(node.kind) for node in both))
        fields = ['st_mode', 'st_uid', 'st_gid', 'st_mtime_ns']
        if self.ctime:
            fields.append('st_ctime_ns')
        if not stat.S_ISDIR(a.st_mode):
            fields += ['st_size', 'st_nlink']
        if stat.S_ISCHR(a.st_mode) or stat.S_ISBLK(a.st_mode):
            fields.append('st_rdev')
        for field in fields:
            values = getattr(a, field), getattr(b, field)
            if field == 'st_mode':
                values = tuple(oct(stat.S_IMODE(mode)) for mode in values)
            if values[0] != values[1]:
                self.add(path, field[3:], *values)
        self.links(path, a, b)
        sets = self.attempt(path, 'xattrs', Node.xattrs, *both)
        for name in sorted({*sets[0], *sets[1]}) if sets else ():
            values = [side.get(name) for side in sets]
            if values[0] != values[1]:
                self.add(path, f'xattr {show(name)}', *map(show_value, values))

    def links(self, path, a, b):
        """The same names must be one file in A and in B."""
        firsts = []
        for first, st in zip(self.first, (a, b)):
            if stat.S_ISDIR(st.st_mode) or st.st_nlink < 2:
                firsts.append(path)
            else:
                firsts.append(first.setdefault((st.st_dev, st.st_ino), path))
        if firsts[0] != firsts[1]:
            self.add(path, 'link to', *map(show, firsts))

    def content(self, path, both):
        if both[0].stat.st_size != both[1].stat.st_size:
            return
        fds = self.attempt(path, 'read', Node.open, *both)
        if not fds:
            return
        try:
            self.bytes(path, fds, both[0].stat.st_size)
        finally:
            for fd in fds:
                os.close(fd)

    def bytes(self, path, fds, size):
        runs = self.attempt(path, 'holes', lambda fd: data_runs(fd, size), *fds)
        if not runs:
            return
        if runs[0] != runs[1]:
            self.add(path, 'data runs', *(show_runs(run) for run in runs))
        for begin, end in union(*runs):
            for at in range(begin, end, PIECE):
                length = min(PIECE, end - at)
                both = self.attempt(path, 'read', lambda fd, n=length, i=at:
                                    read_at(fd, n, i), *fds)
                if not both:
                    return
                if both[0] != both[1]:
                    self.add(path, 'bytes', *first_difference(at, *both))
                    return


def show_value(value):
    if value is None:
        return 'missing'
    more = f'... ({len(value)} bytes)' if len(value) > 64 else ''
    return show(value[:64]) + more


def show_runs(runs):
    more = f' and {len(runs) - 8} more' if len(runs) > 8 else ''
    return ', '.join(f'{begin}-{end}' for begin, end in runs[:8]) + more


def first_difference(at, a, b):
    if len(a) != len(b):
        return f'{len(a)} bytes at {at}', f'{len(b)} bytes at {at}'
    low, high = 0, len(a)
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] != b[low:middle]:
            high = middle
        else:
            low = middle
    return f'{a[low]:#04x} at {at + low}', f'{b[low]:#04x} at {at + low}'


def compare(a, b, ctime=True):
    """[Difference] between the trees at @a and @b."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        # Two descriptors a level.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    comparison = Comparison(ctime)
    comparison.trees(a, b)
    return comparison.differences


def assert_equal(a, b, ctime=True, limit=50):
    """Fail, naming what differs."""
    differences = compare(a, b, ctime)
    lines = [describe(difference) for difference in differences[:limit]]
    if len(differences) > limit:
        lines.append(f'and {len(differences) - limit} more')
    assert not differences, f'{a} | {b}:\n' + '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(
        description='Compare two trees: everything a backup has to keep.')
    parser.add_argument('--no-ctime', action='store_true',
                        help='a restored tree cannot have the old ones')
    parser.add_argument('a', metavar='A')
    parser.add_argument('b', metavar='B')
    args = parser.parse_args()
    differences = compare(args.a, args.b, not args.no_ctime)
    for difference in differences:
        print(describe(difference))
    return 1 if differences else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except OSError as trouble:
        print(f'compare.py: {trouble}', file=sys.stderr)
        sys.exit(2)
