"""verify: what it says of a good repository, of a bad one, and of a liar."""
import os
import shutil

import pytest

import forge
import harness

MIB = 1 << 20
LEAF_WITHOUT_ENTRIES = bytes([4, 1, 0, 0, 0])


def of_type(lines, kind):
    return [line for line in lines if line['type'] == kind]


@pytest.mark.main
def test_summary(repo, tree):
    first = repo.backup(tree)['snapshot']
    harness.write(tree / 'more', harness.noise(3, 100_000))
    repo.backup(tree)
    for state in (repo, repo.with_state(repo.folder / 'other')):
        for args in (['verify'], ['verify', '--read-data']):
            lines, summary = state.json(*args)
            assert lines == []
            assert summary['snapshots'] == 2
            assert summary['packs'] == len(repo.files('packs'))
            assert summary['read_data'] is (len(args) == 2)
            assert summary['objects'] == len(repo.files()) - summary['packs']
    # All of it was read, headers and footers more than once.
    assert summary['bytes'] >= 0.9 * repo.size('packs')
    one = repo.json('verify', first[:8], '--read-data')[1]
    assert one['snapshots'] == 1 and one['chunks'] < summary['chunks']
    assert one['bytes'] < summary['bytes']
    assert 'no damage found' in repo.caprock('verify').out
    assert repo.caprock('--quiet', 'verify').out == ''


def test_no_snapshot(repo):
    assert repo.json('verify', '--read-data')[1]['snapshots'] == 0
    repo.caprock('verify', 'latest', rc=1)


@pytest.mark.main
def test_keys(repo, tree):
    """Any key that reads will do, and no other."""
    repo.backup(tree)
    reads = repo.with_key(repo.folder / 'reads')
    puts = repo.with_key(repo.folder / 'puts')
    repo.caprock('key', 'add', '--role', 'read', '--new-key-file', reads.key)
    repo.caprock('key', 'add', '--role', 'put', '--source', 'web',
                 '--new-key-file', puts.key)
    puts.backup(tree, source='web')
    assert reads.json('verify', '--read-data')[1]['snapshots'] == 2
    assert 'put key' in puts.caprock('verify', rc=13).err


def test_revoked(repo, tree):
    """What a revoked key left lying is no damage; what it damaged is."""
    puts = repo.with_key(repo.folder / 'puts', repo.folder / 'put-state')
    key = repo.json('key', 'add', '--role', 'put', '--source', 'web',
                    '--new-key-file', puts.key)[1]['key']
    puts.backup(tree, source='web')
    before = set(repo.files())
    harness.write(tree / 'late', harness.noise(4, 50_000))
    puts.backup(tree, source='web')
    # As if the second backup had been interrupted before its end.
    for path in set(repo.files()) - before:
        if 'packs' not in path.parts:
            path.unlink()
    left = {path for path in set(repo.files()) - before}
    shutil.rmtree(repo.state)
    repo.caprock('key', 'revoke', key)
    lines, summary = repo.json('verify', '--read-data')
    assert summary['snapshots'] == 1
    assert {line['object'] for line in of_type(lines, 'note')} == \
        {str(path.relative_to(repo.path)) for path in left}
    kept = next(path for path in before if 'data' in path.parts)
    data = bytearray(kept.read_bytes())
    data[20] ^= 1
    kept.write_bytes(data)
    lines = repo.json('verify', rc=4)[0]
    assert [line['object'] for line in of_type(lines, 'damaged')] == \
        [str(kept.relative_to(repo.path))]


def test_unreferenced(repo, tree):
    """A damaged pack that nobody needs is named as such."""
    before = set(repo.files())
    repo.backup(tree)
    for path in set(repo.files()) - before:
        if 'packs' not in path.parts:
            path.unlink()
    shutil.rmtree(repo.state)
    path = repo.files('packs/data')[0]
    path.write_bytes(path.read_bytes()[:1000])
    lines, summary = repo.json('verify', rc=4)
    assert summary['lost'] == 0
    assert [line['object'] for line in of_type(lines, 'damaged')] == \
        [str(path.relative_to(repo.path))]
    assert 'no snapshot needs it' in of_type(lines, 'note')[0]['why']


def test_another_copy(tmp_path, tree):
    """Damage costs nothing where a second writer stored the same."""
    repo = harness.Repo(tmp_path).init()
    one = repo.with_key(tmp_path / 'one', tmp_path / 'one-state')
    two = repo.with_key(tmp_path / 'two', tmp_path / 'two-state')
    key = repo.json('key', 'add', '--role', 'put', '--source', 'one',
                    '--new-key-file', one.key)[1]['key']
    repo.caprock('key', 'add', '--role', 'put', '--source', 'two',
                 '--share-domain', key, '--new-key-file', two.key)
    one.backup(tree, source='one')
    mine = set(repo.files('packs'))
    two.backup(tree, source='two')
    path = next(path for path in mine if 'data' in path.parts)
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    for state in (repo, repo.with_state(tmp_path / 'fresh')):
        lines, summary = state.json('verify', '--read-data', rc=4)
        assert summary['damaged'] == 1 and summary['lost'] == 0
        # Whose copy is taken first is chance.
        assert of_type(lines, 'note')[0]['why'].startswith(
            ('nothing is lost', 'no snapshot needs it'))
        assert state.caprock('cat', 'one@latest:docs/readme.txt').stdout == \
            (tree / 'docs/readme.txt').read_bytes()


def test_large_directory(repo, tmp_path):
    """One damaged leaf of many costs its entries, and the others none."""
    tree = tmp_path / 'tree'
    for i in range(3000):
        harness.write(tree / 'wide' / f'{i:05}', b'')
    for i in range(300):
        (tree / f'deep/{i}/x').mkdir(parents=True)
    (tree / 'deep/7/x/file').write_bytes(harness.noise(1, 4000))
    repo.backup(tree)
    repo.backup(tree)
    assert repo.json('verify')[0] == []
    # Every block of every pack of metadata, one at a time.
    for pack in forge.packs_of(repo, owner_of(repo)):
        if pack.kind == 1:
            continue
        path = pack.path
        for block in pack.blocks:
            if not block.chunks:
                continue
            flip(path, block.offset + 10)
            lines, summary = repo.json('verify', rc=4)
            flip(path, block.offset + 10)
            assert summary['damaged'] == 1 and summary['lost'] > 0
            lost = of_type(lines, 'lost')
            assert {line['object'] for line in lost} == \
                {os.path.relpath(path, repo.path)}
            # Both snapshots share the tree, so both are touched alike.
            assert len({line['snapshot'] for line in lost}) == 2
            assert len(lost) % 2 == 0


def owner_of(repo):
    return bytes.fromhex(repo.json('snapshots')[0][0]['writer'])


def flip(path, at):
    with open(path, 'r+b') as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


# ---- A writer that lies -----------------------------------------------------


class Liar:
    """Two put keys that share a domain: the first is honest, the second not."""

    FILES = {'small': b'an inline file', 'one': harness.noise(1, 5000),
             'many': harness.noise(2, 300_000), 'sub/deep': b'another inline'}

    def __init__(self, folder):
        self.folder = folder
        self.repo = harness.Repo(folder).init()
        self.honest = self.repo.with_key(folder / 'honest',
                                         folder / 'honest-state')
        self.second = self.repo.with_key(folder / 'second',
                                         folder / 'second-state')
        self.key = self.repo.json(
            'key', 'add', '--role', 'put', '--source', 'good',
            '--new-key-file', self.honest.key)[1]['key']
        self.repo.caprock('key', 'add', '--role', 'put', '--source', 'bad',
                          '--share-domain', self.key, '--new-key-file',
                          self.second.key)
        for name, data in self.FILES.items():
            harness.write(folder / 'tree' / name, data)
        self.honest.backup(folder / 'tree', source='good')
        self.put = forge.Put(self.second)
        self.theirs = list(forge.packs_of(self.repo, bytes.fromhex(self.key)))

    def lies(self, pack, **how):
        """A pack that claims all ids of @pack for other bytes."""
        def lie(kind, ident):
            data = b'LIES' * 1250
            if pack.kind == 2:
                data = LEAF_WITHOUT_ENTRIES
            return kind, ident, data
        return self.put.pack(pack.kind, [
            [lie(kind, ident) for kind, ident in block.chunks]
            for block in pack.blocks if block.chunks], **how)


def plant(liar, pack):
    """Only more: the honest packs are there."""
    ident, data = liar.lies(pack)
    return forge.place(liar.repo, pack.kind, ident, data)


def plant_alone(liar, pack):
    """And the storage drops the honest pack."""
    os.unlink(pack.path)
    return plant(liar, pack)


def same_name(liar, pack):
    """In place of the honest pack, under its name, signed by the liar."""
    return forge.place(liar.repo, pack.kind,
                       *liar.lies(pack, ident=pack.id))


def their_name(liar, pack):
    """The header says that the honest key wrote it."""
    return forge.place(liar.repo, pack.kind,
                       *liar.lies(pack, ident=pack.id, writer=pack.writer))


def their_header(liar, pack):
    """The honest header, both copies of it, on the liar's blocks."""
    ident, data = liar.lies(pack, ident=pack.id)
    tail = len(data) - 288
    data = pack.header + data[256:tail] + pack.header + data[tail + 256:]
    return forge.place(liar.repo, pack.kind, ident, data)


def our_header(liar, pack):
    """The liar's header, both copies of it, on the honest blocks."""
    ident, data = liar.lies(pack, ident=pack.id)
    with open(pack.path, 'rb') as file:
        theirs = file.read()
    tail = len(theirs) - 288
    return forge.place(liar.repo, pack.kind, ident, data[:256] +
                       theirs[256:tail] + data[:256] + theirs[tail + 256:])


def check_truth(liar, state):
    """Every way to read gives the truth, or an error."""
    done = state.caprock('cat', 'good@latest:many', rc=(0, 4))
    assert liar.FILES['many'].startswith(done.stdout)
    assert done.returncode == 4 or done.stdout == liar.FILES['many']
    done = state.caprock('--json', 'ls', '-R', 'good@latest', rc=(0, 4))
    names = {line['path'] for line in harness.json_lines(done)
             if line['type'] == 'entry'}
    whole = {'sub', *liar.FILES}
    assert names <= whole
    assert done.returncode == 4 or names == whole
    target = liar.folder / 'target'
    done = state.restore('good@latest', target, rc=(0, 4))
    for name, data in liar.FILES.items():
        if done.returncode == 0 or (target / name).exists():
            assert (target / name).read_bytes() == data
    harness.sh('rm', '-rf', target)


def check_mount(liar, state):
    with state.mount(expect=['packs/', 'chunk ']) as mount:
        shown = mount.snapshot('good')
        for name, data in liar.FILES.items():
            try:
                assert (shown / name).read_bytes() == data
            except OSError as error:
                assert error.errno == 5, error
        assert mount.alive()


@pytest.mark.parametrize('kind', [1, 2], ids=['data', 'meta'])
@pytest.mark.parametrize('how', [plant, plant_alone, same_name, their_name,
                                 their_header, our_header],
                         ids=lambda how: how.__name__)
def test_liar(tmp_path, how, kind):
    liar = Liar(tmp_path)
    known = liar.repo
    known.caprock('ls', 'good@latest')
    packs = [pack for pack in liar.theirs if pack.kind == kind]
    assert packs
    placed = {str(how(liar, pack).relative_to(liar.repo.path))
              for pack in packs}
    for state in (known, liar.repo.with_state(tmp_path / 'fresh')):
        check_truth(liar, state)
        check_mount(liar, state)
        lines, summary = state.json('verify', '--read-data', rc=4)
        assert placed <= {line['object']
                          for line in of_type(lines, 'damaged')}
        # With the liar's header the honest blocks open by their segment.
        assert (summary['lost'] > 0) is (how not in (plant, our_header))
    # The honest writer builds on nothing that the other signed.
    if how not in (plant_alone, same_name):
        return
    state = liar.honest.with_state(tmp_path / 'anew')
    state.backup(tmp_path / 'tree', source='good')
    target = tmp_path / 'whole'
    liar.repo.with_state(tmp_path / 'third').restore('good@latest', target)
    for name, data in liar.FILES.items():
        assert (target / name).read_bytes() == data
