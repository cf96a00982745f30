"""A mount that is open while the owner changes the keys."""
import os

import pytest

import compare
import harness
from test_keys import add_key


def snapshots_of(mount, source):
    try:
        return sorted(os.listdir(mount.path / 'snapshots' / source))
    except FileNotFoundError:
        return []


def appears(mount, source, count):
    harness.until(lambda: len(snapshots_of(mount, source)) == count,
                  f'{count} snapshots of {source} are shown')


@pytest.mark.main
@pytest.mark.threads
def test_a_mount_follows_the_keys(repo, tree):
    """Added, rotated, revoked: what is signed and read by new keys appears,
    what does not count any more goes, and nobody mounts again."""
    repo.backup(tree)
    read = add_key(repo, 'auditor', 'read')
    gone = add_key(repo, 'gone', 'read')
    with read.mount(expect=['revoked']) as mount:
        appears(mount, 'src', 1)
        held = os.open(mount.snapshot(), os.O_RDONLY | os.O_DIRECTORY)
        web = add_key(repo, 'web', 'put', '--source', 'web')
        web.backup(tree, source='web')
        appears(mount, 'web', 1)
        compare.assert_equal(tree, mount.snapshot('web'))
        assert len(os.listdir(mount.path / 'latest')) == 2

        repo.caprock('key', 'revoke', 'gone', '--rotate')
        harness.write(tree / 'later', harness.noise(3, 500_000))
        web.backup(tree, source='web')
        repo.backup(tree)
        appears(mount, 'web', 2)
        appears(mount, 'src', 2)
        for source in ('web', 'src'):
            compare.assert_equal(tree, mount.snapshot(source))
        first = mount.snapshot('src', 0)
        assert os.path.samestat(os.fstat(held), os.stat(first))
        assert not mount.lines, 'nothing of that is worth a line'

        # Nothing that it signed counts: its source is gone, the other is not.
        repo.caprock('key', 'revoke', 'web', '--nothing')
        appears(mount, 'web', 0)
        assert len(snapshots_of(mount, 'src')) == 2
        compare.assert_equal(tree, mount.snapshot('src'))
        assert sorted(os.listdir(mount.path / 'latest')) == ['src']
        os.close(held)
    assert gone.caprock('snapshots', rc=(12, 13)).err


def test_a_mount_whose_key_is_revoked_goes_on(repo, tree):
    """It says so once, shows what it has, and takes in nothing new."""
    repo.backup(tree)
    read = add_key(repo, 'auditor', 'read')
    with read.mount(expect=['was revoked', 'takes in nothing new']) as mount:
        repo.caprock('key', 'revoke', 'auditor', '--rotate')
        status = mount.path / '.caprock/status.json'
        harness.until(lambda: '"key_revoked": true' in status.read_text(),
                      'the mount knows that its key was revoked')
        repo.backup(tree)
        assert sum('was revoked' in line for line in mount.lines) == 1
        compare.assert_equal(tree, mount.snapshot())
        refreshed = status.read_text()
        harness.until(lambda: status.read_text() != refreshed,
                      'it goes on looking')
        assert len(snapshots_of(mount, 'src')) == 1
        assert len(mount.lines) == 2


def test_a_storage_that_goes_back_is_told(repo, tree):
    """The newest key list is taken away under the mount."""
    repo.backup(tree)
    add_key(repo, 'auditor', 'read')
    with repo.mount(expect=['rolled back']) as mount:
        os.unlink(repo.path / 'keys/roster/2')
        harness.until(lambda: any('rolled back' in line
                                  for line in mount.lines), 'it is told')
        repo.backup(tree, rc=6)
        compare.assert_equal(tree, mount.snapshot())
