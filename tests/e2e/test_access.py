"""Who may read what through the mount: what the kernel says of the live tree."""
import contextlib
import json
import os
import pwd
import stat
import struct

import pytest

import compare
import harness

# Whom the entries name, as nobody on this machine is numbered.
OWNER, MEMBER, GRANTED, DENIED, NAMED, OTHER = range(2001, 2007)
GROUP, NAMED_GROUP = 3001, 3002
SUBJECTS = {
    'owner': (OWNER, OWNER, []),
    'group': (MEMBER, MEMBER, [GROUP]),
    'granted': (GRANTED, GRANTED, []),
    'denied': (DENIED, DENIED, []),
    'named group': (NAMED, NAMED, [NAMED_GROUP]),
    'denied, in the group': (DENIED, DENIED, [GROUP, NAMED_GROUP]),
    'other': (OTHER, OTHER, []),
}

# Run as a subject: what each path, one a line, lets it do.
PROBE = r'''
import json, os, sys
def attempt(call, *args):
    try:
        result = call(*args)
    except OSError as error:
        return error.errno
    if call is os.open:
        os.close(result)
    return result if call is os.access else 'yes'
def look(path):
    inside = os.path.join(path, 'inside')
    return [attempt(os.open, path, os.O_RDONLY), attempt(os.listdir, path),
            attempt(os.access, path, os.X_OK), attempt(os.lstat, inside),
            attempt(os.open, inside, os.O_RDONLY)]
top = sys.argv[1]
print(json.dumps({name: look(os.path.join(top, name))
                  for name in sys.stdin.read().split('\n')}))
'''

USER_OBJ, USER, GROUP_OBJ, GROUPS, MASK, OTHERS = 1, 2, 4, 8, 16, 32
NONE = 0xffffffff


def acl(mode, named=(), mask=None):
    """The value of an ACL xattr: @mode's, and (tag, permissions, id) named."""
    entries = [(USER_OBJ, mode >> 6 & 7, NONE), (GROUP_OBJ, mode >> 3 & 7, NONE),
               (OTHERS, mode & 7, NONE), *named]
    if mask is not None:
        entries.append((MASK, mask, NONE))
    return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry)
                                           for entry in sorted(entries))


MODES = (0o000, 0o400, 0o700, 0o640, 0o604, 0o644, 0o750, 0o705, 0o755, 0o711,
         0o070, 0o007, 0o077, 0o444, 0o111, 0o770, 0o776)
# Named entries, with every mask that tells them apart.
NAMED_ENTRIES = {
    'grant': [(USER, 7, GRANTED)],
    'read': [(USER, 4, GRANTED)],
    'search': [(USER, 1, GRANTED)],
    'deny': [(USER, 0, DENIED)],
    'both': [(USER, 7, GRANTED), (USER, 0, DENIED)],
    'group': [(GROUPS, 7, NAMED_GROUP)],
    'deny-group': [(GROUPS, 0, NAMED_GROUP), (USER, 5, GRANTED)],
    'own-group': [(GROUPS, 0, GROUP)],
    'own-user': [(USER, 0, OWNER)],
}
MASKS = (0, 1, 4, 5, 7)


def give(path):
    os.chown(path, OWNER, GROUP)


def add_pair(folder, name, mode, value=None):
    """A file and a directory with one mode and ACL."""
    for path in (folder / f'f-{name}', folder / f'd-{name}'):
        if path.name.startswith('d'):
            path.mkdir()
            harness.write(path / 'inside', b'i')
            give(path / 'inside')
        else:
            harness.write(path, b'f')
        give(path)
        os.chmod(path, mode)
        if value:
            os.setxattr(path, 'system.posix_acl_access', value)


def add_inherited(folder, name, value):
    """What the kernel makes of a default ACL."""
    top = folder / f'd-{name}'
    top.mkdir()
    os.setxattr(top, 'system.posix_acl_default', value)
    mask = os.umask(0)
    try:
        harness.write(top / 'inside', b'i')
        (top / 'd-below').mkdir(0o777)
        harness.write(top / 'd-below/inside', b'i')
        with open(os.open(top / 'f-private', os.O_CREAT | os.O_WRONLY, 0o600),
                  'wb') as file:
            file.write(b'p')
    finally:
        os.umask(mask)
    for path in (top, *top.rglob('*')):
        give(path)
    os.chmod(top, 0o755)


def matrix_tree(top, modes=MODES):
    top.mkdir()
    for mode in modes:
        add_pair(top, f'{mode:03o}', mode)
        for name, entries in NAMED_ENTRIES.items():
            for mask in MASKS:
                add_pair(top, f'{mode:03o}-{name}-{mask}', mode,
                         acl(mode, entries, mask))
    for name, entries in NAMED_ENTRIES.items():
        for mask in MASKS:
            add_inherited(top, f'default-{name}-{mask}',
                          acl(0o751, entries, mask))
    return top


def names_in(top):
    return sorted(os.fspath(path.relative_to(top)) for path in top.rglob('*')
                  if path.name != 'inside')


def probe(top, subject, names):
    user, group, groups = SUBJECTS[subject]
    done = harness.run(['/usr/bin/python3', '-c', PROBE, os.fspath(top)],
                       input='\n'.join(names), user=user, group=group,
                       extra_groups=groups)
    return json.loads(done.out)


def assert_same_access(live, shown):
    """Cell by cell; returns what the live tree says, by subject."""
    names = names_in(live)
    table = {}
    for subject in SUBJECTS:
        table[subject] = probe(live, subject, names)
        found = probe(shown, subject, names)
        differ = {name: (table[subject][name], found[name]) for name in names
                  if table[subject][name] != found[name]}
        assert not differ, (subject, differ)
    return table


def assert_telling(table):
    """The tree tells subjects apart: else the matrix would show nothing."""
    for subject, cells in table.items():
        first = {cell[0] for cell in cells.values()}
        assert first == {'yes', 13}, subject
    rows = [tuple(map(tuple, cells.values())) for cells in table.values()]
    assert len(set(rows)) == len(SUBJECTS)


@contextlib.contextmanager
def open_to_all(folder):
    with harness.as_nobody(folder):
        yield


def test_access_is_as_on_the_live_tree(repo, tmp_path):
    """The matrix: who x (modes, access ACL, default ACL, mask)."""
    live = matrix_tree(tmp_path / 'live')
    repo.backup(live)
    with repo.mount('allow_other') as mount, open_to_all(tmp_path):
        table = assert_same_access(live, mount.snapshot())
        compare.assert_equal(live, mount.snapshot())
    assert_telling(table)
    cells = sum(len(cell) for row in table.values() for cell in row.values())
    print(f'{cells} cells')
    assert cells > 20_000


@pytest.mark.main
def test_an_acl_that_comes_later_is_enforced(repo, tmp_path):
    """Asking for an xattr where there was none must not settle it for good."""
    plain = tmp_path / 'plain'
    add_pair(harness.write(plain / 'file', b'f').parent, 'one', 0o644)
    live = matrix_tree(tmp_path / 'live', modes=(0o040, 0o640, 0o755))
    repo.backup(plain)
    with repo.mount('allow_other') as mount, open_to_all(tmp_path):
        for name in ('system.posix_acl_access', 'user.none'):
            with pytest.raises(OSError):
                os.getxattr(mount.snapshot() / 'file', name)
        harness.sh('ls', '-lR', mount.path)
        repo.backup(live)
        folder = mount.path / 'snapshots/src'
        harness.until(lambda: len(os.listdir(folder)) == 2, 'it appears')
        assert_telling(assert_same_access(live, mount.snapshot()))


def test_nobody_else_is_let_in_unasked(repo, tree, tmp_path):
    repo.backup(tree)
    with repo.mount() as mount, open_to_all(tmp_path):
        harness.run(['ls', mount.path], rc=2, user=OTHER, group=OTHER,
                    extra_groups=[])


# ---- Where the kernel does not enforce ----

def in_namespace(repo, path, script, *options, rc=0):
    """Run a shell script beside a mount, all in a user namespace."""
    mount = [word for word in repo.mount_argv(path, options) if word != '-f']
    return harness.run(
        ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c',
         f'{harness.shell(mount)} && {{ {script}; }}'], rc=rc)


def test_a_user_namespace_keeps_nobody_out(repo, tree, tmp_path):
    harness.need_user_namespaces()
    repo.backup(tree)
    path = tmp_path / 'mnt'
    path.mkdir()
    look = f'cat {path}/latest/src/small; umount {path}'
    assert in_namespace(repo, path, look).out == 'inline'
    done = in_namespace(repo, path, look, 'allow_other', rc=2)
    assert 'allow_other: in a user namespace' in done.err
    assert '-o insecure_acl' in done.err
    assert in_namespace(repo, path, look, 'allow_other',
                        'insecure_acl').out == 'inline'


# ---- owner=, mode= ----

def owned_tree(top):
    """Owned by root, some of it with ACLs."""
    harness.write(top / 'private', b'p').chmod(0o600)
    harness.write(top / 'public', b'p').chmod(0o644)
    harness.write(top / 'closed', b'p').chmod(0o000)
    harness.write(top / 'folder/inside', b'i')
    (top / 'folder').chmod(0o700)
    os.symlink('public', top / 'link')
    harness.write(top / 'granted', b'g').chmod(0o600)
    os.setxattr(top / 'granted', 'system.posix_acl_access',
                acl(0o640, [(USER, 4, GRANTED)], 4))
    harness.write(top / 'denied', b'd').chmod(0o644)
    os.setxattr(top / 'denied', 'system.posix_acl_access',
                acl(0o644, [(USER, 0, DENIED)], 4))
    os.setxattr(top / 'folder', 'system.posix_acl_default',
                acl(0o750, [(GROUPS, 7, NAMED_GROUP)], 7))
    return top


def owners(top):
    return {(os.lstat(path).st_uid, os.lstat(path).st_gid)
            for path in (top, *top.rglob('*'))}


def readable(path, user, group=None):
    done = harness.run(['cat', path], rc=(0, 1), user=user,
                       group=group or user, extra_groups=[])
    return done.returncode == 0


def named_by(path):
    """Whom the ACLs of @path name."""
    done = harness.sh('getfacl', '-n', '-p', path)
    return {line for line in done.out.splitlines()
            if not line.startswith('#') and line and
            line.removeprefix('default:').split(':')[1]}


@pytest.mark.main
def test_everything_belongs_to_one_user(repo, tmp_path):
    repo.backup(owned_tree(tmp_path / 'top'))
    with repo.mount('allow_other', 'owner=2001') as mount, \
            open_to_all(tmp_path):
        top = mount.snapshot()
        # Of a number that nobody has here, the group is who mounts.
        assert owners(mount.path) == {(OWNER, 0)}
        assert readable(top / 'private', OWNER)
        assert readable(top / 'folder/inside', OWNER)
        assert not readable(top / 'private', OTHER)
        assert not readable(top / 'closed', OWNER)
        assert readable(top / 'public', OTHER)
        for name in ('granted', 'denied', 'folder'):
            assert named_by(top / name) == set()
        # Whom an ACL kept out is known no more, and so nobody gets in.
        for user in (GRANTED, DENIED, OTHER):
            assert not readable(top / 'denied', user)
            assert not readable(top / 'granted', user)


def test_the_owner_by_name(repo, tmp_path):
    top = owned_tree(tmp_path / 'top')
    repo.backup(top)
    daemon = pwd.getpwnam('daemon')
    for owner, want in (('daemon', (daemon.pw_uid, daemon.pw_gid)),
                        (daemon.pw_uid, (daemon.pw_uid, daemon.pw_gid)),
                        ('user', (0, 0))):
        with repo.mount(f'owner={owner}') as mount:
            assert owners(mount.path) == {want}
    # As fstab has it: to mount(8) the word owner alone means something else.
    path = tmp_path / 'mnt'
    path.mkdir()
    words = f'owner=daemon,key-file={repo.key},state-dir={repo.state}'
    with harness.mounted(repo.path, path, '-t', f'fuse.{harness.CAPROCKFS}',
                         '-o', words):
        assert owners(path) == {(daemon.pw_uid, daemon.pw_gid)}
    for bad in ('no-such-user', '4294967295', '99999999999999999999', '-1'):
        done = harness.run(repo.mount_argv(path, [f'owner={bad}']), rc=2)
        assert f'owner={bad}' in done.err


def test_private_is_for_the_owner_alone(repo, tmp_path):
    top = owned_tree(tmp_path / 'top')
    os.setxattr(top / 'granted', 'user.kept', b'k')
    repo.backup(top)
    with repo.mount('allow_other,mode=private,owner=2001') as mount, \
            open_to_all(tmp_path):
        shown = mount.snapshot()
        for path in (mount.path, *mount.path.rglob('*')):
            mode = os.lstat(path).st_mode
            assert stat.S_ISLNK(mode) or mode & 0o077 == 0, path
        for name in ('private', 'public', 'closed', 'folder/inside', 'granted',
                     'denied'):
            assert readable(shown / name, OWNER), name
            assert not readable(shown / name, OTHER), name
            assert not readable(shown / name, GRANTED), name
        assert os.listxattr(shown / 'granted') == ['user.kept']
        for name in ('access', 'default'):
            for path in ('granted', 'folder'):
                with pytest.raises(OSError):
                    os.getxattr(shown / path, f'system.posix_acl_{name}')
    with repo.mount('mode=private') as mount:
        assert owners(mount.path) == {(0, 0)}


def test_an_ordinary_user_owns_what_root_backed_up(repo, tmp_path):
    """A server's backup on a laptop."""
    repo.backup(owned_tree(tmp_path / 'top'))
    home = tmp_path / 'home'
    home.mkdir()
    for name in ('repository', 'key'):
        harness.sh('cp', '-r', tmp_path / name, home)
    mine = harness.Repo(home)
    path = home / 'mnt'
    path.mkdir()
    harness.sh('chown', '-R', '65534:65534', home)
    # A chroot may keep ordinary users from mounting: elsewhere all may.
    fuse = tmp_path / 'fuse'
    os.mknod(fuse, stat.S_IFCHR | 0o666, os.makedev(10, 229))
    fuse.chmod(0o666)
    with open_to_all(home):
        for options, opens in (((), False), (('owner=user',), True),
                               (('mode=private',), True)):
            mount = harness.shell(word for word
                                  in mine.mount_argv(path, options)
                                  if word != '-f')
            done = harness.sh(*harness.own_mounts(
                f'mount --bind {fuse} /dev/fuse && exec setpriv --reuid=65534 '
                '--regid=65534 --clear-groups sh -c "$0"',
                f'{mount} && {{ cat {path}/latest/src/private; r=$?; '
                f'fusermount3 -u {path}; exit $r; }}'), rc=(0, 1))
            # Without the option root's 0600 is shut to who mounts.
            assert (done.returncode == 0) == opens, (options, done.err)
            assert done.out == ('p' if opens else '')
            assert opens or 'Permission denied' in done.err


# ---- map= ----

OTHER_MACHINE = '''root:x:0:0:root:/root:/bin/sh
daemon:x:4001:4001::/:/bin/sh
carl:x:4002:4002::/:/bin/sh
bin:x:4003:4003::/:/bin/sh
mallory:x:8:8::/:/bin/sh
'''
OTHER_GROUPS = '''root:x:0:
daemon:x:4001:
carl:x:4002:
bin:x:4003:
mallory:x:8:
'''


def backup_elsewhere(repo, tmp_path, top):
    """Back up as a machine with other users."""
    for name, text in (('passwd', OTHER_MACHINE), ('group', OTHER_GROUPS)):
        (tmp_path / name).write_text(text)
    backup = harness.shell(repo.argv('backup', '--source', 'src', top))
    harness.sh(*harness.own_mounts(
        f'mount --bind {tmp_path}/passwd /etc/passwd && '
        f'mount --bind {tmp_path}/group /etc/group && {backup}'))


def test_owners_by_name(repo, tmp_path):
    """One is known here by another number, one is not, one is another's."""
    top = tmp_path / 'top'
    # 4003, bin, owns nothing: it is known for the ACLs that name it.
    for number in (0, 4001, 4002, 8, 4711):
        path = harness.write(top / str(number), b'x')
        os.chown(path, number, number)
        path.chmod(0o640)
        os.setxattr(path, 'system.posix_acl_access',
                    acl(0o640, [(USER, 4, 4001), (USER, 4, 4003),
                                (USER, 0, 8), (GROUPS, 4, 4002),
                                (GROUPS, 4, 4003)], 4))
    backup_elsewhere(repo, tmp_path, top)
    nobody = 4294967294
    assert pwd.getpwnam('daemon').pw_uid == 1 and pwd.getpwuid(8)
    assert pwd.getpwnam('bin').pw_uid == 2
    with repo.mount('map=names,allow_other') as mount, open_to_all(tmp_path):
        shown = mount.snapshot()
        for name, want in (('0', 0), ('4001', 1), ('4002', nobody),
                           ('8', nobody), ('4711', nobody)):
            st = os.stat(shown / name)
            assert (st.st_uid, st.st_gid) == (want, want), name
        assert named_by(shown / '0') == {
            'user:1:r--', 'user:2:r--', f'user:{nobody}:---',
            f'group:{nobody}:r--', 'group:2:r--'}
        assert readable(shown / '0', 1) and readable(shown / '0', 2)
        # The number 4001 is nobody's, and 8 is not who was kept out.
        assert not readable(shown / '0', 4001)
        assert not readable(shown / '8', 8)
    with repo.mount('map=numeric') as mount:
        compare.assert_equal(top, mount.snapshot())
    with repo.mount() as mount:
        compare.assert_equal(top, mount.snapshot())
