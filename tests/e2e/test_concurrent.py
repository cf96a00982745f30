"""Many readers of one mount at once, while backups are made and appear.

The build with ThreadSanitizer runs these: any race that it sees is a line of
the daemon that no test expects, and an exit status other than 0.
"""
import contextlib
import os
import subprocess
import sys

import pytest

import compare
import harness

KINDS = {'sequential': 12, 'random': 12, 'mmap': 13, 'stat': 13, 'find': 7,
         'views': 7}
SNAPSHOTS = 4
BACKUPS = 24 if harness.LONG else 4


def grove(folder):
    """Files of every size that is stored in a way of its own."""
    for i in range(400):
        harness.write(folder / f'{i % 13}/{i % 7}/f{i}',
                      f'file {i}\n' * (i * 7 % 900))
    for i in range(12):
        harness.write(folder / f'large/{i}', harness.noise(i, i * 300_000 + 1))
    harness.write(folder / 'text', b'the same line, many times\n' * 200_000)
    with open(folder / 'holes', 'wb') as file:
        os.truncate(file.fileno(), 8 << 20)
        for at in range(0, 8 << 20, 1 << 20):
            os.pwrite(file.fileno(), harness.noise(at, 100_000), at + 5)
    os.link(folder / 'large/3', folder / 'large/three')
    os.symlink('large/3', folder / 'link')
    os.symlink('nowhere', folder / 'dangling')
    (folder / 'hollow').mkdir()
    return folder


def forget_names():
    """Let the kernel drop the names and nodes that nothing uses."""
    with contextlib.suppress(OSError):
        with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as file:
            file.write('2')


@contextlib.contextmanager
def readers(source, folder, kinds=KINDS):
    """All of them have read something when it begins, and must end well."""
    with contextlib.ExitStack() as stack:
        begun = []
        for kind, count in kinds.items():
            for i in range(count):
                argv = [sys.executable, harness.ROOT / 'tests/e2e/hammer.py',
                        kind, str(i), source, folder]
                begun.append(stack.enter_context(harness.running(
                    argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)))
        for reader in begun:
            assert reader.stdout.readline() == b'begun\n', reader.err.end()
        yield
        for reader in begun:
            reader.stdin.close()
        for reader in begun:
            compared = reader.stdout.read()
            assert reader.wait(harness.TIMEOUT) == 0, reader.err.end()
            assert int(compared) > 0


@pytest.mark.threads
def test_64_readers_while_backups_are_made(repo, tmp_path):
    source, other = grove(tmp_path / 'source'), tmp_path / 'other'
    for _ in range(SNAPSHOTS):
        repo.backup(source)
    harness.write(other / 'turn')
    # Little memory, so that much is read again, and by several at once.
    with repo.mount('cache=16M') as mount, \
            readers(source, mount.path / 'snapshots/src'):
        for i in range(BACKUPS):
            harness.write(other / 'turn', str(i))
            harness.write(other / f'{i}', harness.noise(i, 400_000))
            repo.backup(source)
            made = repo.backup(other, source='other')
            name = made['time'].replace(':', '-')
            harness.until(lambda name=name: os.path.isdir(
                mount.path / 'latest/other') and os.readlink(
                    mount.path / 'latest/other').endswith(name),
                          f'{name} appears')
            compare.assert_equal(other, mount.snapshot('other'))
            forget_names()


@pytest.mark.threads
def test_what_a_link_names_is_listed(repo, tmp_path):
    """At every moment: the kernel keeps listings, and links are asked for."""
    source = tmp_path / 'source'
    harness.write(source / 'file')
    repo.backup(source)
    with repo.mount() as mount, \
            readers(source, mount.path / 'snapshots/src', {'links': 3}):
        for _ in range(3 * BACKUPS):
            name = repo.backup(source)['time'].replace(':', '-')
            harness.until(lambda name=name: os.readlink(
                mount.path / 'latest/src').endswith(name), f'{name} appears')


@pytest.mark.threads
def test_64_readers_of_two_mounts_that_come_and_go(repo, tmp_path):
    """Ending a mount waits for nobody, and takes nothing from the others."""
    source = grove(tmp_path / 'source')
    repo.backup(source)
    with repo.mount('cache=16M') as stays, \
            readers(source, stays.path / 'snapshots/src'):
        for options in ((), ('noxattr', 'max_threads=1'), ('source=src',)):
            with repo.mount(*options) as goes:
                top = goes.path if 'source=src' in options \
                    else goes.path / 'snapshots/src'
                argv = [sys.executable,
                        harness.ROOT / 'tests/e2e/hammer.py', 'random', '1',
                        source, top]
                with harness.running(argv, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE) as reader:
                    assert reader.stdout.readline() == b'begun\n'


@pytest.mark.threads
def test_one_damaged_file_among_many_readers(repo, tmp_path):
    """Everybody waits for the same block, which then turns out bad."""
    source = tmp_path / 'source'
    for i in range(40):
        harness.write(source / f'{i:02}', harness.noise(i, 100_000))
    repo.backup(source)
    pack = max(repo.files('packs/data'), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    with repo.mount(expect=('snapshot src@',)) as mount:
        here = mount.snapshot()
        # 32 programs, each through all of them.
        with contextlib.ExitStack() as stack:
            running = [stack.enter_context(harness.running(
                ['sh', '-c', f'cd {source} && for f in *; do cmp -s $f '
                 f'{here}/$f || echo $f; done'], stdout=subprocess.PIPE))
                for _ in range(32)]
            bad = [reader.stdout.read() for reader in running]
        assert len(set(bad)) == 1 and 0 < len(bad[0].split()) < 40
        assert mount.alive()
