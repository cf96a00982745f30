"""Two versions of a source tree, as people have them: equal, and small.

Normally 3,000 files of this machine and a copy with 2 % changed; with --long
two releases of the kernel, and restic and borg beside us.
"""
import os
import pathlib
import random
import re
import shutil

import pytest

import compare
import harness

FILES = 3000
FOLDERS = ('/usr/include', '/usr/share', '/usr/lib/python3')
MIB = 1 << 20


def candidates():
    """Small regular files, in one order on one machine."""
    for folder in FOLDERS:
        for at, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = pathlib.Path(at, name)
                if path.is_file() and not path.is_symlink() and \
                        path.stat().st_size < 256 << 10:
                    yield path


def copy_subset(target):
    """The first 3,000 there are, with their folders and times."""
    for count, path in enumerate(candidates()):
        if count == FILES:
            return target
        to = target / path.relative_to('/usr')
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to)
        if count % 100 == 0:
            os.symlink(to.name, to.with_name(f'{to.name}.link'))
    return harness.skip_is_failure(f'there are no {FILES} files to copy')


def change(folder):
    """2 % of the files, in the ways files change; returns the bytes of it."""
    chance, touched = random.Random(1), 0
    files = sorted(path for path in folder.rglob('*')
                   if path.is_file() and not path.is_symlink())
    for number, path in enumerate(chance.sample(files, len(files) // 50)):
        touched += path.stat().st_size
        if number % 4 == 0:
            with open(path, 'ab') as file:
                file.write(b'\n/* one line more */\n')
        elif number % 4 == 1:
            data = path.read_bytes()
            path.write_bytes(data[:len(data) // 2] + b'x' +
                             data[len(data) // 2:])
        elif number % 4 == 2:
            path.unlink()
        else:
            path.rename(path.with_name('new-' + path.name))
    return touched


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob('*')
               if path.is_file() and not path.is_symlink())


def everything_agrees(repo, versions, folder):
    """Mount, restore and independent reader give both versions back."""
    listed = [line['id'] for line in repo.snapshots()]
    with repo.mount() as mount:
        for which, version in enumerate(versions):
            at = mount.snapshot(which=which)
            done = harness.sh('diff', '-r', '--no-dereference', version, at)
            assert done.out == ''
            compare.assert_equal(version, at)
    for snapshot, version in zip(listed, versions):
        repo.restore(snapshot, folder / 'restored')
        compare.assert_equal(version, folder / 'restored', ctime=False)
        shutil.rmtree(folder / 'restored')
    repo.read('check')
    repo.read('extract', listed[-1], folder / 'extracted')
    compare.assert_equal(versions[-1], folder / 'extracted', ctime=False)


def back_up_both(repo, versions, source):
    """The two, one after the other, at the place where they live."""
    summaries = []
    for version in versions:
        summaries.append(repo.backup(version))
        size = repo.size()
        print(f'{source}: {version.name}: {size_of(version) / MIB:.1f} MiB, '
              f'added {summaries[-1]["bytes_added"] / MIB:.2f}, '
              f'repository {size / MIB:.2f}')
    return summaries


@pytest.mark.main
def test_a_subset(repo, tmp_path):
    old = copy_subset(tmp_path / 'old')
    harness.sh('cp', '-a', old, tmp_path / 'new')
    new = tmp_path / 'new'
    changed = change(new)
    first, second = back_up_both(repo, (old, new), 'subset')
    assert first['bytes_added'] < size_of(old) * 0.6
    # What changed, whole, and what of the tree leads there.
    assert second['bytes_added'] < changed + 512 * 1024
    assert second['bytes_added'] < first['bytes_added'] / 8
    everything_agrees(repo, (old, new), tmp_path)


def upstream(version):
    """6.1.159-1 to (6, 1, 159)."""
    return tuple(map(int, re.match(r'([\d.]+)', version)[1].split('.')))


def newest_releases(folder):
    """The trees of the two newest upstream releases that apt has."""
    harness.need_programs('apt-cache', 'apt-get', 'dpkg-deb', 'tar', 'xz')
    rows = harness.sh('apt-cache', 'madison', 'linux-source-6.1').out
    newest = {}
    for row in rows.splitlines():
        version = row.split('|')[1].strip()
        newest.setdefault(upstream(version), version)
    wanted = sorted(newest)[-2:]
    if len(wanted) < 2:
        harness.skip_is_failure(f'apt has {len(wanted)} releases of the kernel')
    trees = []
    for release in wanted:
        at = folder / '.'.join(map(str, release))
        at.mkdir()
        harness.sh('apt-get', 'download', f'linux-source-6.1={newest[release]}',
                   cwd=at)
        package, = at.glob('*.deb')
        harness.sh('dpkg-deb', '-x', package, at / 'x')
        archive, = at.glob('x/usr/src/*.tar.xz')
        harness.sh('tar', 'xf', archive, cwd=at)
        shutil.rmtree(at / 'x')
        package.unlink()
        tree, = [path for path in at.iterdir() if path.is_dir()]
        trees.append(tree)
    return trees


def with_restic(trees, folder):
    """The size of a repository of restic, with its defaults."""
    env = {'RESTIC_PASSWORD': 'x', 'RESTIC_REPOSITORY': str(folder / 'restic'),
           'RESTIC_CACHE_DIR': str(folder / 'restic-cache')}
    harness.sh('restic', 'init', env=env)
    for tree in trees:
        harness.sh('restic', 'backup', '.', cwd=tree, env=env)
    return size_of(folder / 'restic')


def with_borg(trees, folder):
    """The size of a repository of borg, with zstd at the same level."""
    env = {'BORG_PASSPHRASE': 'x', 'BORG_REPO': str(folder / 'borg'),
           'BORG_BASE_DIR': str(folder / 'borg-base')}
    harness.sh('borg', 'init', '-e', 'repokey-blake2', env=env)
    for number, tree in enumerate(trees):
        harness.sh('borg', 'create', '-C', 'zstd,3', f'::{number}', '.',
                   cwd=tree, env=env)
    return size_of(folder / 'borg')


@pytest.mark.long
def test_two_kernels(repo, tmp_path):
    harness.need_programs('restic', 'borg')
    trees = newest_releases(tmp_path)
    first, second = back_up_both(repo, trees, 'kernel')
    assert second['bytes_added'] < first['bytes_added'] / 4
    ours = repo.size()
    theirs = {'restic': with_restic(trees, tmp_path),
              'borg': with_borg(trees, tmp_path)}
    for name, size in {'caprock': ours, **theirs}.items():
        print(f'{name}: {size / MIB:.1f} MiB, caprock has '
              f'{ours / size:.2f} of it')
    everything_agrees(repo, trees, tmp_path)
    assert ours <= 0.8 * min(theirs.values())
