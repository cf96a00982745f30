"""The corpora that are made from a seed."""
import json
import os
import random
import shutil
import sqlite3

from corpus import Corpus, Words, write_noise
from tools import remove

# ---- M: photographs and films -----------------------------------------------


class Media(Corpus):
    """Bytes that neither compress nor repeat, in albums of photographs with a
    film each.  Then an album is renamed, and others are added; what was there
    keeps its inodes and times."""
    name = 'M'
    seed = 20221211
    photos = 40
    photo = (2 << 20, 9 << 20)
    film = (40 << 20, 160 << 20)
    added = 0.03
    # In which place of version 2, and where while version 1 shows.
    moves = (('tree/album-000', 'tree/garden'), ('later', 'tree/later'))

    @property
    def _total(self):
        return 500_000_000 if self.quick else 2_000_000_000

    @property
    def identity(self):
        return (f'{self._total // 10**6} MB of noise, seed {self.seed}; then '
                f'{self.added:.0%} more and a folder renamed')

    def make(self):
        if self.folder.exists():
            return
        noise = random.Random(self.seed)
        part = self.folder.with_name(self.folder.name + '.part')
        remove(part)
        self._albums(part / 'tree', self._total, noise)
        self._albums(part / 'later', int(self._total * self.added), noise)
        part.rename(self.folder)

    def _albums(self, folder, left, noise):
        """Albums with @left bytes in all, the last file cut to fit."""
        for album in range(10**6):
            kinds = [('jpg', self.photo)] * self.photos + [('mp4', self.film)]
            for number, (kind, bounds) in enumerate(kinds):
                size = min(left, noise.randint(*bounds))
                write_noise(folder / f'album-{album:03}/{number:04}.{kind}',
                            size, noise)
                left -= size
                if left == 0:
                    return

    def show(self, version):
        # A run that was ended may have left either version here.
        for first, second in self.moves:
            old, new = self.folder / first, self.folder / second
            if version == 1:
                old, new = new, old
            if old.exists():
                old.rename(new)
        self._bind(self.folder / 'tree')


# ---- D: a database ----------------------------------------------------------


class Database(Corpus):
    """Visits of a practice in SQLite: text of about 700 bytes a row, two
    indexes.  Then 1% of the notes are written anew, all over, and 0.5% more
    visits stand at the end."""
    name = 'D'
    seed = 700
    changed = 0.01
    added = 0.005
    schema = """
        PRAGMA journal_mode = OFF;
        PRAGMA synchronous = OFF;
        CREATE TABLE visit (id INTEGER PRIMARY KEY, patient INTEGER, day TEXT,
                            doctor TEXT, code TEXT, note TEXT, token TEXT);
    """
    indexes = """
        CREATE INDEX visit_patient ON visit (patient);
        CREATE INDEX visit_day ON visit (day);
    """
    insert = 'INSERT INTO visit VALUES (?, ?, ?, ?, ?, ?, ?)'
    update = 'UPDATE visit SET note = ?, token = ? WHERE id = ?'

    @property
    def _rows(self):
        return 70_000 if self.quick else 1_400_000

    @property
    def identity(self):
        return (f'SQLite, {self._rows:,} rows, seed {self.seed}; then '
                f'{self.changed:.0%} of them changed all over and '
                f'{self.added:.1%} appended')

    def make(self):
        if self.folder.exists():
            return
        part = self.folder.with_name(self.folder.name + '.part')
        remove(part)
        words = Words(self.seed)
        for version in (1, 2):
            (part / str(version)).mkdir(parents=True)
        base = sqlite3.connect(part / '1/visits.db')
        base.executescript(self.schema)
        base.executemany(self.insert, self._visits(words, 0, self._rows))
        base.executescript(self.indexes)
        base.close()
        copy = part / '2/visits.db'
        shutil.copyfile(part / '1/visits.db', copy)
        base = sqlite3.connect(copy)
        base.executescript('PRAGMA journal_mode = OFF;')
        ids = words.random.sample(range(self._rows),
                                  int(self._rows * self.changed))
        base.executemany(self.update, ((self._note(words), words.token(), row)
                                       for row in ids))
        base.executemany(self.insert, self._visits(
            words, self._rows, int(self._rows * self.added)))
        base.commit()
        base.close()
        part.rename(self.folder)

    @staticmethod
    def _note(words):
        return words.text(68 + words.number(74))

    def _visits(self, words, first, count):
        number = words.number
        for row in range(first, first + count):
            day = (f'20{10 + row * 15 // self._rows:02}-{number(12) + 1:02}-'
                   f'{number(28) + 1:02}T{number(10) + 8:02}:{number(60):02}')
            yield (row, number(40_000), day, f'doctor {number(30)}',
                   f'{chr(65 + number(26))}{number(100):02}.{number(10)}',
                   self._note(words), words.token())

    def show(self, version):
        self._bind(self.folder / str(version))


# ---- R: records -------------------------------------------------------------


class Records(Corpus):
    """One JSON file for each of many findings, below four levels of folders.
    Then some changed, some are new, some gone; all others keep their inodes
    and times, for what belongs to the other version is moved aside."""
    name = 'R'
    seed = 200_000
    changed, added, gone = 0.01, 0.005, 0.001

    @property
    def _count(self):
        return 5_000 if self.quick else 200_000

    @property
    def identity(self):
        return (f'{self._count:,} JSON files, seed {self.seed}; then '
                f'{self.changed:.0%} of them changed, {self.added:.1%} added, '
                f'{self.gone:.1%} removed')

    def make(self):
        if self.folder.exists():
            return
        part = self.folder.with_name(self.folder.name + '.part')
        remove(part)
        words = Words(self.seed)
        names = [self._name(words, number) for number in range(self._count)]
        for number, name in enumerate(names):
            self._record(part / 'tree' / name, words, number)
        touched = words.random.sample(
            names, int(self._count * (self.changed + self.gone)))
        changed = touched[:int(self._count * self.changed)]
        added = [self._name(words, self._count + number)
                 for number in range(int(self._count * self.added))]
        for number, name in enumerate([*changed, *added]):
            self._record(part / 'aside/2' / name, words, number)
        (part / 'differ.json').write_text(json.dumps(
            {'1': touched, '2': [*changed, *added]}), encoding='ascii')
        part.rename(self.folder)

    @staticmethod
    def _name(words, number):
        return (f'practice-{number % 7}/{2012 + words.number(14)}/'
                f'{words.number(12) + 1:02}/{words.number(28) + 1:02}/'
                f'{words.token()}.json')

    @staticmethod
    def _record(path, words, number):
        number_below = words.number
        record = {
            'resourceType': 'Observation',
            'id': words.token(),
            'status': ('final', 'amended', 'preliminary')[number_below(3)],
            'subject': {'reference': f'Patient/{number_below(40_000)}'},
            'encounter': {'reference': f'Encounter/{number}'},
            'effectiveDateTime': f'20{number_below(14) + 12}-'
                                 f'{number_below(12) + 1:02}-'
                                 f'{number_below(28) + 1:02}T08:30:00Z',
            'code': {'coding': [{'system': 'http://loinc.org',
                                 'code': f'{number_below(99999)}-1',
                                 'display': words.text(3)}]},
            'component': [{'code': words.text(2),
                           'value': round(words.random.gauss(80, 20), 2),
                           'unit': ('mmHg', 'mmol/L', 'g/dL')[number_below(3)]}
                          for _ in range(number_below(8))],
            'note': words.text(10 + number_below(120)),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1), encoding='ascii')

    def show(self, version):
        # Each step may be the one that an earlier run did not reach.
        differ = json.loads((self.folder / 'differ.json').read_text())
        mine, other = str(version), str(3 - version)
        for name in differ[other]:
            aside = self.folder / 'aside' / mine / name
            if aside.exists() or name not in differ[mine]:
                self._move(self.folder / 'tree' / name,
                           self.folder / 'aside' / other / name)
        for name in differ[mine]:
            self._move(self.folder / 'aside' / mine / name,
                       self.folder / 'tree' / name)
        self._bind(self.folder / 'tree')

    @staticmethod
    def _move(old, new):
        if old.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            os.rename(old, new)
