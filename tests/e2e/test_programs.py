"""What people use on a backup: ordinary programs, on a real mount.

Each must see what it would see on the live tree, do no more work than there,
and be refused what cannot be.
"""
import contextlib
import mmap
import os
import random
import re
import shutil
import stat
import subprocess

import pytest

import compare
import harness

MEBI = 1 << 20


def at(summary):
    """How the mount writes the time of a snapshot."""
    return summary['time'].replace(':', '-')


def desk(folder):
    """A directory of somebody who works: nothing in it is odd."""
    for i in range(40):
        harness.write(folder / f'letters/{i % 4}/letter {i:02}.txt',
                      f'Letter {i}\n' * (i * 37 % 400))
    harness.write(folder / 'scans/large', harness.noise(1, 3 * MEBI + 7))
    harness.write(folder / 'scans/empty')
    os.link(folder / 'scans/large', folder / 'scans/large-too')
    os.symlink('letters/0', folder / 'today')
    os.mkfifo(folder / 'pipe')
    (folder / 'no letters').mkdir()
    with open(folder / 'disk', 'wb') as file:
        os.truncate(file.fileno(), 64 * MEBI)
        for offset in (0, 17 * MEBI, 63 * MEBI):
            os.pwrite(file.fileno(), harness.noise(offset, MEBI), offset)
    os.chmod(folder / 'letters/1', 0o2750)
    os.chown(folder / 'letters/2/letter 02.txt', 1234, 5678)
    os.utime(folder / 'letters', ns=(-5, -86_400_123_456_789))
    return folder


@contextlib.contextmanager
def mounted_twice(repo, top, change):
    """Two snapshots of @top, which @change alters in between."""
    repo.backup(top)
    change()
    repo.backup(top)
    with repo.mount() as mount:
        yield mount.snapshot(which=0), mount.snapshot(which=1)


def out_of(*argv, **more):
    return harness.sh(*argv, **more).out


# ---- diff, rsync, tar, cp ----


@pytest.mark.main
def test_diff_reads_only_what_changed(repo, tmp_path):
    """Unchanged files have one number in every snapshot: nothing to read.
    Linked ones have not, for the sake of cp and tar."""
    top = desk(tmp_path / 'desk')

    def change():
        # Not so small that they are stored together with their neighbours.
        harness.write(top / 'letters/3/letter 03.txt', 'Another\n' * 200)
        harness.write(top / 'letters/3/new', 'A new one\n' * 200)
    with mounted_twice(repo, top, change) as (old, new):
        done = harness.sh('diff', '-rq', '--no-dereference', old, new, rc=1)
        letter = 'letters/3/letter 03.txt'
        assert sorted(line for line in done.out.splitlines()
                      if ' is a fifo' not in line) == sorted([
                          f'Files {old / letter} and {new / letter} differ',
                          f'Only in {new}/letters/3: new'])
        trace = tmp_path / 'trace'
        harness.sh('strace', '-f', '-o', trace, '-e', 'trace=open,openat',
                   'diff', '-r', '--no-dereference', old, new, rc=1)
        opened = {name for name in re.findall(r'"([^"]*)"', trace.read_text())
                  if name.startswith(f'{old.parent}/')
                  and not os.path.isdir(name)}
        assert opened == {f'{of / name}' for of in (old, new) for name in
                          (letter, 'scans/large', 'scans/large-too')}


def test_rsync_finds_nothing_to_do_and_then_only_what_changed(repo, tmp_path):
    top = desk(tmp_path / 'desk')
    harness.age(top)
    copy = tmp_path / 'copy'
    copy.mkdir()

    def change():
        harness.write(top / 'letters/3/letter 03.txt', 'Another letter\n')
        (top / 'letters/0/letter 00.txt').unlink()
        os.chmod(top / 'scans/empty', 0o600)
    with mounted_twice(repo, top, change) as (old, new):
        every = ('rsync', '-aHAX', '--itemize-changes', '--delete')
        # Every byte is compared and every attribute, links and holes too.
        assert out_of(*every, '--dry-run', '--checksum', f'{new}/',
                      f'{top}/') == ''
        harness.sh(*every, '--sparse', f'{old}/', f'{copy}/')
        told = out_of(*every, f'{new}/', f'{copy}/').splitlines()
        # Directories and the pipe may be told for their times.
        files = {line.split(None, 1)[1]: line.split()[0] for line in told
                 if not re.match(r'\.[dS]\.\.t', line)}
        assert files == {'letters/0/letter 00.txt': '*deleting',
                         'letters/3/letter 03.txt': '>f.st......',
                         'scans/empty': '.f...p.....'}
        assert os.stat(copy / 'scans/large').st_nlink == 2
        # A copy beside the last one, which takes what did not change from it.
        harness.sh(*every, f'--link-dest={copy}', f'{new}/',
                   tmp_path / 'next')
        assert os.stat(tmp_path / 'next/scans/large').st_ino == \
            os.stat(copy / 'scans/large').st_ino


def test_tar_sees_the_holes_and_the_live_tree(repo, tmp_path):
    top = desk(tmp_path / 'desk')
    with open(harness.write(tmp_path / 'whole/holes'), 'wb') as file:
        os.truncate(file.fileno(), 1 << 40)
        os.pwrite(file.fileno(), b'far away', (1 << 40) - 8)
    repo.backup(top)
    repo.backup(tmp_path / 'whole', source='whole')
    with repo.mount() as mount:
        archive = tmp_path / 'all.tar'
        harness.sh('tar', '-C', mount.snapshot(), '--sparse', '--xattrs',
                   '--acls', '-cf', archive, '.')
        # Three of 64 MiB, and three for the other; of 1 TiB next to nothing.
        assert archive.stat().st_size < 8 * MEBI
        harness.sh('tar', '-C', mount.snapshot('whole'), '-Scf',
                   tmp_path / 'holes.tar', 'holes')
        assert (tmp_path / 'holes.tar').stat().st_size < MEBI
        assert out_of('tar', '-C', top, '--compare', '-f', archive) == ''
        assert out_of('tar', '-C', mount.snapshot(), '--compare', '-f',
                      archive) == ''
        harness.write(top / 'scans/empty', 'no more')
        assert 'Size differs' in out_of('tar', '-C', top, '--compare', '-f',
                                        archive, rc=1)


@pytest.mark.parametrize('when', ['auto', 'always', 'never'])
def test_cp_keeps_makes_and_fills_holes(repo, tmp_path, when):
    top = desk(tmp_path / 'desk')
    harness.write(top / 'zeros', bytes(4 * MEBI))
    repo.backup(top)
    with repo.mount() as mount:
        harness.sh('cp', '-a', f'--sparse={when}', mount.snapshot(),
                   tmp_path / 'copy')
    copy = tmp_path / 'copy'
    for name, data in (('disk', {'auto': 3, 'always': 3, 'never': 64}),
                       ('zeros', {'auto': 4, 'always': 0, 'never': 4})):
        harness.sh('cmp', top / name, copy / name)
        used = os.stat(copy / name).st_blocks * 512
        # A file system may add a block or two of its own.
        assert 0 <= used - data[when] * MEBI < MEBI, (name, used)
    assert os.stat(copy / 'scans/large').st_nlink == 2


def test_cp_and_tar_of_several_snapshots_keep_linked_files_apart(repo,
                                                                 tmp_path):
    """A program that knows files by number must not mix two snapshots up."""
    top = desk(tmp_path / 'desk')

    def change():
        harness.write(top / 'scans/large', b'another version, linked as well')
    with mounted_twice(repo, top, change) as (old, new):
        both = old.parent
        harness.sh('cp', '-a', both, tmp_path / 'cp')
        (tmp_path / 'tar').mkdir()
        harness.sh('sh', '-c', f'tar -C {both} --format=posix -Scf - . | '
                   f'tar -C {tmp_path}/tar -xpf -')
        for copy in ('cp', 'tar'):
            for snapshot in (old, new):
                assert [compare.describe(difference) for difference in
                        compare.compare(snapshot, tmp_path / copy /
                                        snapshot.name, ctime=False)
                        if difference.what != 'data runs'] == []


# ---- find, du, df ----

# All that find prints of an entry but what is the file system's own, and what
# no backup keeps: device, inode, blocks and when it was read or changed.
FIELDS = r'%P|%y|%Y|%m|%M|%U|%G|%u|%g|%n|%s|%T@|%C@|%l\n'


def found(folder, *what):
    """What find says of the entries below @folder, sorted."""
    return sorted(out_of('find', folder, '-mindepth', '1', *what).split('\n'))


@pytest.mark.main
def test_find_sees_the_same(repo, tmp_path):
    top = desk(tmp_path / 'desk')
    repo.backup(top)
    with repo.mount() as mount:
        here = mount.snapshot()
        every = ('!', '-type', 'd', '-printf', FIELDS)
        assert len(found(top, *every)) == 47
        assert found(here, *every) == found(top, *every)
        # The size and the links of a directory are those of a file system.
        folders = ('-type', 'd', '-printf', FIELDS.replace('|%n|%s', ''))
        assert len(found(top, *folders)) == 8
        assert found(here, *folders) == found(top, *folders)
        for what in (('-empty',), ('-links', '2'), ('-type', 'p'),
                     ('-size', '+2M'), ('-perm', '-2000'), ('-uid', '1234'),
                     ('-newermt', '1990-01-01'), ('-name', '*1?.txt'),
                     ('-xtype', 'd'), ('-nogroup',), ('-path', '*/0/*'),
                     ('-type', 'f', '-exec', 'grep', '-q', '17', '{}', ';')):
            want = found(top, *what, '-printf', r'%P\n')
            assert len(want) > 1, what
            assert found(here, *what, '-printf', r'%P\n') == want, what
        for snapshot in (here, f'{mount.path}/latest/src/'):
            assert found(snapshot, '-samefile', here / 'scans/large',
                         '-printf', r'%P\n') == ['', 'scans/large',
                                                 'scans/large-too']
        # One file system: -xdev leaves nothing out, and there is no loop.
        assert found(mount.path / 'snapshots', '-xdev', '-name', 'disk',
                     '-printf', r'%f\n') == ['', 'disk']
        done = harness.sh('find', '-L', here, '-name', 'letter 00.txt')
        assert len(done.out.splitlines()) == 2 and done.err == ''


def test_du_counts_links_once_and_holes_not_at_all(repo, tmp_path):
    top = desk(tmp_path / 'desk')

    def du(*argv):
        """The last figure: the total, if one is asked for."""
        return int(out_of('du', '--block-size=1', *argv).split('\n')[-2]
                   .split('\t')[0])

    with mounted_twice(repo, top, lambda: None) as (old, new):
        for name in ('disk', 'scans/large', 'scans/empty',
                     'letters/1/letter 21.txt'):
            assert du('--apparent-size', new / name) == \
                du('--apparent-size', top / name) == (top / name).stat().st_size
        assert 3 * MEBI <= du(new / 'disk') < 4 * MEBI
        assert 3 * MEBI <= du('-s', new / 'scans') < 4 * MEBI
        one, both = du('-s', new), du('-cs', old, new)
        assert 6 * MEBI < one < 8 * MEBI
        # What did not change is one file in both; linked files and directories
        # are not shared, for the sake of cp and tar.
        assert du('-cs', old / 'letters/1', new / 'letters/1') < \
            2 * du('-s', new / 'letters/1')
        assert one < both < 2 * one - 3 * MEBI + 4096


def test_df_says_how_large_the_backups_are(repo, tmp_path):
    repo.backup(desk(tmp_path / 'desk'))
    with repo.mount() as mount:
        for where in (mount.path, mount.snapshot() / 'letters'):
            size, used, free, percent, inodes, kind, target = out_of(
                'df', '--block-size=1', where,
                '--output=size,used,avail,pcent,itotal,fstype,target'
            ).splitlines()[1].split()
            assert int(size) == int(used) and int(free) == 0
            assert percent == '100%'
            # Of this machine: what is stored, not what is shown.
            assert repo.size('packs') <= int(size) <= repo.size() + 4096
            assert int(inodes) >= 50
            assert target == os.fspath(mount.path)
            assert kind.startswith('fuse')


# ---- git, SQLite, disks ----


def git(folder, *argv, **more):
    return harness.sh('git', '-C', folder, '-c', 'user.name=A', '-c',
                      'user.email=a@localhost', *argv, **more)


def test_git_checks_and_clones_a_repository_in_a_snapshot(repo, tmp_path):
    harness.need_programs('git')
    env = {'HOME': os.fspath(tmp_path), 'GIT_CONFIG_NOSYSTEM': '1'}
    top = tmp_path / 'work'
    top.mkdir()
    git(top, 'init', '-q', '-b', 'main', env=env)
    for i in range(30):
        harness.write(top / f'part{i % 3}/{i}', f'{i}\n' * 2000)
        git(top, 'add', '.', env=env)
        git(top, 'commit', '-q', '-m', f'Add {i}', env=env)
        if i == 20:
            git(top, 'gc', '-q', env=env)
    repo.backup(top)
    head = git(top, 'rev-parse', 'HEAD', env=env).out
    with repo.mount() as mount:
        here = mount.snapshot()
        git(here, 'fsck', '--full', '--strict', '--no-dangling', env=env)
        assert git(here, 'rev-parse', 'HEAD', env=env).out == head
        assert git(here, 'status', '--porcelain', env=env).out == ''
        assert len(git(here, 'log', '--oneline', env=env).out
                   .splitlines()) == 30
        harness.sh('git', 'clone', '-q', '--no-hardlinks', here,
                   tmp_path / 'clone', env=env)
        assert git(tmp_path / 'clone', 'rev-parse', 'HEAD',
                   env=env).out == head
        done = git(here, 'commit', '--allow-empty', '-m', 'No', rc=128,
                   env=env)
        assert 'Read-only file system' in done.err


def sqlite(database, *statements, rc=0):
    return harness.sh('sqlite3', '-batch', '-bail', database,
                      input=';\n'.join(statements) + ';\n', rc=rc)


ROWS = ('CREATE TABLE visits(id INTEGER PRIMARY KEY, note TEXT)',
        'CREATE INDEX by_note ON visits(note)',
        'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n '
        'WHERE i < 5000) INSERT INTO visits SELECT i, '
        "'note ' || (i * 7919 % 5000) FROM n")
LOOK = ('PRAGMA integrity_check', 'SELECT count(*), sum(id) FROM visits')
SEEN = 'ok\n5000|12502500\n'


def test_sqlite_checks_a_database_in_a_snapshot(repo, tmp_path):
    """As it is, without an option: with a rollback journal, at rest."""
    harness.need_programs('sqlite3')
    top = tmp_path / 'top'
    top.mkdir()
    sqlite(top / 'visits.db', *ROWS)
    repo.backup(top)
    with repo.mount() as mount:
        database = mount.snapshot() / 'visits.db'
        assert sqlite(database, *LOOK).out == SEEN
        assert sqlite(f'file:{database}?mode=ro', *LOOK).out == SEEN
        assert 'readonly' in sqlite(database, 'DELETE FROM visits', rc=1).err


def test_sqlite_checks_a_database_with_a_log_in_a_snapshot(repo, tmp_path):
    """With write-ahead logging: what is at rest with ?immutable=1, which does
    not look at a log; what was in use when it was backed up, as a copy."""
    harness.need_programs('sqlite3')
    top = tmp_path / 'top'
    top.mkdir()
    sqlite(top / 'rest.db', 'PRAGMA journal_mode=WAL', *ROWS)
    assert sorted(os.listdir(top)) == ['rest.db']
    argv = ['sqlite3', '-batch', '-bail', os.fspath(top / 'used.db')]
    with harness.running(argv, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE) as writer:
        for line in ('PRAGMA journal_mode=WAL', 'PRAGMA wal_autocheckpoint=0',
                     *ROWS, "SELECT 'written'"):
            writer.stdin.write(f'{line};\n'.encode())
        writer.stdin.flush()
        # Its answers: the mode twice, then that all is in the log.
        while b'written' not in writer.stdout.readline():
            assert writer.poll() is None
        repo.backup(top)
    with repo.mount() as mount:
        here = mount.snapshot()
        assert 'unable to open' in sqlite(here / 'rest.db', *LOOK, rc=1).err
        assert sqlite(f'file:{here}/rest.db?immutable=1', *LOOK).out == SEEN
        # The rows are in the log: this is why a copy is needed.
        assert 'no such table' in sqlite(
            f'file:{here}/used.db?immutable=1', *LOOK[1:], rc=1).err
        for name in os.listdir(here):
            if name.startswith('used.db') and not name.endswith('-shm'):
                shutil.copy(here / name, tmp_path)
        assert sqlite(tmp_path / 'used.db', *LOOK).out == SEEN


def test_a_disk_image_in_a_snapshot_can_be_mounted(repo, tmp_path):
    harness.need_root()
    top, kept = tmp_path / 'top', tmp_path / 'kept'
    top.mkdir()
    with harness.ext4_at(tmp_path, '64M', ()) as disk:
        desk(disk / 'desk')
        harness.sh('cp', '-a', disk / 'desk', kept)
        harness.sh('umount', disk)
        shutil.copy(tmp_path / 'ext4.img', top / 'image')
    repo.backup(top)
    with repo.mount() as mount:
        image = mount.snapshot() / 'image'
        harness.sh('e2fsck', '-fn', image)
        device = out_of('losetup', '--find', '--show', '--read-only',
                        image).strip()
        try:
            for what, options in ((device, 'ro'), (image, 'ro,loop')):
                with harness.mounted(what, tmp_path / 'inside', '-o',
                                     options) as inside:
                    compare.assert_equal(kept, inside / 'desk', ctime=False)
                    with pytest.raises(OSError):
                        harness.write(inside / 'desk/new')
        finally:
            harness.sh('losetup', '--detach', device)


# ---- Memory maps ----


@pytest.mark.main
def test_mapped_files_are_right_at_every_page(repo, tmp_path):
    top = desk(tmp_path / 'desk')
    repo.backup(top)
    draw = random.Random(1)
    with repo.mount() as mount:
        for name in ('scans/large', 'disk', 'letters/1/letter 21.txt'):
            want = (top / name).read_bytes()
            with open(mount.snapshot() / name, 'rb') as file, \
                    mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED,
                              mmap.PROT_READ) as shared:
                for _ in range(300):
                    begin = draw.randrange(len(want))
                    end = min(begin + draw.randrange(1, 20_000), len(want))
                    assert shared[begin:end] == want[begin:end]
                assert shared[:] == want
                with mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE,
                               mmap.PROT_READ | mmap.PROT_WRITE) as private:
                    private[0:4] = b'mine'
                    assert private[0:8] == b'mine' + want[4:8]
                assert shared[0:8] == want[0:8]


def test_programs_run_from_a_snapshot(repo, tmp_path):
    """The kernel maps what it runs."""
    top = tmp_path / 'top'
    top.mkdir()
    shutil.copy('/usr/bin/sha256sum', top)
    harness.write(top / 'script', '#!/bin/sh\necho ran\n').chmod(0o755)
    repo.backup(top)
    with repo.mount() as mount:
        here = mount.snapshot()
        assert out_of(here / 'sha256sum', here / 'sha256sum').split()[0] == \
            out_of('sha256sum', top / 'sha256sum').split()[0]
        assert out_of(here / 'script') == 'ran\n'
        assert stat.S_IMODE(os.stat(here / 'script').st_mode) == 0o755
    with repo.mount('noexec') as mount:
        with pytest.raises(PermissionError):
            subprocess.run([mount.snapshot() / 'script'], check=False)
