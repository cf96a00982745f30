"""Run a program, or a file system with its clients, and say what it took.

The bench lives in PID and mount namespaces of its own (see run): whatever else
runs there was started by it, and nothing of it outlives it.  So "the daemon"
is every process but this one, however often it forked, and a daemon that was
left behind is a process like any other.
"""
import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import time

MIB = 1 << 20
TICK = 1 / os.sysconf('SC_CLK_TCK')
# A hung program fails its row; the other rows go on.
TIMEOUT = 3600
READY = 120


class Failure(Exception):
    """A program that did not do what was to be measured."""


@dataclasses.dataclass
class Sample:
    """One measurement: seconds, seconds, and bytes; None: not asked."""
    wall: float | None = None
    cpu: float | None = None   # user and system, with children and daemons
    memory: int | None = None  # the peak; of a file system, of its daemon
    size: int | None = None    # of the repository


def tail(log):
    """The end of what a program said, on one line."""
    text = pathlib.Path(log).read_text(encoding='utf-8', errors='replace')
    return ' / '.join(text.strip().splitlines()[-3:])[-400:]


class Filler:
    """Keeps all memory in use, as it is where a machine has been up for long:
    by the cached pages of an empty file in @folder, the first to be taken when
    somebody needs memory.

    A virtual machine may give memory that is free back to its host.  To get it
    again then costs more than what is done with it, so that a program that
    fills the page cache took 2 or 7 s of system time, by chance.
    """
    SIZE = 1 << 42  # sparse; the same place again only after so much

    def __init__(self, folder):
        self.file = os.open(folder, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC)
        os.ftruncate(self.file, self.SIZE)
        self.at = 0
        self.buffer = bytearray(MIB)

    @staticmethod
    def free():
        """Bytes of memory that are used for nothing."""
        for line in pathlib.Path('/proc/meminfo').read_text().splitlines():
            if line.startswith('MemFree:'):
                return int(line.split()[1]) * 1024
        raise Failure('/proc/meminfo does not say what is free')

    def fill(self):
        for _ in range(self.free() // MIB):
            os.preadv(self.file, [self.buffer], self.at)
            self.at = (self.at + MIB) % self.SIZE

    def close(self):
        os.close(self.file)


def settle(filler):
    """Let nobody pay for what an earlier program left to be written, or for
    memory that it left to the host."""
    os.sync()
    filler.fill()


def start(argv, env, log, cwd=None):
    # The log is a file: a pipe that nobody reads would stop the program.
    with open(log, 'wb') as to:
        return subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=to,
            stderr=subprocess.STDOUT, start_new_session=True)


def stop(process):
    """Kill it with whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def finish(process):
    """Wait for it to end; its exit status and resource usage."""
    def expired(_signal, _frame):
        raise Failure(f'still running after {TIMEOUT} seconds')

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(TIMEOUT)
    try:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        if process.returncode is None:
            stop(process)
    return process.returncode, usage


def command(argv, env, log, cwd=None):
    """Run @argv to its end.  Its peak is that of its largest process, and at
    least this one's, which Linux counts in when a program is started."""
    begin = time.monotonic()
    process = start(argv, env, log, cwd)
    status, usage = finish(process)
    wall = time.monotonic() - begin
    if status != 0:
        raise Failure(f'{os.path.basename(argv[0])}: exit {status}: '
                      f'{tail(log)}')
    return Sample(wall, usage.ru_utime + usage.ru_stime,
                  usage.ru_maxrss * 1024)


# ---- Daemons ----------------------------------------------------------------


def others():
    """Every process of our namespace but this one."""
    own = os.getpid()
    # Of any other namespace they would be somebody else's, and reap() kills.
    assert own == 1
    return [int(name) for name in os.listdir('/proc')
            if name.isdigit() and int(name) != own]


def cpu_of(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
            # The name stands in parentheses and may hold anything.
            fields = stat.rpartition(')')[2].split()
            total += sum(map(int, fields[11:15]))
    return total * TICK


def peak_of(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            status = pathlib.Path(f'/proc/{pid}/status').read_text()
            for line in status.splitlines():
                if line.startswith('VmHWM:'):
                    total += int(line.split()[1]) * 1024
    return total


def reset_peak(pids):
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pathlib.Path(f'/proc/{pid}/clear_refs').write_text('5')


def wait_until(question, seconds, what, pause=0.001):
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() > end:
            raise Failure(f'{what} took more than {seconds} seconds')
        time.sleep(pause)


class Mounted:
    """A file system of a foreground daemon @argv on @where, until released."""

    def __init__(self, argv, env, log, where):
        self.where = where
        self.log = log
        self.begin = time.monotonic()
        self.process = start(argv, env, log)
        try:
            wait_until(self._ready, READY, 'mounting')
        except BaseException:
            self.release()
            raise

    def _ready(self):
        if self.process.poll() is not None:
            raise Failure(f'exit {self.process.returncode}: {tail(self.log)}')
        return os.path.ismount(self.where)

    def release(self):
        """Unmount; the daemon is gone when this returns."""
        # Right after use the kernel may still hold a file.
        for _ in range(50):
            if not os.path.ismount(self.where):
                break
            subprocess.run(['umount', self.where], check=False,
                           stderr=subprocess.DEVNULL)
            if os.path.ismount(self.where):
                time.sleep(0.1)
        else:
            subprocess.run(['umount', '-l', self.where], check=False)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        stop(self.process)
        reap()

    def first(self, argv, env, log):
        """From the start of the daemon to the end of @argv."""
        sample = command(argv, env, log)
        daemon = others()
        return Sample(time.monotonic() - self.begin,
                      sample.cpu + cpu_of(daemon), peak_of(daemon))

    def client(self, argv, env, log):
        """Run @argv; the daemon's CPU counts, the memory is the daemon's."""
        daemon = others()
        reset_peak(daemon)
        before = cpu_of(daemon)
        sample = command(argv, env, log)
        return Sample(sample.wall, sample.cpu + cpu_of(others()) - before,
                      peak_of(others()))


def reap():
    """End what is left; orphans are ours, for we are the first process."""
    for pid in others():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0):
            pass


@contextlib.contextmanager
def mounted(argv, env, log, where):
    where.mkdir(parents=True, exist_ok=True)
    held = Mounted(argv, env, log, where)
    try:
        yield held
    finally:
        held.release()
