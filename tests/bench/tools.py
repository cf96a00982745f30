"""The programs that are compared, each with one repository of its own."""
import abc
import os
import pathlib
import shutil
import subprocess

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

    def __init__(self, folder):
        self.folder = folder
        self.repository = folder / 'repository'
        self.env = environment(folder)
        self.log = folder / 'log'
        self.backups = 0
        # Why it is out of the race, once a backup failed.
        self.broken = None
        folder.mkdir(parents=True)

    @classmethod
    @abc.abstractmethod
    def version(cls):
        """What it calls itself."""

    @abc.abstractmethod
    def init(self):
        """Make the repository."""

    @abc.abstractmethod
    def backup(self, source):
        """Store @source, for the self.backups-th time."""

    @abc.abstractmethod
    def snapshots(self):
        """List the snapshots: little more than unlocking the repository."""

    @abc.abstractmethod
    def restore(self, target):
        """Bring the latest snapshot back; runs in @target, which is empty."""

    @abc.abstractmethod
    def mount(self, where):
        """Mount the repository, staying in the foreground."""

    @abc.abstractmethod
    def tree(self, where, source):
        """Where in the mount the latest snapshot's @source is."""

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


class Caprock(Tool):
    name = 'caprock'
    build = None  # Meson's folder

    @classmethod
    def program(cls, name):
        return cls.build / {'caprock': 'tools', 'caprockfs': 'fs'}[name] / name

    @classmethod
    def version(cls):
        return says([cls.program('caprock'), '--version'])

    def _command(self, *words):
        return [self.program('caprock'), '--repository', self.repository,
                '--state-dir', self.folder / 'state', *words]

    def _unlocked(self, *words):
        return self._command('--key-file', self.folder / 'key', *words)

    def init(self):
        return self._command('init', '--new-key-file', self.folder / 'key')

    def backup(self, source):
        return self._unlocked('backup', '--source', 'bench', source)

    def snapshots(self):
        return self._unlocked('snapshots')

    def restore(self, target):
        return self._unlocked('restore', 'latest', '--target', target)

    def restored(self, target, source):
        return target

    def mount(self, where):
        options = f'key-file={self.folder}/key,state-dir={self.folder}/state'
        return [self.program('caprockfs'), self.repository, where, '-f',
                '-o', options]

    def tree(self, where, source):
        return (where / 'latest/bench').resolve(strict=True)


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

    def snapshots(self):
        return self._command('snapshots')

    def restore(self, target):
        return self._command('restore', 'latest', '--target', target)

    def mount(self, where):
        return self._command('mount', where)

    def tree(self, where, source):
        latest = (where / 'snapshots/latest').resolve(strict=True)
        return inside(latest, source)


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

    def snapshots(self):
        return ['borg', 'list', self.repository]

    def restore(self, target):
        return ['borg', 'extract', self._archive()]

    def mount(self, where):
        return ['borg', 'mount', '--foreground', self.repository, where]

    def tree(self, where, source):
        return inside(where / f'backup-{self.backups}', source)


# The first is ours; ratios are against the best of the others.
TOOLS = (Caprock, Restic, Borg)


def build_caprock(root, folder):
    """Compile what the checkout holds, as a release is."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / 'bench.log'
    how = ['--reconfigure'] if (folder / 'build.ninja').exists() else []
    env = environment(os.environ.get('HOME', '/'))
    steps = (['meson', 'setup', *how, folder, '-Dbuildtype=release',
              '-Dtests=false', '-Db_ndebug=false'],
             ['ninja', '-C', folder, 'tools/caprock', 'fs/caprockfs'])
    for step in steps:
        measure.command(step, env, log, cwd=root)


def remove(folder):
    """Remove a tree, in which nothing is mounted."""
    if folder.exists():
        shutil.rmtree(folder)
