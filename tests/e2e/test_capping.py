"""A large file that changes all over stays quick to restore, at a small cost."""
import random
import shutil

import pytest

import compare
import harness

RECORD, RECORDS, CHANGED, VERSIONS = 700, 24_000, 0.03, 16


def write_version(path, version, choose):
    """Text, which compresses: its chunks are small.  Records change in place."""
    if version == 1:
        path.write_bytes(harness.noise(0, RECORDS * RECORD // 2).hex()
                         .encode('ascii'))
        return
    with open(path, 'r+b') as file:
        for number in choose.sample(range(RECORDS), int(RECORDS * CHANGED)):
            file.seek(number * RECORD)
            file.write(harness.noise(version * RECORDS + number, RECORD // 2)
                       .hex().encode('ascii'))


def restored(repo, snapshot, target):
    """What came back, and how many blocks were decoded for it."""
    summary = repo.json('restore', snapshot, '--target', target)[-1]
    content = (target / 'base').read_bytes()
    shutil.rmtree(target)
    return content, summary['blocks_decoded']


@pytest.mark.main
def test_many_versions_of_a_large_file_lie_in_few_blocks(repo, tmp_path):
    source = tmp_path / 'source'
    source.mkdir()
    choose = random.Random(17)
    kept, again = {}, 0
    for version in range(1, VERSIONS + 1):
        write_version(source / 'base', version, choose)
        if version in (1, 5, VERSIONS):
            kept[version] = (source / 'base').read_bytes()
        summary = repo.backup(source)
        # At most 3%, of each snapshot.
        assert summary['bytes_stored_again'] * 100 <= \
            summary['bytes_read'] * 3, version
        again += summary['bytes_stored_again']
        if version == 2:
            assert again == 0
    assert again > 0
    snapshots = [line['id'] for line in repo.snapshots()]
    blocks = {}
    for version, content in kept.items():
        came, blocks[version] = restored(repo, snapshots[version - 1],
                                         tmp_path / 'target')
        assert came == content
    # Where nothing is stored again, the last one lies in more than 60.
    assert blocks[1] <= 18
    assert blocks[VERSIONS] <= 2.75 * blocks[1]
    # It costs what was stored again and no more: 3% of all that was read.
    assert again <= 0.03 * VERSIONS * RECORDS * RECORD
    repo.caprock('verify', '--read-data')
    # Unchanged, it is not read, so nothing of it is stored again.
    harness.settle()
    repo.backup(source)
    last = repo.backup(source)
    assert last['bytes_read'] == 0 and last['bytes_stored_again'] == 0
    with repo.mount() as mount:
        compare.assert_equal(source, mount.snapshot())
