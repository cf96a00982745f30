"""caprockfs: the same snapshots, asked for by time, by file and by loss."""
import concurrent.futures
import os
import subprocess

import pytest

import harness


def stamp(summary):
    """How the mount writes the time of a snapshot."""
    return summary['time'].replace(':', '-')


def ls(*argv):
    return harness.sh('ls', *argv).out.splitlines()


@pytest.mark.main
def test_as_of_a_time(repo, tree):
    for day in ('2021-06-30T10:00:00Z', '2021-06-30T12:00:00Z',
                '2021-07-02T00:00:00Z'):
        harness.write(tree / 'when', day)
        repo.backup('--time', day, tree)
    repo.backup('--time', '2021-07-01T00:00:00Z', tree, source='other')
    with repo.mount() as mount:
        asof = mount.path / 'asof'
        assert ls(asof) == ['README']
        assert 'asof/2026-03-01/' in (asof / 'README').read_text()
        for typed, want in (
                ('2021-06-29', None),
                ('2021-06-30T09-59-59Z', None),
                ('2021-06-30T10-00-00Z', '2021-06-30T10:00:00Z'),
                ('2021-06-30', '2021-06-30T12:00:00Z'),
                ('2021-07-01', '2021-06-30T12:00:00Z'),
                ('2021-07-02', '2021-07-02T00:00:00Z'),
                ('yesterday', '2021-07-02T00:00:00Z'),
                ('today', '2021-07-02T00:00:00Z')):
            assert ('src' in ls(asof / typed)) == bool(want), typed
            if want:
                assert (asof / typed / 'src/when').read_text() == want
                assert os.readlink(asof / typed / 'src') == \
                    f'../../snapshots/src/{want.replace(":", "-")}'
        assert ls(asof / '2021-06-30') == ['src']
        assert ls(asof / '2021-07-01') == ['other', 'src']
        # Nothing of it is listed for having been asked for.
        assert ls(asof) == ['README']
        for name in ('tomorrow', '2021-02-30', '2021-06-30T10:00:00Z', 'src'):
            assert not (asof / name).exists()
    with repo.mount('source=src') as mount:
        for view in ('asof', 'versions', 'deleted'):
            assert not (mount.path / view).exists()


def test_what_was_asked_for_follows_new_snapshots(repo, tree):
    repo.backup(tree)
    with repo.mount() as mount:
        link = mount.path / 'asof/today/src'
        before = os.readlink(link)
        with subprocess.Popen(['tail', '-f', '/dev/null'],
                              cwd=mount.path / 'asof/today') as process:
            made = stamp(repo.backup(tree))
            harness.until(lambda: os.readlink(link).endswith(made),
                          'asof/today leads to the new snapshot')
            # The directory is the one that it was.
            assert os.readlink(f'/proc/{process.pid}/cwd') == \
                os.fspath(link.parent)
            process.kill()
        assert before != os.readlink(link)


ODD = (b'new\nline.txt', b'not-utf-8-\xff\xfe.txt', b'x' * 251 + b'.txt',
       'Übergrößenträger.txt'.encode(), b'a back\\slash.txt', b' blank .txt')


def name_of(line):
    """The path of a line of JSON, as it is stored."""
    if 'path_hex' in line:
        return bytes.fromhex(line['path_hex'])
    return line['path'].encode()


def asked(repo, *argv):
    """All lines of the answer, the summary last."""
    lines, summary = repo.json(*argv)
    return [*lines, summary]


def three_days(repo, tree):
    """What these tests ask about: a file changes, comes, goes, comes back."""
    made = []
    harness.write(tree / 'docs/report.txt', b'first')
    harness.write(tree / 'docs/lost.txt', b'lost')
    for name in ODD:
        harness.write(tree / 'docs' / os.fsdecode(name), name)
    made.append(stamp(repo.backup('--time', '2021-03-01T10:00:00Z', tree)))
    harness.write(tree / 'docs/report.txt', b'second version')
    (tree / 'docs/lost.txt').unlink()
    made.append(stamp(repo.backup('--time', '2021-03-02T10:00:00Z', tree)))
    (tree / 'docs/report.txt').unlink()
    for name in ODD:
        os.unlink(tree / 'docs' / os.fsdecode(name))
    made.append(stamp(repo.backup('--time', '2021-03-03T10:00:00Z', tree)))
    harness.write(tree / 'docs/report.txt', b'third')
    os.chmod(tree / 'docs/report.txt', 0o600)
    made.append(stamp(repo.backup('--time', '2021-03-04T10:00:00Z', tree)))
    return made


@pytest.mark.main
def test_find_in_all_snapshots(repo, tree):
    three_days(repo, tree)
    repo.backup('--time', '2021-03-02T11:00:00Z', tree, source='other')
    lines = asked(repo, 'find', 'report')
    assert lines[-1]['found'] == 2
    there = next(line for line in lines if line.get('source') == 'src')
    assert there['path'] == 'docs/report.txt'
    assert there['first'] == '2021-03-01T10:00:00Z'
    assert there['last'] == '2021-03-04T10:00:00Z'
    assert there['versions'] == 3 and not there['gone'] and there['size'] == 5
    lines = asked(repo, 'find', '*lost.txt', '--source', 'src')
    assert [line['path'] for line in lines[:-1]] == ['docs/lost.txt']
    assert lines[0]['gone'] and lines[0]['last'] == '2021-03-01T10:00:00Z'
    found = {name_of(line) for line in
             asked(repo, 'find', 'docs/*.txt', '--source', 'src')[:-1]}
    assert found >= {b'docs/' + name for name in ODD}
    assert all(name.startswith(b'docs/') for name in found)
    for name in ODD:
        lines = asked(repo, 'find', b'docs/' + name, '--source', 'src')
        assert [name_of(line) for line in lines[:-1]] == [b'docs/' + name]
        assert lines[0]['gone']
    assert asked(repo, 'find', 'nowhere')[-1]['found'] == 0
    done = repo.caprock('find', 'report.txt', '--source', 'src')
    heading, line, end = done.out.splitlines()
    assert heading.split() == ['FIRST', 'LAST', 'NOW', 'VERSIONS', 'SIZE',
                               'PATH']
    assert line.split() == ['2021-03-01T10-00-00Z', '2021-03-04T10-00-00Z',
                            '3', '5', 'B', 'src:docs/report.txt']
    assert end == '1 found'
    assert 'no snapshot of a source none' in \
        repo.caprock('find', 'x', '--source', 'none', rc=1).err
    repo.caprock('find', '', rc=2)
    # Names reach a terminal as escapes.
    assert 'new\\x0aline.txt' in repo.caprock('find', 'line.txt').out


@pytest.mark.main
def test_the_history_of_a_file(repo, tree):
    three_days(repo, tree)
    lines = asked(repo, 'history', 'docs/report.txt')
    assert [line['type'] for line in lines] == \
        ['version', 'version', 'gone', 'version', 'summary']
    assert [line['first'][:10] for line in lines[:-1]] == \
        ['2021-03-01', '2021-03-02', '2021-03-03', '2021-03-04']
    assert [line.get('changes') for line in lines[:-1]] == \
        [[], ['content', 'mtime'], None, ['content', 'mode', 'mtime']]
    assert [line.get('size') for line in lines[:-1]] == [5, 14, None, 5]
    done = repo.caprock('history', '/src:docs//lost.txt/', rc=1)
    assert 'in no snapshot' in done.err
    out = repo.caprock('history', 'src:docs//lost.txt/').out.splitlines()
    assert out[0] == 'src:docs/lost.txt'
    assert out[2].endswith('new')
    assert out[3].split() == ['2021-03-02T10-00-00Z', '2021-03-04T10-00-00Z',
                              'gone']
    for name in ODD:
        lines = asked(repo, 'history', b'src:docs/' + name)
        assert [line['type'] for line in lines] == \
            ['version', 'gone', 'summary']
        assert name_of(lines[0]) == b'docs/' + name
    # It had no change in two of four, and is in all.
    lines = asked(repo, 'history', 'small')
    assert len(lines) == 2 and lines[0]['snapshots'] == 4


def test_damage_does_not_end_a_search(repo, tree):
    """A lost pack is told of, and what is elsewhere is found."""
    harness.write(tree / 'only/here/report', b'x')
    repo.backup(tree)
    before = set(repo.files('packs/meta'))
    harness.write(tree / 'only/later/report', b'y')
    repo.backup(tree)
    for path in set(repo.files('packs/meta')) - before:
        os.unlink(path)
    done = repo.caprock('find', 'report', rc=4)
    assert 'src:only/here/report' in done.out
    assert 'not searched' in done.err
    done = repo.caprock('history', 'only/here/report', rc=4)
    assert 'cannot be told' in done.out


@pytest.mark.main
def test_every_version_of_a_file(repo, tree):
    made = three_days(repo, tree)
    with repo.mount() as mount:
        versions = mount.path / 'versions/src'
        assert ls(mount.path / 'versions') == ['src']
        assert set(ls('-a', versions)) >= {'.', '..', 'docs', 'small'}
        report = versions / 'docs/report.txt'
        names = [f'{made[i]}__report.txt' for i in (0, 1, 3)]
        assert ls(report) == names
        assert os.readlink(report / names[1]) == \
            f'../../../../snapshots/src/{made[1]}/docs/report.txt'
        assert [(report / name).read_text() for name in names] == \
            ['first', 'second version', 'third']
        assert harness.sh('cat', *[report / name for name in names]).out == \
            'firstsecond versionthird'
        harness.sh('cp', '-p', *[report / name for name in names],
                   tree.parent)
        assert (tree.parent / names[1]).read_text() == 'second version'
        # Unchanged in all four: once.
        assert ls(versions / 'small') == [f'{made[0]}__small']
        assert harness.sh('find', report, '-type', 'l').out.count('\n') == 3
        assert not (versions / 'docs/never').exists()
        assert not (versions / 'none').exists()
        assert not (report / f'{made[2]}__report.txt').is_symlink()
        assert not (report / f'{made[0]}__other.txt').is_symlink()


@pytest.mark.main
def test_where_did_it_go_and_when_was_it_there(repo, tree):
    made = three_days(repo, tree)
    with repo.mount() as mount:
        deleted = mount.path / 'deleted/src'
        assert ls(mount.path / 'deleted') == ['src']
        # One ls: what is gone, and when it was there last.
        with os.scandir(os.fsencode(deleted / 'docs')) as entries:
            kinds = {entry.name: entry.is_symlink() for entry in entries}
        gone = [name for name in kinds if kinds[name]]
        assert len(gone) == 1 + len(ODD) and not kinds[b'deep']
        link = f'{made[0]}__lost.txt'
        assert link.encode() in gone
        assert (deleted / 'docs' / link).read_text() == 'lost'
        assert os.readlink(deleted / 'docs' / link) == \
            f'../../../snapshots/src/{made[0]}/docs/lost.txt'
        assert 'report.txt' not in str(gone)
        # What is there leads on to what is below.
        assert 'docs' in ls(deleted)
        assert all((deleted / name).is_dir() for name in ls(deleted))
        for name in ODD:
            stored = os.fsencode(deleted / 'docs') + b'/' + \
                made[1].encode() + b'__' + name
            if len(name) < 234:
                assert open(stored, 'rb').read() == name
            else:
                with pytest.raises(OSError):
                    os.stat(stored)


def test_names_too_long_for_a_date(repo, tmp_path):
    """Cut, keeping the extension, told apart, and found as they are listed."""
    tree = tmp_path / 'tree'
    names = ['x' * 233, 'x' * 234, 'x' * 250 + '1.txt', 'x' * 250 + '2.txt',
             'ü' * 127, 'é' * 125 + '.tiff', '.' + 'y' * 254, 'z' * 254 + '.',
             'w.' + 'w' * 253]
    for name in names:
        harness.write(tree / name, name)
    harness.write(tree / 'stays', '')
    made = stamp(repo.backup(tree))
    for name in names:
        (tree / name).unlink()
    repo.backup(tree)
    with repo.mount() as mount:
        deleted = mount.path / 'deleted/src'
        found = os.listdir(os.fsencode(deleted))
        assert len(found) == len(names)
        assert max(map(len, found)) <= 255
        texts = set()
        for name in found:
            name.decode()   # no character is cut in two
            assert name.startswith(made.encode() + b'__')
            with open(os.fsencode(deleted) + b'/' + name, 'rb') as file:
                texts.add(file.read().decode())
        assert texts == set(names)
        assert len([name for name in found if name.endswith(b'.txt')]) == 2
        assert f'{made}__{"x" * 233}'.encode() in found
        for name in names:
            inside = os.listdir(mount.path / 'versions/src' / name)
            assert len(inside) == 1
            assert (mount.path / 'versions/src' / name / inside[0]
                    ).read_text() == name
        assert not (deleted / f'{made}__{"x" * 224}~00000000').is_symlink()


def test_a_path_that_was_a_file_and_a_directory(repo, tmp_path):
    tree = tmp_path / 'tree'
    harness.write(tree / 'x', 'file')
    harness.write(tree / 'd/in/deep', 'deep')
    one = stamp(repo.backup(tree))
    (tree / 'x').unlink()
    harness.write(tree / 'x/inside', 'directory')
    harness.sh('rm', '-r', tree / 'd')
    two = stamp(repo.backup(tree))
    harness.sh('rm', '-r', tree / 'x')
    os.symlink('nowhere', tree / 'x')
    three = stamp(repo.backup(tree))
    with repo.mount() as mount:
        versions = mount.path / 'versions/src'
        assert set(ls(versions / 'x')) == {f'{one}__x', f'{three}__x', 'inside'}
        assert (versions / 'x' / f'{one}__x').read_text() == 'file'
        assert ls(versions / 'x/inside') == [f'{two}__inside']
        # A link to a link: it says what it was.
        assert os.readlink(mount.path / 'snapshots/src' / three / 'x') == \
            'nowhere'
        deleted = mount.path / 'deleted/src'
        # There is an x, but what it held is gone.
        assert set(ls(deleted)) == {'x', f'{one}__d'}
        assert ls(deleted / 'x') == [f'{two}__inside']
        assert (deleted / f'{one}__d/in/deep').read_text() == 'deep'
        # Who knows where it was finds it there too.
        assert ls(deleted / 'd') == [f'{one}__in']
        assert ls(deleted / 'd/in') == [f'{one}__deep']
        assert (deleted / 'd/in' / f'{one}__deep').read_text() == 'deep'


def test_views_follow_new_snapshots(repo, tree):
    repo.backup(tree)
    with repo.mount() as mount:
        versions = mount.path / 'versions/src/small'
        deleted = mount.path / 'deleted/src'
        assert len(ls(versions)) == 1
        before = set(ls(deleted))
        harness.write(tree / 'small', 'another')
        second = stamp(repo.backup(tree))
        harness.until(lambda: f'{second}__small' in ls(versions),
                      'the version appears')
        (tree / 'small').unlink()
        repo.backup(tree)
        harness.until(lambda: f'{second}__small' in ls(deleted),
                      'what was deleted appears')
        assert (deleted / f'{second}__small').read_text() == 'another'
        harness.write(tree / 'small', 'back')
        repo.backup(tree)
        harness.until(lambda: set(ls(deleted)) == before,
                      'what came back is not deleted any more')
        assert len(ls(versions)) == 3


def test_nobody_lists_here_what_he_could_not_list(repo, tree):
    """A directory is as closed as the most closed of its versions."""
    harness.need_root()
    harness.write(tree / 'private/secret-name', 'x')
    harness.write(tree / 'was-private/old-name', 'x')
    harness.write(tree / 'handed-over/name', 'x')
    harness.write(tree / 'open/name', 'x')
    os.chmod(tree, 0o755)
    for name in ('private', 'was-private'):
        os.chmod(tree / name, 0o700)
    for name in ('open', 'handed-over'):
        os.chmod(tree / name, 0o755)
    repo.backup(tree)
    os.chmod(tree / 'was-private', 0o755)
    os.chown(tree / 'handed-over', 1234, 1234)
    for path in tree.glob('*/*name'):
        path.unlink()
    repo.backup(tree)
    with repo.mount('allow_other') as mount, \
            harness.as_nobody(mount.path.parent) as nobody:
        for view in ('versions', 'deleted'):
            where = mount.path / view / 'src'
            harness.run(['ls', where / 'open'], **nobody)
            for name in ('private', 'was-private', 'handed-over'):
                done = harness.run(['ls', where / name], rc=2, **nobody)
                assert 'Permission denied' in done.err
            assert 'secret' in str(ls(mount.path / view / 'src/private'))


def test_many_names_in_a_directory(repo, tmp_path):
    tree = tmp_path / 'tree'
    names = {f'file-{i:05}' for i in range(6000)}
    for name in names:
        harness.write(tree / name, name)
    made = stamp(repo.backup(tree))
    for name in names:
        if not name.endswith('0'):
            (tree / name).unlink()
    repo.backup(tree)
    with repo.mount('cache=16M') as mount:
        assert set(ls(mount.path / 'versions/src')) == names
        gone = ls(mount.path / 'deleted/src')
        assert len(gone) == len(set(gone)) == 5400
        assert {name.split('__')[1] for name in gone} < names
        assert (mount.path / f'deleted/src/{made}__file-04321').read_text() \
            == 'file-04321'


def test_damage_in_the_past_is_no_silence(repo, tree):
    harness.write(tree / 'gone/name', 'x')
    repo.backup(tree)
    before = set(repo.files('packs/meta'))
    harness.write(tree / 'gone/later', 'x')
    repo.backup(tree)
    for path in set(repo.files('packs/meta')) - before:
        os.unlink(path)
    with repo.mount(expect=('src@', 'missing')) as mount:
        # What is gone cannot be told without the newest.
        with pytest.raises(OSError):
            os.listdir(mount.path / 'deleted/src')
        # What was before is there, and at the end that this is not all.
        names = []
        with pytest.raises(OSError), \
                os.scandir(mount.path / 'versions/src') as entries:
            for entry in entries:
                names.append(entry.name)
        assert 'gone' in names
        done = harness.run(['ls', mount.path / 'versions/src/gone/name'], rc=2)
        assert '__name' in done.out and 'Input/output error' in done.err
        with pytest.raises(OSError):
            os.stat(mount.path / 'versions/src/never')


def test_many_look_while_snapshots_come(repo, tree):
    for i in range(40):
        harness.write(tree / f'many/{i % 4}/file{i}', str(i))
    repo.backup(tree)
    with repo.mount('cache=16M') as mount, \
            concurrent.futures.ThreadPoolExecutor(8) as pool:
        def walk(view):
            done = harness.run(['find', mount.path / view, '-ls'])
            return done.out.count('\n')

        walks = []
        for i in range(8):
            walks += [pool.submit(walk, view)
                      for view in ('versions', 'deleted', 'asof/today')]
            (tree / f'many/{i % 4}/file{i}').unlink()
            harness.write(tree / f'many/{i % 4}/file{i + 8}', 'changed')
            last = repo.backup(tree)
        assert all(task.result() > 0 for task in walks)
        # Then all agree on what there is.
        latest = mount.path / 'latest/src'
        harness.until(lambda: os.readlink(latest).endswith(stamp(last)),
                      'the last snapshot appears')
        gone = {f'file{i}' for i in range(8)}
        for i in range(4):
            names = ls(mount.path / f'deleted/src/many/{i}')
            assert {name.split('__')[1] for name in names} == \
                {name for name in gone if int(name[4:]) % 4 == i}
        assert len(ls(mount.path / 'versions/src/many/0/file8')) == 2
