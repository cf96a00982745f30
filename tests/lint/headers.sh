#!/bin/sh
# List every header of the project, one a line, from the top folder.
set -eu
cd "$(dirname "$0")/../.."
find store fs tools tests -name '*.h' | LC_ALL=C sort
