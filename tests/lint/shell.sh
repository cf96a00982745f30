#!/bin/sh
# No shell script of the project gives shellcheck anything to say.
set -eu
cd "$(dirname "$0")/../.."

# A script says so in its first line, a sourced fragment by a directive.
scripts=$(find .ci contrib fs store tests tools -type f -exec awk '
	FNR == 1 && (/^#!.*[\/ ](ba)?sh( |$)/ || /^# shellcheck shell=/) {
		print FILENAME
	}
	{ nextfile }' {} +)
if [ -z "$scripts" ]; then
	echo "no shell script found"
	exit 1
fi
echo "$scripts"
# shellcheck disable=SC2086 # names in this tree have no blanks
shellcheck -x -P SCRIPTDIR $scripts
