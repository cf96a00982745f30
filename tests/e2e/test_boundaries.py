"""Sizes at which something splits, begins or ends."""
import argparse
import importlib.util
import os

import pytest

import compare
import harness

MIB = 1 << 20
INLINE = 256
LEAF = 1024
LIST_LEAF = 4096
DATA_PACK = 32 * MIB
META_PACK = 8 * MIB


def same(repo, top, restore=False):
    """Source, mount and the independent reader agree."""
    with repo.mount() as mount:
        compare.assert_equal(top, mount.snapshot())
    repo.read('check')
    if restore:
        repo.read('extract', 'latest', repo.folder / 'out')
        compare.assert_equal(top, repo.folder / 'out', ctime=False)


@pytest.mark.main
def test_sizes_of_files(repo, tmp_path):
    """Empty, inline, one chunk, several; both kinds of content."""
    top = tmp_path / 'top'
    chunk = 16384
    sizes = {0, 1, INLINE - 1, INLINE, INLINE + 1, 4095, 4096, 4097}
    for edge in (chunk // 4, chunk, 4 * chunk, 65536, 4 * 65536, MIB):
        sizes |= {edge - 1, edge, edge + 1}
    for size in sorted(sizes):
        harness.write(top / f'noise{size}', harness.noise(size, size))
        harness.write(top / f'text{size}', (b'%d ' % size * size)[:size])
        harness.write(top / f'zeros{size}', bytes(size))
    repo.backup(top)
    same(repo, top, restore=True)
    for size in (0, 1, INLINE, INLINE + 1):
        assert repo.caprock('cat', f'latest:noise{size}').stdout == \
            harness.noise(size, size)


def reader_of(repo):
    """The independent reader as a module: (module, repository)."""
    spec = importlib.util.spec_from_file_location('caprock_read',
                                                  harness.READER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, module.Repository(os.fspath(repo.path), argparse.Namespace(
        key_file=os.fspath(repo.key), passphrase_file=None, paper=None))


def chunks_of(repo, name):
    """How many chunks the only file of the newest snapshot has."""
    _, opened = reader_of(repo)
    opened.load_index()
    snapshot = opened.select('latest')
    for names, entry in opened.walk(snapshot.domain, snapshot.root):
        if names[-1] == name:
            return sum(1 for _ in opened.items(snapshot.domain, entry)[1])
    raise AssertionError(f'there is no {name}')


def test_a_list_that_splits(repo, tmp_path):
    """More chunks than a leaf of a list takes; an edit in the middle."""
    data = harness.noise(1, 56 * MIB).hex().encode()
    path = harness.write(tmp_path / 'top/large', data)
    repo.backup(tmp_path / 'top')
    assert chunks_of(repo, b'large') > LIST_LEAF
    with open(path, 'r+b') as file:
        os.pwrite(file.fileno(), b'inserted', len(data) // 2)
    again = repo.backup(tmp_path / 'top')
    assert again['bytes_added'] < MIB
    same(repo, tmp_path / 'top')


@pytest.mark.main
def test_five_gibibytes_of_holes(repo, tmp_path):
    top = tmp_path / 'top'
    path = harness.write(top / 'sparse')
    with open(path, 'r+b') as file:
        os.truncate(file.fileno(), 5 << 30)
        for at in (0, (2 << 30) - 4096, (4 << 30) - 1, (5 << 30) - 4096):
            os.pwrite(file.fileno(), harness.noise(at, 4096), at)
    summary = repo.backup(top)
    assert summary['bytes'] == 5 << 30
    assert summary['bytes_read'] < MIB and summary['bytes_added'] < MIB
    same(repo, top, restore=True)


def wide(folder, count):
    """A directory of @count names; every file differs from the last."""
    folder.mkdir(parents=True)
    at = os.open(folder, os.O_RDONLY)
    for i in range(count):
        fd = os.open(f'name-{i * 7919 % count:06}', os.O_CREAT | os.O_WRONLY,
                     0o644, dir_fd=at)
        if i % 3 == 0:
            os.write(fd, b'%d' % i)
        os.close(fd)
    os.close(at)
    return folder


@pytest.mark.main
@pytest.mark.parametrize('count', [LEAF, LEAF + 1])
def test_directories_of_about_a_leaf(repo, tmp_path, count):
    top = tmp_path / 'top'
    wide(top / 'wide', count)
    repo.backup(top)
    same(repo, top)


def wide_directory(repo, tmp_path, count):
    """One changed entry rewrites a leaf, not the directory."""
    top = tmp_path / 'top'
    wide(top / 'wide', count)
    harness.settle()
    first = repo.backup(top)
    assert first['files'] == count
    harness.write(top / f'wide/name-{count // 2:06}', b'changed')
    second = repo.backup(top)
    assert second['files_changed'] == 1
    assert second['bytes_added'] < 70_000 < first['bytes_added']
    same(repo, top)
    done = repo.caprock('diff', f'{first["snapshot"]}', 'latest')
    assert f'wide/name-{count // 2:06}' in done.out
    assert '0 added, 0 removed, 1 changed' in done.out


def test_a_wide_directory(repo, tmp_path):
    wide_directory(repo, tmp_path, 20_000)


@pytest.mark.long
def test_a_very_wide_directory(repo, tmp_path):
    wide_directory(repo, tmp_path, 100_000)


def test_two_packs_of_data(repo, tmp_path):
    top = tmp_path / 'top'
    for i in range(40):
        harness.write(top / f'{i}', harness.noise(i, MIB))
    repo.backup(top)
    packs = repo.files('packs/data')
    assert len(packs) >= 2
    assert max(path.stat().st_size for path in packs) < DATA_PACK + 4 * MIB
    same(repo, top)


def test_two_packs_of_metadata(repo, tmp_path):
    """With few files: 300,000 plain ones fit one pack."""
    top = tmp_path / 'top'
    for i in range(3500):
        path = harness.write(top / f'{i % 10}/{i}')
        os.setxattr(path, 'user.noise', harness.noise(i, 3000))
    repo.backup(top)
    packs = repo.files('packs/meta')
    assert len(packs) >= 2
    assert max(path.stat().st_size for path in packs) < META_PACK + 2 * MIB
    same(repo, top)


def test_an_index_larger_than_its_cache(repo, tmp_path):
    """The least memory there may be: slower, and as right."""
    top = tmp_path / 'top'
    for i in range(24):
        harness.write(top / f'{i}', harness.noise(i, 2 * MIB).hex())
    summary = repo.backup('--memory', '64M', top)
    assert summary['files_new'] == 24
    for i in range(24):
        harness.write(top / f'{i}-too', harness.noise(i, 2 * MIB).hex())
    again = repo.backup('--memory', '64M', top)
    assert again['bytes_added'] < 2 * MIB
    with repo.mount('cache=16M') as mount:
        compare.assert_equal(top, mount.snapshot())


def test_deep_directories(repo, tmp_path):
    top = tmp_path / 'top'
    top.mkdir()
    at = os.open(top, os.O_RDONLY)
    for i in range(300):
        os.mkdir(f'{i}', dir_fd=at)
        below = os.open(f'{i}', os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    fd = os.open('leaf', os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=at)
    os.write(fd, b'deep')
    for end in (fd, at):
        os.close(end)
    repo.backup(top)
    same(repo, top)
    assert repo.caprock('ls', '-R', 'latest').out.splitlines()[-1].endswith(
        '/298/299/leaf')
