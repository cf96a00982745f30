"""The trees that are backed up: fetched or made once, kept in a folder.

A corpus has versions, counted from 1, which all show at the same path, for
that is how a backup program meets them.  It is complete once its folder has
its final name.  Whatever decides its content is in its identity.
"""
import abc
import functools
import os
import pathlib
import random
import subprocess

import measure
from tools import remove


def run(*argv, cwd=None):
    """For what must work, and whose output only matters when it does not."""
    done = subprocess.run(argv, cwd=cwd, check=False, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise measure.Failure(f'{argv[0]}: {done.stderr.strip()[-400:]}')
    return done.stdout


class Corpus(abc.ABC):
    """@cache keeps it between runs; it shows at @place / its name."""
    name = None
    versions = 2

    def __init__(self, cache, place, quick):
        self.quick = quick
        self.source = place / self.name
        self.folder = cache / (self.name + ('-quick' if quick else ''))

    @property
    @abc.abstractmethod
    def identity(self):
        """In words, what is in it."""

    @abc.abstractmethod
    def make(self):
        """Have all versions in the cache."""

    @abc.abstractmethod
    def show(self, version):
        """Let this version stand at self.source."""

    def hide(self):
        """End what show() began."""
        if os.path.ismount(self.source):
            run('umount', self.source)

    def _bind(self, folder):
        self.hide()
        self.source.mkdir(parents=True, exist_ok=True)
        run('mount', '--bind', folder, self.source)

    def census(self):
        """How many entries and bytes of files show."""
        entries = size = 0
        for folder, names, files in os.walk(self.source):
            entries += len(names) + len(files)
            size += sum(os.lstat(os.path.join(folder, name)).st_size
                        for name in files)
        return entries, size


# ---- K: the kernel ----------------------------------------------------------


def debian_order(one, other):
    for operator, order in (('lt', -1), ('gt', 1)):
        if subprocess.run(['dpkg', '--compare-versions', one, operator, other],
                          check=False).returncode == 0:
            return order
    return 0


def releases(package, count):
    """The newest package of each of the newest upstream releases, in order."""
    rows = run('apt-cache', 'madison', package).splitlines()
    found = {row.split('|')[1].strip() for row in rows}
    newest = {}
    for version in sorted(found, key=functools.cmp_to_key(debian_order)):
        newest[version.rpartition('-')[0]] = version
    if len(newest) < count:
        raise measure.Failure(f'apt lists {len(newest)} upstream releases of '
                              f'{package}, not {count}: try apt-get update')
    return list(newest.values())[-count:]


class Kernel(Corpus):
    """Point releases unpacked one after the other: all times change."""
    name = 'K'
    package = 'linux-source-6.1'
    part = ('fs', 'include', 'kernel', 'mm', 'net')

    @functools.cached_property
    def _releases(self):
        return releases(self.package, self.versions)

    @property
    def identity(self):
        what = f'{self.package} {", ".join(self._releases)}'
        return what + (f' ({", ".join(self.part)} only)' if self.quick else '')

    def make(self):
        for version in self._releases:
            if not (self.folder / version).exists():
                self._fetch(version)

    def _fetch(self, version):
        part = self.folder / 'part'
        tree = part / 'tree'
        remove(part)
        tree.mkdir(parents=True)
        run('apt-get', '--quiet', 'download', f'{self.package}={version}',
            cwd=part)
        run('dpkg-deb', '-x', *part.glob('*.deb'), part / 'deb')
        ball = part / f'deb/usr/src/{self.package}.tar.xz'
        members = [f'{self.package}/{name}' for name in self.part]
        run('tar', '--strip-components=1', '-C', tree, '-xJf', ball,
            *(members if self.quick else ()))
        tree.rename(self.folder / version)
        remove(part)

    def show(self, version):
        self._bind(self.folder / self._releases[version - 1])


# ---- M: photographs and films -----------------------------------------------


def write_noise(path, size, noise):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'wb') as file:
        while size > 0:
            size -= file.write(noise.randbytes(min(size, measure.MIB)))


class Media(Corpus):
    """Bytes that neither compress nor repeat, in albums of photographs with a
    film each.  Then an album is renamed, and others are added; what was there
    keeps its inodes and times."""
    name = 'M'
    seed = 20221211
    photos = 40
    photo = (2 << 20, 9 << 20)
    film = (40 << 20, 160 << 20)
    added = 0.03
    # In which place of version 2, and where while version 1 shows.
    moves = (('tree/album-000', 'tree/garden'), ('later', 'tree/later'))

    @property
    def _total(self):
        return 500_000_000 if self.quick else 2_000_000_000

    @property
    def identity(self):
        return (f'{self._total // 10**6} MB of noise, seed {self.seed}; then '
                f'{self.added:.0%} more and a folder renamed')

    def make(self):
        if self.folder.exists():
            return
        noise = random.Random(self.seed)
        part = self.folder.with_name(self.folder.name + '.part')
        remove(part)
        self._albums(part / 'tree', self._total, noise)
        self._albums(part / 'later', int(self._total * self.added), noise)
        part.rename(self.folder)

    def _albums(self, folder, left, noise):
        """Albums with @left bytes in all, the last file cut to fit."""
        for album in range(10**6):
            kinds = [('jpg', self.photo)] * self.photos + [('mp4', self.film)]
            for number, (kind, bounds) in enumerate(kinds):
                size = min(left, noise.randint(*bounds))
                write_noise(folder / f'album-{album:03}/{number:04}.{kind}',
                            size, noise)
                left -= size
                if left == 0:
                    return

    def show(self, version):
        # A run that was ended may have left either version here.
        for first, second in self.moves:
            old, new = self.folder / first, self.folder / second
            if version == 1:
                old, new = new, old
            if old.exists():
                old.rename(new)
        self._bind(self.folder / 'tree')


CORPORA = {corpus.name: corpus for corpus in (Kernel, Media)}
