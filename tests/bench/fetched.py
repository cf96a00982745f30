"""The corpora that come from Debian's archive."""
import functools
import os
import subprocess

import measure
from corpus import Corpus, Words, run, write_noise
from tools import remove

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
    if len(newest) < 2:
        raise measure.Failure(f'apt lists {len(newest)} upstream releases of '
                              f'{package}: try apt-get update')
    return list(newest.values())[-count:]


class Kernel(Corpus):
    """Point releases unpacked one after the other: all times change."""
    name = 'K'
    package = 'linux-source-6.1'
    wanted = 3
    # A name that is in one place, of every version.
    rare = 'sys_ni.c'
    part = ('fs', 'include', 'kernel', 'mm', 'net')

    @functools.cached_property
    def _releases(self):
        return releases(self.package, self.wanted)

    @property
    def versions(self):
        return len(self._releases)

    @property
    def identity(self):
        what = f'{self.package} {", ".join(self._releases)}'
        if self.versions < self.wanted:
            what += f' (apt lists no {self.wanted} releases)'
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

    def tree(self, version):
        return self.folder / self._releases[version - 1]


# ---- T: the same in one file ------------------------------------------------


class Tars(Kernel):
    """Each tree of K as one tar, by name, as it was unpacked."""
    name = 'T'

    def __init__(self, cache, place, quick):
        super().__init__(cache, place, quick)
        self.kernel = Kernel(cache, place, quick)

    @property
    def identity(self):
        return f'one tar each of {self.kernel.identity}'

    def make(self):
        self.kernel.make()
        for version in range(1, self.versions + 1):
            folder = self.tree(version)
            part = folder.with_name(folder.name + '.part')
            if folder.exists():
                continue
            remove(part)
            part.mkdir(parents=True)
            run('tar', '--sort=name', '--format=pax', '-C',
                self.kernel.tree(version), '-cf', part / 'linux.tar', '.')
            part.rename(folder)


# ---- V: a virtual machine ---------------------------------------------------


def log_lines(words, count):
    for line in range(count):
        yield (f'2026-03-{line % 28 + 1:02}T{words.number(24):02}:'
               f'{words.number(60):02}:{words.number(60):02} clinic '
               f'{words.text(1)}[{words.number(30000)}]: {words.text(9)}\n')


class Disk(Corpus):
    """The raw image of a disk with Debian on it, as mke2fs writes it; then, on
    the same file system, upgraded, with a few packages more and some data."""
    name = 'V'
    seed = 61192
    archive = 'http://deb.debian.org/debian bookworm main'
    security = 'http://deb.debian.org/debian-security bookworm-security main'
    uuid = '6f2b1c1e-61d2-4e0f-9a5b-20221211caff'

    @property
    def _what(self):
        """Debian's variant, packages before and after, size of the image."""
        if self.quick:
            return 'minbase', ('less',), ('file',), '600M'
        return ('important',
                ('linux-image-amd64', 'openssh-server', 'python3', 'perl',
                 'vim', 'git', 'postgresql', 'man-db'),
                ('nginx', 'sqlite3', 'gcc'), '3G')

    @property
    def identity(self):
        variant, before, after, size = self._what
        return (f'ext4 of {size}, Debian bookworm ({variant}) with '
                f'{", ".join(before)}; then upgraded from bookworm-security, '
                f'with {", ".join(after)} and changed files; seed {self.seed}')

    def make(self):
        if self.folder.exists():
            return
        part = self.folder.with_name(self.folder.name + '.part')
        remove(part)
        for version in ('1', '2'):
            (part / version).mkdir(parents=True)
        words = Words(self.seed)
        self._first(part, words)
        run('cp', '--sparse=always', part / '1/disk.img', part / '2/disk.img')
        self._second(part, words)
        part.rename(self.folder)

    def _first(self, part, words):
        variant, packages, _, size = self._what
        system = part / 'system'
        run('mmdebstrap', '--quiet', f'--variant={variant}', '--mode=root',
            f'--include={",".join(packages)}', 'bookworm', system,
            f'deb {self.archive}')
        self._data(system, words, 'old', 1)
        image = part / '1/disk.img'
        run('truncate', '-s', size, image)
        run('mke2fs', '-q', '-t', 'ext4', '-U', self.uuid, '-E',
            f'hash_seed={self.uuid},lazy_itable_init=0', '-d', system, image)
        remove(system)

    def _second(self, part, words):
        system = part / 'system'
        system.mkdir()
        run('mount', '-o', 'loop', part / '2/disk.img', system)
        try:
            (system / 'etc/apt/sources.list.d/security.list').write_text(
                f'deb {self.security}\n', encoding='ascii')
            self._upgrade(system)
            self._data(system, words, 'new', 0.2)
        finally:
            run('umount', system)
        system.rmdir()

    def _upgrade(self, system):
        """What an administrator does; no service is to start."""
        env = dict(os.environ, DEBIAN_FRONTEND='noninteractive')
        policy = system / 'usr/sbin/policy-rc.d'
        policy.write_text('#!/bin/sh\nexit 101\n', encoding='ascii')
        policy.chmod(0o755)
        run('mount', '-t', 'proc', 'proc', system / 'proc')
        try:
            for words in (('update',), ('dist-upgrade', '--yes'),
                          ('install', '--yes', '--no-install-recommends',
                           *self._what[2]), ('clean',)):
                run('chroot', system, 'apt-get', '--quiet', '-o',
                    'Dpkg::Options::=--force-unsafe-io', *words, env=env)
        finally:
            run('umount', system / 'proc')
            policy.unlink()

    def _data(self, system, words, name, share):
        """Logs that grow, and files of those who work there."""
        share *= 0.1 if self.quick else 1
        with open(system / 'var/log/clinic.log', 'a', encoding='ascii') as log:
            log.writelines(log_lines(words, int(400_000 * share)))
        write_noise(system / f'srv/photos/{name}.raw',
                         int(100_000_000 * share), words.random)
        for number in range(int(200 * share)):
            path = system / f'srv/letters/{number:03}/letter.txt'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(words.text(2000), encoding='ascii')

    def show(self, version):
        self._bind(self.folder / str(version))
