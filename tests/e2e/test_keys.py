"""Keys are capabilities: what each role can do, and what it cannot."""
import json
import os

import pytest

import compare
import harness


def one_sentence(done):
    lines = done.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith('caprock: '), done.err
    return lines[0]


def add_key(repo, name, role, *args):
    """The repository as the new key sees it, on a machine of its own."""
    key = repo.folder / f'{name}.key'
    repo.caprock('key', 'add', '--role', role, '--label', name,
                 '--new-key-file', key, *args)
    return repo.with_key(key, repo.folder / f'{name}.state')


def keys(repo):
    return {line['label']: line for line in repo.json('key', 'list')[0]}


READS = [
    ['snapshots'], ['ls', 'latest'], ['cat', 'latest:small'],
    ['diff', 'latest', 'latest'], ['stats'],
]


@pytest.mark.main
def test_a_put_key_backs_up_and_reads_nothing_back(repo, tree):
    put = add_key(repo, 'web', 'put', '--source', 'web')
    snapshot = put.backup(tree, source='web')['snapshot']
    for args in [*READS, ['cat', f'{snapshot}:small'],
                 ['restore', snapshot, '--target', repo.folder / 'out']]:
        one_sentence(put.caprock(*args, rc=13))
    assert not (repo.folder / 'out').exists()
    done = harness.run(put.mount_argv(tree / 'hollow'), rc=13)
    assert 'cannot read' in done.err
    # Nor with the independent reader: the key opens nothing.
    done = put.read('cat', snapshot, 'small', rc=1)
    assert b'inline' not in done.stdout
    # The owner reads it.
    with repo.mount() as mount:
        compare.assert_equal(tree, mount.snapshot('web'))


def test_a_put_key_without_its_state_still_deduplicates(repo, tree):
    put = add_key(repo, 'web', 'put', '--source', 'web')
    first = put.backup(tree, source='web')
    assert first['bytes_added'] > 300_000
    elsewhere = put.with_state(repo.folder / 'elsewhere')
    again = elsewhere.backup(tree, source='web')
    assert again['bytes_read'] > 300_000 and again['bytes_added'] < 50_000
    assert len(repo.snapshots()) == 2
    # Its domain is its own: the owner's backup of the same shares nothing.
    assert repo.backup(tree)['bytes_added'] > 300_000


def test_put_keys_share_a_domain_by_choice(repo, tree):
    one = add_key(repo, 'one', 'put', '--source', 'one')
    two = add_key(repo, 'two', 'put', '--source', 'two', '--share-domain',
                  'one')
    listed = keys(repo)
    assert listed['one']['domain'] == listed['two']['domain']
    one.backup(tree, source='one')
    assert two.backup(tree, source='two')['bytes_added'] is not None
    with repo.mount() as mount:
        for source in ('one', 'two'):
            compare.assert_equal(tree, mount.snapshot(source))


@pytest.mark.main
def test_grants_are_held(repo, tree):
    put = add_key(repo, 'web', 'put', '--source', 'web', '--source', 'web-db')
    put.backup(tree, source='web-db')
    before = repo.size()
    assert 'web2' in one_sentence(
        put.caprock('backup', '--source', 'web2', tree, rc=13))
    # What is granted to another is nobody else's, the owner's neither.
    one_sentence(repo.caprock('backup', '--source', 'web', tree, rc=13))
    assert repo.size() == before
    read = add_key(repo, 'auditor', 'read')
    assert len(read.snapshots()) == 1
    one_sentence(read.caprock('backup', '--source', 'web', tree, rc=13))
    for key in (put, read):
        one_sentence(key.caprock('key', 'add', '--role', 'read',
                                 '--new-key-file', repo.folder / 'no', rc=13))
        one_sentence(key.caprock('key', 'revoke', 'auditor', rc=13))
    assert not (repo.folder / 'no').exists()


def test_a_read_key_reads_everything(repo, tree):
    repo.backup(tree)
    read = add_key(repo, 'auditor', 'read')
    for args in READS:
        read.caprock(*args)
    with read.mount() as mount:
        compare.assert_equal(tree, mount.snapshot())
    read.read('check')


@pytest.mark.main
def test_a_revoked_key_is_out(repo, tree):
    put = add_key(repo, 'web', 'put', '--source', 'web')
    read = add_key(repo, 'auditor', 'read')
    kept = put.backup(tree, source='web')['snapshot']
    repo.caprock('key', 'revoke', 'web')
    repo.caprock('key', 'revoke', 'auditor')
    listed = keys(repo)
    assert listed['web']['revoked'] and listed['auditor']['revoked']
    assert not listed['owner']['revoked']
    assert put.caprock('backup', '--source', 'web', tree,
                       rc=(12, 13)).err
    assert read.caprock('snapshots', rc=(12, 13)).err
    # What it made before counts; its source can be granted again.
    assert [line['id'] for line in repo.snapshots()] == [kept]
    assert repo.caprock('cat', f'{kept}:small').out == 'inline'
    new = add_key(repo, 'web2', 'put', '--source', 'web')
    new.backup(tree, source='web')
    assert len(repo.snapshots()) == 2


def test_a_second_is_taken_once_whoever_takes_it(repo, tree):
    repo.backup('--time', '2024-05-06T07:08:09Z', tree, source='web')
    put = add_key(repo, 'web', 'put', '--source', 'web')
    put.backup('--time', '2024-05-06T07:08:09Z', tree, source='web')
    put.backup('--time', '2024-05-06T07:08:09Z', tree, source='web')
    assert [line['time'] for line in repo.snapshots()] == [
        f'2024-05-06T07:08:{second:02}Z' for second in (9, 10, 11)]


def test_revoked_from_a_snapshot_on(repo, tree):
    put = add_key(repo, 'web', 'put', '--source', 'web')
    first = put.backup(tree, source='web')['snapshot']
    put.backup(tree, source='web')
    repo.caprock('key', 'revoke', 'web', '--after', first)
    assert [line['id'] for line in repo.json('snapshots', rc=(0, 4))[0]
            if line['type'] == 'snapshot'] == [first]


def test_revoked_with_all_it_made(repo, tree):
    put = add_key(repo, 'web', 'put', '--source', 'web')
    put.backup(tree, source='web')
    mine = repo.backup(tree)['snapshot']
    repo.caprock('key', 'revoke', 'web', '--nothing')
    assert [line['id'] for line in repo.json('snapshots', rc=(0, 4))[0]
            if line['type'] == 'snapshot'] == [mine]


@pytest.mark.main
def test_rotation_begins_a_new_epoch(repo, tree):
    """Who kept a read key opens nothing that is written from then on."""
    repo.backup(tree)
    put = add_key(repo, 'web', 'put', '--source', 'web')
    read = add_key(repo, 'auditor', 'read')
    stays = add_key(repo, 'archive', 'read')
    old_slots = {path: path.read_bytes() for path in repo.files('keys')}
    assert repo.json('key', 'list')[1]['epoch'] == 1
    repo.caprock('key', 'revoke', 'auditor', '--rotate')
    assert repo.json('key', 'list')[1]['epoch'] == 2
    harness.write(tree / 'later', b'later' * 1000)
    repo.backup(tree)
    put.backup(tree, source='web')
    for key in (repo, stays):
        assert len(key.snapshots()) == 3
        assert key.caprock('cat', 'src@latest:later').out == 'later' * 1000
        assert key.caprock('cat', 'web@latest:later').out == 'later' * 1000
        with key.mount() as mount:
            compare.assert_equal(tree, mount.snapshot())
    assert read.caprock('snapshots', rc=(12, 13)).err
    # With the slot it kept, put back where it lay.
    for path, data in old_slots.items():
        if not path.exists():
            harness.write(path, data)
    done = read.caprock('cat', 'src@latest:later', rc=None)
    assert done.returncode and b'later' not in done.stdout
    repo.read('check', rc=(0, 1))


def test_the_passphrase_is_changed(tmp_path, tree):
    words = {}
    for name in ('old', 'new'):
        words[name] = harness.write(tmp_path / name, f'{name} words\n')
        words[name].chmod(0o600)

    def caprock(which, *args, rc=0):
        return harness.run(
            [harness.CAPROCK, '-r', tmp_path / 'repository', '--state-dir',
             tmp_path / 'state', '--passphrase-file', words[which], *args],
            rc=rc)

    cheap = ['--kdf-memory', '64', '--kdf-passes', '1']
    caprock('old', 'init', *cheap)
    caprock('old', 'backup', '--source', 'src', tree)
    caprock('old', 'key', 'passwd', '--new-passphrase-file', words['new'],
            *cheap)
    one_sentence(caprock('old', 'snapshots', rc=12))
    assert caprock('new', 'cat', 'latest:small').out == 'inline'
    listed = [json.loads(line)
              for line in caprock('new', '--json', 'key', 'list')
              .out.splitlines()]
    assert (listed[0]['passphrases'], listed[0]['key_files']) == (1, 0)


@pytest.mark.main
def test_paper(repo, tree):
    """Print it, lose everything else, type it in on an empty machine."""
    repo.backup(tree)
    paper = repo.caprock('key', 'export', '--paper').out
    os.unlink(repo.key)
    lines = [line for line in paper.splitlines() if line[:2].isdigit()]
    new = repo.with_key(repo.folder / 'typed.key', repo.folder / 'empty')
    # Typed by a person: other case, fewer blanks, O for 0.
    typed = '\n'.join(line.lower().replace('  ', ' ') for line in lines)
    harness.run([harness.CAPROCK, '-r', repo.path, '--state-dir', new.state,
                 'key', 'import', '--paper', '--new-key-file', new.key],
                input=typed + '\n')
    assert new.caprock('cat', 'latest:small').out == 'inline'
    new.backup(tree)
    with new.mount() as mount:
        compare.assert_equal(tree, mount.snapshot())
    # The independent reader takes the sheet itself.
    harness.write(repo.folder / 'paper', paper)
    harness.run(['/usr/bin/python3', harness.READER, repo.path, '--paper',
                 repo.folder / 'paper', 'check'])


def test_paper_typed_wrong(repo):
    paper = repo.caprock('key', 'export', '--paper').out.splitlines()
    at = next(i for i, line in enumerate(paper) if line.startswith('03'))
    middle = paper[at][10]
    wrong = [*paper]
    wrong[at] = paper[at][:10] + ('2' if middle != '2' else '3') + \
        paper[at][11:]
    before = repo.files('keys')
    for text in ('\n'.join(wrong), '\n'.join(paper[:at] + paper[at + 1:]), '',
                 'something else\n'):
        done = harness.run(
            [harness.CAPROCK, '-r', repo.path, 'key', 'import', '--paper',
             '--new-key-file', repo.folder / 'k'], input=text, rc=1)
        one_sentence(done)
    assert '3' in harness.run(
        [harness.CAPROCK, '-r', repo.path, 'key', 'import', '--paper',
         '--new-key-file', repo.folder / 'k'], input='\n'.join(wrong),
        rc=1).err
    assert repo.files('keys') == before
    assert not (repo.folder / 'k').exists()


def test_the_list_of_keys(repo):
    add_key(repo, 'web', 'put', '--source', 'web')
    add_key(repo, 'auditor', 'read')
    listed = keys(repo)
    assert {name: (line['role'], line['sources'], line['this'])
            for name, line in listed.items()} == {
        'owner': ('owner', [], True), 'web': ('put', ['web'], False),
        'auditor': ('read', [], False)}
    done = repo.caprock('key', 'list')
    assert [line.split()[0][0] for line in done.out.splitlines()[1:]].count(
        '*') == 1
    for args in (['--role', 'put'], ['--role', 'king'], [],
                 ['--role', 'read', '--source', 'x'],
                 ['--role', 'put', '--source', 'web']):
        repo.caprock('key', 'add', *args, '--new-key-file',
                     repo.folder / 'no', rc=(1, 2))
    assert len(keys(repo)) == 3
    assert not (repo.folder / 'no').exists()
    one_sentence(repo.caprock('key', 'revoke', 'nobody', rc=(1, 2)))
    one_sentence(repo.caprock('key', 'revoke', 'owner', rc=(1, 2)))


def test_key_files_are_kept_from_others(repo):
    assert os.stat(repo.key).st_mode & 0o777 == 0o600
    before = repo.key.read_bytes()
    done = repo.caprock('key', 'add', '--role', 'read', '--new-key-file',
                        repo.key, rc=(1, 2))
    one_sentence(done)
    assert repo.key.read_bytes() == before
    assert list(keys(repo)) == ['owner']
