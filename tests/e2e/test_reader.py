"""The independent reader, written from FORMAT.md alone, agrees."""
import hashlib
import json
import os
import sqlite3
import stat

import pytest

import compare
import evil
import harness

KINDS = {'file': stat.S_IFREG, 'directory': stat.S_IFDIR,
         'symlink': stat.S_IFLNK, 'chardev': stat.S_IFCHR,
         'blockdev': stat.S_IFBLK, 'fifo': stat.S_IFIFO,
         'socket': stat.S_IFSOCK}


@pytest.mark.main
def test_it_checks_everything(repo, tree):
    repo.backup(tree)
    harness.write(tree / 'more', harness.noise(2, 3_000_000))
    repo.backup(tree)
    done = repo.read('check')
    assert done.err == ''
    assert f'{len(repo.files("packs"))} packs, 2 snapshots' in done.out
    assert repo.read('scrub').err == ''


@pytest.mark.main
def test_what_it_extracts_equals_the_source(repo, tree):
    os.setxattr(tree / 'docs', 'user.note', b'n' * 3000)
    harness.sh('setfacl', '-m', 'u:1234:rw', tree / 'small')
    repo.backup(tree)
    repo.read('extract', 'latest', repo.folder / 'out')
    compare.assert_equal(tree, repo.folder / 'out', ctime=False)


@pytest.mark.main
def test_it_reads_the_class_of_great_files(repo, tree):
    """A file of 16 MiB that compresses has smaller chunks than the others."""
    text = harness.noise(5, 8 << 20).hex().encode()
    harness.write(tree / 'great', text)
    harness.write(tree / 'greatest below', text[:-1])
    repo.backup(tree)
    rows = dumped(repo)
    assert rows[b'great']['class'] == 4
    assert rows[b'greatest below']['class'] == 1
    assert repo.read('check').err == ''
    repo.read('extract', 'latest', repo.folder / 'out')
    compare.assert_equal(tree, repo.folder / 'out', ctime=False)


@pytest.mark.main
def test_it_reads_databases_stored_by_pages(repo, tree):
    """Of a changed row a page is stored, and the list of pages."""
    base = visits(tree / 'visits.db')
    repo.backup(tree)
    before = repo.size('packs/data')
    with base:
        base.execute('UPDATE visit SET note = ? WHERE id = 1500', ('x' * 600,))
    base.close()
    repo.backup(tree)
    assert dumped(repo)[b'visits.db']['class'] == 5
    # Two pages, sealed, in a pack of their own.
    assert before > 900_000 and repo.size('packs/data') - before < 16_384
    assert repo.read('check').err == ''
    repo.read('extract', 'latest', repo.folder / 'out')
    compare.assert_equal(tree, repo.folder / 'out', ctime=False)
    repo.restore('latest', repo.folder / 'restored')
    compare.assert_equal(tree, repo.folder / 'restored', ctime=False)


@pytest.mark.main
def test_pages_are_those_of_the_file_wherever_data_begins(tmp_path):
    """Where blocks are shorter than pages, a hole ends within a page."""
    with harness.ext4_at(tmp_path, '64M', ('-b', '1024')) as disk:
        repo = harness.Repo(tmp_path / 'r').init()
        visits(disk / 'visits.db').close()
        repo.backup(disk)
        before = repo.size('packs/data')
        harness.sh('fallocate', '--punch-hole', '--offset', 400 << 10,
                   '--length', 1 << 10, disk / 'visits.db')
        repo.backup(disk)
        row = dumped(repo)[b'visits.db']
        assert (row['class'], row['size'] - row['data_bytes']) == (5, 1 << 10)
        assert repo.size('packs/data') - before < 16_384
        repo.read('extract', 'latest', repo.folder / 'out')
        assert (hash_of(repo.folder / 'out/visits.db') ==
                hash_of(disk / 'visits.db'))


def test_it_extracts_the_evil_tree(ext4, tmp_path):
    top = evil.make(ext4 / 'evil', 300)
    # On disk a file of 15 TiB has no room beside another.
    (top / 'sparse-15T').unlink()
    repo = harness.Repo(tmp_path / 'r').init()
    repo.backup(top)
    done = repo.read('extract', 'latest', ext4 / 'out')
    assert done.err == ''
    compare.assert_equal(top, ext4 / 'out', ctime=False)


def visits(path):
    """A new database of 2 MB."""
    base = sqlite3.connect(path)
    with base:
        base.execute('CREATE TABLE visit (id INTEGER PRIMARY KEY, note TEXT)')
        base.executemany(
            'INSERT INTO visit VALUES (?, ?)',
            ((row, harness.noise(row, 300).hex()) for row in range(3000)))
    return base


def dumped(repo):
    """The rows of the latest snapshot, by name."""
    rows = map(json.loads, repo.read('dump', 'latest').out.splitlines())
    return {name_of(row): row for row in rows}


def name_of(row):
    """The path of a row, as bytes."""
    if 'path_hex' in row:
        return bytes.fromhex(row['path_hex'])
    return row['path'].encode()


def hash_of(path):
    with open(path, 'rb') as file:
        return hashlib.file_digest(
            file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def test_its_dump_equals_the_mount(repo, tree):
    repo.backup(tree)
    rows = [json.loads(line)
            for line in repo.read('dump', 'latest').out.splitlines()]
    assert len(rows) == 15
    with repo.mount() as mount:
        top = os.fsencode(mount.snapshot())
        for row in rows:
            path = os.path.join(top, name_of(row)) if name_of(row) else top
            st = os.lstat(path)
            assert KINDS[row['type']] == stat.S_IFMT(st.st_mode)
            assert (row['mode'], row['uid'], row['gid']) == (
                stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid)
            for field in ('mtime', 'ctime'):
                seconds, nanoseconds = row[field]
                assert getattr(st, f'st_{field}_ns') == \
                    seconds * 10**9 + nanoseconds
            if row['type'] == 'file':
                assert (row['size'], row['nlink']) == (st.st_size, st.st_nlink)
                assert row['blake2b_256'] == hash_of(path)


@pytest.mark.main
def test_it_finds_a_flipped_byte(repo, tree):
    """Anywhere in any file: the check says so, and names the file."""
    repo.backup(tree)
    for path in repo.files():
        whole = path.read_bytes()
        data = bytearray(whole)
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        done = repo.read('check', rc=1)
        assert path.name in done.err or 'repository' in done.err, path
        path.write_bytes(whole)
    repo.read('check')
