"""Repositories made by an earlier caprock: healthy and damaged ones."""
import hashlib
import json
import pathlib
import shutil

import pytest

import harness

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / 'golden'
V1 = GOLDEN / 'v1'
SNAPSHOTS = {'src@2024-01-01': 'src-1', 'src@2024-01-02': 'src-2',
             'web@2024-01-03': 'web-1'}
TYPES = {'file': 'f', 'directory': 'd', 'symlink': 'l', 'fifo': 'p'}
DAMAGES = sorted(path.parent.name for path in GOLDEN.glob('broken-*/*.json'))


def key_file(name, folder):
    """A copy that only its owner can read: git keeps no such mode."""
    copy = folder / name
    shutil.copyfile(V1 / name, copy)
    copy.chmod(0o600)
    return copy


@pytest.fixture(name='golden')
def fixture_golden(tmp_path):
    """A copy of the healthy repository, opened by its owner."""
    shutil.copytree(V1 / 'repository', tmp_path / 'repository')
    return harness.Repo(tmp_path, key=key_file('owner.key', tmp_path))


def hashes(name):
    """{path: SHA-256} of what the snapshot's source held."""
    lines = (V1 / f'{name}.sha256').read_text().splitlines()
    return {path: digest for digest, path in
            (line.split('  ', 1) for line in lines)}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.mark.main
def test_its_snapshots_are_listed(golden):
    lines, _ = golden.json('snapshots')
    assert [(line['source'], line['time'][:10]) for line in lines] == [
        ('src', '2024-01-01'), ('src', '2024-01-02'), ('web', '2024-01-03')]
    assert lines[1]['tags'] == [{'text': 'second'}]
    assert golden.caprock('verify', '--read-data').err == ''


@pytest.mark.main
@pytest.mark.parametrize('snapshot', SNAPSHOTS)
def test_its_directories_are_as_they_were(golden, snapshot):
    listed = set()
    for line in golden.json('ls', '-R', snapshot)[0]:
        kind = TYPES[line['kind']]
        size = '-' if kind == 'd' else line['size']
        listed.add(f'{kind} {line["mode"].lstrip("0")} {size} {line["path"]}')
    want = (V1 / f'{SNAPSHOTS[snapshot]}.list').read_text().splitlines()
    assert listed == set(want)


@pytest.mark.main
@pytest.mark.parametrize('snapshot', SNAPSHOTS)
def test_its_files_are_as_they_were(golden, snapshot):
    golden.restore(snapshot, golden.folder / 'out')
    for path, digest in hashes(SNAPSHOTS[snapshot]).items():
        assert sha256((golden.folder / 'out' / path).read_bytes()) == digest
    for path in ('docs/numbers', 'sparse', 'small', 'all-hole', 'empty'):
        data = golden.caprock('cat', f'{snapshot}:{path}').stdout
        assert sha256(data) == hashes(SNAPSHOTS[snapshot])[path]


def test_its_keys_keep_their_roles(golden):
    reader = golden.with_key(key_file('read.key', golden.folder),
                             golden.folder / 'reader')
    assert len(reader.snapshots()) == 3
    writer = golden.with_key(key_file('put.key', golden.folder),
                             golden.folder / 'writer')
    writer.caprock('snapshots', rc=13)
    source = harness.write(golden.folder / 'tree/new', b'n' * 1000).parent
    writer.backup(source, source='web')
    assert [line['source'] for line in reader.snapshots()].count('web') == 2


def test_it_can_be_added_to(golden):
    golden.restore('src@2024-01-02', golden.folder / 'out')
    summary = golden.backup(golden.folder / 'out', source='src')
    # The content is known: what is new are times.
    assert summary['bytes_added'] < 20_000
    golden.caprock('verify', '--read-data')


@pytest.mark.parametrize('snapshot', SNAPSHOTS)
def test_the_independent_reader_reads_it(golden, snapshot):
    assert golden.read('check').err == ''
    which = [line['id'] for line in golden.snapshots()
             if line['time'].startswith(snapshot[-10:])]
    golden.read('extract', which[0], golden.folder / 'out')
    for path, digest in hashes(SNAPSHOTS[snapshot]).items():
        assert sha256((golden.folder / 'out' / path).read_bytes()) == digest


def do_damage(edit, repository):
    """One of the "edits" of a damage.json: see golden/README.md."""
    objects = json.loads((V1 / 'objects.json').read_text())
    path = repository / (edit.get('file') or objects[edit['object']])
    data = bytearray(path.read_bytes())
    if 'delete' in edit:
        path.unlink()
        return
    if 'flip' in edit:
        data[edit['flip']] ^= 0x55
    elif 'truncate' in edit:
        data = data[:edit['truncate']]
    else:
        data = (repository / objects[edit['copy']]).read_bytes()
    path.chmod(0o600)
    path.write_bytes(data)


@pytest.mark.main
@pytest.mark.parametrize('name', DAMAGES)
def test_a_damage_is_told(golden, name):
    damage = json.loads((GOLDEN / name / 'damage.json').read_text())
    for edit in damage['edits']:
        do_damage(edit, golden.path)
    for i, expect in enumerate(damage['expect']):
        # Each as the first that this machine ever asks.
        fresh = golden.with_state(golden.folder / f'state{i}')
        done = fresh.caprock(*expect['command'], rc=expect['status'])
        assert expect.get('stderr', '') in done.err
        assert expect.get('stdout', '') in done.out
        if expect['command'][0] == 'cat' and expect['status'] == 0:
            path = expect['command'][1].split(':')[1]
            assert sha256(done.stdout) == hashes('src-1')[path]
