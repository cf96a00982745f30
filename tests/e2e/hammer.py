#!/usr/bin/python3
"""Read a mount until standard input ends, and compare all of it with the source.

usage: hammer.py KIND SEED SOURCE FOLDER

FOLDER holds snapshots of SOURCE, which holds files, directories and links, and
did not change since the first.  KIND is sequential, random, mmap, find, stat or,
where FOLDER is snapshots/NAME, views or links.  What was read is dropped from the
kernel's memory, so that the mount is asked again.  Prints "begun" after one
round and, at the end, how many things were compared.  Exit status 1, with a
line on standard error, as soon as one differs.
"""
import errno
import json
import mmap
import os
import random
import select
import stat
import subprocess
import sys
import time

PIECE = 128 << 10


class Reader:
    """One process of many; each draws files and snapshots of its own."""

    def __init__(self, seed, source, folder):
        self.draw = random.Random(seed)
        self.source, self.folder = source, folder
        self.names, self.files = [], []
        for path, folders, files in os.walk(source):
            for name in folders + files:
                whole = os.path.join(path, name)
                self.names.append(os.path.relpath(whole, source))
                if stat.S_ISREG(os.lstat(whole).st_mode):
                    self.files.append(self.names[-1])
        self.compared = 0

    def snapshot(self):
        """One that is there now; new ones are as good as old ones."""
        return os.path.join(self.folder,
                            self.draw.choice(os.listdir(self.folder)))

    def same(self, got, want, what):
        if got != want:
            shown = f'{got!r:.200}, not {want!r:.200}'
            sys.exit(f'hammer.py: {what}: {shown}')
        self.compared += 1

    def opened(self):
        """The same file of the source and of a snapshot, and its name."""
        name = self.draw.choice(self.files)
        path = os.path.join(self.snapshot(), name)
        return (open(os.path.join(self.source, name), 'rb'),
                open(path, 'rb', buffering=0), path)

    def sequential(self):
        want, got, path = self.opened()
        with want, got:
            while True:
                piece = want.read(PIECE)
                self.same(got.read(PIECE), piece, path)
                if not piece:
                    break
            os.posix_fadvise(got.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def random(self):
        want, got, path = self.opened()
        with want, got:
            size = os.fstat(want.fileno()).st_size
            for _ in range(8):
                at, length = (self.draw.randrange(size + 1),
                              self.draw.randrange(1, PIECE))
                self.same(os.pread(got.fileno(), length, at),
                          os.pread(want.fileno(), length, at),
                          f'{path} at {at}')
            os.posix_fadvise(got.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def mmap(self):
        want, got, path = self.opened()
        with want, got:
            size = os.fstat(want.fileno()).st_size
            if size == 0:
                return
            with mmap.mmap(got.fileno(), 0, prot=mmap.PROT_READ) as pages:
                for _ in range(8):
                    at = self.draw.randrange(size)
                    length = min(self.draw.randrange(1, PIECE), size - at)
                    self.same(pages[at:at + length],
                              os.pread(want.fileno(), length, at),
                              f'{path} mapped at {at}')
            os.posix_fadvise(got.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def find(self):
        def lines(folder):
            # Of a directory, size and links are the file system's own.
            return sorted(subprocess.run(
                ['find', folder, '-mindepth', '1', '-type', 'd', '-printf',
                 r'%P %M %U %G %T@\n', '-o', '-printf',
                 r'%P %M %U %G %s %n %T@ %l\n'],
                check=True, stdout=subprocess.PIPE).stdout.split(b'\n'))
        path = self.snapshot()
        self.same(lines(path), lines(self.source), path)

    def stat(self):
        top = self.snapshot()
        for name in self.draw.choices(self.names, k=200):
            got = os.lstat(os.path.join(top, name))
            want = os.lstat(os.path.join(self.source, name))
            fields = ('st_mode', 'st_uid', 'st_gid', 'st_mtime_ns')
            if not stat.S_ISDIR(want.st_mode):
                fields += ('st_size', 'st_nlink')
            self.same(*([getattr(of, field) for field in fields]
                        for of in (got, want)), os.path.join(top, name))
            try:
                os.lstat(os.path.join(top, f'{name}.missing'))
                sys.exit(f'hammer.py: {name}.missing is there')
            except OSError as error:
                self.same(error.errno in (errno.ENOENT, errno.ENOTDIR), True,
                          f'{name}.missing: {error}')

    def listed(self, link):
        """What it names can be seen where the snapshots are."""
        snapshot = os.path.basename(os.readlink(link))
        self.same(snapshot in os.listdir(self.folder), True,
                  f'{link}: {snapshot} is listed')

    def links(self):
        """Links that the kernel does not know, so that the mount is asked."""
        top, name = self.folder.rsplit('/snapshots/')
        for _ in range(16):
            when = (f'{self.draw.randrange(2100, 9999)}-01-01T00-00-'
                    f'{self.draw.randrange(60):02}Z')
            self.listed(os.path.join(top, 'asof', when, name))
        time.sleep(0.01)

    def views(self):
        """The whole history of one file, and what is told of the mount."""
        top, name = self.folder.rsplit('/snapshots/')
        path = self.draw.choice(self.files)
        versions = os.path.join(top, 'versions', name, path)
        listed = os.listdir(versions)
        self.same(len(listed), 1, versions)
        with open(os.path.join(versions, listed[0]), 'rb') as got, \
                open(os.path.join(self.source, path), 'rb') as want:
            self.same(got.read(), want.read(), got.name)
        gone = os.path.join(top, 'deleted', name, os.path.dirname(path))
        self.same([entry.name for entry in os.scandir(gone)
                   if entry.is_symlink()], [], gone)
        for link in ('latest', 'asof/today'):
            self.listed(os.path.join(top, link, name))
        with open(os.path.join(top, '.caprock/status.json'),
                  encoding='utf-8') as file:
            self.same(type(json.load(file)), dict, file.name)


def main(kind, seed, source, folder):
    reader = Reader(int(seed), source, folder)
    turn = getattr(reader, kind)
    turn()
    print('begun', flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        turn()
    print(reader.compared)


main(*sys.argv[1:])
