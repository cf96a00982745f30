#!/usr/bin/env python3
"""Add up what tests/run found.  Exit 1 unless something ran and all passed.

usage: tally.py FOLDER

FOLDER holds *.json (Meson's test log), *.xml (pytest's JUnit report) and
perhaps "broken", a line for each step that failed without being a test.
"""
import collections
import json
import os
import pathlib
import sys
import xml.etree.ElementTree

PASSED = {'OK', 'EXPECTEDFAIL'}


def read_meson(path):
    for line in path.read_text(encoding='utf-8').splitlines():
        test = json.loads(line)
        result = test['result']
        if result in PASSED:
            outcome = 'passed'
        elif result == 'SKIP':
            outcome = 'skipped'
        else:
            outcome = 'failed'
        yield outcome, test['name']


def read_junit(path):
    for case in xml.etree.ElementTree.parse(path).iter('testcase'):
        children = {child.tag for child in case}
        if children & {'failure', 'error'}:
            outcome = 'failed'
        elif 'skipped' in children:
            outcome = 'skipped'
        else:
            outcome = 'passed'
        yield outcome, f'{case.get("classname")}::{case.get("name")}'


def main(folder):
    names = collections.defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.suffix not in ('.json', '.xml'):
            continue
        read = read_meson if path.suffix == '.json' else read_junit
        for outcome, name in read(path):
            names[outcome].append(f'{path.stem}: {name}')
    broken = folder / 'broken'
    if broken.exists():
        names['failed'] += broken.read_text(encoding='utf-8').splitlines()

    bad = bool(names['failed'])
    for outcome in ('skipped', 'failed'):
        for name in names[outcome]:
            print(f'{outcome}: {name}')
    if names['skipped'] and os.environ.get('CI') == 'true':
        print('CI=true: a skipped test is a failure of the run')
        bad = True
    if not names['passed'] and not bad:
        print('no test ran')
        bad = True
    print(f'{len(names["passed"])} passed, {len(names["failed"])} failed')
    return 1 if bad else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
