"""What is measured.  To add a row: write what it does, name it in ROWS.

Backups come first, in order, and every later row is asked of what they left.
A row is run tool after tool, so that all of them meet the same machine.
"""
import contextlib
import dataclasses
import functools
import subprocess
import typing

import measure
from tools import remove

FIND = ('find', None, '-printf', '%s\\n')
STAT = ('find', None, '-printf', '%s %T@ %C@ %i\\n')
# GNU tar does not read what it writes to /dev/null.
TAR = ('bash', '-o', 'pipefail', '-c', 'tar -C "$0" -cf - . | cat >/dev/null',
       None)
LIST = ('ls', None)


def on(words, tree):
    """@words with @tree where None stands."""
    return [tree if word is None else word for word in words]


class Bench:
    """One corpus, and the tools with a repository each, in @folder."""

    def __init__(self, corpus, tools, folder):
        self.corpus = corpus
        self.folder = folder
        self.log = folder / 'log'
        self.tools = [tool(folder / tool.name) for tool in tools]
        self.mount_point = folder / 'mount'
        self.copy = folder / 'copy'

    def run(self, argv, cwd=None):
        """A floor: a program that everyone has."""
        measure.settle()
        return measure.command(argv, None, self.log, cwd)

    def run_tool(self, tool, argv, cwd=None):
        measure.settle()
        return measure.command(argv, tool.env, tool.log, cwd)

    @contextlib.contextmanager
    def mounted(self, tool):
        measure.settle()
        with measure.mounted(tool.mount(self.mount_point), tool.env,
                             tool.folder / 'mount.log',
                             self.mount_point) as held:
            yield held

    def same(self, tree):
        """What was not read back as it was is not worth measuring."""
        done = subprocess.run(
            ['diff', '-rq', '--no-dereference', self.corpus.source, tree],
            check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise measure.Failure('the restored tree differs: '
                                  f'{(done.stdout + done.stderr)[:200]}')


# ---- Rows: of the bench and a tool, a sample --------------------------------


def backup(bench, tool):
    tool.backups += 1
    sample = bench.run_tool(tool, tool.backup(bench.corpus.source))
    sample.size = tool.size()
    return sample


def snapshots(bench, tool):
    return bench.run_tool(tool, tool.snapshots())


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


@dataclasses.dataclass(frozen=True)
class Row:
    """@version: the corpus' version it is about, for backups; 0: the last.
    @floor: what a program does with the live tree instead."""
    name: str
    title: str
    run: typing.Callable
    version: int = 0
    floor_title: str = ''
    floor: typing.Callable = None


def of_mount(name, title, words, floor_title, **how):
    return Row(name, title, functools.partial(through_mount, words, **how), 0,
               floor_title, functools.partial(on_live, words))


ROWS = (
    Row('first', 'first backup', backup, 1,
        'tar of the live tree', functools.partial(on_live, TAR)),
    Row('unchanged', 'unchanged backup', backup, 1,
        'find -printf of the live tree', functools.partial(on_live, STAT)),
    Row('changed', 'changed backup', backup, 2,
        'tar of the live tree', functools.partial(on_live, TAR)),
    Row('snapshots', 'list the snapshots', snapshots),
    Row('restore', 'restore', restore, 0, 'cp -a of the live tree', copy),
    Row('mount', 'mount to first ls', mount_to_list),
    of_mount('find', 'find through the mount, cold', FIND,
             'find of the live tree'),
    of_mount('find-warm', 'find through the mount, warm', FIND,
             'find of the live tree', warm=True),
    of_mount('tar', 'tar of the mount', TAR, 'tar of the live tree'),
    Row('diff', 'diff -r of source and mount', compare, 0,
        'diff -r of two live trees', compare_copy),
)
