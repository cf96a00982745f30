"""Peak memory does not follow the size of what is backed up: printed, bounded.

The bound is the product's: --memory (320M) or -o cache= (256M) and 96 MiB more.
"""
import os
import re
import sys

import pytest

import harness

MIB = 1024  # ru_maxrss and VmHWM are in KiB


def make_entries(folder, count):
    """@count small files, a thousand to a directory."""
    for first in range(0, count, 1000):
        below = folder / f'd{first // 1000:04d}'
        below.mkdir(parents=True)
        fd = os.open(below, os.O_RDONLY)
        for n in range(first, min(first + 1000, count)):
            with open(os.open(f'patient-{n:07d}.json', os.O_CREAT | os.O_WRONLY,
                              0o600, dir_fd=fd), 'wb') as file:
                file.write(b'{"id":%d,"name":"x%d"}' % (n, n * 7919))
        os.close(fd)


# A process begins with the peak of the one that forked it, and pytest may have
# held much: a small one stands between.
RUN = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run_for_peak(repo, *args):
    """Its peak memory in KiB."""
    return int(harness.run([sys.executable, '-c', RUN,
                            *repo.argv(*args)]).out.split()[-1])


def mount_peak(mount):
    return int(harness.status(mount.server)['VmHWM'].split()[0])


@pytest.mark.parametrize('count', [
    10_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_peak_memory(repo, tmp_path, count):
    source = tmp_path / 'source'
    make_entries(source, count)
    peaks = {
        'backup, first': run_for_peak(repo, '-q', 'backup', '--source',
                                      harness.SOURCE, source),
        'backup, unchanged': run_for_peak(repo, '-q', 'backup', '--source',
                                          harness.SOURCE, source),
    }
    with repo.mount() as mount:
        found = sum(len(files) for _, _, files in os.walk(mount.snapshot()))
        assert found == count
        peaks['mount, walked'] = mount_peak(mount)
    peaks['restore'] = run_for_peak(repo, '-q', 'restore', 'latest', '--target',
                                    tmp_path / 'restored')
    peaks['verify'] = run_for_peak(repo, '-q', 'verify', '--read-data')
    for what, peak in peaks.items():
        print(f'{count} entries: {what}: {peak // MIB} MiB')
    assert max(peaks.values()) < (320 + 96) * MIB
