"""A mount's memory is bounded by `-o cache=`: printed, and held to it.

What it may take beside the cache does not depend on what is mounted.
"""
import concurrent.futures
import contextlib
import json
import os
import random
import sys

import pytest

import harness
from test_memory import make_entries

MIB = 1 << 20
BESIDE = 96 * MIB
READERS = 64
COUNT = 1_000_000 if harness.LONG else 100_000
LARGE, LARGE_SIZE = 24, 8 * MIB

# One reader: processes, for the threads of one would wait for each other.
READER = """
import os, random, sys
rnd, names = random.Random(sys.argv[1]), sys.argv[2:]
for _ in range(20):
    fd = os.open(rnd.choice(names), os.O_RDONLY)
    size = os.fstat(fd).st_size
    os.pread(fd, 1 << 20, rnd.randrange(size))
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)
"""


# What makes the index ready may end while it is looked at.
ENDED = (FileNotFoundError, ProcessLookupError)


def processes_of(pid):
    """The process and all that it started."""
    yield pid
    with contextlib.suppress(*ENDED):
        for child in harness.children(pid):
            yield from processes_of(child)


def figure(mount, name):
    """Bytes, of all processes of the mount together; what has ended has none."""
    total = 0
    for pid in processes_of(mount.process.pid):
        with contextlib.suppress(*ENDED):
            said = harness.status(pid).get(name, '0 kB')
            total += int(said.split()[0]) << 10
    assert total > 0
    return total


@pytest.fixture(scope='module', name='large')
def make_large(tmp_path_factory):
    """A repository with many names, and more content than fits in a cache."""
    folder = tmp_path_factory.mktemp('memory')
    repo = harness.Repo(folder).init()
    tree = folder / 'tree'
    make_entries(tree / 'many', COUNT)
    for n in range(LARGE):
        harness.write(tree / f'large/{n}', harness.noise(n, LARGE_SIZE))
    repo.backup(tree)
    yield repo
    harness.sh('rm', '-rf', '--one-file-system', folder)


def look_up(top, count):
    """@count names in no order, each asked for by its path."""
    names = [f'd{n // 1000:04d}/patient-{n:07d}.json' for n in range(count)]
    random.Random(1).shuffle(names)
    for name in names:
        os.stat(top / 'many' / name)


def read_all(top):
    names = [os.fspath(top / f'large/{n}') for n in range(LARGE)]
    with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
        for done in pool.map(lambda n: harness.run(
                [sys.executable, '-c', READER, str(n), *names], rc=None),
                range(READERS)):
            assert done.returncode == 0, done.err


def test_many_deleted_names_are_listed_once(tmp_path):
    """Not anew for each few of them where their list is cut to the cache."""
    repo = harness.Repo(tmp_path / 'repo').init()
    tree, count = tmp_path / 'tree', 12_000
    for n in range(count):
        harness.write(tree / f'many/patient-{n:07d}.json')
    repo.backup(tree)
    harness.sh('rm', '-r', tree / 'many')
    harness.write(tree / 'many/left')
    repo.backup(tree)
    with repo.mount('cache=16M') as mount:
        names = os.listdir(mount.path / 'deleted/src/many')
        assert len(names) == len(set(names)) == count
        cache = json.loads(
            (mount.path / '.caprock/status.json').read_text())['cache']
        assert cache['hits'] + cache['misses'] < count


@pytest.mark.parametrize('cache', [
    32, pytest.param(256, marks=pytest.mark.long)])
def test_the_cache_bounds_it(large, cache):
    bound = cache * MIB + BESIDE
    with large.mount(f'cache={cache}M') as mount:
        top, seen = mount.snapshot(), {}
        seen['at first'] = figure(mount, 'VmRSS')
        look_up(top, COUNT)
        seen[f'after {COUNT} lookups'] = figure(mount, 'VmRSS')
        found = sum(len(files) for _, _, files in os.walk(top / 'many'))
        assert found == COUNT
        seen['after a walk'] = figure(mount, 'VmRSS')
        read_all(top)
        seen[f'after {READERS} readers'] = figure(mount, 'VmRSS')
        seen['at its peak'] = figure(mount, 'VmHWM')
        for what, bytes_ in seen.items():
            print(f'cache={cache}M: {what}: {bytes_ // MIB} MiB')
        assert max(seen.values()) < bound, seen
