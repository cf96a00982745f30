"""What was measured: kept between runs, and held against the targets.

Nothing here runs a program, so selftest.py can check all of it.
"""
import dataclasses
import json
import statistics

from measure import MIB, Sample

FLOOR = 'floor'
METRICS = ('wall', 'cpu', 'memory', 'size')
# In which unit a target and the table state them.
UNITS = {'wall': 1, 'cpu': 1, 'memory': MIB, 'size': 1e6}
AGAINST = ('peer', 'floor', 'value')


@dataclasses.dataclass
class Result:
    """What came of one row with one tool; without samples, why."""
    corpus: str
    row: str
    tool: str
    samples: list
    error: str = None

    def value(self, metric, less=0):
        """The median of the runs, of memory and sizes the largest; @less: so
        many seconds of each do not count.  None where nothing is known."""
        values = [getattr(sample, metric) for sample in self.samples]
        values = [value for value in values if value is not None]
        if not values:
            return None
        if metric in ('memory', 'size'):
            return max(values)
        return max(statistics.median(values) - less, 0.0)

    def spread(self):
        """The slowest run over the quickest, less one."""
        walls = [sample.wall for sample in self.samples if sample.wall]
        return max(walls) / min(walls) - 1 if len(walls) > 1 else None


@dataclasses.dataclass(frozen=True)
class Target:
    row: str
    corpus: str
    metric: str
    against: str
    most: float


def parse_targets(text, rows):
    """Those of the file "targets".  ValueError names the line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition('#')[0].split()
        if not words:
            continue
        try:
            row, corpora, metric, against, most = words
            if row not in rows or metric not in METRICS:
                raise ValueError(f'no such row or metric: {row} {metric}')
            if against not in AGAINST and against not in rows:
                raise ValueError(f'against what is {against}?')
            found += [Target(row, corpus, metric, against, float(most))
                      for corpus in corpora]
        except ValueError as error:
            raise ValueError(f'targets, line {number}: {error}') from error
    return found


class Findings:
    """Results of one build of each tool, with all that they hold for."""

    def __init__(self, versions, machine):
        self.versions = versions
        self.machine = machine
        self.corpora = {}
        self.results = {}

    def add(self, result):
        self.results[result.corpus, result.row, result.tool] = result

    def of(self, corpus, row, tool):
        return self.results.get((corpus, row, tool))

    def value(self, corpus, row, tool, metric, unlocks=False):
        """Of what takes a key, without deriving it."""
        result = self.of(corpus, row, tool)
        if result is None:
            return None
        less = 0
        if unlocks and metric in ('wall', 'cpu'):
            less = self.corpora[corpus]['derivation'].get(tool, 0)
        return result.value(metric, less)

    def best(self, corpus, row, tools, metric, unlocks):
        values = [self.value(corpus, row, tool, metric, unlocks)
                  for tool in tools]
        return min((value for value in values if value is not None),
                   default=None)

    def measured(self, target, ours, peers, unlocks):
        """What @target is about, in its own unit; None when unknown."""
        value = self.value(target.corpus, target.row, ours, target.metric,
                           unlocks)
        if value is None:
            return None
        if target.against == 'value':
            return value / UNITS[target.metric]
        if target.against == 'peer':
            other = self.best(target.corpus, target.row, peers, target.metric,
                              unlocks)
        else:
            of = (target.row, FLOOR)
            if target.against != 'floor':
                of = (target.against, ours)
            other = self.value(target.corpus, *of, target.metric)
        return value / other if other else None

    def take_over(self, old):
        """The rows of an earlier run that this one did not measure, where they
        are of the same programs and corpora, on the same machine.  How many
        results that were."""
        if old.versions != self.versions or any(
                self.machine.get(name) != old.machine.get(name)
                for name in ('processor', 'cores', 'memory')):
            return 0
        taken = 0
        mine = {(corpus, row) for corpus, row, _ in self.results}
        for name, corpus in old.corpora.items():
            known = self.corpora.setdefault(name, corpus)
            if known['digest'] != corpus['digest']:
                continue
            for key, result in old.results.items():
                if key[0] == name and key[:2] not in mine:
                    self.results[key] = result
                    taken += 1
        return taken

    # ---- To and from a file ------------------------------------------------

    def document(self):
        return json.dumps({
            'versions': self.versions, 'machine': self.machine,
            'corpora': self.corpora,
            'results': [dataclasses.asdict(result)
                        for result in self.results.values()],
        }, indent=1) + '\n'

    @classmethod
    def parse(cls, text):
        """What document() wrote; ValueError for anything else."""
        try:
            plain = json.loads(text)
            found = cls(plain['versions'], plain['machine'])
            found.corpora = plain['corpora']
            for row in plain['results']:
                row['samples'] = [Sample(**one) for one in row['samples']]
                found.add(Result(**row))
        except (KeyError, TypeError) as error:
            raise ValueError(f'not what the bench writes: {error}') from error
        return found
