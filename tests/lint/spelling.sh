#!/bin/sh
# codespell finds no common misspelling; .codespellrc says where it looks.
set -eu
cd "$(dirname "$0")/../.."
codespell .ci contrib fs store tests tools ./*.build ./*.txt ./*.md
