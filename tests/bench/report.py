"""Tables of what was measured."""
import os
import pathlib
import subprocess

from measure import MIB
from results import FLOOR, METRICS, UNITS

TITLES = {'wall': 'wall, s', 'cpu': 'CPU, s', 'memory': 'memory, MiB',
          'size': 'repository, MB'}
NOTES = (
    'Figures are medians of so many alternating runs; spread is the slowest of '
    'ours over the quickest, less one.  "Cold" is a fresh program; live trees '
    'and repositories are in the page cache.',
    'CPU is user and system time, with all children and with the daemon of a '
    'mount.  Memory is the peak of the largest process of a command, or of all '
    'processes of the daemon of a mount, without its client; Linux counts the '
    'bench itself, some 25 MiB, as the least that a command takes.',
    'caprock has a key file; restic (scrypt) and borg (PBKDF2) derive their '
    'keys from a passphrase in every command.  The times shown contain that, '
    'the ratios do not: it was measured and is taken off where a row '
    'contains it.',
    'restic: repository version 2, compression auto.  borg: repokey-blake2, '
    'zstd,3.  squashfuse: an image by mksquashfs -comp zstd of the last '
    'version, no backup, so not among the peers.',
    'Peer: the better of restic and borg in that line.  Floor: the same '
    'without any backup program, as named under the table.',
)


def load():
    return round(os.getloadavg()[0], 1)


def machine(folder):
    """What the figures hold for."""
    def after(path, key):
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.partition(':')[2].strip()
        return 'unknown'

    kind = subprocess.run(['stat', '-f', '-c', '%T', folder], check=True,
                          capture_output=True, text=True).stdout.strip()
    memory = int(after('/proc/meminfo', 'MemTotal').split()[0]) / MIB
    return {
        'processor': after('/proc/cpuinfo', 'model name'),
        'cores': len(os.sched_getaffinity(0)),
        'memory': f'{memory:.0f} GiB',
        'kernel': os.uname().release,
        'file system': kind,
        'load before': load(),
    }


def number(value):
    """Three digits that count."""
    if value is None:
        return '-'
    return f'{value:.0f}' if value >= 100 else (
        f'{value:.1f}' if value >= 20 else
        f'{value:.2f}' if value >= 0.1 else f'{value:.4f}')


class Report:
    """@found, as tables of @rows and @tools (ours first)."""

    def __init__(self, found, rows, tools, peers, targets):
        self.found = found
        self.rows = rows
        self.tools = tools
        self.peers = peers
        self.targets = targets
        self.unlocks = {row.name: row.unlocks for row in rows}

    # ---- Targets -----------------------------------------------------------

    def judged(self):
        """Each target with what was measured, None when that is unknown."""
        for target in self.targets:
            yield target, self.found.measured(
                target, self.tools[0], self.peers, self.unlocks[target.row])

    def _against(self, target):
        if target.against == 'value':
            return {'wall': 's', 'memory': 'MiB', 'size': 'MB',
                    'cpu': 's'}[target.metric]
        if target.against == 'floor':
            titles = {row.name: row.floor_title for row in self.rows}
            return f'of {titles[target.row]}'
        return {'peer': 'of the best peer'}.get(
            target.against, f'of the row {target.against}')

    def target_table(self):
        titles = {row.name: row.title for row in self.rows}
        yield ['row', 'corpus', 'metric', 'measured', 'at most', '', '']
        for target, value in self.judged():
            met = 'not measured' if value is None else (
                'met' if value <= target.most else 'MISSED')
            yield [f'{target.row}: {titles[target.row]}', target.corpus,
                   target.metric, number(value), f'{target.most:g}',
                   self._against(target), met]

    def count(self):
        values = [(target, value) for target, value in self.judged()]
        known = [value <= target.most for target, value in values
                 if value is not None]
        return (f'{sum(known)} of {len(known)} targets met, '
                f'{len(values) - len(known)} not measured')

    # ---- Figures -----------------------------------------------------------

    def _aimed(self, corpus, row, metric, against):
        """What stands beside a ratio that has a target."""
        for target, value in self.judged_of(corpus, row, metric):
            if target.against == against:
                met = value is not None and value <= target.most
                return f' (≤ {target.most:g}{"" if met else ", MISSED"})'
        return ''

    def judged_of(self, corpus, row, metric):
        for target in self.targets:
            if (target.corpus, target.row, target.metric) == (
                    corpus, row, metric):
                yield target, self.found.measured(
                    target, self.tools[0], self.peers, self.unlocks[row])

    def _ratio(self, corpus, row, metric, other, against):
        ours = self.found.value(corpus, row.name, self.tools[0], metric,
                                row.unlocks)
        if ours is None or not other:
            return ''
        return number(ours / other) + self._aimed(corpus, row.name, metric,
                                                  against)

    def _others(self, corpus, row, metric):
        """Targets against other rows."""
        return '; '.join(
            f'{number(value)} of {target.against} (≤ {target.most:g}'
            f'{"" if value is not None and value <= target.most else ", MISSED"}'
            ')' for target, value in self.judged_of(corpus, row.name, metric)
            if target.against not in ('peer', 'floor', 'value'))

    def line(self, corpus, row, metric):
        """One line of the table, or None where there is nothing to say."""
        found, ours = self.found, self.tools[0]
        shown = {tool: found.value(corpus, row.name, tool, metric)
                 for tool in (*self.tools, FLOOR)}
        if metric == 'memory':
            # That of cp or find tells nothing.
            shown[FLOOR] = None
        if shown[ours] is None:
            return None
        cells = [number(shown[tool] / UNITS[metric])
                 if shown[tool] is not None else '-'
                 for tool in (*self.tools, FLOOR)]
        cells[0] += self._aimed(corpus, row.name, metric, 'value')
        result = found.of(corpus, row.name, ours)
        spread = result.spread()
        peer = found.best(corpus, row.name, self.peers, metric, row.unlocks)
        return [row.title, TITLES[metric], *cells,
                self._ratio(corpus, row, metric, peer, 'peer'),
                self._ratio(corpus, row, metric, shown[FLOOR], 'floor'),
                self._others(corpus, row, metric), str(len(result.samples)),
                f'{spread:.0%}' if metric == 'wall' and spread is not None
                else '']

    def lines(self, corpus):
        yield ['', '', *self.tools, FLOOR, '/ peer', '/ floor', 'other',
               'runs', 'spread']
        for row in self.rows:
            for metric in METRICS:
                line = self.line(corpus, row, metric)
                if line:
                    yield line

    def failures(self, corpus):
        return [f'FAILED {row}, {tool}: {result.error}'
                for (name, row, tool), result in self.found.results.items()
                if name == corpus and result.error]

    def floors(self):
        return '; '.join(f'{row.title}: {row.floor_title}'
                         for row in self.rows if row.floor)

    # ---- Documents ---------------------------------------------------------

    def _sections(self, draw):
        for name, what in self.found.corpora.items():
            derivation = ', '.join(
                f'{tool} {seconds:.2f} s'
                for tool, seconds in what['derivation'].items() if seconds)
            yield (f'{name}: {what["identity"]}; {what["entries"]:,} entries, '
                   f'{what["bytes"] / 1e6:,.0f} MB', [
                       *draw(list(self.lines(name))), '',
                       f'Key derivation: {derivation}.',
                       *self.failures(name)])

    def text(self):
        out = ['Targets', '',
               *text_table(list(self.target_table()), (0, 1, 2, 5, 6)), '',
               self.count(), '']
        for title, body in self._sections(text_table):
            out += [title, '', *body, '']
        return '\n'.join([*out, f'Floors: {self.floors()}.', *NOTES,
                          *self.about()])

    def markdown(self):
        out = ['# Measured', '', *(f'- {line}' for line in self.about()), '',
               '## Targets', '',
               *markdown_table(list(self.target_table()), (0, 1, 2, 5, 6)),
               '', f'{self.count()}.', '']
        for title, body in self._sections(markdown_table):
            out += [f'## {title}', '', *body, '']
        return '\n'.join([*out, f'Floors: {self.floors()}.', '',
                          *(f'- {note}' for note in NOTES), ''])

    def about(self):
        on = ', '.join(f'{name} {value}'
                       for name, value in self.found.machine.items())
        return [f'Versions: {", ".join(self.found.versions.values())}.',
                f'Machine: {on}.']


def once(table):
    """The title of a row stands on its first line alone."""
    before = None
    for line in table:
        yield ['' if line[0] == before else line[0], *line[1:]]
        before = line[0]


def text_table(table, left=(0, 1)):
    widths = [max(len(line[column]) for line in table)
              for column in range(len(table[0]))]
    for line in once(table):
        padded = [cell.ljust(width) if column in left else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(line, widths))]
        yield '  '.join(padded).rstrip()


def markdown_table(table, left=(0, 1)):
    head, *body = once(table)
    yield '| ' + ' | '.join(head) + ' |'
    yield '|' + ''.join('---|' if column in left else '--:|'
                        for column in range(len(head)))
    for line in body:
        yield '| ' + ' | '.join(line) + ' |'
