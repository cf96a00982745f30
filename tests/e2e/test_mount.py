"""caprockfs: what is mounted equals what was backed up."""
import concurrent.futures
import errno
import os
import pathlib
import re
import shutil
import signal
import stat
import time

import pytest

import compare
import evil
import harness


def plain_tree(folder):
    """What `diff -r` understands: files, directories and links."""
    for i in range(300):
        harness.write(folder / f'{i % 11}/{i % 5}/f{i}',
                      f'file {i}\n' * (i * 7 % 900))
    os.symlink('0/0/f0', folder / 'link')
    os.symlink('nowhere', folder / 'dangling')
    (folder / 'empty').mkdir()
    harness.write(folder / 'large', harness.noise(1, 6_000_000))
    return folder


@pytest.mark.main
def test_both_snapshots_equal_their_sources(repo, tmp_path):
    old = plain_tree(tmp_path / 'old')
    harness.sh('cp', '-a', old, tmp_path / 'new')
    new = tmp_path / 'new'
    repo.backup(old)
    shutil.rmtree(new / '3')
    harness.write(new / '4/added', b'new')
    harness.write(new / 'large', harness.noise(2, 5_000_000))
    repo.backup(new)
    with repo.mount() as mount:
        for which, source in enumerate((old, new)):
            done = harness.sh('diff', '-r', '--no-dereference', source,
                              mount.snapshot(which=which))
            assert done.out == ''
            compare.assert_equal(source, mount.snapshot(which=which))


@pytest.mark.main
def test_a_bit_of_everything(repo, tree):
    os.setxattr(tree / 'small', 'user.one', b'1')
    harness.sh('setfacl', '-m', 'u:1234:rw', tree / 'docs')
    repo.backup(tree)
    with repo.mount() as mount:
        compare.assert_equal(tree, mount.snapshot())


def test_a_start_lists_the_snapshots_once(repo, tree):
    """And then the packs; what is new after that is found by looking again."""
    harness.need_programs('strace')
    if harness.is_sanitized():
        pytest.skip('strace and the leak sanitizer exclude each other')
    repo.backup(tree)
    trace = repo.folder / 'trace'
    # -D: what is signalled is the keeper, who ends, not strace, who does not.
    with repo.mount(through=['strace', '-D', '-f', '-qq', '-o', trace, '-e',
                             'trace=openat']) as mount:
        compare.assert_equal(tree, mount.snapshot())
    harness.until(lambda: '"packs/meta"' in trace.read_text(), 'all is told')
    opened = re.findall('"(.*)"', trace.read_text())
    first = opened[:opened.index('packs/meta')]
    assert first.count('snapshots') == 1
    folders = [name for name in first
               if re.fullmatch('snapshots/[^/]+', name)]
    assert len(folders) == 1


def evil_tree(ext4, tmp_path, links):
    """No difference, on the first and on an unchanged backup."""
    top = evil.make(ext4 / 'evil', links)
    repo = harness.Repo(tmp_path / 'r').init()
    harness.settle()
    first = repo.backup(top)
    assert first['warnings'] == 0
    # 15 TiB are not read, and the farm is stored once.
    assert first['bytes_read'] < 4 << 20
    assert first['bytes_added'] < 4 << 20
    assert repo.backup(top)['bytes_read'] == 0
    with repo.mount() as mount:
        for which in (0, 1):
            compare.assert_equal(top, mount.snapshot(which=which))
        st = os.stat(mount.snapshot() / 'sparse-15T')
        assert st.st_blocks * 512 < 1 << 20
    repo.read('check')


@pytest.mark.main
def test_the_evil_tree(ext4, tmp_path):
    evil_tree(ext4, tmp_path, evil.LINKS)


@pytest.mark.long
def test_the_evil_tree_with_the_largest_farm(ext4, tmp_path):
    evil_tree(ext4, tmp_path, evil.LINKS_MAX)


def test_more_xattrs_than_the_kernel_lists(tmp_path):
    """A list of xattrs that the kernel itself cannot return: E2BIG."""
    harness.need_root()
    harness.need_programs('mkfs.xfs')
    image = tmp_path / 'xfs.img'
    harness.sh('truncate', '--size', '320M', image)
    harness.sh('mkfs.xfs', '-q', image)
    with harness.loop_device(image) as device, \
            harness.mounted(device, tmp_path / 'xfs') as path:
        harness.write(path / 'top/file', b'content')
        harness.write(path / 'top/hole')
        # 8 EiB - 1 without any data.
        os.truncate(path / 'top/hole', (1 << 63) - 1)
        for i in range(1000):
            os.setxattr(path / 'top/file', f'user.{i:04}' + 'k' * 200, b'v')
        repo = harness.Repo(tmp_path / 'r').init()
        done = repo.caprock('backup', '--source', 'src', path / 'top', rc=3)
        assert 'file: extended attributes' in done.err
        with repo.mount() as mount:
            top = mount.snapshot()
            assert (top / 'file').read_bytes() == b'content'
            assert os.stat(top / 'hole').st_size == (1 << 63) - 1
            with open(top / 'hole', 'rb') as file:
                with pytest.raises(OSError) as caught:
                    os.lseek(file.fileno(), 0, os.SEEK_DATA)
                assert caught.value.errno == errno.ENXIO


def stamp(summary):
    """How the mount writes the time of a snapshot."""
    return summary['time'].replace(':', '-')


@pytest.mark.main
def test_the_layout(repo, tree):
    days = ('2021-06-30T10:00:00Z', '2021-06-30T12:00:00Z',
            '2021-07-02T00:00:00Z')
    made = [stamp(repo.backup('--time', day, tree)) for day in days]
    other = stamp(repo.backup('--time', days[1], tree, source='other'))
    with repo.mount() as mount:
        top = mount.path
        assert sorted(os.listdir(top)) == ['.caprock', 'asof', 'by-date',
                                           'deleted', 'latest', 'snapshots',
                                           'versions']
        assert sorted(os.listdir(top / 'snapshots')) == ['other', 'src']
        assert sorted(os.listdir(top / 'snapshots/src')) == made
        assert sorted(os.listdir(top / 'latest')) == ['other', 'src']
        assert os.readlink(top / 'latest/src') == f'../snapshots/src/{made[2]}'
        assert sorted(os.listdir(top / 'by-date')) == ['2021-06-30',
                                                       '2021-07-02']
        assert os.readlink(top / 'by-date/2021-06-30/src') == \
            f'../../snapshots/src/{made[1]}'
        assert os.readlink(top / 'by-date/2021-06-30/other') == \
            f'../../snapshots/other/{other}'
        assert (top / 'latest/src/small').read_bytes() == b'inline'
        assert sorted(os.listdir(top / '.caprock')) == [
            'README', 'damaged.txt', 'status.json', 'version']
        with pytest.raises(FileNotFoundError):
            os.stat(top / 'snapshots/src/2020-01-01T00-00-00Z')


def test_one_source_at_the_top(repo, tree):
    made = stamp(repo.backup(tree))
    repo.backup(tree, source='other')
    with repo.mount('source=src') as mount:
        assert os.listdir(mount.path) == [made]
        compare.assert_equal(tree, mount.path / made)


@pytest.mark.main
def test_it_is_read_only(repo, tree):
    repo.backup(tree)
    with repo.mount() as mount:
        top = mount.snapshot()
        for call in (lambda: harness.write(top / 'small', b''),
                     lambda: os.unlink(top / 'small'),
                     lambda: os.mkdir(top / 'new'),
                     lambda: os.mkdir(mount.path / 'new'),
                     lambda: os.chmod(top / 'small', 0),
                     lambda: os.rename(top / 'small', top / 'smaller'),
                     lambda: os.setxattr(top / 'small', 'user.x', b''),
                     lambda: os.utime(top / 'small'),
                     lambda: os.link(top / 'small', top / 'smaller'),
                     lambda: os.truncate(top / 'small', 0)):
            with pytest.raises(OSError) as caught:
                call()
            assert caught.value.errno == errno.EROFS
        assert {'ro', 'nosuid', 'nodev'} <= flags_of(mount)


def flags_of(mount):
    """What the kernel keeps a mount to."""
    with open('/proc/self/mountinfo', encoding='utf-8') as info:
        return next(set(line.split()[5].split(',')) for line in info
                    if line.split()[4] == os.fspath(mount.path))


def test_rw_is_said_to_be_of_no_use(repo, tree):
    repo.backup(tree)
    with repo.mount('rw', expect=('rw is of no use',)) as mount:
        assert len([line for line in mount.lines if 'read-only' in line]) == 1
        assert 'ro' in flags_of(mount)
    with repo.mount('rw', 'ro') as mount:
        assert 'ro' in flags_of(mount)


@pytest.mark.main
def test_new_snapshots_appear_by_themselves(repo, tree):
    repo.backup(tree)
    waited = []
    with repo.mount() as mount:
        folder = mount.path / 'snapshots/src'
        assert len(os.listdir(folder)) == 1
        for i in range(2, 5):
            harness.write(tree / 'turn', str(i))
            made = stamp(repo.backup(tree))
            begun = time.monotonic()
            harness.until(lambda n=made: n in os.listdir(folder) and
                          (folder / n).exists(), f'{made} appears')
            harness.until(lambda n=made: os.readlink(mount.path / 'latest/src')
                          .endswith(n), f'latest is {made}')
            waited.append(time.monotonic() - begun)
            assert (mount.path / 'latest/src/turn').read_text() == str(i)
    # A machine may be busy once; two seconds are promised.
    assert min(waited) < 2


def test_a_new_source_appears(repo, tree):
    with repo.mount() as mount:
        assert os.listdir(mount.path / 'snapshots') == []
        repo.backup(tree)
        harness.until(lambda: os.listdir(mount.path / 'snapshots') == ['src'],
                      'the source appears')
        harness.until((mount.path / 'latest/src/small').exists,
                      'its snapshot appears')


def digest(path):
    with open(path, 'rb') as file:
        return file.read()


def test_many_readers_at_once(repo, tmp_path):
    top = plain_tree(tmp_path / 'top')
    repo.backup(top)
    names = [path.relative_to(top) for path in top.rglob('*')
             if path.is_file() and not path.is_symlink()]
    with repo.mount('cache=16M') as mount, \
            concurrent.futures.ThreadPoolExecutor(16) as pool:
        snapshot = mount.snapshot()
        for name, data in zip(names * 3, pool.map(
                lambda name: digest(snapshot / name), names * 3)):
            assert data == digest(top / name), name


def test_reads_at_any_offset(repo, tree):
    """Around chunks, blocks and holes, of any length."""
    harness.write(tree / 'large', harness.noise(4, 3_000_001))
    repo.backup(tree)
    data = digest(tree / 'large')
    edges = [0, 1, 4095, 4096, 65536, 1 << 20, len(data) - 1, len(data)]
    with repo.mount() as mount:
        for name in ('large', 'sparse', 'noise'):
            want = digest(tree / name)
            with open(mount.snapshot() / name, 'rb') as file:
                for at in edges:
                    for length in (1, 4097, 131_073):
                        assert os.pread(file.fileno(), length, at) == \
                            want[at:at + length]


def refused(repo, path, rc, *options):
    done = harness.run(repo.mount_argv(path, options), rc=rc)
    lines = [line for line in done.err.splitlines()
             if not any(part in line for part in harness.HARMLESS)]
    assert lines and all(line.startswith('caprockfs: ') for line in lines)
    assert not harness.is_mounted(path)
    return '\n'.join(lines)


@pytest.mark.main
def test_bad_mountpoints_and_options(repo, tree, tmp_path):
    repo.backup(tree)
    (tmp_path / 'mnt').mkdir()
    assert 'no such directory' in refused(repo, tmp_path / 'missing', 1)
    assert 'not a directory' in refused(repo, tree / 'small', 1)
    assert 'not empty' in refused(repo, tree, 1)
    for inside in (repo.path, repo.path / 'mnt'):
        inside.mkdir(exist_ok=True)
        message = refused(repo, inside, 1)
        assert 'inside' in message or 'not empty' in message
    refused(repo, tmp_path / 'mnt', 1, 'source=nothing')
    refused(repo, tmp_path / 'mnt', 2, 'no-such-option')
    refused(repo, tmp_path / 'mnt', 2, 'cache=1')
    other = harness.Repo(tmp_path / 'other').init()
    refused(repo.with_key(other.key), tmp_path / 'mnt', 12)
    refused(harness.Repo(repo.folder, tmp_path / 'none'), tmp_path / 'mnt', 10)
    harness.run([harness.CAPROCKFS], rc=2)
    assert 'caprockfs' in harness.run([harness.CAPROCKFS, '--help']).out


def test_the_repository_is_not_below_the_mountpoint(repo, tree):
    repo.backup(tree)
    assert 'inside' in refused(repo, repo.folder, 1, 'nonempty')


@pytest.mark.main
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT,
                                    signal.SIGHUP])
def test_a_signal_unmounts(repo, tree, number):
    repo.backup(tree)
    with repo.mount() as mount:
        assert (mount.snapshot() / 'small').read_bytes() == b'inline'
        mount.process.send_signal(number)
        assert mount.process.wait(30) == 0
        assert not harness.is_mounted(mount.path)


def test_umount_ends_the_daemon(repo, tree):
    repo.backup(tree)
    with repo.mount() as mount:
        harness.sh('umount', mount.path)
        assert mount.process.wait(30) == 0


def test_it_detaches_when_it_is_ready(repo, tree, tmp_path):
    repo.backup(tree)
    path = tmp_path / 'mnt'
    path.mkdir()
    argv = repo.mount_argv(path)
    argv.remove('-f')
    try:
        harness.run(argv)
        # Ready means ready: no waiting here.
        folder = path / 'snapshots/src'
        assert (folder / os.listdir(folder)[0] / 'small').read_bytes() == \
            b'inline'
    finally:
        harness.detach(path)
    for args, what in ((['mount', path], 'snapshots'),
                       (['mount', '--source', 'src', path], '20')):
        try:
            repo.caprock(*args)
            assert any(name.startswith(what) for name in os.listdir(path))
        finally:
            harness.detach(path)


def test_a_damaged_pack_costs_the_files_in_it(repo, tmp_path):
    """EIO for exactly what lies in the bad block; the mount survives."""
    top = tmp_path / 'top'
    for i in range(60):
        harness.write(top / f'{i:02}', harness.noise(i, 100_000))
    repo.backup(top)
    pack = max(repo.files('packs/data'), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    # What the independent reader cannot read either.
    repo.read('extract', 'latest', tmp_path / 'out', rc=1)
    lost = set(os.listdir(top)) - set(os.listdir(tmp_path / 'out'))
    assert 0 < len(lost) < 60
    with repo.mount(expect=('snapshot src@',)) as mount:
        for turn in range(2):
            bad = {difference.path.decode() for difference
                   in compare.compare(top, mount.snapshot())}
            assert bad == lost, turn
        with pytest.raises(OSError) as caught:
            digest(mount.snapshot() / sorted(lost)[0])
        assert caught.value.errno == errno.EIO
        assert mount.alive()
        # One line for each, with its snapshot and its path.
        lines = [line for line in mount.lines if 'snapshot src@' in line]
        assert len(lines) == len(lost)
        for name in lost:
            assert any(f': {name}: ' in line or f'/{name}: ' in line
                       for line in lines), (name, lines)


@pytest.mark.main
def test_it_works_without_its_state(repo, tree):
    repo.backup(tree)
    shutil.rmtree(repo.state)
    with repo.mount() as mount:
        compare.assert_equal(tree, mount.snapshot())


def test_it_lasts_while_the_state_is_deleted(repo, tree):
    repo.backup(tree)
    with repo.mount(expect=('index',)) as mount:
        assert (mount.snapshot() / 'small').read_bytes() == b'inline'
        shutil.rmtree(repo.state)
        compare.assert_equal(tree, mount.snapshot())
        repo.backup(tree, source='other')
        harness.until((mount.path / 'latest/other').is_symlink,
                      'the new source appears')
        compare.assert_equal(tree, mount.snapshot('other'))


def test_mounts_and_backups_do_not_wait_for_each_other(repo, tree):
    repo.backup(tree)
    with repo.mount() as one, repo.mount() as two:
        repo.backup(tree, source='other')
        for mount in (one, two):
            harness.until((mount.path / 'latest/other').is_symlink,
                          'the new source appears')
            compare.assert_equal(tree, mount.snapshot('other'))


def test_modes_and_acls_are_enforced(tmp_path, tree):
    """Another user reads what the modes let them, with allow_other."""
    harness.write(tree / 'secret', b's')
    os.chmod(tree / 'secret', 0o600)
    harness.write(tree / 'shared', b's')
    os.chmod(tree / 'shared', 0o640)
    harness.sh('setfacl', '-m', 'u:65534:r', tree / 'shared')
    harness.write(tree / 'denied', b'd')
    harness.sh('setfacl', '-m', 'u:65534:-', tree / 'denied')
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(tree)
    with repo.mount('allow_other') as mount, \
            harness.as_nobody(tmp_path / 'r') as nobody:
        top = mount.snapshot()
        assert harness.run(['cat', top / 'small'], **nobody).out == 'inline'
        assert harness.run(['cat', top / 'shared'], **nobody).out == 's'
        for name in ('secret', 'denied'):
            assert 'denied' in harness.run(['cat', top / name], rc=1,
                                           **nobody).err
    with repo.mount() as mount, harness.as_nobody(tmp_path / 'r') as nobody:
        harness.run(['ls', mount.path], rc=2, **nobody)


def test_inode_numbers(repo, tree):
    """Stable across mounts; unchanged files share theirs, links have one."""
    repo.backup(tree)
    harness.write(tree / 'noise', b'changed')
    repo.backup(tree)

    def numbers(mount, which):
        top = mount.snapshot(which=which)
        return {path.relative_to(top): os.lstat(path).st_ino
                for path in [top, *top.rglob('*')]}

    with repo.mount() as mount:
        before = [numbers(mount, which) for which in (0, 1)]
    with repo.mount() as mount:
        after = [numbers(mount, which) for which in (0, 1)]
    assert before == after
    for snapshot in before:
        path = pathlib.Path
        assert snapshot[path('small')] == snapshot[path('docs/small-too')]
        assert len(set(snapshot.values())) == len(snapshot) - 1
    assert before[0][path('noise')] != before[1][path('noise')]
    assert before[0][path('docs/readme.txt')] == \
        before[1][path('docs/readme.txt')]
    assert before[0][path('docs')] != before[1][path('docs')]


def test_ordinary_tools_read_it(repo, tree, tmp_path):
    """cp, tar and rsync out of the mount give the source back."""
    harness.need_programs('rsync', 'tar')
    # rsync leaves the time of a link or pipe whose second is right.
    harness.age(tree)
    repo.backup(tree)
    with repo.mount() as mount:
        top = mount.snapshot()
        out = tmp_path / 'out'
        out.mkdir()
        harness.sh('cp', '-a', '--sparse=auto', f'{top}/.', out / 'cp')
        harness.sh('rsync', '-aHAXS', f'{top}/', out / 'rsync')
        (out / 'tar').mkdir()
        harness.sh('sh', '-c', f'tar -C {top} --sparse --xattrs --acls -cf - '
                   f'--exclude=./socket . | tar -C {out}/tar -xpf - --xattrs '
                   '--acls')
    differences = {name: compare.compare(tree, out / name, ctime=False)
                   for name in ('cp', 'rsync', 'tar')}
    for name, found in differences.items():
        # Sockets are not for tar; how holes are found is the tool's matter.
        assert [compare.describe(difference) for difference in found
                if difference.what != 'data runs' and
                difference.path not in (b'socket',)
                and not (name == 'tar' and difference.path == b'' and
                         difference.what == 'mtime_ns')] == []


def test_stat_of_the_file_system(repo, tree):
    repo.backup(tree)
    with repo.mount() as mount:
        st = os.statvfs(mount.path)
        assert st.f_blocks * st.f_frsize >= repo.size('packs')
        assert st.f_bfree == st.f_bavail == 0
        assert st.f_flag & os.ST_RDONLY and st.f_namemax == 255
        assert stat.S_ISDIR(os.stat(mount.path).st_mode)
