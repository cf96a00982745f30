"""caprockfs: two processes, their privileges, and how a mount comes and goes."""
import contextlib
import errno
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import compare
import harness

CAP_DAC_READ_SEARCH = 1 << 2
CAP_SYS_ADMIN = 1 << 21
NOBODY = 65534


def everything(mount):
    """Of every thread of the serving process, what its status says."""
    tasks = pathlib.Path(f'/proc/{mount.server}/task')
    result = []
    for task in tasks.iterdir():
        with contextlib.suppress(FileNotFoundError):
            lines = (task / 'status').read_text(encoding='ascii').splitlines()
            result.append({name: value.strip() for name, value in
                           (line.split(':', 1) for line in lines)})
    assert result
    return result


def assert_confined(states, capabilities=0):
    for state in states:
        assert int(state['CapEff'], 16) == capabilities
        assert int(state['CapPrm'], 16) == capabilities
        assert int(state['CapInh'], 16) == 0
        assert int(state['CapBnd'], 16) & ~capabilities == 0
        assert state['NoNewPrivs'] == '1'
        assert state['Seccomp'] == '2'


# ---- The sandbox -------------------------------------------------------------


@pytest.mark.main
def test_the_serving_process_is_confined(repo, tree):
    """All its threads, also those that came while it served."""
    repo.backup(tree)
    repo.with_state(repo.folder / 'elsewhere').backup(tree, source='other')
    with repo.mount() as mount:
        assert_confined(everything(mount))
        compare.assert_equal(tree, mount.snapshot())
        repo.backup(tree)
        harness.until(lambda: len(os.listdir(mount.path / 'snapshots/src')) == 2,
                      'the new snapshot appears')
        compare.assert_equal(tree, mount.snapshot())
        read_by_many(mount)
        assert_confined(everything(mount))
        # Its keys are locked, which AddressSanitizer only pretends, and it
        # leaves no core.
        if 'libasan' not in pathlib.Path(f'/proc/{mount.server}/maps').read_text():
            assert int(harness.status(mount.server)['VmLck'].split()[0]) > 0
        limits = pathlib.Path(f'/proc/{mount.server}/limits').read_text()
        assert [line.split()[4] for line in limits.splitlines()
                if line.startswith('Max core file size')] == ['0']


@pytest.mark.main
def test_threads_that_were_there_before_are_confined(repo, tree):
    """Where nothing can be made in the state without a right that is given up,
    the index is opened before, which leaves threads of RocksDB's."""
    repo.backup(tree)
    state = next(repo.state.iterdir())
    state.chmod(0o500)
    with repo.mount() as mount:
        assert [file for file in harness.open_files(mount.server)
                if '/db.' in file]
        assert_confined(everything(mount))
        compare.assert_equal(tree, mount.snapshot())


LACKS = {
    'landlock': 'this kernel has no landlock: nothing but modes keeps the '
                'serving process out of other files',
    'seccomp': 'this kernel has no seccomp: the serving process keeps all '
               'system calls',
}


@pytest.mark.main
@pytest.mark.parametrize('what', [*LACKS, 'both'])
def test_a_kernel_that_lacks_it(repo, tree, what):
    """It says so, serves, and the rest holds."""
    repo.backup(tree)
    lacking = list(LACKS) if what == 'both' else [what]
    through = [sys.executable, harness.ROOT / 'tests/e2e/lacking.py', what]
    with repo.mount(expect=[LACKS[name] for name in lacking],
                    through=through) as mount:
        compare.assert_equal(tree, mount.snapshot())
        for name in lacking:
            assert sum(LACKS[name] in line for line in mount.lines) == 1
        for state in everything(mount):
            assert int(state['CapEff'], 16) == int(state['CapPrm'], 16) == 0
            assert state['NoNewPrivs'] == '1'
            # One is that of lacking.py.
            assert int(state['Seccomp_filters']) == 1 + (
                'seccomp' not in lacking)


@pytest.mark.main
@pytest.mark.parametrize('what,why', [
    ('forbidden', 'Operation not permitted'),
    ('refused', 'Permission denied')])
def test_a_kernel_that_has_it_and_refuses(repo, tree, mnt, what, why):
    """Whatever it is, it is no lack: it is said, and nothing is served."""
    repo.backup(tree)
    argv = [word for word in repo.mount_argv(mnt) if word != '-f']
    done = harness.run([sys.executable, harness.ROOT / 'tests/e2e/lacking.py',
                        what, *argv], rc=1)
    assert f'seccomp: {why}' in done.err
    assert 'no seccomp' not in done.err
    assert not harness.is_mounted(mnt)


@pytest.mark.main
@pytest.mark.parametrize('how', ['foreground', 'detached'])
def test_an_ordinary_user_cannot_look_into_it(repo, tree, tmp_path,
                                              fuse_for_all, how):
    """Nor can who stole his account: neither process is dumpable, so what
    /proc tells of it is root's."""
    repo.backup(tree)
    secrets = ('mem', 'maps', 'environ', 'fd')

    def owners(pid):
        return {os.stat(f'/proc/{pid}/{name}').st_uid for name in secrets}

    with living(repo, tmp_path, 'nobody', how) as life:
        with harness.running(['sleep', '600'], **life.user) as other:
            harness.until(lambda: owners(other.pid) == {NOBODY},
                          'what he runs is his')
        for pid in (life.keeper, life.server):
            assert harness.status(pid)['Uid'].split() == [str(NOBODY)] * 4
            assert owners(pid) == {0}
            for argv in (['cat', f'/proc/{pid}/environ'],
                         ['ls', f'/proc/{pid}/fd'],
                         ['cat', f'/proc/{pid}/maps']):
                done = harness.run(argv, rc=None, **life.user)
                assert done.returncode != 0 and not done.out
                assert 'Permission denied' in done.err


def read_by_many(mount):
    """So that libfuse starts all the threads it may."""
    def read():
        for folder, _, names in os.walk(mount.path):
            for name in names:
                with contextlib.suppress(OSError):
                    os.stat(os.path.join(folder, name))

    readers = [threading.Thread(target=read) for _ in range(16)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def test_the_keeper_can_unmount_and_little_else(repo, tree, tmp_path):
    repo.backup(tree)
    with repo.mount(env={'CAPROCK_PASSPHRASE': 'not for the keeper'}) as mount:
        state = harness.status(mount.process.pid)
        assert int(state['CapEff'], 16) == CAP_SYS_ADMIN | CAP_DAC_READ_SEARCH
        assert state['NoNewPrivs'] == '1'
        proc = pathlib.Path(f'/proc/{mount.process.pid}')
        assert b'not for the' not in (proc / 'environ').read_bytes()
        # Nothing of the repository, the state or the mount is open in it.
        opened = harness.open_files(mount.process.pid)
        assert not [name for name in opened
                    if os.fspath(tmp_path) in name or 'fuse' in name]
        assert len(opened) == 6  # one says whether the other lives


@pytest.mark.main
def test_a_repository_of_somebody_else(repo, tree):
    """Root needs one capability for that, and keeps no other."""
    repo.backup(tree)
    harness.sh('chown', '-R', f'{NOBODY}:{NOBODY}', repo.path)
    for path in [repo.path, *repo.path.rglob('*')]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    with repo.mount() as mount:
        assert_confined(everything(mount), CAP_DAC_READ_SEARCH)
        compare.assert_equal(tree, mount.snapshot())


def test_another_user_may_add_to_the_repository(repo, tree):
    """Then tomorrow's packs may be his."""
    repo.backup(tree)
    (repo.path / 'snapshots').chmod(0o770)
    with repo.mount() as mount:
        assert_confined(everything(mount), CAP_DAC_READ_SEARCH)


def test_an_index_that_is_renewed_is_followed(repo, tree):
    """Within the sandbox there is no temporary folder."""
    repo.backup(tree)
    with repo.mount() as mount:
        compare.assert_equal(tree, mount.snapshot())
        repo.caprock('index', 'rebuild')
        harness.write(tree / 'more', harness.noise(9, 100_000))
        repo.backup(tree)
        harness.until(lambda: len(os.listdir(mount.path / 'snapshots/src')) == 2,
                      'the new snapshot appears')
        # Descriptors say which database it has open.
        state = next(repo.state.iterdir())
        number = (state / 'db').read_text().split()[0]

        harness.until(lambda: [file for file in harness.open_files(mount.server)
                               if f'/db.{number}/' in file],
                      'the new database is open')
        compare.assert_equal(tree, mount.snapshot())
        harness.until(lambda: not [name for name in os.listdir(state)
                                   if name.startswith('caprock-')],
                      'what was temporary is gone')


# ---- The end -----------------------------------------------------------------


@pytest.fixture
def fuse_for_all():
    """/dev/fuse as a distribution leaves it: for everybody."""
    harness.need_root()
    mode = os.stat('/dev/fuse').st_mode & 0o7777
    os.chmod('/dev/fuse', 0o666)
    yield
    os.chmod('/dev/fuse', mode)


class Life:
    """A mount of root's or of nobody's, in the foreground or not."""

    def __init__(self, repo, path, user, foreground, *options):
        self.path = path
        self.argv = repo.mount_argv(path, options)
        if not foreground:
            self.argv.remove('-f')
        self.user = user
        self.foreground = foreground
        self.process = self.keeper = self.server = None

    def start(self, env=None):
        self.process = subprocess.Popen(
            self.argv, env=harness.environment(env), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self.user)
        if self.foreground:
            self.keeper = self.process.pid
            harness.until(lambda: harness.is_mounted(self.path), 'mounted')
            self.ls()
        else:
            assert self.process.wait(60) == 0
            # Ready means ready: nothing is waited for here.
            assert harness.is_mounted(self.path)
            self.ls()
            self.keeper = self.find_keeper()
        self.server = harness.children(self.keeper)[0]

    def find_keeper(self):
        """Of those that have the mountpoint in their arguments, the first: the
        server may have a child that makes the index ready, and that another."""
        below = {}
        for proc in pathlib.Path('/proc').glob('[0-9]*'):
            with contextlib.suppress(OSError):
                if os.fsencode(self.path) in (proc / 'cmdline').read_bytes():
                    pid = int(proc.name)
                    below[pid] = harness.children(pid)
        found = [pid for pid, children in below.items() if children and
                 not any(pid in others for others in below.values())]
        assert len(found) == 1, below
        return found[0]

    def ls(self):
        return harness.run(['ls', self.path], **self.user).out.split()

    def is_over(self):
        """Nothing runs any more, nothing is mounted; its exit status."""
        for pid in (self.keeper, self.server):
            harness.until(lambda pid=pid: self.has_ended(pid),
                          f'process {pid} ends')
        assert not harness.is_mounted(self.path)
        assert os.listdir(self.path) == []
        return self.process.wait(10)

    def has_ended(self, pid):
        self.process.poll()
        return not harness.is_running(pid)

    def clean_up(self):
        for pid in (self.process and self.process.pid, self.keeper,
                    self.server):
            if pid and harness.is_running(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.process:
            self.process.wait(30)
        harness.detach(self.path)


@contextlib.contextmanager
def living(repo, tmp_path, who='root', how='foreground', options=(), env=None):
    """A mount, of a repository that is the user's own."""
    with contextlib.ExitStack() as stack:
        path = tmp_path / 'mnt'
        path.mkdir(exist_ok=True)
        user = {}
        if who == 'nobody':
            user = stack.enter_context(harness.as_nobody(tmp_path))
            for own in (repo.path, repo.state, repo.key, path):
                harness.sh('chown', '-R', f'{NOBODY}:{NOBODY}', own)
        life = Life(repo, path, user, how == 'foreground', *options)
        stack.callback(life.clean_up)
        life.start(env)
        yield life


ENDS = {
    'SIGTERM to the keeper': lambda life: os.kill(life.keeper, signal.SIGTERM),
    'SIGTERM to the server': lambda life: os.kill(life.server, signal.SIGTERM),
    'SIGINT to both': lambda life: os.killpg(os.getpgid(life.keeper),
                                             signal.SIGINT),
    'the server is killed': lambda life: os.kill(life.server, signal.SIGKILL),
    'fusermount3 -u': lambda life: harness.run(
        ['fusermount3', '-u', life.path], **life.user),
    'umount': lambda life: harness.sh('umount', life.path),
}


@pytest.mark.main
@pytest.mark.parametrize('how', ['foreground', 'detached'])
@pytest.mark.parametrize('who', ['root', 'nobody'])
@pytest.mark.parametrize('end', ENDS)
def test_every_end_leaves_nothing_mounted(repo, tree, tmp_path, fuse_for_all,
                                          end, who, how):
    repo.backup(tree)
    with living(repo, tmp_path, who, how) as life:
        ENDS[end](life)
        status = life.is_over()
        if how == 'foreground':
            assert status == (1 if 'killed' in end else 0)


@pytest.mark.parametrize('end', ['SIGTERM to the keeper',
                                 'SIGTERM to the server',
                                 'the server is killed'])
def test_somebody_in_it_does_not_keep_it(repo, tree, tmp_path, end):
    """Unmounted at once for everybody else; he gets errors."""
    repo.backup(tree)
    with living(repo, tmp_path) as life:
        fd = os.open(life.path / 'snapshots', os.O_RDONLY)
        try:
            ENDS[end](life)
            life.is_over()
            with pytest.raises(OSError) as caught:
                os.stat('src', dir_fd=fd)
            assert caught.value.errno == errno.ENOTCONN
        finally:
            os.close(fd)


def test_the_keeper_is_killed(repo, tree, tmp_path):
    """What is mounted is served on, and ends when it is unmounted."""
    repo.backup(tree)
    with living(repo, tmp_path) as life:
        os.kill(life.keeper, signal.SIGKILL)
        life.process.wait(10)
        assert 'snapshots' in life.ls()
        repo.backup(tree)
        folder = life.path / 'snapshots/src'
        harness.until(lambda: len(os.listdir(folder)) == 2,
                      'the new snapshot appears')
        harness.sh('umount', life.path)
        life.is_over()


@pytest.mark.main
@pytest.mark.parametrize('who', ['root', 'nobody'])
def test_all_is_killed_at_once(repo, tree, tmp_path, fuse_for_all, who):
    """With auto_unmount a third process waits for that, and unmounts."""
    repo.backup(tree)
    with living(repo, tmp_path, who, options=['auto_unmount']) as life:
        os.kill(life.keeper, signal.SIGSTOP)
        os.kill(life.server, signal.SIGKILL)
        os.kill(life.keeper, signal.SIGKILL)
        harness.until(lambda: not harness.is_mounted(life.path),
                      'it is unmounted')
        life.is_over()


def test_another_mount_on_top_is_left_alone(repo, tree, tmp_path):
    """The keeper unmounts what it mounted, and nothing else."""
    repo.backup(tree)
    with living(repo, tmp_path) as life:
        with harness.tmpfs(life.path, '1M'):
            harness.write(life.path / 'file', b'of another')
            os.kill(life.keeper, signal.SIGTERM)
            harness.until(lambda: life.has_ended(life.keeper), 'it ends')
            assert (life.path / 'file').read_bytes() == b'of another'


# ---- The service manager -----------------------------------------------------


@contextlib.contextmanager
def manager(address):
    """What systemd has: a socket; yields a function that waits for a line."""
    heard = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.setblocking(False)

        def has(line):
            with contextlib.suppress(BlockingIOError):
                while True:
                    heard.append(sock.recv(4096).decode())
            return line in '\n'.join(heard).split('\n')
        yield has, heard


@pytest.mark.main
@pytest.mark.parametrize('kind', ['path', 'abstract'])
@pytest.mark.parametrize('how', ['foreground', 'detached'])
def test_the_service_manager_is_told(repo, tree, tmp_path, kind, how):
    name = f'/tmp/caprock-notify-{os.getpid()}'
    repo.backup(tree)
    try:
        with manager(name if kind == 'path' else '\0' + name) as (has, heard):
            env = {'NOTIFY_SOCKET': name if kind == 'path' else '@' + name}
            with living(repo, tmp_path, how=how, env=env) as life:
                harness.until(lambda: has('READY=1'), 'READY=1')
                assert has(f'MAINPID={life.keeper}')
                assert has(f'STATUS={repo.path} is mounted at {life.path}')
                assert not has('STOPPING=1')
                os.kill(life.keeper, signal.SIGTERM)
                life.is_over()
                assert has('STOPPING=1')
                # It was said once, and in this order.
                said = '\n'.join(heard)
                assert said.count('READY=1') == said.count('STOPPING=1') == 1
                assert said.index('READY=1') < said.index('STOPPING=1')
    finally:
        if kind == 'path':
            os.unlink(name)


def test_what_never_was_ready_is_not_called_so(repo, tree, tmp_path):
    name = f'@caprock-notify-{os.getpid()}'
    repo.backup(tree)
    (tmp_path / 'mnt').mkdir()
    with manager('\0' + name[1:]) as (has, _):
        harness.run(repo.mount_argv(tmp_path / 'mnt', ['source=nothing']), rc=1,
                    env={'NOTIFY_SOCKET': name})
        assert not has('READY=1')


# ---- Idle --------------------------------------------------------------------


@pytest.mark.main
@pytest.mark.parametrize('who', ['root', 'nobody'])
def test_what_nobody_uses_is_unmounted(repo, tree, tmp_path, fuse_for_all, who):
    repo.backup(tree)
    with living(repo, tmp_path, who, options=['idle-timeout=1s']) as life:
        assert life.is_over() == 0


@pytest.mark.parametrize('use', ['cwd', 'file'])
def test_what_somebody_is_in_stays(repo, tree, tmp_path, use):
    """Also if he does not ask for anything."""
    repo.backup(tree)
    with living(repo, tmp_path, options=['idle-timeout=1']) as life:
        folder = life.path / 'snapshots/src'
        folder /= os.listdir(folder)[0]
        argv = {'cwd': ['sleep', '600'],
                'file': ['sh', '-c', 'exec sleep 600 <small']}[use]
        with harness.running(argv, cwd=folder) as user:
            tried = tries(life.keeper)
            assert tried >= 2
            assert harness.is_mounted(life.path)
            user.kill()
        assert life.is_over() == 0


def tries(keeper):
    """How often, until it was twice, the keeper tried to unmount in vain."""
    argv = ['strace', '-f', '-qq', '-e', 'trace=umount2', '-p', str(keeper)]
    harness.need_programs('strace')
    with harness.running(argv) as strace:
        def busy():
            return [line for line in strace.err.lines if 'EBUSY' in line]
        harness.until(lambda: len(busy()) >= 2, 'two tries')
        strace.terminate()
        return len(busy())


def test_work_is_no_idleness(repo, tree, tmp_path):
    repo.backup(tree)
    with living(repo, tmp_path, options=['idle-timeout=2']) as life:
        end = time.monotonic() + 6
        harness.until(lambda: life.ls() and time.monotonic() > end,
                      'it was used for longer than that')
        assert life.is_over() == 0


# ---- Who mounts, and how -----------------------------------------------------


def helper_path():
    """PATH with our caprockfs in front, for mount.fuse3."""
    return {'PATH': f'{harness.CAPROCKFS.parent}:{os.environ["PATH"]}'}


def as_installed(script, folder):
    """Run @script where caprockfs is installed, as mount(8) wants it.

    A mount namespace of its own, so that it is so for nobody else.
    """
    harness.need_programs('mount.fuse3')
    harness.write(folder / 'caprockfs',
                  f'#!/bin/sh\nexec {harness.CAPROCKFS} "$@"\n').chmod(0o755)
    return harness.sh(*harness.own_mounts(
        f'mount --bind {folder} /usr/local/sbin\n{script}'))


def wait_until_gone(path):
    """No process has @path among its arguments any more."""
    def running():
        for proc in pathlib.Path('/proc').glob('[0-9]*'):
            with contextlib.suppress(OSError):
                words = (proc / 'cmdline').read_bytes().split(b'\0')
                if words[0].endswith(b'caprockfs') and \
                        os.fsencode(path) in words:
                    return True
        return False
    harness.until(lambda: not running(), f'caprockfs of {path} ends')


@pytest.fixture
def mnt(tmp_path):
    path = tmp_path / 'mnt'
    path.mkdir()
    yield path
    harness.detach(path)
    wait_until_gone(path)


def options(repo, *more):
    return ','.join([f'key-file={repo.key}', f'state-dir={repo.state}', *more])


@pytest.mark.main
def test_mount_8(repo, tree, mnt, tmp_path):
    repo.backup(tree)
    line = as_installed(f'''
        mount -t fuse.caprockfs -o {options(repo, 'noexec')} {repo.path} {mnt}
        findmnt --noheadings -o FSTYPE,SOURCE,OPTIONS {mnt}
        cmp {tree}/noise {mnt}/snapshots/src/*/noise
        umount {mnt}
        ''', tmp_path / 'sbin').out
    kind, source, flags = line.split(None, 2)
    assert (kind, source) == ('fuse.caprockfs', os.fspath(repo.path))
    assert {'ro', 'nosuid', 'nodev', 'noexec'} <= set(flags.strip().split(','))


def test_a_line_of_fstab(repo, tree, mnt, tmp_path):
    """With all that systemd, mount(8) and habit put there."""
    repo.backup(tree)
    words = options(repo, '_netdev', 'nofail', 'noauto', 'user', 'ro',
                    'x-systemd.automount', 'x-systemd.idle-timeout=60',
                    'x-systemd.requires=network-online.target',
                    'x-gvfs-show', 'allow_other')
    fstab = harness.write(tmp_path / 'fstab',
                          f'{repo.path} {mnt} fuse.caprockfs {words} 0 0\n')
    as_installed(f'''
        mount --fstab {fstab} {mnt}
        cmp {tree}/noise {mnt}/snapshots/src/*/noise
        umount {mnt}
        ''', tmp_path / 'sbin')


@pytest.mark.main
def test_without_any_privilege(repo, tree, mnt):
    """mount.fuse3 mounts, gives all away, and hands over a descriptor."""
    harness.need_programs('mount.fuse3')
    repo.backup(tree)
    flags = 'ro,nosuid,nodev,default_permissions,drop_privileges'
    harness.sh('mount.fuse3', repo.path, mnt, '-t', 'fuse.caprockfs', '-o',
               options(repo, flags), env=helper_path())
    compare.assert_equal(tree, next((mnt / 'snapshots/src').iterdir()))
    servers = [int(proc.name) for proc in pathlib.Path('/proc').glob('[0-9]*')
               if is_serving(proc, repo)]
    assert len(servers) == 2  # and the keeper
    for pid in servers:
        state = harness.status(pid)
        assert int(state['CapEff'], 16) == int(state['CapPrm'], 16) == 0
        assert state['NoNewPrivs'] == '1'
    harness.sh('umount', mnt)
    for pid in servers:
        harness.until(lambda pid=pid: not harness.is_running(pid), 'it ends')


def is_serving(proc, repo):
    with contextlib.suppress(OSError):
        words = (proc / 'cmdline').read_bytes().split(b'\0')
        return words[0].endswith(b'caprockfs') and \
            os.fsencode(repo.path) in words
    return False


@pytest.mark.main
def test_a_mountpoint_that_is_a_descriptor(repo, tree, mnt):
    """Whoever mounted keeps nothing of it: a dead server leaves it dead."""
    repo.backup(tree)
    fuse = os.open('/dev/fuse', os.O_RDWR)
    harness.sh('mount', '-i', '-t', 'fuse.caprockfs', '-o',
               f'ro,fd={fuse},rootmode=40000,user_id=0,group_id=0,'
               'default_permissions', repo.path, mnt, pass_fds=[fuse])
    argv = repo.mount_argv(f'/dev/fd/{fuse}')
    with harness.running(argv, pass_fds=[fuse]) as process:
        os.close(fuse)
        compare.assert_equal(tree, next((mnt / 'snapshots/src').iterdir()))
        server = harness.children(process.pid)[0]
        os.kill(server, signal.SIGKILL)
        assert process.wait(30) == 1
        with pytest.raises(OSError) as caught:
            os.listdir(mnt)
        assert caught.value.errno == errno.ENOTCONN


@pytest.mark.main
def test_in_a_user_namespace(repo, tree, tmp_path, fuse_for_all):
    """Where one is root of nothing but this."""
    harness.need_user_namespaces()
    repo.backup(tree)
    argv = repo.mount_argv(tmp_path / 'mnt')
    argv.remove('-f')
    (tmp_path / 'mnt').mkdir()
    with harness.as_nobody(tmp_path) as nobody:
        harness.sh('chown', '-R', f'{NOBODY}:{NOBODY}', repo.path, repo.state,
                   repo.key, tmp_path / 'mnt')
        script = f"""
            set -e
            {harness.shell(argv)}
            cat {tmp_path}/mnt/snapshots/src/*/small
            umount {tmp_path}/mnt
            """
        done = harness.run(['unshare', '--user', '--map-root-user', '--mount',
                            'sh', '-c', script], **nobody)
        assert done.out == 'inline'
    wait_until_gone(tmp_path / 'mnt')


# ---- Figures -----------------------------------------------------------------


@pytest.mark.main
@pytest.mark.parametrize('who', ['keeper', 'server'])
def test_sigusr1_prints_figures(repo, tree, who):
    repo.backup(tree)
    with repo.mount(expect=('figures: ',)) as mount:
        for _ in range(3):
            compare.assert_equal(tree, mount.snapshot())
        os.kill(mount.process.pid if who == 'keeper' else mount.server,
                signal.SIGUSR1)

        def found(what):
            return [line for line in mount.lines if f'figures: {what}: ' in line]
        harness.until(lambda: found('statfs') or found('read'), 'figures')
        harness.until(lambda: found('lookup'), 'figures')
        assert found('cache') and 'misses' in found('cache')[0]
        assert 'slowest' in found('read')[0]
        assert int(found('lookup')[0].split()[3]) >= 2
        # And it goes on.
        compare.assert_equal(tree, mount.snapshot())


# ---- Where it may stand ------------------------------------------------------


def refused(repo, path, *more):
    done = harness.run(repo.mount_argv(path, more), rc=1)
    assert not harness.is_mounted(path)
    return done.err


def test_it_lies_apart_from_repository_and_state(repo, tree, tmp_path):
    repo.backup(tree)
    state = next(repo.state.iterdir())
    for inside in (repo.path / 'below', state / 'below'):
        inside.mkdir()
        assert 'inside' in refused(repo, inside)
        # By another name, too.
        other = tmp_path / 'other'
        with harness.mounted(inside.parent, other, '--bind'):
            assert 'inside' in refused(repo, other / 'below')
        inside.rmdir()
        other.rmdir()
    for around in (repo.path, state, repo.state, repo.folder):
        assert 'inside' in refused(repo, around, 'nonempty')


@pytest.mark.main
def test_a_backup_does_not_enter_a_mount_of_ours(repo, tree, tmp_path):
    """Even if told to enter others."""
    repo.backup(tree)
    (tree / 'mnt').mkdir()
    (tree / 'tmpfs').mkdir()
    argv = repo.mount_argv(tree / 'mnt')
    argv.remove('-f')
    with harness.tmpfs(tree / 'tmpfs', '1M'):
        harness.write(tree / 'tmpfs/file', b'of the tmpfs')
        harness.run(argv)
        try:
            repo.caprock('backup', '--source', 'src', '--cross-mounts', tree)
        finally:
            harness.detach(tree / 'mnt')
        wait_until_gone(tree / 'mnt')
        repo.restore('latest', tmp_path / 'out')
        assert (tmp_path / 'out/tmpfs/file').read_bytes() == b'of the tmpfs'
        assert os.listdir(tmp_path / 'out/mnt') == []


# ---- Storage that is not ours to change --------------------------------------


def listing(folder):
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_ino)
            for path in folder.rglob('*')}


@pytest.mark.main
def test_read_only_storage(repo, tree, tmp_path):
    repo.backup(tree)
    read_only = tmp_path / 'read-only'
    with harness.mounted(repo.path, read_only, '--bind'):
        harness.sh('mount', '-o', 'remount,bind,ro', read_only)
        with pytest.raises(OSError):
            harness.write(read_only / 'x')
        elsewhere = harness.Repo(repo.folder, read_only, repo.state, repo.key)
        with elsewhere.mount() as mount:
            compare.assert_equal(tree, mount.snapshot())


def test_a_mount_writes_nothing_and_locks_nothing(repo, tree, tmp_path):
    """Backups run beside it; it runs beside them."""
    repo.backup(tree)
    before = listing(repo.path)
    with repo.mount() as mount:
        compare.assert_equal(tree, mount.snapshot())
        assert listing(repo.path) == before
        # While a backup holds the state's lock, another mount begins.
        os.mkfifo(tmp_path / 'fifo')
        argv = repo.argv('backup', '--source', 'piped', '--stdin', 'name')
        with subprocess.Popen(argv, env=harness.environment(),
                              stdin=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as backup:
            state = next(repo.state.iterdir())
            harness.until(lambda: (state / 'lock').read_text(), 'the lock')
            with repo.mount() as second:
                compare.assert_equal(tree, second.snapshot())
            backup.stdin.close()
            assert backup.wait(60) == 0
        harness.until(lambda: 'piped' in os.listdir(mount.path / 'snapshots'),
                      'the new source appears')
