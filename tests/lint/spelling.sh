#!/bin/sh
# No common misspelling, by codespell, and British spelling throughout:
# british.dict names the American one as the mistake.
set -eu
cd "$(dirname "$0")/../.."
set -- .ci contrib fs store tests tools
for file in *.build *.txt *.md; do
	if [ -e "$file" ]; then
		set -- "$@" "$file"
	fi
done
codespell -D - -D tests/lint/british.dict "$@"
