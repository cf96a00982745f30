"""The programs that are compared, each with one repository of its own."""
import abc
import contextlib
import hashlib
import os
import pathlib
import re
import subprocess
import time

import measure

# What the keys of the peers are derived from; caprock has a key file.
PASSPHRASE = 'not a secret: a benchmark'


def environment(home):
    """What all programs see: nothing that steers them, and no old cache."""
    steering = ('CAPROCK_', 'RESTIC_', 'BORG_', 'XDG_')
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(steering)}
    env.update(HOME=str(home), LC_ALL='C.UTF-8', TZ='UTC')
    return env


class Tool(abc.ABC):
    """One program in @folder.  Commands are argument lists, not yet run."""
    name = None
    # Whether it makes backups; else it shows an image of the last version.
    stores = True

    def __init__(self, folder):
        self.folder = folder
        self.repository = folder / 'repository'
        self.env = environment(folder)
        self.log = folder / 'log'
        self.backups = 0
        # Why it is out of the race, once a backup failed.
        self.broken = None
        folder.mkdir(parents=True)

    @contextlib.contextmanager
    def on_copy(self):
        """Work on a copy in the same place; then all is as it was.  The files
        of a repository are written once, so there links do."""
        kept = self.folder.with_name(self.folder.name + '.kept')
        while kept.exists():
            kept = kept.with_name(kept.name + '.kept')
        backups = self.backups
        self.folder.rename(kept)
        try:
            self.folder.mkdir()
            for path in kept.iterdir():
                how = ['--link'] if path == kept / 'repository' else []
                subprocess.run(['cp', '-a', *how, path, self.folder],
                               check=True)
            yield
        finally:
            self.backups = backups
            remove(self.folder)
            kept.rename(self.folder)

    def empty(self):
        """Begin anew."""
        remove(self.folder)
        self.folder.mkdir()
        self.backups = 0
        measure.command(self.init(), self.env, self.log)

    def derivation(self):
        """Seconds that deriving the key takes in each command."""
        return 0

    @classmethod
    @abc.abstractmethod
    def version(cls):
        """What it calls itself."""

    @classmethod
    def build_of(cls):
        """The same for results of the same program only."""
        return cls.version()

    @abc.abstractmethod
    def init(self):
        """Make the repository."""

    @abc.abstractmethod
    def backup(self, source):
        """Store @source, for the self.backups-th time."""

    @abc.abstractmethod
    def restore(self, target):
        """Bring the latest snapshot back; runs in @target, which is empty."""

    @abc.abstractmethod
    def mount(self, where):
        """Mount the repository, staying in the foreground."""

    @abc.abstractmethod
    def tree(self, where, source, back=0):
        """Where in the mount @source of the latest snapshot is, or of that
        which is so many @back."""

    def restored(self, target, source):
        """Where in @target it is after restore()."""
        return inside(target, source)

    def size(self):
        return sum((pathlib.Path(folder) / name).lstat().st_size
                   for folder, _, names in os.walk(self.repository)
                   for name in names)


def inside(folder, path):
    return folder / path.relative_to('/')


def says(argv):
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[0]


def quickest(argv, env, log):
    return min(measure.command(argv, env, log).wall for _ in range(3))


class Caprock(Tool):
    name = 'caprock'
    build = None  # Meson's folder
    programs = {'caprock': 'tools/caprock', 'caprockfs': 'fs/caprockfs',
                'bench-store': 'tests/bench/bench-store',
                'bench-readers': 'tests/bench/bench-readers',
                'bench-memfs': 'tests/bench/bench-memfs'}

    @classmethod
    def program(cls, name):
        return cls.build / cls.programs[name]

    @classmethod
    def version(cls):
        return says([cls.program('caprock'), '--version'])

    @classmethod
    def build_of(cls):
        """With a digest of both programs."""
        content = b''.join(cls.program(name).read_bytes()
                           for name in ('caprock', 'caprockfs'))
        return (cls.version() +
                f' ({hashlib.sha256(content).hexdigest()[:12]})')

    @classmethod
    def unread_ahead(cls):
        """The mount option that turns read-ahead off, if there is one."""
        done = subprocess.run([cls.program('caprockfs'), '--help'], check=True,
                              capture_output=True, text=True)
        found = re.search(r'-o (no-?read-?ahead)\b|-o (read-?ahead)=',
                          done.stdout)
        if found is None:
            return None
        return found.group(1) or found.group(2) + '=0'

    @property
    def key(self):
        return self.folder / 'key'

    @property
    def state(self):
        return self.folder / 'state'

    def command(self, *words):
        return [self.program('caprock'), '--repository', self.repository,
                '--state-dir', self.state, *words]

    def unlocked(self, *words):
        return self.command('--key-file', self.key, *words)

    def store(self, name, *words):
        """The program of the bench that uses caprock's libraries."""
        return [self.program('bench-store'), name, self.repository, self.key,
                *words]

    def init(self):
        return self.command('init', '--new-key-file', self.key)

    def backup(self, source):
        return self.unlocked('backup', '--source', 'bench', source)

    def restore(self, target):
        return self.unlocked('restore', 'latest', '--target', target)

    def restored(self, target, source):
        return target

    def verify(self):
        return self.unlocked('verify', '--read-data')

    def mount(self, where, *more):
        options = [f'key-file={self.key}', f'state-dir={self.state}', *more]
        return [self.program('caprockfs'), self.repository, where, '-f',
                '-o', ','.join(options)]

    def tree(self, where, source, back=0):
        latest = (where / 'latest/bench').resolve(strict=True)
        if back == 0:
            return latest
        days = sorted(path for path in latest.parent.iterdir()
                      if not path.is_symlink() and path.name[0].isdigit())
        return days[days.index(latest) - back]


class Restic(Tool):
    name = 'restic'

    def __init__(self, folder):
        super().__init__(folder)
        self.env.update(RESTIC_PASSWORD=PASSPHRASE,
                        RESTIC_CACHE_DIR=str(folder / 'cache'))

    @classmethod
    def version(cls):
        return says(['restic', 'version'])

    def _command(self, *words):
        return ['restic', '--repo', self.repository, '--compression', 'auto',
                *words]

    def init(self):
        return self._command('init', '--repository-version', '2')

    def backup(self, source):
        return self._command('backup', source)

    def restore(self, target):
        return self._command('restore', 'latest', '--target', target)

    def mount(self, where):
        return self._command('mount', where)

    def tree(self, where, source, back=0):
        days = sorted(path for path in (where / 'snapshots').iterdir()
                      if not path.is_symlink())
        return inside(days[-1 - back], source)

    def derivation(self):
        """What opening the repository takes longer than starting."""
        return max(0, quickest(self._command('cat', 'config'), self.env,
                               self.log) -
                   quickest(['restic', 'version'], self.env, self.log))


class Borg(Tool):
    name = 'borg'

    def __init__(self, folder):
        super().__init__(folder)
        self.env.update(BORG_PASSPHRASE=PASSPHRASE,
                        BORG_BASE_DIR=str(folder / 'base'))

    @classmethod
    def version(cls):
        return says(['borg', '--version'])

    def _archive(self):
        return f'{self.repository}::backup-{self.backups}'

    def init(self):
        return ['borg', 'init', '--encryption', 'repokey-blake2',
                self.repository]

    def backup(self, source):
        return ['borg', 'create', '--compression', 'zstd,3', self._archive(),
                source]

    def restore(self, target):
        return ['borg', 'extract', self._archive()]

    def mount(self, where):
        return ['borg', 'mount', '--foreground', self.repository, where]

    def tree(self, where, source, back=0):
        return inside(where / f'backup-{self.backups - back}', source)

    def derivation(self):
        """100,000 rounds of PBKDF2 by OpenSSL, as Borg has them done."""
        took = []
        for _ in range(3):
            begin = time.monotonic()
            hashlib.pbkdf2_hmac('sha256', PASSPHRASE.encode(), bytes(32),
                                100_000, 32)
            took.append(time.monotonic() - begin)
        return min(took)


class Squashfuse(Tool):
    """An image that cannot be added to: no backup program, but the quickest
    way to look into compressed files through FUSE."""
    name = 'squashfuse'
    stores = False

    @classmethod
    def version(cls):
        done = subprocess.run(['dpkg-query', '-Wf', '${Version}', 'squashfuse'],
                              check=True, capture_output=True, text=True)
        return f'squashfuse {done.stdout}'

    def init(self):
        return ['true']

    def backup(self, source):
        return ['mksquashfs', source, self.repository, '-comp', 'zstd',
                '-noappend', '-no-progress', '-quiet']

    def restore(self, target):
        raise NotImplementedError

    def mount(self, where):
        return ['squashfuse', '-f', self.repository, where]

    def tree(self, where, source, back=0):
        return where


# The first is ours; ratios are against the best of the others that store.
TOOLS = (Caprock, Restic, Borg, Squashfuse)
PEERS = tuple(tool.name for tool in TOOLS[1:] if tool.stores)


def build_caprock(root, folder):
    """Compile what the checkout holds, as contrib/try.sh does."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / 'bench.log'
    how = ['--reconfigure'] if (folder / 'build.ninja').exists() else []
    env = environment(os.environ.get('HOME', '/'))
    steps = (['meson', 'setup', *how, folder, '-Dtests=false', '-Dbench=true'],
             ['ninja', '-C', folder])
    for step in steps:
        measure.command(step, env, log, cwd=root)


def remove(folder):
    """Remove a tree, in which nothing is mounted.  Not by ourselves: what this
    process takes for a million names counts as the peak of what it starts."""
    if folder.exists():
        subprocess.run(['rm', '-rf', '--one-file-system', '--', folder],
                       check=True)
