"""What is measured.  To add a row: write what it does, name it in ROWS.

Whatever a row needs of the repositories is made before it; a row leaves them
as they were, or as the next version of the corpus makes them.
"""
import contextlib
import dataclasses
import functools
import json
import random
import subprocess
import typing

import measure
from bench import TAR, on
from tools import Caprock, remove

SIZES = ('find', None, '-printf', '%s\\n')
STAT = ('find', None, '-printf', '%s %T@ %C@ %i\\n')
LIST = ('ls', None)
# Of the rows that need a repository of their own.
SNAPSHOTS, MANY_SNAPSHOTS = 3000, 100
FEW_ENTRIES, MANY_ENTRIES = 1_000_000, 50_000_000
SECONDS = 5


def scale(bench, count):
    """A tenth where the corpora are small, too."""
    return count // 10 if bench.corpus.quick else count


# ---- Backups ----------------------------------------------------------------


def backup(bench, tool):
    return bench.back_up(tool)


def size(_bench, tool):
    return measure.Sample(size=tool.size())


def verify(bench, tool):
    return bench.run_tool(tool, tool.verify())


def restore(bench, tool):
    target = bench.folder / 'restored'
    remove(target)
    target.mkdir()
    try:
        sample = bench.run_tool(tool, tool.restore(target), cwd=target)
        bench.same(tool.restored(target, bench.corpus.source))
    finally:
        remove(target)
    return sample


# ---- Mounts -----------------------------------------------------------------


def mount_to_list(bench, tool):
    with bench.mounted(tool) as held:
        tree = tool.tree(bench.mount_point, bench.corpus.source)
        return held.first(on(LIST, tree), tool.env, tool.log)


def through_mount(words, bench, tool, *, warm=False):
    """@words on the latest snapshot: at first sight, or @warm, the second."""
    with bench.mounted(tool) as held:
        tree = tool.tree(bench.mount_point, bench.corpus.source)
        argv = on(words, tree)
        if warm:
            held.client(argv, tool.env, tool.log)
        return held.client(argv, tool.env, tool.log)


def compare(bench, tool):
    return through_mount(on_source(bench), bench, tool)


def on_source(bench):
    return ('diff', '-r', '--no-dereference', bench.corpus.source, None)


def compare_two(bench, tool):
    """Two snapshots of one mount, which differ: so does the exit status."""
    with bench.mounted(tool) as held:
        trees = [tool.tree(bench.mount_point, bench.corpus.source, back)
                 for back in (1, 0)]
        argv = ['bash', '-c', 'diff -r --no-dereference "$0" "$1" >/dev/null; '
                'test $? -lt 2', *trees]
        return held.client(argv, tool.env, tool.log)


def read_file(readers, bench, tool, *, plain=False, options=()):
    """All of one file, by so many readers."""
    with bench.mounted(tool, *options) as held:
        tree = tool.tree(bench.mount_point, bench.corpus.source)
        argv = [Caprock.program('bench-readers'), bench.file(tree),
                str(readers), '0', *(['plain'] if plain else ())]
        return held.client(argv, tool.env, tool.log)


def read_plain(bench, tool):
    """One reader for whom nobody reads ahead."""
    option = Caprock.unread_ahead()
    return read_file(1, bench, tool, plain=True,
                     options=[option] if option else [])


def read_random(readers, bench, tool):
    """Seconds for 1,000 reads, all readers together."""
    seconds = 1 if bench.corpus.quick else SECONDS
    with bench.mounted(tool) as held:
        tree = tool.tree(bench.mount_point, bench.corpus.source)
        argv = [Caprock.program('bench-readers'), bench.file(tree),
                str(readers), str(seconds)]
        sample = held.client(argv, tool.env, tool.log)
    said = json.loads(tool.log.read_text(encoding='utf-8'))
    sample.wall = said['wall'] / said['reads'] * 1000
    sample.cpu = sample.cpu / said['reads'] * 1000
    return sample


# ---- caprock alone ----------------------------------------------------------


def compare_snapshots(bench, tool):
    listed = subprocess.run(
        tool.unlocked('--json', 'snapshots'), env=tool.env, check=True,
        capture_output=True, text=True).stdout.splitlines()
    ids = [row['id'] for row in map(json.loads, listed) if 'id' in row]
    if len(ids) < 2:
        raise measure.Failure(f'{len(ids)} snapshots are listed')
    return bench.run_tool(tool, tool.unlocked('diff', *ids[-2:]))


def find_name(bench, tool):
    return bench.run_tool(tool, tool.unlocked('find', bench.corpus.rare))


# ---- Floors: of the bench, a sample -----------------------------------------


def on_live(words, bench):
    return bench.run(on(words, bench.corpus.source))


def copy(bench):
    remove(bench.copy)
    return bench.run(['cp', '-a', bench.corpus.source, bench.copy])


def compare_copy(bench):
    if not bench.copy.exists():
        copy(bench)
    return bench.run(on(on_source(bench), bench.copy))


def find_in_memory(bench, *, warm=False):
    with bench.in_memory() as held:
        argv = on(SIZES, bench.mount_point)
        if warm:
            held.client(argv, None, bench.log)
        return held.client(argv, None, bench.log)


def decode(bench):
    """What it takes one thread, as the program says: without opening."""
    path = bench.file(bench.corpus.source).name
    tool = bench.caprock
    bench.run(tool.store('decode', tool.state, path))
    said = json.loads(bench.log.read_text(encoding='utf-8'))
    return measure.Sample(said['wall'], said['cpu'])


# ---- Repositories of a size -------------------------------------------------


@contextlib.contextmanager
def many_manifests(bench, tool):
    count = scale(bench, SNAPSHOTS) - bench.stored
    bench.run_tool(tool, tool.store('snapshots', tool.state, str(count)))
    yield


@contextlib.contextmanager
def many_versions(bench, tool):
    """So many snapshots, in each of which 20 more files changed."""
    lower, layers = bench.corpus.tree(bench.corpus.versions), bench.folder
    bench.corpus.hide()
    for name in ('upper', 'work'):
        (layers / name).mkdir()
    subprocess.run(
        ['mount', '-t', 'overlay', 'overlay', '-o', f'lowerdir={lower},'
         f'upperdir={layers}/upper,workdir={layers}/work',
         bench.corpus.source], check=True)
    try:
        choose = random.Random(100)
        files = sorted(path for path in bench.corpus.source.rglob('*.c')
                       if path.is_file())
        for number in range(bench.stored, scale(bench, MANY_SNAPSHOTS)):
            for path in choose.sample(files, 20):
                with open(path, 'a', encoding='ascii') as file:
                    file.write(f'/* {number} */\n')
            bench.back_up(tool)
        yield
    finally:
        bench.corpus.hide()
        for name in ('upper', 'work'):
            remove(layers / name)


def backup_beside(bench, tool):
    """Of what is there only for the index, the size says nothing."""
    sample = backup(bench, tool)
    sample.size = None
    return sample


@contextlib.contextmanager
def index_of(entries, bench, tool):
    """An empty repository whose index knows of so many other chunks."""
    tool.empty()
    bench.run_tool(tool, tool.store('index', tool.state,
                                    str(scale(bench, entries))))
    yield


# ---- The rows ---------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing that is measured, of all tools that can do it.

    @version: which shows, 0 for the last; @needs: how many are stored before,
    -1 for all; @keeps: a run leaves one more.  @unlocks: it takes a key.
    @prepare: makes of a copy of the repository what the row is about."""
    name: str
    title: str
    run: typing.Callable
    corpora: str
    peers: str = ''            # on which of them the others run, too
    version: int = 0
    needs: int = -1
    keeps: bool = False
    scratch: bool = False
    unlocks: bool = False
    image: bool = False        # squashfuse runs, where the peers do
    prepare: typing.Callable = None
    floor_title: str = ''
    floor: typing.Callable = None
    stage: int = 1

    def versions_needed(self, corpus):
        return corpus.versions if self.needs < 0 else self.needs

    def takes_part(self, tool, corpus):
        if tool.name == Caprock.name:
            return True
        return corpus.name in self.peers and (tool.stores or self.image)


def of_backup(name, title, version, corpora, **how):
    return Row(name, title, backup, corpora, corpora, version=version,
               unlocks=True, stage=0, **how)


def of_mount(name, title, run, corpora='K', **how):
    return Row(name, title, run, corpora, how.pop('peers', 'K'), image=True,
               **how)


def live(words, title):
    return {'floor': functools.partial(on_live, words), 'floor_title': title}


OF_TAR = live(TAR, 'tar of the live tree')
ROWS = (
    of_backup('first', 'first backup', 1, 'KDRTVM', needs=0, keeps=True,
              **OF_TAR),
    of_backup('unchanged', 'unchanged backup', 1, 'KRM', needs=1, scratch=True,
              **live(STAT, 'find -printf of the live tree')),
    of_backup('changed', 'changed backup', 2, 'KDRTVM', needs=1, keeps=True,
              **OF_TAR),
    Row('size', 'size with all versions', size, 'KDRTVM', 'KDRTVM', stage=0),
    Row('mount-3', 'mount to first ls', mount_to_list, 'K', 'K',
        unlocks=True),
    of_mount('find', 'find through the mount, cold',
             functools.partial(through_mount, SIZES),
             floor_title='find in an in-memory FUSE file system, cold',
             floor=find_in_memory),
    of_mount('find-warm', 'find through the mount, warm',
             functools.partial(through_mount, SIZES, warm=True),
             floor_title='find in an in-memory FUSE file system, warm',
             floor=functools.partial(find_in_memory, warm=True)),
    of_mount('tar', 'tar of the mount', functools.partial(through_mount, TAR),
             **OF_TAR),
    of_mount('diff', 'diff -r of live tree and mount', compare,
             floor_title='diff -r of two live trees', floor=compare_copy),
    Row('diff-two', 'diff -r of two mounted snapshots', compare_two, 'K',
        'K'),
    Row('restore', 'restore', restore, 'K', 'K', unlocks=True,
        floor_title='cp -a of the live tree', floor=copy),
    Row('caprock-diff', 'caprock diff of two snapshots', compare_snapshots,
        'K', unlocks=True),
    of_mount('read', 'one file in sequence through the mount',
             functools.partial(read_file, 1), 'DT', peers='DT',
             floor_title='decrypt and decompress by one thread',
             floor=decode),
    Row('read-plain', 'the same, no read-ahead', read_plain, 'D'),
    Row('read-64', 'the same, 64 readers a part each',
        functools.partial(read_file, 64), 'D'),
    of_mount('random-1', '1,000 random 4 KiB reads, 1 reader',
             functools.partial(read_random, 1), 'D', peers='D'),
    of_mount('random-16', '1,000 random 4 KiB reads, 16 readers',
             functools.partial(read_random, 16), 'D', peers='D'),
    Row('index-1m', 'first backup, 1 million other chunks in the index',
        backup_beside, 'K', version=1, needs=0, scratch=True, unlocks=True, stage=2,
        prepare=functools.partial(index_of, FEW_ENTRIES)),
    Row('index-50m', 'first backup, 50 million other chunks in the index',
        backup_beside, 'K', version=1, needs=0, scratch=True, unlocks=True, stage=2,
        prepare=functools.partial(index_of, MANY_ENTRIES)),
    Row('mount-3000', 'mount to first ls, 3,000 snapshots', mount_to_list,
        'K', unlocks=True, stage=2, prepare=many_manifests),
    Row('find-100', 'caprock find of a name in 100 snapshots', find_name,
        'K', unlocks=True, stage=2, prepare=many_versions),
    Row('verify', 'verify --read-data', verify, 'KDRTVM', unlocks=True,
        stage=3),
    Row('restore-all', 'restore', restore, 'DRTVM', unlocks=True, stage=3,
        floor_title='cp -a of the live tree', floor=copy),
    Row('tar-all', 'tar of the mount',
        functools.partial(through_mount, TAR), 'DRTVM', stage=3, **OF_TAR),
)
STAGES = ('backups', 'reading', 'sizes of index and history', 'memory')
