"""Sources in versions, a little of which changes all over each time: what an old
repository is made of.  The same for the same seed."""
import os

from corpus import Words

# Of each version: how much of it is new.
RECORDS_CHANGED, RECORDS_ADDED = 0.01, 0.005
FILES_CHANGED = 0.02


class Records:
    """One file, as a database has it: records of a page of text, some written
    anew in place, all over, and some more at the end."""
    length = 700

    def __init__(self, folder, size):
        self.words = Words(50)
        self.path = folder / 'records.db'
        self.count = 0
        with open(self.path, 'wb') as file:
            self._append(file, size // self.length)

    def _record(self, number):
        text = f'{number} {self.words.token()} {self.words.text(150)}'
        return text.encode('ascii')[:self.length - 1].ljust(
            self.length - 1) + b'\n'

    def _append(self, file, count):
        for number in range(self.count, self.count + count):
            file.write(self._record(number))
        self.count += count

    def change(self):
        with open(self.path, 'r+b') as file:
            for _ in range(int(self.count * RECORDS_CHANGED)):
                number = self.words.number(self.count)
                file.seek(number * self.length)
                file.write(self._record(number))
            file.seek(0, os.SEEK_END)
            self._append(file, int(self.count * RECORDS_ADDED))


class Files:
    """A tree of small files, some of which are written anew each time."""
    words_most = 1600

    def __init__(self, folder, size):
        self.words = Words(51)
        # Of half as many words in the mean, of about six bytes.
        self.paths = []
        for number in range(max(1, size // (self.words_most * 3))):
            path = folder / f'{number // 5000:02}/{number // 100:04}'
            path.mkdir(parents=True, exist_ok=True)
            self.paths.append(path / f'{number}.txt')
            self._write(self.paths[-1])

    def _write(self, path):
        count = 1 + self.words.number(self.words_most)
        path.write_text(f'{self.words.token()} {self.words.text(count)}\n',
                        'ascii')

    def change(self):
        for _ in range(max(1, int(len(self.paths) * FILES_CHANGED))):
            self._write(self.paths[self.words.number(len(self.paths))])
