"""Fixtures of the end-to-end tests.  Read harness.py first."""
import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, os.fspath(pathlib.Path(__file__).parent))

# pylint: disable=wrong-import-position
import harness  # noqa: E402

# Also where pytest is not started by tests/run.
MARKERS = (
    'main: also run with AddressSanitizer',
    'threads: also run with ThreadSanitizer',
    'long: run by tests/run --long only',
)


def pytest_configure(config):
    for marker in MARKERS:
        config.addinivalue_line('markers', marker)
    os.umask(0o022)
    # Who starts this in the background may ignore what the tests send.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    for program in (harness.CAPROCK, harness.CAPROCKFS):
        if not program.exists():
            raise pytest.UsageError(
                f'{program} is missing: set CAPROCK_BIN to a build directory')


def pytest_collection_modifyitems(items):
    """What takes long is left out unless asked for, also without -m."""
    if harness.LONG:
        return
    skip = pytest.mark.skip(reason='only with CAPROCK_LONG=1')
    for item in items:
        if item.get_closest_marker('long'):
            item.add_marker(skip)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let fixtures know, at teardown, whether the test passed."""
    report = (yield).get_result()
    if call.when == 'call':
        item.passed = report.passed


@pytest.fixture(autouse=True)
def leave_nothing(request, tmp_path):
    """Nothing stays mounted; what a test that passed wrote is removed."""
    yield
    left = harness.mounts_below(tmp_path)
    for path in left:
        harness.detach(os.fsdecode(path))
    assert not left, 'the test left file systems mounted'
    if getattr(request.node, 'passed', False):
        # A million files take their time on a busy machine.
        harness.sh('rm', '-rf', '--one-file-system', tmp_path, timeout=3600)


@pytest.fixture
def repo(tmp_path):
    """A new repository with an owner's key file."""
    return harness.Repo(tmp_path).init()


@pytest.fixture
def tree(tmp_path):
    """A small source directory: see harness.make_tree()."""
    return harness.make_tree(tmp_path / 'tree')


@pytest.fixture
def ext4(tmp_path):
    """A new ext4 on a loop device: the folder where it is mounted."""
    with harness.ext4_at(tmp_path) as path:
        yield path
