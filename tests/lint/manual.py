#!/usr/bin/env python3
"""Check that a program's --help and its manual page say the same.

usage: manual.py PROGRAM PAGE.scd

--help prints an option as "  -x, --long ARG   text" (or "      --long ARG",
or "  -o name=ARG") and a command as "  name   text": two blanks before the
text, or none of it on that line.  A command of two words may stand as such
("key add") or be listed by the help of its first word.  No line is longer than
80 columns.

The page names global options in "# OPTIONS" and commands in "# COMMANDS", each
under "## name" (more may follow the name: "## ls [OPTIONS] SNAPSHOT"), with its
options below.  An option is a line of its own: "*-x*, *--long* _ARG_".
Subsections of other sections, and indented text, are free.

A command's help may repeat global options, and need not.
"""
import re
import subprocess
import sys

WIDTH = 80
problems = []


def problem(text):
    problems.append(text)
    print(text)


def plain(line):
    """A line of scdoc without its markup."""
    line = re.sub(r'\*|(?<![A-Za-z0-9\\])_|(?<!\\)_(?![A-Za-z0-9])', '', line)
    return re.sub(r'\\(.)', r'\1', line).strip()


def read_page(path):
    """{command or '': options}, in which '' stands for the program itself."""
    page = {'': set()}
    section, command = '', ''
    with open(path, encoding='utf-8') as file:
        for line in file:
            line = line.rstrip('\n')
            if line.startswith('# '):
                section, command = plain(line[2:]), ''
            elif line.startswith('## ') and section == 'COMMANDS':
                words = plain(line[3:]).split()
                words = words[1:] if words[:1] == ['caprock'] else words
                name = []
                while words and re.fullmatch(r'[a-z][a-z0-9-]*', words[0]):
                    name.append(words.pop(0))
                command = ' '.join(name)
                page[command] = set()
            elif section in ('OPTIONS', 'COMMANDS', 'MOUNT OPTIONS') \
                    and re.match(r'\*\\?-', line):
                page[command].add(plain(line))
    return page


def read_help(program, command):
    """The options and the commands that PROGRAM COMMAND --help lists."""
    argv = [program, *command.split(), '--help']
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)
    title = ' '.join(['help of', *(command.split() or ['the program'])])
    if done.returncode or done.stderr:
        problem(f'{title}: exit {done.returncode}, says {done.stderr!r}')
    options, commands = set(), set()
    for number, line in enumerate(done.stdout.splitlines(), 1):
        if len(line) > WIDTH:
            problem(f'{title}: line {number} has {len(line)} columns')
        match = re.match(r' {2,6}(-\S.*?)(?: {2,}|$)', line)
        if match:
            options.add(match.group(1))
            continue
        match = re.match(r'  ([a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*)?)(?: {2,}|$)', line)
        if match:
            commands.add(match.group(1))
    if not options:
        problem(f'{title}: lists no option')
    return options, commands


def read_program(program):
    """The same as read_page(), and in the same shape."""
    found, waiting = {}, ['']
    while waiting:
        command = waiting.pop()
        if command in found:
            continue
        found[command], below = read_help(program, command)
        for name in below:
            # "key" may list "add" or, as the program does, "key add".
            if command and not name.startswith(command + ' '):
                name = f'{command} {name}'
            if len(name.split()) <= 2:
                waiting.append(name)
    return found


def compare(helped, page):
    families = {name.split()[0] for name in [*helped, *page] if ' ' in name}
    for name in sorted({*helped, *page}):
        title = name or 'the program'
        if name not in page:
            # "key" alone only leads to "key add".
            if name not in families:
                problem(f'{title}: has help, is not in the manual')
            continue
        if name not in helped:
            problem(f'{title}: is in the manual, --help does not list it')
            continue
        for option in sorted(helped[name] - page[name] - page['']):
            problem(f'{title}: {option}: in --help, not in the manual')
        for option in sorted(page[name] - helped[name]):
            problem(f'{title}: {option}: in the manual, not in --help')


def main(program, path):
    helped, page = read_program(program), read_page(path)
    compare(helped, page)
    count = sum(len(options) for options in page.values())
    print(f'{len(page) - 1} commands and {count} options in the manual, '
          f'{len(problems)} problems')
    return 1 if problems or not count else 0


if len(sys.argv) != 3:
    sys.exit(__doc__)
sys.exit(main(*sys.argv[1:]))
