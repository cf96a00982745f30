"""caprockfs -o path=: one directory of every snapshot, and nothing beside it."""
import errno
import json
import os
import pathlib
import shutil
import stat
import time

import pytest

import compare
import harness
from test_life import as_installed, options

SECRET = 'secret'
DAYS = [f'2021-06-{day:02d}T10:00:00Z' for day in range(1, 29)]


def stamp(time):
    return time.replace(':', '-')


def ls(path):
    return sorted(os.listdir(path))


@pytest.fixture(name='source')
def make_source(tmp_path):
    """Where nothing but what is below srv/docs may be seen."""
    folder = tmp_path / 'source'
    harness.make_tree(folder / 'srv/docs')
    harness.write(folder / 'srv/docs/above/below/file', b'below')
    for name in ('', 'srv/', 'srv/docs-too/', 'docs/'):
        harness.write(folder / f'{name}{SECRET}', SECRET)
    return folder


def everything(top):
    """All names that one comes to from @top, through links as well."""
    seen, left = set(), [os.fspath(top)]
    while left:
        folder = left.pop()
        real = os.path.realpath(folder)
        if real in seen or not real.startswith(os.fspath(top)):
            continue
        seen.add(real)
        for entry in os.scandir(folder):
            yield entry.path
            if entry.is_dir():
                left.append(entry.path)


@pytest.mark.main
@pytest.mark.parametrize('path', ['srv/docs', '/srv/docs/'])
def test_it_is_the_root_of_every_snapshot(repo, source, path):
    repo.backup('--time', DAYS[0], source)
    harness.write(source / 'srv/docs/small', b'another')
    (source / 'srv/docs/noise').unlink()
    repo.backup('--time', DAYS[1], source)
    with repo.mount(f'path={path}') as mount:
        compare.assert_equal(source / 'srv/docs', mount.snapshot())
        harness.sh('diff', '-r', '--exclude=pipe', '--exclude=socket',
                   source / 'srv/docs', mount.path / 'latest/src')
        with repo.mount() as whole:
            for which in (0, 1):
                compare.assert_equal(whole.snapshot(which=which) / 'srv/docs',
                                     mount.snapshot(which=which))
        assert os.path.samefile(mount.snapshot() / '..',
                                mount.path / 'snapshots/src')


@pytest.mark.main
def test_nothing_beside_it_can_be_reached(repo, source):
    os.symlink('../secret', source / 'srv/docs/out')
    os.symlink('/srv/secret', source / 'srv/docs/absolute')
    repo.backup('--time', DAYS[0], source)
    (source / f'srv/{SECRET}').unlink()
    (source / 'srv/docs/noise').unlink()
    repo.backup('--time', DAYS[1], source)
    for more in ([], ['source=src'], ['symlinks=inside']):
        with repo.mount('path=srv/docs', *more) as mount:
            names = list(everything(mount.path))
            assert len(names) > 30
            assert not [name for name in names if SECRET in name]
            for above in ('srv', 'srv/docs', SECRET, f'../{SECRET}'):
                assert not (mount.path / 'latest/src' / above).exists()
            for view in ('versions', 'deleted'):
                for name in ('srv', SECRET, 'docs-too'):
                    assert not (mount.path / view / 'src' / name).exists()
            if not more:
                told = (mount.path / '.caprock/status.json').read_text()
                assert SECRET not in told


def test_links_lead_to_what_is_shown(repo, source):
    """An absolute target below it is inside, any other leads nowhere."""
    docs = source / 'srv/docs'
    for name, target in (
            ('in', f'{source}/srv/docs/above/below/file'),
            ('self', f'{source}/srv/docs'),
            ('up', '../docs/above'),
            ('beside', f'{source}/srv/docs-too/{SECRET}'),
            ('out', f'{source}/{SECRET}'),
            ('far', '../../docs'),
            ('plain', 'small')):
        os.symlink(target, docs / 'above' / name)
    os.symlink('../docs-too', docs / 'first')
    repo.backup(source)
    with repo.mount('path=srv/docs', 'symlinks=inside') as mount:
        above = mount.snapshot() / 'above'
        links = {name: os.readlink(above / name)
                 for name in ls(above) if (above / name).is_symlink()}
        absent = '.not-in-this-snapshot'
        assert links == {
            'in': '../above/below/file', 'self': '..',
            'up': '../docs/above',
            'beside': f'../{absent}{source}/srv/docs-too/{SECRET}',
            'out': f'../{absent}{source}/{SECRET}',
            'far': '..', 'plain': 'small'}
        assert (above / 'in').read_bytes() == b'below'
        assert os.path.samefile(above / 'self', mount.snapshot())
        assert os.readlink(mount.snapshot() / 'first') == \
            f'{absent}{source}/srv/docs-too'


@pytest.mark.main
def test_snapshots_that_lack_it_are_not_there(repo, source):
    """Nor where something else has its name: all views go by the others."""
    docs = source / 'srv/docs'

    def back_up(day, kind):
        shutil.rmtree(docs, ignore_errors=True)
        docs.unlink(missing_ok=True)
        if kind == 'file':
            harness.write(docs, b'a file')
        elif kind == 'link':
            os.symlink('docs-too', docs)
        elif kind:
            harness.write(docs / 'when', kind)
            harness.write(docs / f'only-{kind}', kind)
        repo.backup('--time', DAYS[day], source)

    for day, kind in enumerate(
            [None, 'one', 'file', 'two', 'link', None, 'three', None]):
        back_up(day, kind)
    have = [stamp(DAYS[day]) for day in (1, 3, 6)]
    repo.backup('--time', DAYS[9], source / 'docs', source='other')
    # Said, for it may be misspelt, where no newest snapshot has it.
    lacks = dict(expect=('no such directory',))
    with repo.mount('path=srv/docs', **lacks) as mount:
        top = mount.path
        assert any('no such directory' in line for line in mount.lines)
        assert ls(top / 'snapshots') == ['other', 'src']
        assert ls(top / 'snapshots/other') == []
        assert ls(top / 'snapshots/src') == have
        for day in (0, 2, 4, 5, 7):
            assert not (top / 'snapshots/src' / stamp(DAYS[day])).exists()
        assert ls(top / 'latest') == ['src']
        assert os.readlink(top / 'latest/src').endswith(have[-1])
        assert (top / 'latest/src/when').read_text() == 'three'
        assert ls(top / 'by-date') == [name[:10] for name in have]
        assert ls(top / 'by-date' / have[0][:10]) == ['src']
        for day, want in ((0, None), (1, 'one'), (2, 'one'), (5, 'two'),
                          (7, 'three')):
            asof = top / 'asof' / DAYS[day][:10]
            assert ls(asof) == (['src'] if want else []), day
            if want:
                assert (asof / 'src/when').read_text() == want
        assert ls(top / 'versions/src') == \
            ['only-one', 'only-three', 'only-two', 'when']
        assert ls(top / 'versions/src/when') == \
            [f'{name}__when' for name in have]
        assert ls(top / 'deleted/src') == [f'{have[0]}__only-one',
                                           f'{have[1]}__only-two']
        for link in ls(top / 'deleted/src'):
            assert (top / 'deleted/src' / link).read_text() in link
        seen = [os.getxattr(top / 'latest/src/when', f'user.caprock.{which}')
                for which in ('first_seen', 'last_seen')]
        assert seen == [have[-1].encode()] * 2
    with repo.mount('path=srv/docs', 'source=src', **lacks) as mount:
        assert ls(mount.path) == have
        assert (mount.path / have[1] / 'when').read_text() == 'two'
    # Below a file, and what never was there.
    for path in ('srv/docs/when', 'srv/dosc'):
        with repo.mount(f'path={path}', **lacks) as mount:
            assert ls(mount.path / 'snapshots/src') == []
            assert ls(mount.path / 'latest') == []


def test_new_snapshots_are_looked_into_too(repo, source):
    shutil.move(source / 'srv/docs', source / 'later')
    repo.backup(source)
    with repo.mount('path=srv/docs', expect=('no such directory',)) as mount:
        assert ls(mount.path / 'latest') == []
        shutil.move(source / 'later', source / 'srv/docs')
        made = repo.backup(source)
        harness.until(lambda: ls(mount.path / 'latest') == ['src'],
                      'the new snapshot is the latest')
        assert os.readlink(mount.path / 'latest/src').endswith(
            stamp(made['time']))
        compare.assert_equal(source / 'srv/docs', mount.snapshot())


def lookups(mount):
    """How often something was looked for: figures are a second old at most."""
    end = time.monotonic() + 1.1
    harness.until(lambda: time.monotonic() > end, 'the figures are new')
    cache = json.loads((mount.path / '.caprock/status.json').read_text())[
        'cache']
    return cache['hits'] + cache['misses']


def test_no_more_is_looked_into_than_is_asked_for(repo, source):
    for day in DAYS:
        harness.write(source / 'changes', day)
        repo.backup('--time', day, source)
    with repo.mount('path=srv/docs') as mount:
        ready = lookups(mount)
        assert ready < len(DAYS), 'before anybody asked'
        os.stat(mount.path / 'latest/src')
        os.stat(mount.path / 'snapshots/src' / stamp(DAYS[3]))
        assert lookups(mount) - ready < len(DAYS)
        before = os.stat(mount.snapshot() / 'small').st_ino
        asked = lookups(mount)
        assert asked - ready > len(DAYS)
        for _ in range(3):
            assert len(ls(mount.path / 'snapshots/src')) == len(DAYS)
            assert len(ls(mount.path / 'by-date')) == len(DAYS)
        assert lookups(mount) == asked, 'what is known is not looked up again'
    with repo.mount('path=srv/docs') as mount:
        assert os.stat(mount.snapshot() / 'small').st_ino == before


def test_damage_on_the_way(repo, source):
    """EIO for that snapshot, never the directory above in its place."""
    repo.backup('--time', DAYS[0], source)
    known = set(repo.files('packs/meta'))
    harness.write(source / 'srv/docs/new', b'new')
    repo.backup('--time', DAYS[1], source)
    for pack in set(repo.files('packs/meta')) - known:
        pack.unlink()
    whole, lost = stamp(DAYS[0]), stamp(DAYS[1])
    with repo.mount('path=srv/docs', expect=('EIO', 'pack', lost)) as mount:
        assert ls(mount.path / 'snapshots/src') == [whole, lost]
        assert os.readlink(mount.path / 'latest/src').endswith(lost)
        for name in (lost, f'{lost}/secret', f'{lost}/srv'):
            with pytest.raises(OSError) as caught:
                os.stat(mount.path / 'snapshots/src' / name)
            assert caught.value.errno == errno.EIO
        assert (mount.snapshot(which=0) / 'small').read_bytes() == b'inline'
        assert not (mount.snapshot(which=0) / 'new').exists()
        with pytest.raises(OSError) as caught:
            os.listdir(mount.path / 'deleted/src')
        assert caught.value.errno == errno.EIO
        told = (mount.path / '.caprock/damaged.txt').read_text().splitlines()
        assert told and all(f'src@{lost}' in line for line in told)
        assert mount.alive()


@pytest.mark.parametrize('name', [
    b'a,b', b'back\\slash', b'a b', b'\xff\xfe', b'x=y', b'a"b\'c', b'-o'])
def test_any_name_can_be_said(repo, tmp_path, name):
    tree = os.fsencode(tmp_path / 'tree')
    os.makedirs(os.path.join(tree, name, b'in'))
    pathlib.Path(os.fsdecode(os.path.join(tree, name, b'in/file'))).write_text(
        'found')
    repo.backup(os.fsdecode(tree))
    octal = ''.join(f'\\{byte:03o}' for byte in name)
    escaped = name.replace(b'\\', b'\\\\').replace(b',', b'\\,')
    for text in (os.fsdecode(escaped) + '/in', f'{octal}/in'):
        with repo.mount(f'path={text}') as mount:
            assert (mount.snapshot() / 'file').read_text() == 'found'
    argv = repo.mount_argv(tmp_path)
    with repo.mount(through=()) as mount:
        assert (mount.snapshot() / os.fsdecode(name)).is_dir()
    folder = tmp_path / 'mnt'
    folder.mkdir()
    done = harness.run([argv[0], f'--path={os.fsdecode(name)}', *argv[2:-1],
                        folder])
    assert not done.err
    try:
        assert ls(next((folder / 'snapshots/src').iterdir())) == ['in']
    finally:
        harness.sh('umount', folder)


def test_fstab(repo, source, tmp_path):
    (source / 'srv/docs').rename(source / 'srv/my docs')
    repo.backup(source)
    mnt = tmp_path / 'mnt'
    mnt.mkdir()
    words = options(repo, 'path=/srv/my\\040docs', 'source=src', 'noauto')
    fstab = harness.write(tmp_path / 'fstab',
                          f'{repo.path} {mnt} fuse.caprockfs {words} 0 0\n')
    as_installed(f'''
        mount --fstab {fstab} {mnt}
        diff {source}/srv/my\\ docs/noise {mnt}/*/noise
        test ! -e {mnt}/*/srv
        umount {mnt}
        ''', tmp_path / 'sbin')


@pytest.mark.parametrize('path,why', [
    ('', 'names no directory'), ('/', 'names no directory'),
    ('//', 'names no directory'), ('a//b', 'between two slashes'),
    ('//a', 'between two slashes'), ('.', 'without . and ..'),
    ('a/../b', 'without . and ..'), ('a/.', 'without . and ..'),
    ('x' * 256, 'no name is so long'), ('a\\000b', '\\000')])
def test_what_is_no_path_is_refused(repo, tmp_path, path, why):
    done = harness.run(repo.mount_argv(tmp_path, [f'path={path}']), rc=2)
    assert why in done.err


def test_rights_are_those_of_what_is_shown(repo, source):
    """As with a bind mount: who may come in is up to its own mode."""
    os.chmod(source / 'srv', 0o700)
    os.chmod(source / 'srv/docs', 0o751)
    repo.backup(source)
    with repo.mount('path=srv/docs') as mount:
        st = os.stat(mount.snapshot())
        assert stat.S_IMODE(st.st_mode) == 0o751
        assert (st.st_uid, st.st_gid) == (os.getuid(), os.getgid())
