"""Bad input and bad luck: a sentence, the right exit status, nothing lost."""
import contextlib
import os
import random
import shutil
import signal
import subprocess
import threading

import pytest

import harness

MIB = 1 << 20


def one_sentence(done):
    """What is said for an error: one line, from caprock."""
    lines = done.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith('caprock: '), done.err
    return lines[0]


@pytest.mark.parametrize('make', [
    lambda path: None,
    lambda path: path.mkdir(),
    lambda path: harness.write(path / 'repository', b'something else'),
    lambda path: harness.write(path / 'repository', b''),
    lambda path: harness.write(path, b'a file'),
], ids=['missing', 'empty', 'other', 'cut', 'file'])
def test_no_repository(tmp_path, make):
    make(tmp_path / 'repository')
    harness.write(tmp_path / 'pass', b'secret')
    harness.write(tmp_path / 'top/file')
    for args in (['backup', tmp_path / 'top'], ['snapshots'], ['ls', 'latest'],
                 ['key', 'list']):
        done = harness.run(
            [harness.CAPROCK, '-r', tmp_path / 'repository', '--state-dir',
             tmp_path / 'state', '--passphrase-file', tmp_path / 'pass',
             *args], rc=10)
        assert str(tmp_path / 'repository') in one_sentence(done)
    assert not (tmp_path / 'state').exists()


def test_no_repository_named(repo):
    done = harness.run([harness.CAPROCK, 'snapshots'], rc=2)
    assert 'repository' in one_sentence(done)
    env = {'CAPROCK_REPOSITORY': str(repo.path),
           'CAPROCK_STATE_DIR': str(repo.state),
           'CAPROCK_KEY_FILE': str(repo.key)}
    assert harness.run([harness.CAPROCK, 'snapshots'], env=env).out


def test_unknown_version(repo):
    path = repo.path / 'repository'
    data = bytearray(path.read_bytes())
    data[8] = 99
    path.write_bytes(data)
    assert 'version' in one_sentence(repo.caprock('snapshots', rc=10))


@pytest.mark.main
def test_passphrases(tmp_path):
    good = harness.write(tmp_path / 'good', b'correct horse\n')
    bad = harness.write(tmp_path / 'bad', b'wrong horse\n')
    for path in (good, bad):
        path.chmod(0o600)
    options = [harness.CAPROCK, '-r', tmp_path / 'repository', '--state-dir',
               tmp_path / 'state']

    def caprock(*args, **more):
        return harness.run([*options, *args], **more)

    caprock('--passphrase-file', good, 'init', '--kdf-memory', '64',
            '--kdf-passes', '1')
    caprock('--passphrase-file', good, 'snapshots')
    caprock('--passphrase-command', f'cat {good}', 'snapshots')
    caprock('snapshots', env={'CAPROCK_PASSPHRASE': 'correct horse'})
    with open(good, 'rb') as file:
        caprock('--passphrase-fd', '0', 'snapshots', stdin=file)
    for wrong in (['--passphrase-file', bad],
                  ['--passphrase-command', f'cat {bad}']):
        for command in (['snapshots'], ['backup', tmp_path]):
            one_sentence(caprock(*wrong, *command, rc=12))
    one_sentence(caprock('snapshots', rc=12,
                         env={'CAPROCK_PASSPHRASE': 'wrong horse'}))
    one_sentence(caprock('--passphrase-file', tmp_path / 'gone', 'snapshots',
                         rc=1))
    one_sentence(caprock('--passphrase-command', 'false', 'snapshots', rc=2))
    # What others may read is no secret.
    good.chmod(0o644)
    assert 'chmod' in one_sentence(caprock('--passphrase-file', good,
                                           'snapshots', rc=2))
    # Nobody to ask: no terminal, and no hanging.
    one_sentence(caprock('snapshots', rc=2, start_new_session=True))


def test_a_key_file_of_another_repository(repo, tmp_path):
    other = harness.Repo(tmp_path / 'other').init()
    one_sentence(repo.with_key(other.key).caprock('snapshots', rc=12))
    harness.write(tmp_path / 'junk', b'junk').chmod(0o600)
    one_sentence(repo.with_key(tmp_path / 'junk').caprock('snapshots',
                                                          rc=2))
    one_sentence(repo.with_key(tmp_path / 'gone').caprock('snapshots', rc=1))


def test_init_touches_nothing_that_is_there(repo, tree):
    before = {path: path.read_bytes() for path in repo.files()}
    args = ['--new-key-file', repo.folder / 'key2']
    one_sentence(repo.caprock('init', *args, rc=1))
    assert {path: path.read_bytes() for path in repo.files()} == before
    done = harness.run([harness.CAPROCK, '-r', tree, 'init', *args], rc=1)
    one_sentence(done)
    assert not (tree / 'repository').exists()


def marked(repo, path):
    return {line['path']: line.get('marks', [])
            for line in repo.json('ls', '-R', 'latest')[0]}[path]


@pytest.mark.main
def test_what_cannot_be_read_is_named(tmp_path):
    top = harness.make_tree(tmp_path / 'top')
    harness.write(top / 'secret', b's')
    harness.write(top / 'closed/inside', b'i')
    for path in [top, *top.rglob('*')]:
        os.chown(path, 65534, 65534, follow_symlinks=False)
    os.chmod(top / 'secret', 0)
    os.chmod(top / 'closed', 0)
    folder = tmp_path / 'theirs'
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    repo = harness.Repo(folder)
    with harness.as_nobody(folder) as nobody:
        harness.run([harness.CAPROCK, '-r', repo.path, '--state-dir',
                     repo.state, 'init', '--new-key-file', repo.key], **nobody)
        done = repo.caprock('backup', '--source', 'src', top, rc=3, **nobody)
    assert 'secret: Permission denied' in done.err
    assert 'closed: ' in done.err and 'inside' not in done.err
    listed = repo.snapshots()
    assert listed[0]['incomplete'] and listed[0]['warnings'] == 2
    names = {line['path'] for line in repo.json('ls', '-R', 'latest')[0]}
    # Left out rather than cut short; the rest is there.
    assert 'secret' not in names and 'docs/readme.txt' in names
    assert marked(repo, 'closed') == ['incomplete']


def strace(repo, *args, inject, paths=(), rc):
    """caprock ARGS with a failing system call."""
    harness.need_programs('strace')
    if harness.is_sanitized():
        pytest.skip('strace and the leak sanitizer exclude each other')
    trace = inject.split(':')[0]
    words = ['strace', '-f', '-qq', '-o', repo.folder / 'trace', '-e',
             f'trace={trace}', '-e', f'inject={inject}']
    for path in paths:
        words += ['-P', path]
    return harness.run([*words, *repo.argv(*args)], rc=rc)


def test_a_file_that_vanishes_is_a_warning(repo, tree):
    done = strace(repo, 'backup', '--source', 'src', tree,
                  inject='openat:error=ENOENT', paths=['noise'], rc=3)
    assert 'noise: vanished' in done.err
    names = {line['path'] for line in repo.json('ls', '-R', 'latest')[0]}
    assert 'noise' not in names and 'small' in names
    assert repo.snapshots()[0]['incomplete']


def test_a_bad_disk_below_the_source(repo, tree):
    """A file is left out whole, and an older snapshot keeps what it had."""
    repo.backup(tree)
    harness.write(tree / 'noise', harness.noise(7, 300_000))
    call = 'read,pread64'
    done = strace(repo, 'backup', '--source', 'src', tree,
                  inject=f'{call}:error=EIO:when=1+', paths=[tree / 'noise'],
                  rc=3)
    assert 'noise: Input/output error' in done.err
    names = {line['path'] for line in repo.json('ls', '-R', 'latest')[0]}
    assert 'noise' not in names and 'small' in names
    first = repo.snapshots()[0]['id']
    assert repo.caprock('cat', f'{first}:noise').stdout == harness.noise(
        1, 300_000)


def test_a_bad_disk_below_the_repository_is_fatal(repo, tree):
    """Not a warning: nothing may be acknowledged."""
    repo.backup(tree)
    harness.write(tree / 'noise', harness.noise(7, 300_000))
    for error in ('EIO', 'ENOSPC'):
        done = strace(repo, 'backup', '--source', 'src', tree,
                      inject=f'fsync,fdatasync:error={error}:when=1+', rc=1)
        assert done.err.startswith('caprock: ')
    assert len(repo.snapshots()) == 1
    assert repo.backup(tree)['warnings'] == 0


@pytest.mark.main
def test_a_file_that_changes_while_it_is_read(repo, tree):
    stop = threading.Event()

    def append():
        with open(tree / 'log', 'ab', buffering=0) as file:
            while not stop.is_set():
                file.write(b'another line\n')
                if file.tell() > 64 * MIB:
                    file.truncate(8 * MIB)

    harness.write(tree / 'log', b'x' * 8 * MIB)
    writer = threading.Thread(target=append)
    writer.start()
    try:
        done = repo.caprock('backup', '--source', 'src', tree, rc=3)
    finally:
        stop.set()
        writer.join()
    assert 'log: changed while it was read' in done.err
    assert marked(repo, 'log') == ['changed']
    listed = repo.snapshots()[0]
    assert listed['changed'] and listed['warnings'] == 1
    # What was stored was read, and as long as its entry says.
    data = repo.caprock('cat', 'latest:log').stdout
    size = {line['path']: line['size']
            for line in repo.json('ls', '-R', 'latest')[0]}['log']
    assert len(data) == size
    assert data.strip(b'x').replace(b'another line\n', b'') in (
        b'', b'another line\n'[:len(data) % 13])
    assert repo.backup(tree)['warnings'] == 0


def full_disk(repo, folder, tree, what):
    """Back up onto a disk without room; make room; back up again."""
    first = repo.backup(tree)['snapshot']
    data = harness.noise(11, 20 * MIB)
    harness.write(tree / 'large', data)
    done = repo.caprock('backup', '--source', 'src', tree, rc=1)
    assert 'no space left' in one_sentence(done)
    assert [line['id'] for line in repo.snapshots()] == [first]
    assert repo.caprock('cat', f'{first}:noise').stdout == harness.noise(
        1, 300_000)
    harness.sh('mount', '-o', f'remount,size={what}', folder)
    assert repo.backup(tree)['warnings'] == 0
    assert repo.caprock('cat', 'latest:large').stdout == data
    assert repo.caprock('cat', f'{first}:noise').stdout == harness.noise(
        1, 300_000)


@pytest.mark.main
def test_a_full_disk_below_the_repository(tmp_path, tree):
    with harness.tmpfs(tmp_path / 'disk', '8m') as disk:
        repo = harness.Repo(tmp_path / 'r', disk / 'repository').init()
        full_disk(repo, disk, tree, '64m')
        repo.read('check')


def test_a_full_disk_below_the_state(tmp_path, tree):
    """RocksDB may assert then: a sentence even so, and nothing lost."""
    with harness.tmpfs(tmp_path / 'disk', '64m') as disk:
        repo = harness.Repo(tmp_path / 'r', state=disk / 'state').init()
        repo.backup(tree)
        for left in (0, 4096, 65536, 262144):
            os.sync()
            free = os.statvfs(disk)
            length = free.f_bavail * free.f_bsize - left
            harness.sh('fallocate', '-l', length, disk / 'filler')
            harness.write(tree / f'new{left}', harness.noise(left, 200_000))
            done = repo.caprock('backup', '--source', 'src', tree,
                                rc=(0, 1))
            if done.returncode:
                assert done.err.splitlines()[-1].startswith('caprock: ')
            # Reading goes on whatever the state.
            repo.snapshots()
            os.unlink(disk / 'filler')
        assert repo.backup(tree)['warnings'] == 0
        repo.read('check')


@contextlib.contextmanager
def backup_under_way(repo, source='slow'):
    """A backup that waits for its standard input, and holds the lock."""
    with repo.start('backup', '--source', source, '--stdin', 'stream',
                    stdin=subprocess.PIPE) as process:
        process.stdin.write(b'first line\n')
        process.stdin.flush()
        harness.until(lambda: repo.caprock(
            'index', 'rebuild', '--no-wait', rc=None).returncode == 11,
            'the first backup has the lock')
        yield process


@pytest.mark.main
def test_two_backups_of_one_machine_take_turns(repo, tree):
    repo.backup(tree)
    with backup_under_way(repo) as first:
        done = repo.caprock('backup', '--no-wait', '--source', 'src', tree,
                            rc=11)
        assert str(first.pid) in one_sentence(done)
        with repo.start('backup', '--source', 'src', tree) as second:
            harness.until(lambda: second.err.lines, 'the second says it waits')
            assert 'waiting' in second.err.lines[0]
            assert str(first.pid) in second.err.lines[0]
            assert second.poll() is None
            # Reading waits for nobody.
            assert len(repo.snapshots()) == 1
            repo.caprock('cat', 'latest:small')
            first.stdin.close()
            assert first.wait(60) == 0 and second.wait(60) == 0
    assert len(repo.snapshots()) == 3


def test_who_waits_can_be_interrupted(repo, tree):
    with backup_under_way(repo) as first:
        with repo.start('backup', '--source', 'src', tree) as second:
            harness.until(lambda: second.err.lines, 'the second says it waits')
            second.send_signal(signal.SIGINT)
            assert second.wait(60) == 130
        first.stdin.close()
        assert first.wait(60) == 0


def test_two_machines_run_at_once(repo, tree, tmp_path):
    repo.backup(tree)
    other = repo.with_state(tmp_path / 'state2')
    with backup_under_way(repo, 'slow') as first:
        with backup_under_way(other, 'slow2') as second:
            assert other.state != repo.state
            for process in (first, second):
                process.stdin.write(b'last line\n')
                process.stdin.close()
            assert first.wait(60) == 0 and second.wait(60) == 0
    for machine in (repo, other):
        assert len(machine.snapshots()) == 3
        for source in ('slow', 'slow2'):
            assert machine.caprock('cat', f'{source}@latest:stream').out == \
                'first line\nlast line\n'
    for machine in (repo, other):
        machine.backup(tree)
    repo.read('check')


def test_many_backups_on_two_machines(repo, tree, tmp_path):
    """Nobody loses a snapshot, whoever is first."""
    other = repo.with_state(tmp_path / 'state2')
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(machine.start(
                'backup', '--source', f's{number}-{i}', tree))
            for i in range(3)
            for number, machine in enumerate((repo, other))]
        for process in processes:
            assert process.wait(120) == 0, process.err.lines
    assert len(repo.snapshots()) == 6
    repo.read('check')


@pytest.mark.main
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_backup_goes_on_from_there(repo, number):
    """Standard input stops half-way: the packs that are full are kept."""
    data = harness.noise(5, 80 * MIB)
    with repo.start('backup', '--source', 'db', '--stdin', 'dump',
                    stdin=subprocess.PIPE) as process:
        process.stdin.write(data[:72 * MIB])
        harness.until(lambda: repo.size('packs/data') > 40 * MIB,
                      'a pack is stored')
        process.send_signal(number)
        assert process.wait(60) == 130
        assert 'goes on from here' in process.err.end()[-1]
    assert repo.snapshots() == []
    summary = repo.backup('--stdin', 'dump', source='db', input=data)
    assert summary['bytes_added'] < 48 * MIB
    with open(repo.folder / 'out', 'wb') as out:
        repo.caprock('cat', 'db@latest:dump', stdout=out)
    assert (repo.folder / 'out').read_bytes() == data


def test_an_interrupted_walk_goes_on_from_there(repo, tmp_path):
    for i in range(192):
        harness.write(tmp_path / f'top/{i}', harness.noise(i, MIB))
    harness.settle()
    with repo.start('backup', '--source', 'src', tmp_path / 'top') as process:
        harness.until(lambda: repo.size('packs/data') > 40 * MIB,
                      'a pack is stored')
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert repo.snapshots() == []
    before = repo.size('packs')
    assert before > 30 * MIB
    repo.backup(tmp_path / 'top')
    # Nothing twice, whatever was on its way.
    assert repo.size('packs') < 200 * MIB
    repo.read('check')


def readable(repo, wanted):
    """Every snapshot that was acknowledged gives its bytes."""
    listed = {line['id'] for line in repo.snapshots()}
    assert set(wanted) <= listed
    for snapshot, data in wanted.items():
        assert repo.caprock('cat', f'{snapshot}:file').stdout == data


def temporaries(repo):
    return {path.name for path in repo.path.rglob('.tmp-*')}


def test_what_a_killed_backup_left_is_removed(repo, tmp_path):
    """By the next one of the same state, and nobody else's."""
    data = harness.noise(6, 20 * MIB)
    with repo.start('backup', '--source', 'db', '--stdin', 'dump',
                    stdin=subprocess.PIPE) as process:
        process.stdin.write(data[:16 * MIB])
        process.stdin.flush()
        harness.until(lambda: temporaries(repo), 'a pack is begun')
        others = repo.path / 'packs/data/00/.tmp-0123456789abcdef-1'
        others.parent.mkdir(exist_ok=True)
        others.write_bytes(b'a pack of another machine')
        process.kill()
        process.wait(60)
    assert len(temporaries(repo)) > 1
    elsewhere = repo.with_state(tmp_path / 'elsewhere')
    left = temporaries(repo)
    elsewhere.backup('--stdin', 'dump', source='db', input=b'small')
    assert temporaries(repo) == left
    repo.backup('--stdin', 'dump', source='db', input=b'small')
    assert temporaries(repo) == {others.name}


def test_killed_at_a_system_call(repo, tmp_path):
    """kill -9 before the n-th of what makes things durable or visible."""
    top = tmp_path / 'top'
    wanted, clean = {}, 0
    points = (range(1, 200) if harness.LONG
              else [1, 2, 4, 6, 9, 14])
    for calls in ('fsync,fdatasync', 'rename,renameat,renameat2,link,linkat'):
        for point in points:
            data = harness.noise(len(wanted) * 1000 + point, 100_000)
            harness.write(top / 'file', data)
            done = strace(repo, 'backup', '--source', 'src', top,
                          inject=f'{calls}:signal=SIGKILL:when={point}',
                          rc=(0, 137, -9))
            clean += done.returncode == 0
            # The next command needs no repair, and loses nothing.
            snapshot = repo.backup(top)['snapshot']
            wanted[snapshot] = data
            if done.returncode == 0:
                break
        readable(repo, wanted)
    assert clean or not harness.LONG
    assert not temporaries(repo)
    repo.read('check')


def test_killed_at_random(repo, tmp_path):
    random_points = random.Random(2)
    top = tmp_path / 'top'
    wanted, killed = {}, 0
    for turn in range(100 if harness.LONG else 8):
        data = harness.noise(turn, random_points.randrange(3 * MIB))
        harness.write(top / 'file', data)
        with repo.start('backup', '--source', 'src', top) as process:
            # Some amount of its work, measured by what it did, not by time.
            goal = random_points.randrange(40)
            harness.until(lambda p=process, n=goal: p.poll() is not None or
                          ticks(p.pid) >= n, 'it runs or ends')
            process.kill()
            killed += process.wait(60) != 0
        if turn % 4 == 3:
            wanted[repo.backup(top)['snapshot']] = data
            readable(repo, wanted)
    assert killed
    repo.read('check')


def ticks(pid):
    """Pages a process has touched: a clock that only its work moves."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            fields = file.read().rpartition(') ')[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 1 << 30
    return int(fields[7]) // 200


@pytest.mark.parametrize('args, near', [
    (['snapshot'], 'snapshots'), (['bakcup'], 'backup'),
    (['--repositry', 'x', 'ls'], 'repository'), (['ls'], 'SNAPSHOT'),
    (['key', 'ad'], 'add'), (['cat'], 'SNAPSHOT'), ([], '--help'),
    (['--memory', 'lots', 'ls', 'x'], 'lots'), (['ls', '--json=x', 'y'], 'json'),
    (['backup', '-j', '0', '.'], '0'), (['backup', '-j'], 'j'),
])
def test_usage(args, near):
    assert near in one_sentence(harness.run([harness.CAPROCK, *args], rc=2))


def test_what_is_not_there(repo, tree):
    repo.backup(tree)
    for args in (['ls', 'latest:nothing'], ['cat', 'latest:docs'],
                 ['cat', 'latest:docs/nothing'], ['ls', 'latest:small/x'],
                 ['cat', 'latest:pipe'], ['ls', 'src@2001-01-01']):
        one_sentence(repo.caprock(*args, rc=1))
    one_sentence(repo.caprock('cat', 'abc', rc=(1, 2)))


def test_an_output_that_is_full(repo, tree):
    repo.backup(tree)
    with open('/dev/full', 'wb') as full:
        for args in (['ls', 'latest'], ['cat', 'latest:noise'], ['snapshots'],
                     ['--json', 'ls', 'latest']):
            done = repo.caprock(*args, rc=1, stdout=full)
            assert 'No space left' in one_sentence(done)


def test_a_reader_that_leaves(repo, tree):
    repo.backup(tree)
    with repo.start('cat', 'latest:noise', stdout=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(60) != -signal.SIGSEGV
        assert process.err.end() == []


def test_an_untrusted_state_directory(repo, tree):
    """One that others may write to could lie about what was seen."""
    repo.backup(tree)
    for path in repo.state.iterdir():
        os.chmod(path, 0o777)
    one_sentence(repo.caprock('backup', '--source', 'src', tree, rc=(1, 2)))


def test_a_state_directory_inside_the_repository(repo, tree):
    inside = repo.with_state(repo.path / 'state')
    one_sentence(inside.caprock('backup', '--source', 'src', tree, rc=2))
    assert not (repo.path / 'state').exists() or \
        not list((repo.path / 'state').iterdir())


def test_a_read_only_repository_is_read(repo, tree):
    repo.backup(tree)
    with harness.mounted(repo.path, repo.path, '--bind'):
        harness.sh('mount', '-o', 'remount,bind,ro', repo.path)
        assert len(repo.snapshots()) == 1
        repo.caprock('cat', 'latest:small')
        shutil.rmtree(repo.state)
        assert repo.caprock('cat', 'latest:small').out == 'inline'
        done = repo.caprock('backup', '--source', 'src', tree, rc=1)
        assert 'Read-only' in one_sentence(done)
