"""Who waits for a mount can be interrupted, and waits for no other file."""
import contextlib
import os
import pathlib
import shutil
import signal

import pytest

import compare
import harness
from test_damaged_mount import Packed

HANGING = pathlib.Path(os.environ.get('CAPROCK_BIN', 'build')) / 'tests/hanging'


class Storage:
    """A repository in storage that can be made to hang: see hanging.c."""

    def __init__(self, repo, folder):
        self._control = folder
        self.repo = repo

    @contextlib.contextmanager
    def holding(self, name):
        """Meanwhile who reads a file called @name waits."""
        hold = harness.write(self._control / f'hold.{name}')
        try:
            yield
        finally:
            hold.unlink()

    def wait(self, name):
        """Until somebody waits for it."""
        harness.until((self._control / f'waits.{name}').exists,
                      f'somebody reads {name}')


@pytest.fixture(name='storage')
def make_storage(repo, tmp_path):
    harness.need_root()
    control, path = tmp_path / 'control', tmp_path / 'slow'
    control.mkdir()
    path.mkdir()
    with harness.running([HANGING, repo.path, control, path]):
        harness.until(lambda: harness.is_mounted(path), 'hanging is mounted')
        try:
            yield Storage(harness.Repo(repo.folder, path, repo.state, repo.key),
                          control)
        finally:
            harness.detach(path)


@contextlib.contextmanager
def all_running(argvs):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(harness.running(argv)) for argv in argvs]


def end_all(processes, number):
    """Whatever they wait for."""
    for process in processes:
        process.send_signal(number)
    for process in processes:
        assert process.wait(30) == -number


def says_who_waits(mount):
    """Whether it does in the log, when it is asked."""
    os.kill(mount.server, signal.SIGUSR1)
    return any('storage: read of node ' in line for line in mount.lines)


@pytest.mark.main
@pytest.mark.threads
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL])
def test_who_reads_from_storage_that_hangs(repo, storage, tmp_path, number):
    """More readers than threads: who reads another file does not notice."""
    packed = Packed(repo, tmp_path)
    pack = packed.packs['two'].name
    with storage.repo.mount('max_threads=2',
                            expect=('figures: ', 'storage: ')) as mount:
        top = mount.snapshot()
        with storage.holding(pack):
            with all_running(5 * [['cat', top / 'two']]) as readers:
                storage.wait(pack)
                packed.check_others(top, {'two'})
                harness.until(lambda: says_who_waits(mount), 'it is logged')
                end_all(readers, number)
            packed.check_others(top, {'two'})
            assert mount.alive()
        packed.check_others(top, {})


@pytest.mark.main
@pytest.mark.threads
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL])
def test_who_looks_into_a_directory_that_hangs(repo, storage, tmp_path, number):
    """The kernel lets nobody go who asked for a name, but for an answer."""
    tree, known, packs = tmp_path / 'tree', set(), {}
    for name in ('a', 'b', 'c'):
        for n in range(30):
            harness.write(tree / name / f'file{n}', f'{name} {n}\n')
        repo.backup(tree)
        new = set(repo.files('packs/meta')) - known
        known |= new
        packs[name], = new
    with storage.repo.mount('max_threads=2') as mount:
        top = mount.snapshot()
        with storage.holding(packs['b'].name):
            argvs = [['stat', top / f'b/file{n}'] for n in range(5)]
            argvs += [['ls', top / 'b']]
            with all_running(argvs) as askers:
                storage.wait(packs['b'].name)
                for name in ('a', 'c'):
                    compare.assert_equal(tree / name, top / name)
                end_all(askers, number)
            assert mount.alive()
        compare.assert_equal(tree, top)


@pytest.mark.main
def test_the_serving_process_dies_while_its_storage_hangs(repo, storage,
                                                          tmp_path):
    """A thread of it cannot end, and who reads is not to wait for that."""
    pack = Packed(repo, tmp_path).packs['two'].name
    path = tmp_path / 'mnt'
    path.mkdir()
    with contextlib.ExitStack() as stack:
        keeper = stack.enter_context(
            harness.running(storage.repo.mount_argv(path)))
        stack.callback(harness.detach, path)
        harness.until(lambda: harness.is_mounted(path), 'mounted')
        top = max((path / 'snapshots/src').iterdir())
        server, = harness.children(keeper.pid)
        stack.enter_context(storage.holding(pack))
        reader = stack.enter_context(harness.running(['cat', top / 'two']))
        storage.wait(pack)
        os.kill(server, signal.SIGKILL)
        assert reader.wait(30) == 1
        harness.until(lambda: not harness.is_mounted(path), 'unmounted')
        assert keeper.wait(30) == 1


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL])
def test_a_reader_can_be_interrupted(repo, tmp_path, number):
    """Storage takes a second for each read; who waits for it need not."""
    harness.need_programs('strace')
    top = tmp_path / 'top'
    for i in range(30):
        harness.write(top / f'{i:02}', harness.noise(i, 2_000_000))
    repo.backup(top)
    with repo.mount() as mount:
        argv = ['strace', '-f', '-qq', '-p', str(mount.server), '-e',
                'trace=pread64', '-e', 'inject=pread64:delay_enter=1000000',
                '-o', tmp_path / 'trace']
        with harness.running(argv) as strace:
            harness.until(lambda: int(harness.status(mount.server)['TracerPid']),
                          'strace is there')
            with harness.running(['sh', '-c', 'exec cat "$0"/*',
                                  mount.snapshot()]) as reader:
                harness.until(lambda: 'pread64' in
                              (tmp_path / 'trace').read_text(), 'it reads')
                reader.send_signal(number)
                assert reader.wait(30) == -number
            strace.terminate()
            strace.wait(30)
        # 60 MB take at least one for each MiB.
        assert (tmp_path / 'trace').read_text().count('pread64(') < 50
        compare.assert_equal(top, mount.snapshot())
    shutil.rmtree(top)
