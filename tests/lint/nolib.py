#!/usr/bin/env python3
"""Check that a program holds nothing of a static library.

usage: nolib.py PROGRAM LIBRARY.a [CONTROL]

No global symbol that LIBRARY defines may be defined in PROGRAM: that
caprockfs cannot write is a fact of the linker.  CONTROL is a program that does
link the library; the same question must find symbols there.
"""
import subprocess
import sys


def defined(path):
    """Global symbols that PATH (a program or an archive) defines."""
    out = subprocess.run(['nm', '--defined-only', '--extern-only', path],
                         check=True, capture_output=True, text=True).stdout
    fields = (line.split() for line in out.splitlines())
    return {f[2] for f in fields if len(f) == 3}


def main(program, library, control=None):
    theirs = defined(library)
    ours = defined(program)
    common = sorted(theirs & ours)
    for symbol in common:
        print(f'{program} holds {symbol} of {library}')
    print(f'{len(theirs)} symbols in {library}, {len(ours)} in {program}, '
          f'{len(common)} in both')
    if not theirs or 'main' not in ours:
        print('nothing to compare: stripped?')
        return 1
    if control and not theirs & defined(control):
        print(f'the control {control} holds nothing of {library} either')
        return 1
    return 1 if common else 0


if len(sys.argv) not in (3, 4):
    sys.exit(__doc__)
sys.exit(main(*sys.argv[1:]))
