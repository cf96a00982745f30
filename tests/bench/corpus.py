"""What the trees that are backed up have in common.

A corpus has versions, counted from 1, which all show at the same path, for
that is how a backup program meets them.  It is complete once its folder has
its final name.  Whatever decides its content is in its identity.
"""
import abc
import array
import os
import random
import subprocess

import measure
from tools import remove


def run(*argv, cwd=None, env=None):
    """For what must work, and whose output only matters when it does not."""
    done = subprocess.run(argv, cwd=cwd, env=env, check=False,
                          text=True, stdin=subprocess.DEVNULL, capture_output=True)
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


# ---- What fills them --------------------------------------------------------


def write_noise(path, size, noise):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'wb') as file:
        while size > 0:
            size -= file.write(noise.randbytes(min(size, measure.MIB)))


class Words:
    """Text that compresses as prose does: 8,000 words, the n-th of which
    comes 1/n as often as the first; the same for the same seed."""
    count = 8000
    syllables = ('an', 'be', 'cor', 'da', 'en', 'fi', 'gra', 'he', 'is', 'ka',
                 'lo', 'mi', 'no', 'or', 'pa', 're', 'si', 'ta', 'um', 'ver')

    def __init__(self, seed):
        self.random = random.Random(seed)
        words = [''.join(self.random.choices(self.syllables,
                                             k=self.random.choice((1, 2, 3))))
                 for _ in range(self.count)]
        # A word drawn is a look into a table by 16 random bits.
        self.table = self.random.choices(
            words, [1 / (rank + 1) for rank in range(self.count)], k=1 << 16)

    def text(self, count):
        drawn = array.array('H', self.random.randbytes(2 * count))
        return ' '.join(map(self.table.__getitem__, drawn))

    def number(self, below):
        return int(self.random.random() * below)

    def token(self):
        return f'{self.random.getrandbits(128):032x}'
