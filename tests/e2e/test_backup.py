"""caprock backup: what is stored, what is left out, what is said."""
import json
import os
import re
import time

import pytest

import compare
import harness


def paths(repo, snapshot='latest'):
    """Every path of a snapshot that is no directory."""
    return {line['path'] for line in repo.json('ls', '-R', snapshot)[0]
            if line['kind'] != 'directory'}


def entries(repo, snapshot='latest'):
    return {line['path']: line for line in repo.json('ls', '-R', snapshot)[0]}


def counts(summary):
    return tuple(summary[f'files_{what}']
                 for what in ('new', 'changed', 'unchanged'))


@pytest.mark.main
def test_new_unchanged_and_changed(repo, tree):
    harness.settle()
    first = repo.backup(tree)
    assert counts(first) == (7, 0, 0)
    assert first['warnings'] == 0 and first['entries'] == 14
    assert first['bytes_read'] >= 325_000

    second = repo.backup(tree)
    assert counts(second) == (0, 0, 7)
    assert second['bytes_read'] == 0 and second['bytes_added'] == 0

    harness.write(tree / 'noise', harness.noise(2, 300_000))
    harness.write(tree / 'docs/new', b'new')
    third = repo.backup(tree)
    assert counts(third) == (1, 1, 6)
    assert 300_000 < third['bytes_added'] < 400_000

    listed = repo.snapshots()
    assert [line['id'] for line in listed] == [
        summary['snapshot'] for summary in (first, second, third)]
    assert repo.caprock('cat', 'latest:noise').stdout == harness.noise(
        2, 300_000)
    assert repo.caprock('cat', f'{first["snapshot"]}:noise').stdout == \
        harness.noise(1, 300_000)
    changes = [(line['type'], line['path']) for line in
               repo.json('diff', first['snapshot'], 'latest')[0]]
    assert sorted(changes) == [('added', 'docs/new'), ('changed', 'noise')]


def test_content_that_is_known_is_not_stored_again(repo, tree):
    harness.settle()
    repo.backup(tree)
    harness.write(tree / 'copy', (tree / 'noise').read_bytes())
    os.utime(tree / 'noise', ns=(1, 1))
    again = repo.backup(tree)
    assert counts(again) == (1, 1, 6)
    assert again['bytes_added'] < 50_000
    # Another machine knows nothing and reads all, but adds nothing either.
    other = repo.with_state(repo.folder / 'state2').backup(tree)
    assert counts(other)[2] == 0 and other['bytes_read'] > 600_000
    assert other['bytes_added'] < 50_000


EXCLUDES = [
    ('a name at any depth', ['-e', 'x.tmp'],
     {'keep', 'a/keep', 'a/b/keep', 'a/b/y.tmp', 'cache/CACHEDIR.TAG',
      'cache/data', 'marked/.nobackup', 'marked/data', 'large'}),
    ('a wildcard', ['-e', '*.tmp'],
     {'keep', 'a/keep', 'a/b/keep', 'cache/CACHEDIR.TAG', 'cache/data',
      'marked/.nobackup', 'marked/data', 'large'}),
    ('directories only', ['--exclude', 'keep/', '-e', 'b/'],
     {'keep', 'x.tmp', 'a/keep', 'a/x.tmp', 'cache/CACHEDIR.TAG', 'cache/data',
      'marked/.nobackup', 'marked/data', 'large'}),
    ('a path within the snapshot', ['-e', 'a/keep', '-e', 'b/keep'],
     {'keep', 'x.tmp', 'a/x.tmp', 'a/b/keep', 'a/b/y.tmp',
      'cache/CACHEDIR.TAG', 'cache/data', 'marked/.nobackup', 'marked/data',
      'large'}),
    ('an absolute path', ['-e', '{top}/a', '-e', '/keep'],
     {'keep', 'x.tmp', 'cache/CACHEDIR.TAG', 'cache/data', 'marked/.nobackup',
      'marked/data', 'large'}),
    ('two stars', ['-e', 'a/**/keep', '-e', '**/data'],
     {'keep', 'x.tmp', 'a/keep', 'a/x.tmp', 'a/b/y.tmp', 'cache/CACHEDIR.TAG',
      'marked/.nobackup', 'large'}),
    ('caches', ['--exclude-caches', '-e', 'a'],
     {'keep', 'x.tmp', 'cache/CACHEDIR.TAG', 'marked/.nobackup', 'marked/data',
      'large'}),
    ('marked folders', ['--exclude-if-present', '.nobackup', '-e', 'a'],
     {'keep', 'x.tmp', 'cache/CACHEDIR.TAG', 'cache/data', 'marked/.nobackup',
      'large'}),
    ('large files', ['--exclude-larger-than', '64K', '-e', 'a'],
     {'keep', 'x.tmp', 'cache/CACHEDIR.TAG', 'cache/data', 'marked/.nobackup',
      'marked/data'}),
    ('a file of patterns', ['--exclude-file', '{list}'],
     {'keep', 'cache/CACHEDIR.TAG', 'cache/data', 'marked/.nobackup',
      'marked/data', 'large'}),
]


@pytest.mark.parametrize('args, want', [row[1:] for row in EXCLUDES],
                         ids=[row[0] for row in EXCLUDES])
def test_exclude(repo, tmp_path, args, want):
    top = tmp_path / 'top'
    for name in ('keep', 'x.tmp', 'a/keep', 'a/x.tmp', 'a/b/keep', 'a/b/y.tmp',
                 'cache/data', 'marked/.nobackup', 'marked/data'):
        harness.write(top / name, name)
    harness.write(top / 'cache/CACHEDIR.TAG',
                  'Signature: 8a477f597d28d172789f06886806bc55\n# a cache')
    harness.write(top / 'large', b'l' * 70_000)
    harness.write(tmp_path / 'list', '# comment\n\n*.tmp\na/\n')
    args = [word.format(top=top, list=tmp_path / 'list') for word in args]
    repo.backup(*args, top)
    assert paths(repo) == want


def test_a_cache_without_its_signature_is_no_cache(repo, tmp_path):
    harness.write(tmp_path / 'top/CACHEDIR.TAG', 'Signature: something else')
    harness.write(tmp_path / 'top/data')
    repo.backup('--exclude-caches', tmp_path / 'top')
    assert paths(repo) == {'CACHEDIR.TAG', 'data'}


@pytest.mark.main
def test_a_stream(repo):
    data = harness.noise(3, 5_000_000)
    summary = repo.backup('--stdin', 'dump.sql', source='db', input=data)
    assert summary['files'] == 1 and summary['bytes'] == len(data)
    assert repo.caprock('cat', 'db@latest:dump.sql').stdout == data
    assert repo.backup('--stdin', 'dump.sql', source='db',
                       input=data + b'more')['bytes_added'] < 500_000


def test_an_empty_stream(repo):
    repo.backup('--stdin', 'nothing', source='db', input=b'')
    assert repo.caprock('cat', 'db@latest:nothing').stdout == b''


def test_what_a_command_prints(repo):
    repo.backup('--stdin-command', 'list', '--', 'seq', '20000', source='db')
    assert repo.caprock('cat', 'db@latest:list').out.splitlines() == [
        str(i) for i in range(1, 20001)]


@pytest.mark.parametrize('command', [
    ['sh', '-c', 'echo half; exit 3'], ['sh', '-c', 'echo half; kill -9 $$'],
    ['./no-such-command'],
], ids=['fails', 'is killed', 'is missing'])
def test_a_command_that_fails_stores_nothing(repo, command):
    done = repo.caprock('backup', '--source', 'db', '--stdin-command', 'list',
                        '--', *command, rc=1)
    assert command[0] in done.err
    assert repo.snapshots() == []


def test_what_a_stream_needs(repo, tree):
    for args in (['--stdin', 'dump'], ['--stdin', 'a/b', '-s', 'db'],
                 ['--stdin', 'd', '-s', 'db', tree], ['--stdin', '', '-s', 'x'],
                 ['--stdin', '..', '-s', 'db'], ['--stdin-command', 'd',
                                                 '-s', 'db'],
                 ['--stdin', 'd', '-s', 'db', '--dry-run'],
                 ['--stdin', 'd', '--stdin-command', 'd', '-s', 'db', 'true']):
        assert repo.caprock('backup', *args, rc=2).err.count('\n') == 1
    assert repo.snapshots() == []


@pytest.mark.main
def test_several_paths_stand_under_their_absolute_paths(repo, tree):
    repo.backup(tree / 'docs/deep', tree / 'small')
    top = os.fspath(tree)[1:]
    assert paths(repo) == {f'{top}/docs/deep/er/note', f'{top}/small'}
    # Folders on the way have their own attributes.
    stat = os.stat(tree)
    assert entries(repo)[top]['mtime_nsec'] == stat.st_mtime_ns % 10**9


def test_a_path_inside_another_counts_once(repo, tree):
    repo.backup(tree, tree / 'docs', tree)
    top = os.fspath(tree)[1:]
    assert f'{top}/docs/readme.txt' in paths(repo)
    assert len(paths(repo)) == 10


def test_a_file_as_path(repo, tree):
    repo.backup(tree / 'docs/readme.txt')
    assert {os.path.basename(path) for path in paths(repo)} == {'readme.txt'}
    name = paths(repo).pop()
    assert repo.caprock('cat', f'latest:{name}').stdout == \
        (tree / 'docs/readme.txt').read_bytes()


def test_a_path_is_followed_but_nothing_below(repo, tree):
    os.symlink(tree, tree.parent / 'way')
    repo.backup(tree.parent / 'way')
    assert entries(repo)['link']['kind'] == 'symlink'


def test_relative_paths(repo, tree):
    repo.backup('docs', source='one', cwd=tree)
    assert paths(repo, 'one@latest') == {'deep/er/note', 'readme.txt',
                                         'small-too'}
    repo.backup('.', source='two', cwd=tree)
    assert len(paths(repo, 'two@latest')) == 10


def test_paths_from_a_file(repo, tree):
    lines = b'\0'.join(os.fsencode(tree / name) for name in ('small', 'noise'))
    harness.write(tree.parent / 'list', lines + b'\0')
    repo.backup('--files-from0', tree.parent / 'list', source='one')
    repo.backup('--files-from0', '-', tree / 'empty', source='two',
                input=lines)
    top = os.fspath(tree)[1:]
    assert paths(repo, 'one@latest') == {f'{top}/small', f'{top}/noise'}
    assert paths(repo, 'two@latest') == {f'{top}/small', f'{top}/noise',
                                         f'{top}/empty'}


def test_an_empty_directory_and_an_empty_file(repo, tmp_path):
    (tmp_path / 'top').mkdir()
    summary = repo.backup(tmp_path / 'top')
    assert summary['files'] == 0 and summary['warnings'] == 0
    assert entries(repo) == {}
    harness.write(tmp_path / 'top/empty')
    assert counts(repo.backup(tmp_path / 'top')) == (1, 0, 0)
    assert repo.caprock('cat', 'latest:empty').stdout == b''


def test_no_path_and_a_missing_path(repo, tree):
    assert 'PATH' in repo.caprock('backup', rc=2).err
    done = repo.caprock('backup', tree, tree / 'gone', rc=1)
    assert 'gone' in done.err and done.err.count('\n') == 1
    assert repo.snapshots() == []


@pytest.mark.parametrize('name', ['', '.hidden', 'a/b', 'ü', 'x' * 65, 'a b'])
def test_bad_source_names(repo, tree, name):
    repo.caprock('backup', '--source', name, tree, rc=2)
    assert repo.snapshots() == []


def test_the_source_is_the_host_unless_told(repo, tree):
    repo.caprock('backup', tree)
    assert repo.snapshots()[0]['source'] == os.uname().nodename


def test_dry_run_changes_nothing(repo, tree):
    harness.settle()
    repo.backup(tree)
    harness.write(tree / 'docs/new', b'new')
    before = {path: path.read_bytes() for path in repo.files()}
    done = repo.caprock('backup', '--source', harness.SOURCE, '-n', tree)
    assert '+ docs/new' in done.out.splitlines()
    assert 'small' not in done.out and 'nothing was stored' in done.out
    assert {path: path.read_bytes() for path in repo.files()} == before
    # Nor does it make the next run believe anything.
    assert counts(repo.backup(tree)) == (1, 0, 7)


def test_mount_points_are_named_and_not_entered(repo, tree):
    with harness.tmpfs(tree / 'hollow', '1m'):
        harness.write(tree / 'hollow/inside')
        done = repo.caprock('backup', tree)
        assert 'not entered: hollow' in done.out.splitlines()
        assert 'hollow/inside' not in paths(repo)
        assert entries(repo)['hollow']['marks'] == ['mount']
        repo.backup('--cross-mounts', tree, source='all')
        assert 'hollow/inside' in paths(repo, 'all@latest')


def test_a_loop_of_mounts_ends(repo, tree):
    with harness.mounted(tree, tree / 'hollow', '--bind'):
        done = repo.caprock('backup', '--source', 'one', tree)
        assert 'not entered: hollow' in done.out.splitlines()
        summary = repo.backup('--cross-mounts', tree, source='all', rc=(0, 3))
        assert summary['files'] <= 14


def test_own_repository_state_and_mount_are_left_out(repo, tree):
    """All lie inside the source, which is the repository's parent folder."""
    repo.backup(tree)
    with repo.mount() as mount:
        repo.backup('--cross-mounts', repo.folder, source='all')
        names = paths(repo, 'all@latest')
        assert 'key' in names and 'tree/noise' in names
        assert not [name for name in names
                    if name.startswith(('repository/', 'state/',
                                        mount.path.name + '/'))]


def dump(repo, snapshot):
    """What the independent reader sees, ids included."""
    return repo.read('dump', snapshot).out.splitlines()


def many_files(folder):
    for i in range(400):
        harness.write(folder / f'{i % 7}/{i}', harness.noise(i, i * 37 % 9000))
    harness.write(folder / 'large', harness.noise(400, 20_000_000))
    for i in range(1500):
        harness.write(folder / f'wide/{i:04}', b'x' * (i % 300))
    return folder


@pytest.mark.main
def test_any_number_of_workers_makes_the_same_ids(repo, tmp_path):
    top = many_files(tmp_path / 'top')
    dumps = []
    for jobs in (1, 8):
        machine = repo.with_state(tmp_path / f'state{jobs}')
        summary = machine.backup('-j', jobs, top, source=f'j{jobs}')
        assert counts(summary)[2] == 0
        dumps.append(dump(repo, summary['snapshot']))
    assert dumps[0] == dumps[1]
    done = repo.caprock('diff', 'j1@latest', 'j8@latest')
    assert done.out.strip() == '0 added, 0 removed, 0 changed'


CONTROL = re.compile(r'[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]')


def test_names_cannot_steer_a_terminal(repo, tmp_path):
    names = [b'new\nline', b'\x1b]0;title\x07', b'\xff\xfe', b'\xc2\x9b31m',
             '\u202egnp.exe'.encode()]
    for name in names:
        folder = os.path.join(os.fsencode(tmp_path / 'top'), name)
        os.makedirs(folder)
        with open(os.path.join(folder, name), 'wb') as file:
            file.write(b'x')
    said = [repo.caprock('backup', '-v', tmp_path / 'top'),
            repo.caprock('ls', '-lR', 'latest'),
            repo.caprock('--json', 'ls', '-R', 'latest')]
    for done in said:
        done.stdout.decode('utf-8')
        assert not CONTROL.search(done.out + done.err)
    assert '\\x1b]0;title\\x07' in said[1].out
    found = [json.loads(line) for line in said[2].out.splitlines()]
    for name in names:
        assert any(bytes.fromhex(line['path_hex']).endswith(b'/' + name)
                   if 'path_hex' in line else
                   line.get('path', '').encode().endswith(b'/' + name)
                   for line in found)


def test_equal_seconds_take_the_next(repo, tree):
    when = '2021-06-30T23:59:59Z'
    times = [repo.backup('--time', when, tree)['time'] for _ in range(3)]
    assert times == [when, '2021-07-01T00:00:00Z', '2021-07-01T00:00:01Z']
    for bad in ('yesterday', '2021-06-31T00:00:00Z', '2021-06-30', ''):
        repo.caprock('backup', '--time', bad, tree, rc=2)


def test_snapshots_are_found_by_name(repo, tree):
    one = repo.backup('--time', '2021-06-30T10:00:00Z', tree)['snapshot']
    two = repo.backup('--time', '2021-06-30T12:00:00Z', tree)['snapshot']
    new = repo.backup('--time', '2021-07-02T00:00:00Z', tree)['snapshot']
    for name, want in ((one[:8], one), (two, two), ('latest', new),
                       (f'{harness.SOURCE}@latest', new),
                       (f'{harness.SOURCE}@2021-06-30', two),
                       (f'{harness.SOURCE}@2021-06-30T10:00:00Z', one),
                       (f'{harness.SOURCE}@2021-06-30T10-00-00Z', one)):
        assert repo.json('ls', name)[1]['snapshot'] == want
    for name in ('feedfeed', 'other@latest', f'{harness.SOURCE}@2021-07-01'):
        assert repo.caprock('ls', name, rc=1).err.count('\n') == 1


def test_tags(repo, tree):
    repo.backup('--tag', 'before upgrade', '--tag', 'x', tree)
    repo.backup(tree)
    found = repo.json('snapshots', '--tag', 'before upgrade')[0]
    assert [line['tags'] for line in found] == [
        [{'text': 'before upgrade'}, {'text': 'x'}]]
    assert repo.json('snapshots', '--tag', 'before')[0] == []


def test_attributes_of_the_top(repo, tree):
    os.chmod(tree, 0o3751)
    os.setxattr(tree, 'user.top', b'1')
    repo.backup(tree)
    with repo.mount() as mount:
        compare.assert_equal(tree, mount.snapshot())


CHANGES = {
    'mode': lambda path: os.chmod(path, 0o600),
    'owner': lambda path: os.chown(path, 5, 6),
    'time': lambda path: os.utime(path, ns=(1, 1)),
    'xattr': lambda path: os.setxattr(path, 'user.x', b'1'),
    'link': lambda path: os.link(path, os.fspath(path) + '-too'),
    'content': lambda path: harness.write(path, b'INLINE', ns=(1, 1)),
    'nothing': lambda path: None,
}


@pytest.mark.main
def test_changes_of_attributes_are_seen(repo, tmp_path):
    """Files of the same size: the next backup must not take them as known."""
    top = tmp_path / 'top'
    for name in CHANGES:
        harness.write(top / name, b'inline', ns=(1, 1))
    harness.settle()
    repo.backup(top)
    for name, change in CHANGES.items():
        change(top / name)
    repo.backup(top)
    with repo.mount() as mount:
        compare.assert_equal(top, mount.snapshot())


def test_a_snapshot_dated_ahead_is_not_the_latest(repo, tree):
    ahead = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + 7300))
    done = repo.caprock('--json', 'backup', '--source', 'web', '--time', ahead,
                        tree)
    assert 'more than an hour ahead' in done.err
    # It is the latest only while there is nothing else.
    assert repo.caprock('cat', 'web@latest:small').out == 'inline'
    harness.write(tree / 'small', b'later')
    repo.backup(tree, source='web')
    assert [line['ahead'] for line in repo.snapshots()] == [False, True]
    assert repo.caprock('cat', 'web@latest:small').out == 'later'
    assert repo.caprock('cat', f'web@{ahead}:small').out == 'inline'
    assert repo.read('cat', 'web@latest', 'small').out == 'later'
    with repo.mount() as mount:
        assert (mount.path / 'latest/web/small').read_text() == 'later'


def test_access_times_stay(repo, tree):
    """But those of symlinks, which cannot be read without."""
    entries = [path for path in [tree, *tree.rglob('*')]
               if not path.is_symlink()]
    for path in entries:
        os.utime(path, ns=(10**18, path.stat().st_mtime_ns))
    repo.backup(tree)
    assert {path.stat().st_atime_ns for path in entries} == {10**18}
