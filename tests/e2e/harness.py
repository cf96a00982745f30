#!/usr/bin/python3
"""What the end-to-end tests stand on: a repository, a mount, a file system.

Every helper cleans up what it made, also when the test failed: mounts, loop
devices and processes are known by path or id, never by name.  Nothing here
waits by sleeping: until() polls a predicate.
"""
import atexit
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

PROGRAMS = ('tools/caprock', 'fs/caprockfs')


def reachable(build):
    """@build, or a copy of its programs where nobody could not get there.

    Who cloned into /root tests what is run as another user, too.
    """
    if all(part.stat().st_mode & 0o001 for part in [build, *build.parents]) \
            or not all((build / name).exists() for name in PROGRAMS):
        return build
    # pylint: disable=consider-using-with
    folder = pathlib.Path(tempfile.mkdtemp(prefix='caprock-programs-'))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in PROGRAMS:
        (folder / name).parent.mkdir()
        shutil.copy2(build / name, folder / name)
    for name in ('LSAN_OPTIONS', 'TSAN_OPTIONS'):
        options = os.environ.get(name, '')
        for file in re.findall('(?:^|:)suppressions=([^:]+)', options):
            copy = shutil.copy2(file, folder / name)
            os.environ[name] = options.replace(file, os.fspath(copy))
    for part in (folder, *folder.iterdir()):
        part.chmod(0o755)
    return folder


BIN = reachable(pathlib.Path(os.environ.get('CAPROCK_BIN', 'build')).resolve())
CAPROCK, CAPROCKFS = (BIN / name for name in PROGRAMS)
ROOT = pathlib.Path(__file__).resolve().parents[2]
READER = ROOT / 'contrib/caprock_read.py'
LONG = bool(os.environ.get('CAPROCK_LONG'))

# A program that hangs fails its test; the run goes on.
TIMEOUT = 600
SOURCE = 'src'

# What the daemon may say without failing the test that mounted it.
HARMLESS = ('the kernel locks no memory for us',)


def environment(extra=None):
    """The caller's environment without what would steer caprock."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith('CAPROCK_')}
    env.update({'LC_ALL': 'C.UTF-8', 'TZ': 'UTC'})
    env.update(extra or {})
    return env


def skip_is_failure(reason):
    """Skip; with CI=true fail, for a run that skips proves less than it says."""
    if os.environ.get('CI') == 'true':
        pytest.fail(f'skipped with CI=true: {reason}')
    pytest.skip(reason)


def need_root():
    if os.geteuid() != 0:
        skip_is_failure('this test mounts file systems, which takes root')


def is_sanitized():
    return b'__asan_init' in CAPROCK.read_bytes()


def need_programs(*names):
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        skip_is_failure(f'not installed: {", ".join(missing)}')


def until(predicate, what, seconds=60):
    """Poll @predicate until it returns something true, and return that."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f'in {seconds} s this did not happen: {what}')
        pause.wait(0.005)


def shell(argv, env=None):
    """A line that repeats the command."""
    words = [f'{name}={shlex.quote(value)}'
             for name, value in (env or {}).items()]
    words += [shlex.quote(os.fsdecode(word)) for word in argv]
    return ' '.join(words)


def text(data):
    return data.decode('utf-8', 'backslashreplace')


def run(argv, rc=0, input=None, env=None, cwd=None, **more):
    """Run a program to its end and hold it to its exit status.

    @rc: a status, several, or None for any.  Output is bytes, in .stdout and
    .stderr; .out and .err are the same as text.
    """
    argv = [os.fspath(word) if isinstance(word, os.PathLike) else word
            for word in argv]
    if isinstance(input, str):
        input = input.encode()
    stdin = {'input': input}
    if input is None and 'stdin' not in more:
        stdin = {'stdin': subprocess.DEVNULL}
    more.setdefault('timeout', TIMEOUT)
    done = subprocess.run(argv, env=environment(env), cwd=cwd,
                          stdout=more.pop('stdout', subprocess.PIPE),
                          stderr=subprocess.PIPE, check=False,
                          **stdin, **more)
    done.out, done.err = text(done.stdout or b''), text(done.stderr)
    allowed = rc if isinstance(rc, (tuple, set)) else (rc,)
    if rc is not None and done.returncode not in allowed:
        pytest.fail(f'exit status {done.returncode}, not {rc}\n'
                    f'repeat with: {shell(argv, env)}\n'
                    f'stdout: {done.out[-4000:]}\n'
                    f'stderr: {done.err[-8000:]}')
    return done


def sh(*argv, **more):
    """run() for the tools around us: mount, setfacl, ..."""
    return run([os.fspath(word) if isinstance(word, os.PathLike) else
                word if isinstance(word, bytes) else str(word)
                for word in argv], **more)


def json_lines(done):
    return [json.loads(line) for line in done.out.splitlines() if line]


def mountpoints():
    """Where file systems are mounted, as bytes, in order."""
    result = []
    with open('/proc/self/mountinfo', 'rb') as table:
        for line in table:
            at = line.split()[4]
            for code, byte in ((b'\\040', b' '), (b'\\011', b'\t'),
                               (b'\\012', b'\n'), (b'\\134', b'\\')):
                at = at.replace(code, byte)
            result.append(at)
    return result


def is_mounted(path):
    """Whether a file system is mounted at @path, without asking it."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.fsencode(os.path.join(os.path.realpath(folder), name)) in \
        mountpoints()


def mounts_below(folder):
    """Where file systems are mounted in @folder, innermost first."""
    inside = os.fsencode(os.path.realpath(folder)) + b'/'
    return [at for at in reversed(mountpoints()) if at.startswith(inside)]


def detach(path):
    """Unmount @path, lazily where something still uses it."""
    for how in ([], ['--lazy']):
        if not is_mounted(path):
            return
        subprocess.run(['umount', *how, os.fspath(path)], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def children(pid):
    """The ids of the processes that @pid started and has not waited for."""
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
        return [int(word) for word in file.read().split()]


def open_files(pid):
    """What the descriptors of a process lead to, less those it closes now."""
    found = []
    for fd in pathlib.Path(f'/proc/{pid}/fd').iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(fd))
    return found


def status(pid):
    """/proc/PID/status as a dict of strings."""
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        lines = dict(line.split(':', 1) for line in file)
    return {name: value.strip() for name, value in lines.items()}


def is_running(pid):
    """Whether there is such a process, and not only its remains."""
    try:
        return not status(pid)['State'].startswith('Z')
    except (FileNotFoundError, ProcessLookupError):
        return False


class Lines:
    """Keeps the lines a process writes to a pipe."""

    def __init__(self, pipe):
        self.lines, self._pipe = [], pipe
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._pipe:
            self.lines.append(text(line).rstrip('\n'))

    def end(self):
        self._thread.join(10)
        return self.lines


class Mount:
    """caprockfs in the foreground.  Made by Repo.mount().

    .path is where, .lines what it said; expect() allows a line in advance.
    """

    def __init__(self, repo, path, argv, env):
        self.repo, self.path, self.argv, self.env = repo, path, argv, env
        self.expected, self._begun = list(HARMLESS), False
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            argv, env=environment(env), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True)
        self._stderr = Lines(self.process.stderr)

    @property
    def lines(self):
        return self._stderr.lines

    def expect(self, *parts):
        """Lines that hold one of @parts are no failure."""
        self.expected += parts
        return self

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                self._stderr.end()
                pytest.fail(f'caprockfs ended with {self.process.returncode}\n'
                            + self.report())
            return is_mounted(self.path)
        until(ready, f'{self.path} is mounted')
        # The kernel mounts first and says hello next: this waits for that.
        os.stat(self.path)
        self._begun = True

    def report(self):
        return (f'repeat with: {shell(self.argv, self.env)}\n'
                'stderr:\n' + '\n'.join(self.lines[-100:]))

    @property
    def server(self):
        """The id of the process that serves; .process is its keeper."""
        return children(self.process.pid)[0]

    def alive(self):
        return self.process.poll() is None

    def snapshot(self, source=SOURCE, which=-1):
        """The directory of a snapshot: the newest, unless told."""
        folder = self.path / 'snapshots' / source
        return folder / sorted(os.listdir(folder))[which]

    def stop(self):
        """Ask it to end; what it then leaves behind is a failure."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            pytest.fail('caprockfs ignores SIGTERM\n' + self.report())
        self._stderr.end()

    def kill(self):
        """Leave nothing behind, whatever state this is in."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
        detach(self.path)
        self._stderr.end()
        self.process.stderr.close()

    def check(self):
        """After stop(): it ended well, and said nothing unexpected."""
        bad = [line for line in self.lines
               if not any(part in line for part in self.expected)]
        if bad:
            pytest.fail('unexpected: ' + '\n'.join(bad) + '\n' + self.report())
        if self.process.returncode != 0:
            pytest.fail(f'caprockfs ended with {self.process.returncode}\n'
                        + self.report())
        if is_mounted(self.path):
            pytest.fail(f'{self.path} is still mounted\n' + self.report())


class Repo:
    """A repository below @folder, with its key file and a state directory.

    with_state() and with_key() give the same repository as another machine or
    another key sees it.
    """

    def __init__(self, folder, path=None, state=None, key=None):
        self.folder = pathlib.Path(folder)
        self.path = path or self.folder / 'repository'
        self.state = state or self.folder / 'state'
        self.key = key or self.folder / 'key'
        self._mounts = 0

    def init(self, *args):
        self.folder.mkdir(parents=True, exist_ok=True)
        run([CAPROCK, '-r', self.path, '--state-dir', self.state, 'init',
             '--new-key-file', self.key, *args])
        return self

    def with_state(self, state):
        return Repo(self.folder, self.path, pathlib.Path(state), self.key)

    def with_key(self, key, state=None):
        return Repo(self.folder, self.path,
                    pathlib.Path(state) if state else self.state,
                    pathlib.Path(key))

    def options(self, key=True):
        """What stands before every command."""
        words = ['-r', self.path, '--state-dir', self.state]
        if key:
            words += ['--key-file', self.key]
        return [os.fspath(word) for word in words]

    def argv(self, *args):
        return [os.fspath(CAPROCK), *self.options(),
                *(word if isinstance(word, bytes) else os.fspath(word)
                  if isinstance(word, os.PathLike) else str(word)
                  for word in args)]

    def caprock(self, *args, rc=0, **more):
        """caprock ARGS, with repository, state and key."""
        return run(self.argv(*args), rc=rc, **more)

    def start(self, *args, env=None, **more):
        """caprock ARGS as a process of its own; see running()."""
        return running(self.argv(*args), env=env, **more)

    def json(self, *args, rc=0, **more):
        """Every line of --json but the summary, and the summary."""
        *lines, summary = json_lines(self.caprock('--json', *args, rc=rc,
                                                  **more))
        return lines, summary

    def backup(self, *args, rc=0, source=SOURCE, **more):
        """Back up and return the summary, a dict."""
        return self.json('backup', '--source', source, *args, rc=rc, **more)[1]

    def snapshots(self, rc=0):
        """Newest last, as dicts."""
        return self.json('snapshots', rc=rc)[0]

    def restore(self, snapshot, target, *args, rc=0, **more):
        return self.caprock('restore', snapshot, '--target', target, *args,
                            rc=rc, **more)

    def read(self, *args, rc=0, **more):
        """The independent reader."""
        return run(['/usr/bin/python3', READER, self.path, '--key-file',
                    self.key, *args], rc=rc, **more)

    def files(self, kind=''):
        """Every file of the repository, sorted; @kind: below that folder."""
        return sorted(path for path in (self.path / kind).rglob('*')
                      if path.is_file())

    def size(self, kind=''):
        return sum(path.stat().st_size for path in self.files(kind))

    def mount_argv(self, path, options=(), key=True):
        words = [f'state-dir={self.state}', *options]
        if key:
            words.insert(0, f'key-file={self.key}')
        return [os.fspath(CAPROCKFS), '-f', '-o', ','.join(words),
                os.fspath(self.path), os.fspath(path)]

    @contextlib.contextmanager
    def mount(self, *options, expect=(), env=None, through=()):
        """Mount; yields a Mount.  @options: words for -o.

        The test fails if the daemon says a line that holds no part of @expect.
        @through: a program, with arguments, that runs what follows them.
        """
        need_root()
        self._mounts += 1
        path = self.folder / f'mount{self._mounts}'
        while path.exists():
            self._mounts += 1
            path = self.folder / f'mount{self._mounts}'
        path.mkdir()
        argv = [*through, *self.mount_argv(path, options)]
        mount = Mount(self, path, argv, env)
        mount.expect(*expect)
        try:
            mount.wait_ready()
            yield mount
            mount.stop()
            mount.check()
        except BaseException:
            print(mount.report())
            raise
        finally:
            mount.kill()
            with contextlib.suppress(OSError):
                path.rmdir()


@contextlib.contextmanager
def running(argv, env=None, **more):
    """A process with .err (Lines); killed with its group at the end."""
    more.setdefault('stdin', subprocess.DEVNULL)
    more.setdefault('stdout', subprocess.DEVNULL)
    with subprocess.Popen(argv, env=environment(env), start_new_session=True,
                          stderr=subprocess.PIPE, **more) as process:
        process.err = Lines(process.stderr)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
            process.err.end()


@contextlib.contextmanager
def mounted(device, path, *options):
    """mount(8) something at @path, which is made; unmounted at the end."""
    need_root()
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    sh('mount', *options, device, path)
    try:
        yield path
    finally:
        detach(path)


@contextlib.contextmanager
def tmpfs(path, size):
    with mounted('none', path, '-t', 'tmpfs', '-o', f'size={size}') as at:
        yield at


@contextlib.contextmanager
def loop_device(image):
    device = sh('losetup', '--find', '--show', image).out.strip()
    try:
        yield device
    finally:
        # The kernel may still be writing what was unmounted a moment ago.
        subprocess.run(['losetup', '--detach', device], check=False)


@contextlib.contextmanager
def ext4_at(folder, size='1G', mkfs=('-O', 'ea_inode', '-N', '200000')):
    """A new ext4 with large xattrs on a loop device; yields where it is."""
    need_root()
    need_programs('mkfs.ext4', 'losetup')
    folder = pathlib.Path(folder)
    image = folder / 'ext4.img'
    sh('truncate', '--size', size, image)
    sh('mkfs.ext4', '-q', '-F', '-m', '0', *mkfs, image)
    with loop_device(image) as device:
        with mounted(device, folder / 'ext4') as path:
            shutil.rmtree(path / 'lost+found')
            yield path
    image.unlink()


def chrooted():
    """Whether / is no mount point: then it cannot be made private."""
    lines = pathlib.Path('/proc/self/mountinfo').read_text().splitlines()
    return all(line.split()[4] != '/' for line in lines)


def own_mounts(script, *args):
    """The argv of a shell script whose mounts are its own."""
    need_programs('unshare')
    how = ['--propagation', 'unchanged'] if chrooted() else []
    return ['unshare', '--mount', *how, 'sh', '-ec', script, *args]


def need_user_namespaces():
    """A chroot has none, and some machines forbid them."""
    need_programs('unshare')
    done = run(['unshare', '--user', 'true'], rc=None)
    if done.returncode != 0:
        skip_is_failure(f'no user namespace can be made: {done.err}')


@contextlib.contextmanager
def as_nobody(folder):
    """Run programs as nobody: yields keyword arguments for run().

    Meanwhile everybody may search @folder and what is above it.
    """
    need_root()
    modes = {}
    try:
        for part in [pathlib.Path(folder), *pathlib.Path(folder).parents]:
            mode = part.stat().st_mode
            if not mode & 0o001:
                modes[part] = mode
                part.chmod(mode | 0o111)
        yield {'user': 65534, 'group': 65534, 'extra_groups': []}
    finally:
        for part, mode in modes.items():
            part.chmod(mode & 0o7777)


def write(path, data=b'', **times):
    """Make a file, and the folders above it."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    if times:
        os.utime(path, **times)
    return path


def age(tree):
    """Make a tree ten seconds older, for those who look at whole seconds."""
    for path, _, names in os.walk(tree, topdown=False):
        for name in [*names, '']:
            entry = os.path.join(path, name).rstrip('/')
            then = os.lstat(entry).st_mtime_ns - 10 * 10**9
            os.utime(entry, ns=(then, then), follow_symlinks=False)


def settle():
    """Wait until what was written up to now looks as if it holds still.

    What changed a moment ago may change again without getting a new time, so a
    backup reads it anew next time.
    """
    end = int(time.time()) + 2
    until(lambda: time.time() >= end, 'the clock goes on')


def make_tree(folder):
    """A small directory with a bit of everything an ordinary user can make."""
    folder = pathlib.Path(folder)
    write(folder / 'empty')
    write(folder / 'small', b'inline')
    write(folder / 'docs/readme.txt', b'line\n' * 5000)
    write(folder / 'docs/deep/er/note', b'a note\n')
    write(folder / 'noise', noise(1, 300_000))
    (folder / 'hollow').mkdir()
    os.symlink('docs/readme.txt', folder / 'link')
    os.link(folder / 'small', folder / 'docs/small-too')
    os.mkfifo(folder / 'pipe')
    with open(folder / 'sparse', 'wb') as file:
        os.truncate(file.fileno(), 1 << 20)
        os.pwrite(file.fileno(), b'middle', 512 << 10)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
        # Its address may be 107 bytes long, its path may be longer.
        here = os.open('.', os.O_RDONLY)
        try:
            os.chdir(folder)
            sock.bind('socket')
        finally:
            os.fchdir(here)
            os.close(here)
    os.chmod(folder / 'docs/readme.txt', 0o640)
    os.utime(folder / 'docs', ns=(1_000_000_001, 1_234_567_890_123_456_789))
    return folder


def noise(seed, length):
    """Bytes that do not compress, the same for the same seed."""
    # SHAKE is faster than random.randbytes(), and never changes.
    return hashlib.shake_128(seed.to_bytes(8, 'little')).digest(length)
