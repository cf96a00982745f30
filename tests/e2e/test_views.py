"""caprockfs: the same snapshots, asked for by time, by file and by loss."""
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
        assert not (mount.path / 'asof').exists()


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
