"""Run rows: which, how often, in which order, and for how long at most."""
import contextlib
import dataclasses
import hashlib
import os
import sys
import time

import measure
import report
import rows
from bench import Bench
from results import FLOOR, Result
from tools import TOOLS


@dataclasses.dataclass
class Plan:
    """@rows by name; of each row at least and at most so many
    runs, and no further one once that would take longer than @seconds; no
    further row after @budget seconds (None: as long as it takes)."""
    rows: list
    least: int
    most: int
    seconds: float
    budget: float = None

    # Of rows that are about memory alone, which hardly varies.
    most_of_memory: int = 1

    def again(self, runs, took, most=None):
        """Whether there is to be another run after so many seconds."""
        if runs < self.least:
            return True
        return (runs < (most or self.most) and
                took * (runs + 1) / runs <= self.seconds)


def census(corpus):
    """What is in all versions: of the first how many entries and bytes, of all
    a digest of names, kinds and sizes."""
    digest = hashlib.sha256(corpus.identity.encode())
    entries = size = 0
    for version in range(1, corpus.versions + 1):
        corpus.show(version)
        for folder, names, files in os.walk(corpus.source):
            names.sort()
            for name in [*names, *sorted(files)]:
                path = os.path.join(folder, name)
                stat = os.lstat(path)
                # How long a directory is says what once was in it.
                length = 0 if name in names else stat.st_size
                digest.update(f'{version} {stat.st_mode:o} {length} '
                              .encode() + os.fsencode(path) + b'\0')
                if version == 1:
                    entries += 1
                    size += length
    corpus.hide()
    return {'identity': corpus.identity, 'digest': digest.hexdigest()[:16],
            'entries': entries, 'bytes': size}


class Runner:
    """Fills @found as @plan has it, in @folder; @save is called after each
    row, so that a run that is ended leaves what it measured."""

    def __init__(self, plan, found, folder, save):
        self.plan = plan
        self.found = found
        self.folder = folder
        self.save = save
        self.begin = time.monotonic()
        self.benches = {}

    def tell(self, what):
        seconds = int(time.monotonic() - self.begin)
        print(f'[{seconds // 60:02}:{seconds % 60:02}] {what}',
              file=sys.stderr, flush=True)

    def run(self, corpora):
        """The stages one after the other, of all @corpora (made before)."""
        self.begin = time.monotonic()
        for stage, title in enumerate(rows.STAGES):
            for corpus in corpora:
                tasks = [row for row in rows.ROWS
                         if row.stage == stage and corpus.name in row.corpora
                         and row.name in self.plan.rows]
                if tasks:
                    self.tell(f'{corpus.name}: {title}: '
                              f'{", ".join(row.name for row in tasks)}')
                    self._stage(corpus, tasks)
        for bench in self.benches.values():
            bench.close()

    def _stage(self, corpus, tasks):
        if self._late():
            return
        try:
            bench = self._bench(corpus)
        except (measure.Failure, OSError) as error:
            self.tell(f'{corpus.name}: FAILED: {error}')
            return
        bench.read_all()
        for row in tasks:
            if self._late():
                self.tell(f'{corpus.name} {row.name}: no time left')
                continue
            try:
                self._row(bench, row)
            except (measure.Failure, OSError) as error:
                self.tell(f'{corpus.name} {row.name}: FAILED: {error}')
            self.save()

    def _late(self):
        return (self.plan.budget is not None and
                time.monotonic() - self.begin > self.plan.budget)

    def _bench(self, corpus):
        if corpus.name not in self.benches:
            self.tell(f'{corpus.name}: {corpus.identity}')
            bench = Bench(corpus, self.folder / corpus.name)
            about = census(corpus)
            about['derivation'] = {tool.name: round(tool.derivation(), 3)
                                   for tool in bench.tools}
            self.found.corpora[corpus.name] = about
            self.benches[corpus.name] = bench
        return self.benches[corpus.name]

    # ---- One row -----------------------------------------------------------

    def _row(self, bench, row):
        bench.store(row.versions_needed(bench.corpus), self.tell)
        tools = [tool for tool in bench.tools
                 if row.takes_part(tool, bench.corpus)]
        for tool in tools:
            bench.image(tool)
        bench.show(row.version)
        with contextlib.ExitStack() as stack:
            if row.prepare:
                stack.enter_context(tools[0].on_copy())
                stack.enter_context(row.prepare(bench, tools[0]))
            self._repeat(bench, row, tools)

    def _repeat(self, bench, row, tools):
        results = {name: Result(bench.corpus.name, row.name, name, [])
                   for name in ([FLOOR] if row.floor else []) +
                   [tool.name for tool in tools]}
        began = time.monotonic()
        most = self.plan.most
        if row.stage == len(rows.STAGES) - 1:
            most = min(most, self.plan.most_of_memory)
        runs = 0
        more = True
        while more:
            # The last of what is to be kept must be known to be the last.
            after = time.monotonic() - began
            last = row.keeps and runs > 0 and not self.plan.again(
                runs + 1, after * (runs + 1) / runs)
            last = last or (row.keeps and most == 1)
            self._once(bench, row, tools, results, last)
            runs += 1
            more = (not last if row.keeps else
                    self.plan.again(runs, time.monotonic() - began, most))
        if row.keeps:
            bench.stored = row.version
        for result in results.values():
            self.found.add(result)

    def _once(self, bench, row, tools, results, last):
        if row.floor:
            self._attempt(results[FLOOR], lambda: row.floor(bench))
        for tool in tools:
            result = results[tool.name]
            if tool.broken:
                result.error = tool.broken
                continue
            self._attempt(result, lambda: self._with(bench, row, tool, last))

    @staticmethod
    def _with(bench, row, tool, last):
        if last:
            return bench.stand(tool, lambda: row.run(bench, tool))
        if row.keeps or row.scratch:
            with tool.on_copy():
                return row.run(bench, tool)
        return row.run(bench, tool)

    def _attempt(self, result, function):
        """Add to @result what @function measures, or why it did not."""
        try:
            sample = function()
            result.samples.append(sample)
            said = [f'{report.TITLES[name]} '
                    f'{report.number(value / report.UNITS[name])}'
                    for name, value in dataclasses.asdict(sample).items()
                    if value is not None]
        except (measure.Failure, OSError, ValueError) as error:
            result.error = str(error)
            said = [f'FAILED: {error}']
        self.tell(f'{result.corpus} {result.row}: {result.tool}: '
                  f'{"; ".join(said)}')


def versions():
    return {tool.name: tool.build_of() for tool in TOOLS}
