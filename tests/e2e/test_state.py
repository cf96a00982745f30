"""The state directory is a convenience: without it everything still works."""
import os
import shutil

import pytest

import compare
import harness


def three_backups(repo, tree):
    """Snapshots, with the content of one file in each."""
    wanted = {}
    for turn in range(3):
        data = harness.noise(turn, 100_000 + turn)
        harness.write(tree / 'noise', data)
        wanted[repo.backup(tree)['snapshot']] = data
    return wanted


def everything_works(repo, tree, wanted):
    assert [line['id'] for line in repo.snapshots()] == list(wanted)
    for snapshot, data in wanted.items():
        assert repo.caprock('cat', f'{snapshot}:noise').stdout == data
    added = repo.backup(tree, source='again')['bytes_added']
    assert added < 50_000


@pytest.mark.main
def test_a_lost_state_loses_nothing(repo, tree):
    wanted = three_backups(repo, tree)
    shutil.rmtree(repo.state)
    with repo.mount() as mount:
        compare.assert_equal(tree, mount.snapshot())
    shutil.rmtree(repo.state)
    everything_works(repo, tree, wanted)
    repo.read('check')


def test_each_command_makes_do_without_a_state(repo, tree):
    three_backups(repo, tree)
    for args in (['snapshots'], ['ls', '-lR', 'latest'],
                 ['cat', 'latest:noise'], ['diff', 'latest', 'latest'],
                 ['stats'], ['key', 'list']):
        shutil.rmtree(repo.state, ignore_errors=True)
        assert repo.caprock(*args).err.count('\n') <= 1


def test_a_repository_that_moved_is_the_same(repo, tree):
    wanted = three_backups(repo, tree)
    os.rename(repo.path, repo.folder / 'elsewhere')
    moved = harness.Repo(repo.folder, repo.folder / 'elsewhere')
    everything_works(moved, tree, wanted)


def database_files(repo):
    """Files of the index, largest kinds first; no lock, no log."""
    folders = [path for path in repo.state.glob('*/db*') if path.is_dir()]
    assert folders
    return sorted(path for folder in folders for path in folder.rglob('*')
                  if path.is_file() and path.stat().st_size
                  and path.name not in ('LOCK', 'LOG'))


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def double(path):
    path.write_bytes(path.read_bytes() * 2)


def remove(path):
    path.unlink()


DAMAGES = [cut, empty, flip, double, remove]


def kind(path):
    """MANIFEST-000005 and MANIFEST-000009 are one kind."""
    return path.name.split('-')[0] if '-' in path.name else \
        path.suffix or path.name


@pytest.mark.parametrize('damage', DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_index_heals(repo, tree, damage):
    """Every kind of file, one at a time: one line, and nothing lost."""
    wanted = three_backups(repo, tree)
    newest, said = next(reversed(wanted)), 0
    for name in sorted({kind(path) for path in database_files(repo)}):
        victims = [path for path in database_files(repo) if kind(path) == name]
        if not victims:
            continue
        damage(victims[-1])
        done = repo.caprock('cat', f'{newest}:noise')
        assert done.stdout == wanted[newest]
        assert done.err.count('\n') <= 1, done.err
        said += done.err.count('\n')
        done = repo.caprock('backup', '--source', 'again', tree)
        assert done.err.count('\n') <= 1, done.err
        said += done.err.count('\n')
    for snapshot, data in wanted.items():
        assert repo.caprock('cat', f'{snapshot}:noise').stdout == data
    if damage is not double:
        assert said
    repo.read('check')


def has_open_index(mount):
    return any('/db.' in file for file in harness.open_files(mount.server))


@pytest.mark.parametrize('damage', DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_index_heals_while_it_is_mounted(repo, tree, damage):
    """One line, all there is to see from the first moment, and an index."""
    repo.backup(tree)
    for name in ('MANIFEST', 'CURRENT'):
        victims = [path for path in database_files(repo) if kind(path) == name]
        damage(victims[-1])
        with repo.mount(expect=('set aside and made anew',)) as mount:
            compare.assert_equal(tree, mount.snapshot())
            harness.until(lambda m=mount: has_open_index(m), 'the index is open')
            if damage is not double:
                harness.until(lambda m=mount: m.lines, 'it is told')
            assert len(mount.lines) <= 1, mount.lines


def test_a_mount_ends_while_its_index_is_made(repo, tree):
    """Nobody goes on with it; what was begun is gone on with, or set aside."""
    repo.backup(tree)
    for _ in range(3):
        shutil.rmtree(repo.state)
        with repo.mount() as mount:
            others = harness.children(mount.server)
        assert not [pid for pid in others if harness.is_running(pid)]
        with repo.mount(expect=('set aside and made anew',)) as mount:
            compare.assert_equal(tree, mount.snapshot())


@pytest.mark.main
def test_a_mount_while_another_makes_the_index(repo, tree):
    """It is not waited for: what lies in packs is found in them."""
    repo.backup(tree)
    shutil.rmtree(repo.state)
    with repo.mount() as one, repo.mount() as two:
        for mount in (one, two):
            compare.assert_equal(tree, mount.snapshot())


@pytest.mark.main
def test_the_index_is_opened_where_the_state_is_confined(repo, tree):
    """No process is left of those that made it ready, and nothing else."""
    repo.backup(tree)
    with repo.mount() as mount:
        assert (mount.snapshot() / 'noise').stat()
        harness.until(lambda: has_open_index(mount), 'the index is open')
        assert not harness.children(mount.server)
        state = next(repo.state.iterdir())
        harness.until(lambda: not [name for name in os.listdir(state)
                                   if name.startswith('caprock-')],
                      'what was temporary is gone')
        compare.assert_equal(tree, mount.snapshot())


@pytest.mark.parametrize('damage', [cut, flip, remove],
                         ids=lambda damage: damage.__name__)
def test_a_damaged_stat_cache_costs_time_only(repo, tree, damage):
    harness.settle()
    repo.backup(tree)
    for path in sorted(repo.state.glob('*/sources/*')):
        if path.is_file() and path.stat().st_size and path.name != 'LOCK':
            damage(path)
    harness.write(tree / 'noise', harness.noise(9, 300_000))
    repo.caprock('backup', '--source', 'src', tree)
    with repo.mount() as mount:
        compare.assert_equal(tree, mount.snapshot())


def test_damaged_heads_are_no_alarm(repo, tree):
    wanted = three_backups(repo, tree)
    heads = next(repo.state.glob('*/heads'))
    for change in (cut, flip, empty, remove):
        repo.snapshots()
        change(heads)
        assert len(repo.snapshots()) == 3
    everything_works(repo, tree, wanted)


@pytest.mark.main
def test_index_rebuild(repo, tree):
    wanted = three_backups(repo, tree)
    summary = repo.json('index', 'rebuild')[1]
    assert summary['packs'] == len(repo.files('packs'))
    assert summary['segments'] == len(repo.files('index'))
    assert summary['packs_damaged'] == summary['segments_damaged'] == 0
    everything_works(repo, tree, wanted)


def test_a_repository_without_segments(repo, tree):
    """They only save reading packs."""
    wanted = three_backups(repo, tree)
    shutil.rmtree(repo.path / 'index')
    shutil.rmtree(repo.state)
    repo.caprock('index', 'rebuild', rc=(0, 4))
    for snapshot, data in wanted.items():
        assert repo.caprock('cat', f'{snapshot}:noise').stdout == data


def test_an_older_repository_is_noticed(repo, tree):
    """What this machine saw is gone: somebody put an old copy back."""
    repo.backup(tree)
    shutil.copytree(repo.path, repo.folder / 'copy')
    last = repo.backup(tree)['snapshot']
    shutil.rmtree(repo.path)
    shutil.copytree(repo.folder / 'copy', repo.path)
    done = repo.caprock('snapshots', rc=6)
    assert done.err.startswith('caprock: ') and last not in done.out
    # Who never saw it has nothing to compare with.
    repo.with_state(repo.folder / 'state2').snapshots()


def test_readers_need_no_state_they_can_write(tmp_path, tree):
    """Another user: the repository is readable, the state directory is not."""
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(tree)
    key = tmp_path / 'their.key'
    shutil.copy(repo.key, key)
    os.chown(key, 65534, 65534)
    for path in [repo.path, *repo.path.rglob('*')]:
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    closed = tmp_path / 'closed'
    closed.mkdir(0o755)
    their = repo.with_key(key, closed)
    with harness.as_nobody(tmp_path / 'r') as nobody:
        for state in (closed, closed / 'missing', repo.state):
            done = their.with_state(state).caprock('cat', 'latest:small',
                                                   **nobody)
            assert done.out == 'inline'
            assert done.err.count('\n') == 1
        done = their.caprock('backup', '--source', 'src', tree, rc=1, **nobody)
        assert done.err.count('\n') == 1
    assert not list(closed.iterdir())
