"""diff SNAPSHOT DIR: what the next backup would find."""
import errno
import os
import pathlib
import shutil

import pytest

import harness

MIB = 1 << 20


def lines_of(repo, *args, rc=0):
    return repo.caprock('--quiet', '-v', 'diff', *args, rc=rc).out.splitlines()


def keep_times(path, change):
    """Call @change; the file at @path then looks untouched."""
    before = os.lstat(path)
    change()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns),
             follow_symlinks=False)


def overwrite(path, at, data):
    with open(path, 'r+b') as file:
        file.seek(at)
        file.write(data)


CHANGES = {
    'mode': lambda top: os.chmod(top / 'docs/readme.txt', 0o600),
    'mtime': lambda top: os.utime(top / 'noise', ns=(1, 2)),
    'grown': lambda top: harness.write(top / 'small', b'inline, and more'),
    'added': lambda top: harness.write(top / 'hollow/new/file', b'x'),
    'removed': lambda top: shutil.rmtree(top / 'docs'),
    'renamed': lambda top: os.rename(top / 'noise', top / 'noisy'),
    'link': lambda top: (os.unlink(top / 'link'),
                         os.symlink('docs/readme.bak', top / 'link')),
    'retyped': lambda top: (os.unlink(top / 'noise'), os.mkdir(top / 'noise')),
    'pipe': lambda top: os.unlink(top / 'pipe'),
    'root': lambda top: os.chmod(top, 0o711),
    'owner': lambda top: os.chown(top / 'docs', 1, 2),
    'device': lambda top: os.mknod(top / 'hollow/null', 0o020644,
                                   os.makedev(1, 3)),
}


@pytest.mark.main
def test_equal(repo, tree):
    repo.backup(tree)
    for args in (['latest', tree], ['latest', f'{tree}/'],
                 ['--read-data', 'latest', tree],
                 ['--read-data', 'latest:docs', tree / 'docs'],
                 ['--read-data', 'latest:noise', tree / 'noise']):
        assert lines_of(repo, *args) == []
    summary = repo.json('diff', 'latest', tree)[1]
    assert summary['added'] == summary['removed'] == summary['changed'] == 0
    assert summary['directory'] == str(tree)


@pytest.mark.parametrize('what', CHANGES)
def test_as_between_snapshots(repo, tree, what):
    """The same lines as when the directory is backed up and compared then."""
    harness.need_root()
    first = repo.backup(tree)['snapshot']
    CHANGES[what](tree)
    live = lines_of(repo, first, tree)
    assert live and live == lines_of(repo, '--read-data', first, tree)
    second = repo.backup(tree)['snapshot']
    assert live == lines_of(repo, first, second)
    assert lines_of(repo, '--read-data', second, tree) == []


@pytest.mark.main
@pytest.mark.parametrize('name, at', [
    ('small', 0), ('docs/readme.txt', 24_999), ('noise', 299_999),
    ('noise', 0), ('sparse', 524_288), ('sparse', 17)])
def test_content(repo, tree, name, at):
    """Found by content, though stat tells nothing."""
    repo.backup(tree)
    keep_times(tree / name, lambda: overwrite(tree / name, at, b'\xff'))
    assert lines_of(repo, 'latest', tree) == []
    assert f'M {name} (content)' in lines_of(repo, '--read-data', 'latest',
                                             tree)


def test_zeros_are_a_hole(repo, tree):
    """As bytes they are the same."""
    repo.backup(tree)
    keep_times(tree / 'sparse',
               lambda: overwrite(tree / 'sparse', 0, bytes(100_000)))
    assert lines_of(repo, '--read-data', 'latest', tree) == []


def test_xattrs(repo, tree):
    try:
        os.setxattr(tree / 'noise', 'user.one', b'1')
    except OSError as error:
        assert error.errno == errno.EOPNOTSUPP
        harness.skip_is_failure('no extended attributes here')
    repo.backup(tree)
    assert lines_of(repo, 'latest', tree) == []
    os.setxattr(tree / 'noise', 'user.one', b'2')
    os.setxattr(tree, 'user.top', b'x' * 400)
    assert lines_of(repo, 'latest', tree) == ['M / (xattrs)',
                                              'M noise (xattrs)']


def test_deep(repo, tmp_path):
    """Deeper than there are descriptors, and back again."""
    top = tmp_path / 'top'
    top.mkdir()
    here = os.open('.', os.O_RDONLY)
    try:
        os.chdir(top)
        for i in range(1200):
            pathlib.Path('z').write_bytes(b'%d' % i)
            os.mkdir('d')
            os.chdir('d')
        repo.backup(top)
        assert lines_of(repo, '--read-data', 'latest', top) == []
        pathlib.Path('new').touch()
        os.chdir('../' * 700)
        os.unlink('z')
    finally:
        os.fchdir(here)
        os.close(here)
    assert lines_of(repo, 'latest', top) == [
        '+ ' + 'd/' * 1200 + 'new', '- ' + 'd/' * 500 + 'z']


def test_wide(repo, tmp_path):
    """Directories of more than one leaf."""
    top = tmp_path / 'top'
    for i in range(3000):
        harness.write(top / f'{i:05}', b'')
    repo.backup(top)
    os.unlink(top / '01500')
    harness.write(top / '01500a')
    harness.write(top / '99999')
    assert lines_of(repo, 'latest', top) == ['- 01500', '+ 01500a', '+ 99999']


def test_mount_points(repo, tree):
    """Not entered, as the backup did not."""
    (tree / 'other').mkdir()
    with harness.tmpfs(tree / 'other', '1M'):
        harness.write(tree / 'other/file', b'x')
        repo.backup(tree)
        assert lines_of(repo, 'latest', tree) == []
    with harness.tmpfs(tree / 'hollow/more', '1M'):
        harness.write(tree / 'hollow/more/file', b'x')
        assert '+ hollow/more/' in lines_of(repo, 'latest', tree)
        assert not any('hollow/more/file' in line
                       for line in lines_of(repo, 'latest', tree))


def test_unreadable(repo, tree):
    """What cannot be read is named, and the rest is compared."""
    harness.sh('chmod', '-R', 'a+rX', tree)
    repo.backup(tree)
    (tree / 'docs').chmod(0o700)
    (tree / 'noise').chmod(0o600)
    harness.sh('chown', '-R', '65534', repo.key, repo.state)
    harness.sh('chmod', '-R', 'a+rX', repo.path)
    with harness.as_nobody(repo.folder) as nobody:
        done = repo.caprock('diff', '--read-data', 'latest', tree, rc=3,
                            **nobody)
    assert 'docs: not compared' in done.err
    assert 'noise: not compared' in done.err
    assert 'readme' not in done.out


@pytest.mark.parametrize('operand, rc, said', [
    ('no/such', 1, 'no/such: No such file'),
    ('/dev/null', 1, 'not a directory'),
    ('nothing', 2, 'nothing'),
])
def test_operands(repo, tree, operand, rc, said):
    repo.backup(tree)
    assert said in repo.caprock('diff', 'latest', operand, rc=rc).err


def test_which_is_which(repo, tree):
    """A path, or a snapshot."""
    first = repo.backup(tree)['snapshot']
    repo.caprock('diff', '--read-data', 'latest', 'latest', rc=2)
    assert lines_of(repo, 'latest:docs', f'{first}:/docs') == []
    assert 'M / ' not in repo.caprock('diff', 'latest', '.', cwd=tree).out
    assert lines_of(repo, 'latest:docs', f'{first}:hollow') != []
