"""Samba's shadow_copy2 on a mount: "Previous Versions" of the files of a share.

smbd runs for the test alone: on a port of its own of the loopback device, with
every file of its own in the test's folder, and with the share of
contrib/samba/smb.conf.
"""
import contextlib
import os
import pathlib
import re
import socket

import pytest

import harness

SHARE = harness.ROOT / 'contrib/samba/smb.conf'
PASSWORD = 'open sesame'

GLOBAL = '''
[global]
	server role = standalone server
	netbios name = caprock
	interfaces = 127.0.0.1
	bind interfaces only = yes
	smb ports = {port}
	disable netbios = yes
	disable spoolss = yes
	load printers = no
	printcap name = /dev/null
	usershare max shares = 0
	rpc start on demand helpers = no
	map to guest = never
	passdb backend = tdbsam
	private dir = {folder}/private
	lock directory = {folder}/lock
	state directory = {folder}/state
	cache directory = {folder}/cache
	pid directory = {folder}/pid
	ncalrpc dir = {folder}/ncalrpc
	log file = {folder}/log
	max log size = 0
'''


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Samba:
    """A running smbd.  as_user('root', 'command', ...) is smbclient."""

    def __init__(self, folder, share, snapshots):
        self.folder, self.port = folder, free_port()
        self.conf = folder / 'smb.conf'
        for name in ('private', 'lock', 'state', 'cache', 'pid', 'ncalrpc'):
            (folder / name).mkdir(parents=True)
        snippet = SHARE.read_text()
        for name, value, places in (('/srv/practice', share, 2),
                                    ('/srv/previous', snapshots, 1)):
            snippet, count = re.subn(rf'(?m)^(\t[^#]*= ){name}$',
                                     rf'\g<1>{value}', snippet)
            assert count == places, name
        self.conf.write_text(GLOBAL.format(port=self.port, folder=folder) +
                             snippet)
        harness.sh('testparm', '-s', self.conf)
        for user in ('root', 'nobody'):
            harness.sh('smbpasswd', '-c', self.conf, '-L', '-a', '-s', user,
                       input=f'{PASSWORD}\n' * 2)

    def argv(self):
        return ['smbd', '--foreground', '--no-process-group', '-s',
                os.fspath(self.conf)]

    def answers(self):
        with contextlib.suppress(OSError):
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        return False

    def as_user(self, user, *commands, rc=0):
        """Output of smbclient, commands separated by semicolons."""
        done = harness.sh('smbclient', '//127.0.0.1/practice', '-p', self.port,
                          '-s', self.conf, '-m', 'SMB3', '-U',
                          f'{user}%{PASSWORD}', '-c', ';'.join(commands),
                          cwd=self.folder, rc=rc)
        return done.out + done.err

    def get(self, user, name, rc=0):
        """The bytes of a file; with another @rc, what smbclient said."""
        copy = self.folder / 'copy'
        copy.unlink(missing_ok=True)
        said = self.as_user(user, f'get "{name}" copy', rc=rc)
        return copy.read_bytes() if rc == 0 else said

    def versions(self, name):
        """The snapshots that "allinfo" lists for a file, oldest first."""
        said = self.as_user('root', f'allinfo "{name}"')
        return sorted(re.findall(r'^(@GMT-\S+)', said, re.MULTILINE))


@contextlib.contextmanager
def samba(folder, share, snapshots):
    harness.need_root()
    harness.need_programs('smbd', 'smbclient', 'smbpasswd', 'testparm')
    server = Samba(folder, share, snapshots)
    with harness.running(server.argv()) as process:
        try:
            def ready():
                assert process.poll() is None, 'smbd ended'
                return server.answers()
            harness.until(ready, 'smbd answers')
            yield server
        except BaseException:
            log = folder / 'log'
            print(log.read_text(errors='replace')[-4000:]
                  if log.exists() else '', '\n'.join(process.err.lines))
            raise


def token(time):
    """2026-11-22T02:15:00Z as SMB writes it."""
    return '@GMT-' + time.replace('-', '.').replace('T', '-') \
        .replace(':', '.').rstrip('Z')


@pytest.fixture
def previous(repo, tmp_path):
    """A share, three versions of its files, and how to ask for them.

    Everybody may search the folders above: the rights below decide.
    """
    share = tmp_path / 'share'
    letter = share / 'docs/a letter.txt'
    (share / 'hollow').mkdir(parents=True)
    times = [f'2021-06-{day:02}T0{day}:59:0{day}Z' for day in (1, 2, 3)]
    for i, time in enumerate(times):
        harness.write(letter, f'version {i}\n' * (1 + 5000 * i))
        harness.write(share / 'docs/secret', f'secret {i}').chmod(0o600)
        harness.write(share / 'docs/shared', f'shared {i}').chmod(0o600)
        harness.sh('setfacl', '-m', 'u:nobody:r', share / 'docs/shared')
        harness.write(share / f'docs/only in {i}', f'{i}')
        repo.backup('--time', time, share)
        (share / f'docs/only in {i}').unlink()
    letter.write_bytes(b'the live one')
    with repo.mount('source=src', 'allow_other') as mount, \
            harness.as_nobody(tmp_path), \
            samba(tmp_path / 's', share, mount.path) as server:
        yield share, times, server


@pytest.mark.main
def test_every_version_of_a_file_is_listed_and_right(repo, previous):
    share, times, server = previous
    name = 'docs/a letter.txt'
    assert server.versions(name) == [token(time) for time in times]
    for i, time in enumerate(times):
        assert server.get('root', f'{token(time)}/{name}') == \
            f'version {i}\n'.encode() * (1 + 5000 * i)
        # What is gone from the share is there when it was.
        listed = server.as_user('nobody', f'ls "{token(time)}/docs/*"')
        assert re.findall(r'only in \d', listed) == [f'only in {i}']
        assert server.get('nobody', f'{token(time)}/docs/only in {i}') == \
            str(i).encode()
    assert server.get('root', name) == b'the live one'
    # A backup that is made now is there at once.
    made = repo.backup(share)['time']
    harness.until(lambda: server.versions(name) ==
                  [token(time) for time in [*times, made]],
                  'the new version is listed')
    assert server.get('nobody', f'{token(made)}/{name}') == b'the live one'


def test_no_version_can_be_changed(repo, previous, tmp_path):
    share, times, server = previous
    (tmp_path / 's/new').write_bytes(b'forged')
    old = token(times[1])
    before = {path: path.stat().st_mtime_ns for path in repo.files()}
    for command, status in (
            (f'put new "{old}/docs/a letter.txt"', 'MEDIA_WRITE_PROTECTED'),
            (f'put new "{old}/docs/new"', 'OBJECT_NAME_NOT_FOUND'),
            (f'del "{old}/docs/a letter.txt"', 'MEDIA_WRITE_PROTECTED'),
            (f'mkdir "{old}/docs/new"', 'MEDIA_WRITE_PROTECTED'),
            (f'rmdir "{old}/hollow"', 'MEDIA_WRITE_PROTECTED'),
            (f'rename "{old}/docs/secret" "{old}/docs/told"',
             'OBJECT_PATH_NOT_FOUND')):
        said = server.as_user('root', command, rc=(0, 1))
        assert f'NT_STATUS_{status}' in said, command
    assert server.get('root', f'{old}/docs/a letter.txt') == \
        b'version 1\n' * 5001
    listed = server.as_user('root', f'ls "{old}/docs/*"')
    assert sorted(re.findall(r'(?m)^  (\S.*?)  ', listed)) == \
        ['.', '..', 'a letter.txt', 'only in 1', 'secret', 'shared']
    assert {path: path.stat().st_mtime_ns for path in repo.files()} == before
    # The same user may do all of that on the share itself.
    server.as_user('root', 'put new "docs/new"', 'del "docs/a letter.txt"')
    assert (share / 'docs/new').read_bytes() == b'forged'
    assert not (share / 'docs/a letter.txt').exists()


def test_the_rights_on_a_version_are_those_it_had(previous):
    """smbd reads as the user who asks, and the kernel decides."""
    _, times, server = previous
    for i, time in enumerate(times):
        where = f'{token(time)}/docs'
        assert server.get('root', f'{where}/secret') == f'secret {i}'.encode()
        assert 'NT_STATUS_ACCESS_DENIED' in \
            server.get('nobody', f'{where}/secret', rc=1)
        assert server.get('nobody', f'{where}/shared') == \
            f'shared {i}'.encode()


def test_a_share_may_be_part_of_what_is_backed_up(repo, tmp_path):
    """shadow:basedir names the whole, as the snippet says."""
    whole = tmp_path / 'whole'
    share = pathlib.Path(whole / 'deep/share')
    harness.write(share / 'letter', 'old')
    time = '2021-06-01T01:59:01Z'
    repo.backup('--time', time, whole)
    harness.write(share / 'letter', 'live')
    with repo.mount('source=src', 'allow_other') as mount, \
            samba(tmp_path / 's', share, mount.path) as server:
        conf = server.conf.read_text()
        server.conf.write_text(conf.replace(f'shadow:basedir = {share}',
                                            f'shadow:basedir = {whole}'))
        assert conf != server.conf.read_text()
        assert server.versions('letter') == [token(time)]
        assert server.get('root', f'{token(time)}/letter') == b'old'
        assert server.get('root', 'letter') == b'live'
