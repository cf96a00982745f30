#!/bin/bash
# Try caprock on a directory: build it, back the directory up, mount the backup.
#
# usage: contrib/try.sh DIR
#
# Run it as root on Debian 12.  It installs packages, builds in ./build, and
# keeps the rest (repository, passphrase, state, mount) in one new folder, which
# it prints.  DIR is only read.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packages
. "$root/contrib/packages"

export LC_ALL=C.UTF-8
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
unset CAPROCK_REPOSITORY CAPROCK_PASSPHRASE CAPROCK_STATE_DIR

caprock=$root/build/tools/caprock
caprockfs=$root/build/fs/caprockfs
folder=

die()
{
	echo "try.sh: $1" >&2
	exit "${2:-1}"
}

say()
{
	printf '\n%s\n' "$1"
}

# What is left of a try that failed is of no use.
clean_up()
{
	local status=$?

	trap - EXIT
	if [[ $status -ne 0 && -n $folder ]]; then
		if mountpoint -q "$folder/mount"; then
			umount --lazy "$folder/mount" || true
		fi
		rm -rf --one-file-system "$folder"
		echo "try.sh: failed; $folder is removed again" >&2
	fi
	exit "$status"
}
trap clean_up EXIT

# Make $folder where it is not part of the directory to back up.
make_folder()
{
	local source=${1%/} base

	for base in "${TMPDIR:-/var/tmp}" /var/tmp /tmp /root; do
		base=$(realpath -e "$base" 2>/dev/null) || continue
		if [[ $base/ != "$source"/* ]]; then
			folder=$(mktemp -d "$base/caprock-try.XXXXXX")
			return
		fi
	done
	die "there is no place outside $1 for the repository; set TMPDIR" 2
}

build()
{
	local how=()

	if [[ -e $root/build/build.ninja ]]; then
		how=(--reconfigure)
	fi
	meson setup "${how[@]}" -Dtests=false "$root/build" "$root" >/dev/null ||
		die "meson cannot configure $root/build; if it is stale, remove it"
	ninja -C "$root/build" --quiet
	# Under sudo, what is built belongs to whoever owns the sources.
	chown -R --reference="$root" "$root/build"
}

back_up()
{
	local status=0
	local -a options=(
		-r "$folder/repository"
		--state-dir "$folder/state"
		--passphrase-file "$folder/passphrase"
	)

	(
		umask 077
		head -c 24 /dev/urandom | base64 >"$folder/passphrase"
		mkdir "$folder/state"
	)
	"$caprock" "${options[@]}" init
	"$caprock" "${options[@]}" backup "$1" || status=$?
	case $status in
	0) ;;
	3) echo "The backup is complete but for what the warnings name." ;;
	*) die "the backup failed" "$status" ;;
	esac
}

if [[ $# -ne 1 || $1 == -* ]]; then
	sed -n '/^# usage/s/^# //p' "$0" >&2
	exit 2
fi
[[ -d $1 ]] || die "$1 is not a directory" 2
[[ $EUID -eq 0 ]] || die "run it as root, for example: sudo $0 $1" 2
source=$(realpath -e -- "$1")
make_folder "$source"

say "1. Packages"
packages_prepare
packages_install "${packages_build[@]}" "${packages_run[@]}"

say "2. Build"
build

say "3. Backup of $source"
back_up "$source"

say "4. Mount"
mkdir "$folder/mount"
"$caprockfs" "$folder/repository" "$folder/mount" \
	-o "passphrase-file=$folder/passphrase,state-dir=$folder/state"
dated=("$folder"/mount/snapshots/*/*Z)
[[ -d ${dated[0]} ]] || die "the mount shows no snapshot"

# Commands to copy: whoever needed sudo for this needs it for them.
as_root=${SUDO_USER:+sudo }
printf -v source_q %q "$source"
printf -v folder_q %q "$folder"
printf -v dated_q %q "${dated[0]}"
cat <<END

$source is backed up and mounted.  Everything is in one folder:

  $folder
    repository   encrypted, all that has to be kept
    passphrase   opens it
    state        index and caches of this machine; can be deleted
    mount        every backup, by source and date

Look into the backup:

  ${as_root}ls -la $dated_q

Compare it with the source; no output means that nothing differs:

  ${as_root}diff -r --no-dereference $source_q $dated_q

Unmount it, and remove everything but the build:

  ${as_root}umount $folder_q/mount
  ${as_root}rm -r --one-file-system $folder_q
END
