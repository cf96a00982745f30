#!/usr/bin/python3
"""Run a program as on a kernel that lacks something.

    lacking.py landlock|seccomp|both PROGRAM [ARGUMENTS]

A filter of system calls answers what such a kernel would answer.
"""
import ctypes
import errno
import os
import sys

ALLOW = 0x7fff0000
ERRNO = 0x00050000
NO_NEW_PRIVS = 3  # SCMP_FLTATR_CTL_NNP
EQUAL = 4
GET_SECCOMP, SET_SECCOMP = 21, 22  # of prctl

# Of each: a call, what it says, and its first argument where that matters.
LACKING = {
    'landlock': [(b'landlock_create_ruleset', errno.ENOSYS, None)],
    'seccomp': [(b'seccomp', errno.ENOSYS, None),
                (b'prctl', errno.EINVAL, GET_SECCOMP),
                (b'prctl', errno.EINVAL, SET_SECCOMP)],
}


class Compare(ctypes.Structure):
    """struct scmp_arg_cmp"""
    _fields_ = [('arg', ctypes.c_uint), ('op', ctypes.c_int),
                ('a', ctypes.c_uint64), ('b', ctypes.c_uint64)]


def lack(rules):
    """Filter the calls of this process, and of what it will run."""
    lib = ctypes.CDLL('libseccomp.so.2')
    lib.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(ALLOW)))
    # Whether it sets that flag itself is one of the questions.
    done = [lib.seccomp_attr_set(context, NO_NEW_PRIVS, 0)]
    for name, error, first in rules:
        comparison = Compare(0, EQUAL, first or 0, 0)
        done.append(lib.seccomp_rule_add_array(
            context, ctypes.c_uint32(ERRNO | error),
            lib.seccomp_syscall_resolve_name(name),
            ctypes.c_uint(first is not None), ctypes.byref(comparison)))
    done.append(lib.seccomp_load(context))
    assert not any(done), done


def main():
    what, *argv = sys.argv[1:]
    names = LACKING if what == 'both' else [what]
    lack([rule for name in names for rule in LACKING[name]])
    os.execv(argv[0], argv)


if __name__ == '__main__':
    main()
