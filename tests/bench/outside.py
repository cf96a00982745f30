"""What stands around a measurement: packages, a build, a lock, and namespaces.

Everything runs in PID and mount namespaces of its own.  When their first
process ends, however it does, the kernel ends all others and drops every mount.
"""
import contextlib
import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import time

import measure
import tools

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / 'build-bench'
NAMESPACES = ('setpriv', '--pdeathsig', 'KILL', '--',
              'unshare', '--mount', '--pid', '--fork', '--kill-child',
              '--mount-proc', '--')
INSTALL = ('set -euo pipefail; . contrib/packages; packages_install '
           '"${packages_build[@]}" "${packages_run[@]}" "${packages_long[@]}" '
           '"${packages_bench[@]}"; packages_prepare')


def work_folder(args):
    """Where to keep what is large, unless --work says."""
    temporary = os.environ.get('TMPDIR')
    return (args.work or (pathlib.Path(temporary) / 'caprock-bench'
                          if temporary else BUILD / 'work')).resolve()


@contextlib.contextmanager
def alone(folder):
    """The only bench that works in @folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / 'lock', 'w', encoding='utf-8') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f'bench: another bench works in {folder}')
        yield


def clear(folder):
    """Remove it, even while the last of those who write there are ending."""
    for _ in range(50):
        with contextlib.suppress(subprocess.CalledProcessError):
            tools.remove(folder)
            return
        time.sleep(0.1)
    tools.remove(folder)


def outside(args, script):
    """Run @script again, inside; its exit status."""
    subprocess.run(['bash', '-c', INSTALL], cwd=ROOT, check=True)
    with alone(args.work):
        tools.remove(args.work / 'run')
        if not args.build:
            tools.build_caprock(ROOT, BUILD)
        again = [sys.executable, script, '--inside', *sys.argv[1:]]
        if not args.build:
            again += ['--build', BUILD]
        child = subprocess.Popen([*NAMESPACES, *again])
        try:
            status = child.wait()
            if status < 0:
                print('bench: ended by '
                      f'{signal.Signals(-status).name} from elsewhere',
                      file=sys.stderr)
            return 1 if status < 0 else status
        finally:
            child.kill()
            child.wait()
            clear(args.work / 'run')


def ended(number, _frame):
    """Leave in such a way that what stands in "finally" is done."""
    print(f'bench: ended by {signal.Signals(number).name}', file=sys.stderr)
    sys.exit(128 + number)


def start(args, script, inside):
    """main() of @script: @inside of its namespaces, or to make those."""
    try:
        if args.inside:
            return inside(args)
        if os.geteuid() != 0:
            sys.exit('bench: must be root: it mounts file systems')
        signal.signal(signal.SIGTERM, ended)
        return outside(args, script)
    except (measure.Failure, subprocess.CalledProcessError) as failure:
        sys.exit(f'bench: {failure}')
