#!/bin/sh
# The layout of every C file is what clang-format 14 makes of it.
set -eu
cd "$(dirname "$0")/../.."

formatter=clang-format
if command -v clang-format-14 >/dev/null; then
	formatter=clang-format-14
fi
files=$(find store fs tools tests/unit tests/fuzz tests/bench -name '*.[ch]')
if [ -z "$files" ]; then
	echo "no C file found"
	exit 1
fi
# shellcheck disable=SC2086 # names in this tree have no blanks
"$formatter" --dry-run --Werror $files
