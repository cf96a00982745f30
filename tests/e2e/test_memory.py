"""Peak memory does not follow the size of what is backed up: printed, bounded.

The bound is the product's: --memory (320M) or -o cache= (256M) and 96 MiB more.
"""
import os
import re

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


def peak_of(process):
    """Wait for @process; its status and peak memory in KiB."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss


def run_for_peak(repo, *args):
    with repo.start(*args) as process:
        status, peak = peak_of(process)
    assert status == 0
    return peak


def mount_peak(mount):
    with open(f'/proc/{mount.process.pid}/status', encoding='ascii') as status:
        return int(re.search(r'VmHWM:\s+(\d+) kB', status.read()).group(1))


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
