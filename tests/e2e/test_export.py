"""What export writes, GNU tar and bsdtar unpack."""
import io
import os
import pty
import subprocess
import tarfile

import pytest

import compare
import evil
import harness

MIB = 1 << 20

UNPACK = {
    'gnu': ['tar', '--extract', '--preserve-permissions', '--numeric-owner',
            '--acls', '--xattrs', '--xattrs-include=*', '--file=-'],
    'bsd': ['bsdtar', '-xp', '--numeric-owner', '-f', '-'],
}


def unpack(how, archive, folder):
    folder.mkdir()
    return harness.run(UNPACK[how], input=archive, cwd=folder)


def differences(tree, out, but):
    """[(path, what)] but for those that @but says true of."""
    found = [(os.fsdecode(difference.path), difference.what)
             for difference in compare.compare(tree, out, ctime=False)]
    return [pair for pair in found if not but(*pair)]


def unlike_tar(how):
    """What these programs do otherwise, with any archive."""
    def is_so(path, what):
        name = os.path.basename(path)
        # There are no sockets in tar.
        if name == 'socket' and what == 'name':
            return True
        if how == 'gnu':
            return False
        # bsdtar: the time of "." is that of the extraction; a fraction before
        # 1970 is counted upwards; names of attributes are taken as they are.
        return what == 'mtime_ns' and (path == '' or name == 'time-1969')
    return is_so


@pytest.mark.parametrize('how', list(UNPACK))
def test_the_evil_tree_travels(ext4, tmp_path, how):
    harness.need_programs(UNPACK[how][0])
    top = evil.make(ext4 / 'evil', 300)
    # GNU tar refuses paths of 10,045 bytes.
    harness.sh('rm', '-r', top / os.fsdecode(evil.DEEP_NAME))
    repo = harness.Repo(tmp_path / 'r').init()
    try:
        repo.backup(top)
        done = repo.caprock('export', 'latest')
        assert done.err.splitlines() == [
            'caprock: socket: left out: tar has no sockets']
        unpack(how, done.stdout, ext4 / 'out')
        assert differences(top, ext4 / 'out', unlike_tar(how)) == []
    finally:
        harness.sh('chattr', '-R', '-f', '-i', '-a', ext4, rc=None)


def test_bsdtar_takes_paths_of_any_length(ext4, tmp_path):
    harness.need_programs('bsdtar')
    at = os.open(ext4, os.O_RDONLY)
    os.mkdir('tree', dir_fd=at)
    at = os.open('tree', os.O_RDONLY, dir_fd=at)
    for _ in range(40):
        os.mkdir(evil.DEEP_NAME, dir_fd=at)
        at = os.open(evil.DEEP_NAME, os.O_RDONLY, dir_fd=at)
    os.close(os.open('leaf', os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(ext4 / 'tree')
    unpack('bsd', repo.caprock('export', 'latest').stdout, ext4 / 'out')
    # It does not set the times of what lies deeper than PATH_MAX.
    assert differences(ext4 / 'tree', ext4 / 'out',
                       lambda path, what: what == 'mtime_ns') == []


def test_python_reads_it_too(repo, tree):
    repo.backup(tree)
    done = repo.caprock('export', 'latest')
    assert len(done.stdout) % 10240 == 0
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        members = {member.name: member for member in archive}
        assert members['./docs/readme.txt'].mode == 0o640
        assert members['./docs'].mtime == pytest.approx(1234567890.123456789)
        assert members['./pipe'].isfifo()
        # In the order of names, so docs/small-too comes first.
        assert members['./small'].islnk()
        assert members['./small'].linkname == './docs/small-too'
        assert archive.extractfile('./noise').read() == \
            (tree / 'noise').read_bytes()
        assert archive.extractfile('./sparse').read() == \
            (tree / 'sparse').read_bytes()


def listing(archive):
    return harness.run(['tar', '--list', '--file=-'],
                       input=archive).out.splitlines()


def test_a_part_is_exported_alone(repo, tree):
    repo.backup(tree)
    assert listing(repo.caprock('export', 'latest:docs').stdout) == [
        './', './deep/', './deep/er/', './deep/er/note', './readme.txt',
        './small-too']
    assert listing(repo.caprock('export', 'latest:docs/small-too').stdout) == \
        ['./small-too']
    assert listing(repo.caprock('export', 'latest:hollow').stdout) == ['./']


def test_what_it_refuses(repo, tree):
    repo.backup(tree)
    done = repo.caprock('export', 'latest:nothing', rc=1)
    assert done.stdout == b'' and 'not in this snapshot' in done.err
    done = repo.caprock('--json', 'export', 'latest', rc=2)
    assert done.stdout == b''
    leader, terminal = pty.openpty()
    try:
        done = repo.caprock('export', 'latest', rc=2, stdout=terminal)
        assert 'nothing for a terminal' in done.err
    finally:
        os.close(terminal)
        os.close(leader)


def test_a_reader_that_leaves_is_no_news(repo, tmp_path):
    harness.write(tmp_path / 'tree/large', harness.noise(1, 4 * MIB))
    repo.backup(tmp_path / 'tree')
    with subprocess.Popen(repo.argv('export', 'latest'),
                          env=harness.environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdout.read(1000)
        process.stdout.close()
        assert process.stderr.read() == b''
    assert process.returncode == 1


def test_a_full_disk_is(repo, tree):
    repo.backup(tree)
    with open('/dev/full', 'wb') as full:
        done = repo.caprock('export', 'latest', rc=1, stdout=full)
    assert 'standard output: No space left on device' in done.err


def flip(path, offset):
    with open(path, 'r+b') as file:
        byte = os.pread(file.fileno(), 1, offset)
        os.pwrite(file.fileno(), bytes([byte[0] ^ 1]), offset)


def test_damage_costs_the_file(repo, tmp_path):
    """What is read before the header is written can still be left out."""
    tree = tmp_path / 'tree'
    for i in range(200):
        harness.write(tree / f'{i:03}', harness.noise(i, 50_000))
    os.link(tree / '000', tree / 'linked')
    repo.backup(tree)
    pack = max(repo.files('packs/data'), key=lambda path: path.stat().st_size)
    flip(pack, pack.stat().st_size // 2)
    done = repo.caprock('export', 'latest', rc=4)
    named = {line.split(': ')[1] for line in done.err.splitlines()
             if ': damaged: ' in line}
    there = {name.removeprefix('./') for name in listing(done.stdout)}
    assert named and named | there == {*os.listdir(tree), ''}
    assert not named & there
    unpack('gnu', done.stdout, tmp_path / 'out')
    for name in there - {''}:
        assert (tmp_path / 'out' / name).read_bytes() == \
            (tree / name).read_bytes()


def test_damage_within_a_file_ends_it(repo, tmp_path):
    """A header cannot be taken back; nor is anything made up."""
    harness.write(tmp_path / 'tree/large', harness.noise(1, 20 * MIB))
    repo.backup(tmp_path / 'tree')
    pack = max(repo.files('packs/data'), key=lambda path: path.stat().st_size)
    flip(pack, pack.stat().st_size * 3 // 4)
    done = repo.caprock('export', 'latest', rc=4)
    assert 'large: damaged, and too late to be left out' in done.err
    assert len(done.stdout) < 20 * MIB
    harness.run(['tar', '--list', '--file=-'], input=done.stdout, rc=2)
