"""One corpus, and what every program made of it."""
import contextlib
import pathlib
import subprocess

import measure
from tools import TOOLS, Caprock, remove

# GNU tar does not read what it writes to /dev/null.
TAR = ('bash', '-o', 'pipefail', '-c', 'tar -C "$0" -cf - . | cat >/dev/null',
       None)
READ = ('find', None, '-type', 'f', '-exec', 'cat', '{}', '+')


def on(words, tree):
    """@words with @tree where None stands."""
    return [tree if word is None else word for word in words]


class Bench:
    """@corpus, and the tools with a repository each, in @folder."""

    def __init__(self, corpus, folder):
        self.corpus = corpus
        self.folder = folder
        self.log = folder / 'log'
        self.tools = [tool(folder / tool.name) for tool in TOOLS]
        self.mount_point = folder / 'mount'
        self.copy = folder / 'copy'
        # How many versions of the corpus all repositories hold.
        self.stored = 0
        self.filler = measure.Filler(folder.parent)
        for tool in self.tools:
            measure.command(tool.init(), tool.env, tool.log)

    @property
    def caprock(self):
        return self.tools[0]

    def show(self, version):
        """Let that @version stand there, 0 for the last."""
        self.corpus.show(version or self.corpus.versions)

    def read_all(self):
        """Bring what is read into memory, as far as it went from there."""
        for version in range(1, self.corpus.versions + 1):
            self.show(version)
            self._read(self.corpus.source)
        for tool in self.tools:
            if tool.repository.exists():
                self._read(tool.repository)

    @staticmethod
    def _read(tree):
        subprocess.run(on(READ, tree), check=False,
                       stdout=subprocess.DEVNULL)

    def run(self, argv, cwd=None):
        """A floor: a program that everyone has."""
        measure.settle(self.filler)
        return measure.command(argv, None, self.log, cwd)

    def run_tool(self, tool, argv, cwd=None):
        measure.settle(self.filler)
        return measure.command(argv, tool.env, tool.log, cwd)

    def back_up(self, tool):
        """Once more, what shows."""
        tool.backups += 1
        sample = self.run_tool(tool, tool.backup(self.corpus.source))
        sample.size = tool.size()
        return sample

    def store(self, versions, tell):
        """Have the first so many versions in all repositories."""
        while self.stored < versions:
            self.show(self.stored + 1)
            for tool in self.tools:
                if tool.stores and not tool.broken:
                    tell(f'{self.corpus.name}: storing version '
                         f'{self.stored + 1} with {tool.name}')
                    # Who fails is out; the others go on.
                    with contextlib.suppress(measure.Failure):
                        self.stand(tool, lambda tool=tool: self.back_up(tool))
            self.stored += 1

    @staticmethod
    def stand(tool, function):
        """What later rows stand on: a tool that fails here is out."""
        try:
            return function()
        except (measure.Failure, OSError) as error:
            tool.broken = f'an earlier backup failed: {error}'
            raise measure.Failure(str(error)) from error

    def image(self, tool):
        """The last version as an image, for a tool that stores none."""
        if not tool.stores and not tool.repository.exists():
            self.show(0)
            self.back_up(tool)

    @contextlib.contextmanager
    def mounted(self, tool, *options):
        measure.settle(self.filler)
        argv = tool.mount(self.mount_point, *options)
        with measure.mounted(argv, tool.env, tool.folder / 'mount.log',
                             self.mount_point) as held:
            yield held

    @contextlib.contextmanager
    def in_memory(self):
        """The floor of mounts."""
        measure.settle(self.filler)
        argv = [Caprock.program('bench-memfs'), self.corpus.source,
                self.mount_point]
        with measure.mounted(argv, None, self.log, self.mount_point) as held:
            yield held

    def file(self, tree):
        """The one file that the corpus consists of."""
        found = [path for path in pathlib.Path(tree).iterdir()
                 if path.is_file()]
        if len(found) != 1:
            raise measure.Failure(f'{len(found)} files in {tree}')
        return found[0]

    def same(self, tree):
        """What was not read back as it was is not worth measuring."""
        done = subprocess.run(
            ['diff', '-rq', '--no-dereference', self.corpus.source, tree],
            check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise measure.Failure('the restored tree differs: '
                                  f'{(done.stdout + done.stderr)[:200]}')

    def close(self):
        self.corpus.hide()
        self.filler.close()
        remove(self.folder)
