"""Tables and JSON of what was measured."""
import dataclasses
import json
import os
import pathlib
import subprocess

from measure import MIB

FLOOR = 'floor'
# Of a Sample: its line in the table, and in which unit.
METRICS = (
    ('wall', 'wall, s', lambda value: f'{value:.2f}'),
    ('cpu', 'CPU, s', lambda value: f'{value:.2f}'),
    ('memory', 'memory, MiB', lambda value: f'{value / MIB:.0f}'),
    ('size', 'repository, MB', lambda value: f'{value / 1e6:.1f}'),
)
NOTES = (
    'One run each, tool after tool within a row; the live trees and the '
    'repositories are in the page cache, and programs freshly started.',
    'CPU is user and system time, with all children and with the daemon of a '
    'mount.  Memory is the peak of the largest process of a command, or of all '
    'processes of the daemon of a mount, without its client; Linux counts the '
    'bench itself, some 20 MiB, as the least that a command takes.',
    'caprock has a key file; restic (scrypt) and borg (PBKDF2) derive their '
    'keys from a passphrase each time.  What that costs is at most what it '
    'takes them to list the snapshots.',
    'restic: repository version 2, compression auto.  borg: repokey-blake2, '
    'zstd,3.',
    'Peer: the best of the others in that line.  Floor: the same without any '
    'backup program, as named under the table.',
)


@dataclasses.dataclass
class Result:
    """What came of one row; of a sample and an error, one is None."""
    corpus: str
    row: str
    tool: str
    sample: object
    error: str = None

    def plain(self):
        return dataclasses.asdict(self)


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


# ---- Cells ------------------------------------------------------------------


def ratio(ours, other):
    return f'{ours / other:.2f}' if ours is not None and other else ''


def cells(row, samples, tools, metric):
    """One line of the table, or None where there is nothing to say."""
    name, title, show = metric
    values = {tool: getattr(sample, name)
              for tool, sample in samples.items()}
    values = {tool: value for tool, value in values.items()
              if value is not None}
    # The memory of cp or find tells nothing.
    if name == 'memory':
        values.pop(FLOOR, None)
    if not any(tool in values for tool in tools):
        return None
    ours = values.get(tools[0])
    peers = [values[tool] for tool in tools[1:] if tool in values]
    shown = [show(values[tool]) if tool in values else '-'
             for tool in (*tools, FLOOR)]
    return [row.title, title, *shown, ratio(ours, min(peers, default=None)),
            ratio(ours, values.get(FLOOR))]


def lines(name, rows, results, tools):
    """The table of the corpus called @name, its head first."""
    table = [['', '', *tools, FLOOR, '/ peer', '/ floor']]
    for row in rows:
        samples = {result.tool: result.sample for result in results
                   if result.corpus == name and result.row == row.name
                   and result.sample}
        for metric in METRICS:
            line = cells(row, samples, tools, metric)
            if line:
                table.append(line)
    return table


def failures(name, results):
    return [f'{result.row}, {result.tool}: {result.error}'
            for result in results if result.corpus == name and result.error]


def floors(rows):
    return '; '.join(f'{row.title}: {row.floor_title}' for row in rows
                     if row.floor)


# ---- Documents --------------------------------------------------------------


def once(table):
    """The title of a row stands on its first line alone."""
    before = None
    for line in table:
        yield ['' if line[0] == before else line[0], *line[1:]]
        before = line[0]


def text_table(table):
    widths = [max(len(line[column]) for line in table)
              for column in range(len(table[0]))]
    for line in once(table):
        padded = [cell.ljust(width) if column < 2 else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(line, widths))]
        yield '  '.join(padded).rstrip()


def markdown_table(table):
    head, *body = once(table)
    yield '| ' + ' | '.join(head) + ' |'
    yield '|---|---|' + '--:|' * (len(head) - 2)
    for line in body:
        yield '| ' + ' | '.join(line) + ' |'


def sections(found, rows, tools, draw):
    for name, what in found['corpora'].items():
        yield (f'{name}: {what["identity"]}; {what["entries"]:,} entries, '
               f'{what["bytes"] / 1e6:,.0f} MB'), [
            *draw(lines(name, rows, found['results'], tools)),
            *(f'FAILED {line}' for line in failures(name, found['results']))]


def text(found, rows, tools):
    out = []
    for title, body in sections(found, rows, tools, text_table):
        out += [title, '', *body, '']
    return '\n'.join([*out, f'Floors: {floors(rows)}.', *NOTES, *about(found)])


def markdown(found, rows, tools):
    out = ['# Measured', '', *(f'- {line}' for line in about(found)), '']
    for title, body in sections(found, rows, tools, markdown_table):
        out += [f'## {title}', '', *body, '']
    return '\n'.join([*out, f'Floors: {floors(rows)}.', '',
                      *(f'- {note}' for note in NOTES), ''])


def about(found):
    on = ', '.join(f'{name} {value}'
                   for name, value in found['machine'].items())
    return [f'Versions: {", ".join(found["versions"].values())}.',
            f'Machine: {on}.']


def document(found):
    plain = dict(found, results=[result.plain()
                                 for result in found['results']])
    return json.dumps(plain, indent=1) + '\n'
