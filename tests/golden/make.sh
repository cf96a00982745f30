#!/bin/bash
# Make the golden repository: usage: make.sh CAPROCK NEW-FOLDER
#
# Its names and keys are random, so it is made once and then kept: see
# README.md.  Needs a file system with user xattrs and holes.
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 TZ=UTC

caprock=$(realpath "$1")
mkdir "$2"
out=$(realpath "$2")
work=$(mktemp -d "${TMPDIR:-/tmp}/caprock-golden-XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/tree

caprock()
{
	local key=$1

	shift
	"$caprock" -r "$out/repository" --state-dir "$work/state-$key" \
		--key-file "$out/$key.key" --quiet "$@"
}

# Everything that an entry can be without being root.
make_tree()
{
	mkdir -p "$tree/docs/deep" "$tree/hollow" "$tree/many"
	: >"$tree/empty"
	printf 'inline' >"$tree/small"
	printf '%0256d' 7 >"$tree/docs/small-256"
	printf '%0257d' 7 >"$tree/docs/chunk-257"
	seq 1 30000 >"$tree/docs/numbers"
	printf 'a note\n' >"$tree/docs/deep/note"
	for i in $(seq 100 299); do
		printf '%d\n' "$i" >"$tree/many/$i"
	done
	truncate --size 1M "$tree/sparse"
	printf 'middle' | dd of="$tree/sparse" bs=64K seek=8 conv=notrunc \
		status=none
	truncate --size 300 "$tree/all-hole"
	ln "$tree/docs/numbers" "$tree/numbers-too"
	ln -s docs/numbers "$tree/link"
	ln -s "$(printf 'x%.0s' {1..300})" "$tree/docs/long-link"
	mkfifo "$tree/pipe"
	setfattr -n user.note -v 'a small one' "$tree/small"
	setfattr -n user.note -v "$(printf 'n%.0s' {1..2000})" "$tree/docs"
	chmod 640 "$tree/docs/chunk-257"
	chmod 1777 "$tree/hollow"
	find "$tree" -exec touch --no-dereference \
		--date '2001-02-03 04:05:06.789' {} +
}

# What must come out: from the source, not from caprock.
note()
{
	(cd "$tree" && find . -type f -printf '%P\n' | sort |
		xargs sha256sum) >"$out/$1.sha256"
	(cd "$tree" && find . -mindepth 1 -printf '%y %m %s %P\n' | sort) |
		sed -E 's/^(d [0-9]+) [0-9]+/\1 -/' >"$out/$1.list"
}

caprock owner init --new-key-file "$out/owner.key"
caprock owner key add --role put --source web --label web \
	--new-key-file "$out/put.key"
caprock owner key add --role read --label auditor \
	--new-key-file "$out/read.key"

make_tree
note src-1
caprock owner backup --source src --time 2024-01-01T00:00:00Z --jobs 1 "$tree"

seq 1 2 60000 >"$tree/docs/numbers"
rm "$tree/many/150"
printf 'later' >"$tree/many/later"
note src-2
caprock owner backup --source src --time 2024-01-02T00:00:00Z --jobs 1 \
	--tag second "$tree"

rm -r "$tree/many"
note web-1
caprock put backup --source web --time 2024-01-03T00:00:00Z --jobs 1 "$tree"

# Objects by what they are, oldest first, for the damages: names differ each time.
number()
{
	local n=0 file

	while read -r _ file; do
		n=$((n + 1))
		echo "  \"$1-$n\": \"$file\","
	done < <(find "$2" -type f -printf '%T@ %p\n' | sort -n)
}

cd "$out/repository"
{
	echo '{'
	number data packs/data
	number meta packs/meta
	number segment index
	number manifest snapshots
	echo "  \"owner-slot\": \"keys/$(awk '{ print $2 }' ../owner.key)\""
	echo '}'
} >"$out/objects.json"
