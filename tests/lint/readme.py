#!/usr/bin/env python3
"""Every test that the table of README.md names is there."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
readme = (root / 'README.md').read_text(encoding='utf-8')
table = readme.partition('| shown by |\n')[2].partition('\n\n')[0]
named = [name for line in table.splitlines()
         for name in re.findall(r'`(\w+)`', line.split('|')[-2])]
there = {name for path in (root / 'tests/e2e').glob('test_*.py')
         for name in re.findall(r'^def test_(\w+)', path.read_text(
             encoding='utf-8'), re.MULTILINE)}
missing = [name for name in named if name not in there]
for name in missing:
    print(f'README.md names a test that is not there: {name}')
if not named:
    print('README.md has no table that names tests')
sys.exit(1 if missing or not named else 0)
