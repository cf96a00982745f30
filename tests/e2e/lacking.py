#!/usr/bin/python3
"""Run a program as on a kernel that lacks something.

    lacking.py landlock|seccomp|both PROGRAM [ARGUMENTS]
    lacking.py forbidden|refused PROGRAM [ARGUMENTS]

A filter of system calls answers what such a kernel would answer.  The second
line is for one that has seccomp but, as in a container, lets nobody use it; or
lets it be asked for, and takes no filter.
"""
import ctypes
import errno
import os
import sys

ALLOW = 0x7fff0000
ERRNO = 0x00050000
NO_NEW_PRIVS = 3  # SCMP_FLTATR_CTL_NNP
NOT_EQUAL, EQUAL = 1, 4
GET_SECCOMP, SET_SECCOMP = 21, 22  # of prctl
SET_FILTER = 1  # of seccomp

# Of each: a call, what it says, and where: of an argument number, how, value.
LACKING = {
    'landlock': [(b'landlock_create_ruleset', errno.ENOSYS)],
    'seccomp': [(b'seccomp', errno.ENOSYS),
                (b'prctl', errno.EINVAL, (0, EQUAL, GET_SECCOMP)),
                (b'prctl', errno.EINVAL, (0, EQUAL, SET_SECCOMP))],
    'forbidden': [(b'seccomp', errno.EPERM),
                  (b'prctl', errno.EPERM, (0, EQUAL, SET_SECCOMP))],
    'refused': [(b'seccomp', errno.EACCES, (0, EQUAL, SET_FILTER),
                 (2, NOT_EQUAL, 0))],
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
    for name, error, *where in rules:
        comparisons = (Compare * len(where))(
            *(Compare(*comparison, 0) for comparison in where))
        done.append(lib.seccomp_rule_add_array(
            context, ctypes.c_uint32(ERRNO | error),
            lib.seccomp_syscall_resolve_name(name),
            ctypes.c_uint(len(where)), comparisons))
    done.append(lib.seccomp_load(context))
    assert not any(done), done


def main():
    what, *argv = sys.argv[1:]
    names = ['landlock', 'seccomp'] if what == 'both' else [what]
    lack([rule for name in names for rule in LACKING[name]])
    os.execv(argv[0], argv)


if __name__ == '__main__':
    main()
