"""A few directories woven to very many paths, by somebody who may put."""
import os

import pytest

import forge
import harness

DEPTH = 40
STATED = 500
SECONDS = 120  # who goes through 2^40 paths takes longer


class Bomb:
    """Directories of two names each, forty deep: both lead to the next."""

    def __init__(self, repo):
        self.repo = repo
        key = repo.folder / 'put'
        repo.caprock('key', 'add', '--role', 'put', '--source', 'bomb',
                     '--new-key-file', key)
        self.tree = forge.Tree(forge.Put(repo.with_key(key)), repo)
        below = self.tree.directory([b'leaf'])
        self.innermost = self.tree.packs[0]
        for _ in range(DEPTH):
            below = self.tree.directory([], [(b'a', below), (b'b', below)])
        self.tree.manifest(b'bomb', below, STATED)


@pytest.fixture(name='bomb')
def make_bomb(repo):
    return Bomb(repo)


def run(repo, *args, rc=4, **more):
    done = repo.caprock(*args, rc=rc, timeout=SECONDS, **more)
    if rc == 4:
        assert f'the {STATED} names' in done.out + done.err
    return done


@pytest.mark.main
def test_listing_ends(bomb):
    done = run(bomb.repo, 'ls', '-R', 'bomb@latest')
    names = done.out.splitlines()
    assert len(names) == STATED
    assert any(name.endswith('a/a/leaf') for name in names)
    # A part of it is a part of the whole.
    assert len(run(bomb.repo, 'ls', '-R', 'bomb@latest:a/b')
               .out.splitlines()) == STATED
    # What is not gone through is there all the same.
    assert run(bomb.repo, 'ls', 'bomb@latest:' + 'b/' * (DEPTH - 1),
               rc=0).out.split() == ['a', 'b']


@pytest.mark.main
def test_restoring_ends(bomb, tmp_path):
    target = tmp_path / 'target'
    run(bomb.repo, 'restore', 'bomb@latest', '--target', target)
    made = sum(len(folders) + len(files)
               for _, folders, files in os.walk(target))
    assert 0 < made <= STATED


def test_looking_for_names_ends(bomb):
    """What cannot be found anywhere is known to be nowhere by its objects."""
    done = run(bomb.repo, 'find', 'leaf')
    assert 0 < len(done.out.splitlines()) <= STATED + 2
    run(bomb.repo, 'find', 'nothing', rc=0)
    assert 'a/b' in run(bomb.repo, 'history', 'a/b', rc=0).out


def test_exporting_ends(bomb, tmp_path):
    with open(tmp_path / 'tar', 'wb') as tar:
        run(bomb.repo, 'export', 'bomb@latest', stdout=tar)
    listed = harness.sh('tar', '-tf', tmp_path / 'tar', rc=(0, 2)).out
    assert 0 < len(listed.splitlines()) <= STATED + 1


def test_comparing_ends(bomb, tree):
    bomb.repo.backup(tree)
    for operands in (('bomb@latest', 'src@latest'),
                     ('src@latest', 'bomb@latest'),
                     ('bomb@latest', tree)):
        done = run(bomb.repo, 'diff', *operands)
        signs = [line[0] for line in done.out.splitlines()]
        assert max(signs.count('+'), signs.count('-')) <= STATED + 50
    assert run(bomb.repo, 'diff', 'bomb@latest:a', 'bomb@latest:b',
               rc=0).out.startswith('0 added')


@pytest.mark.main
def test_verifying_ends(bomb):
    """Each object is looked at once.  When the innermost is gone, all paths to
    it are lost, and as many are named as there can be."""
    bomb.repo.caprock('verify', '--read-data', rc=0, timeout=SECONDS)
    os.unlink(bomb.innermost)
    for args in ([], ['--read-data']):
        done = run(bomb.repo, 'verify', *args)
        assert len(done.out.splitlines()) < 3 * STATED


@pytest.mark.main
def test_a_mount_is_no_worse_for_it(bomb, tree):
    bomb.repo.backup(tree)
    with bomb.repo.mount() as mount:
        deep = mount.snapshot('bomb') / ('a/b/' * (DEPTH // 2))
        assert os.listdir(deep) == ['leaf']
        assert (mount.snapshot() / 'small').read_bytes() == b'inline'


@pytest.mark.main
@pytest.mark.parametrize('names', [1, 3000])
def test_who_tells_the_truth_is_not_stopped(repo, names):
    """A forged snapshot that states just what it has."""
    key = repo.folder / 'put'
    repo.caprock('key', 'add', '--role', 'put', '--source', 'src',
                 '--new-key-file', key)
    tree = forge.Tree(forge.Put(repo.with_key(key)), repo)
    folders = [(b'd%d' % n, tree.directory([b'f%03d' % i
                                            for i in range(999)]))
               for n in range(names // 1000)]
    tree.manifest(b'src', tree.directory([] if folders else [b'f'], folders),
                  names)
    assert len(repo.caprock('ls', '-R', 'latest').out.splitlines()) == names
    repo.caprock('verify')


@pytest.mark.main
def test_what_is_backed_up_is_counted(repo, tree, tmp_path):
    """Or the last names of an honest snapshot would be out of reach."""
    listed = harness.write(tmp_path / 'listed',
                           f'{tree}/docs/readme.txt\0{tree}/hollow\0')
    for n in range(1500):
        harness.write(tree / f'wide/{n}')
    for args in ([tree], [tree], [tree / 'docs', tree / 'small', '/etc/hostname'],
                 ['--exclude', 'docs', tree], ['--files-from0', listed],
                 ['--stdin', 'name']):
        stated = repo.backup(*args, input='some text')['entries']
        names = repo.caprock('ls', '-R', 'latest').out.splitlines()
        assert len(names) == stated
