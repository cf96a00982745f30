#!/bin/bash
# The completion for bash offers what the programs have.
# usage: completion.sh CAPROCK [CAPROCKFS]
set -euo pipefail
caprock=$1
caprockfs=${2-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../contrib/completion/caprock
. "$here/../../contrib/completion/caprock"
# shellcheck source=../../contrib/completion/caprockfs
. "$here/../../contrib/completion/caprockfs"
bad=0

# offers WORD... -- WANTED...: the last WORD is being typed; every one of WANTED
# is offered, and those alone when they end with "!".
offers()
{
	local -a wanted
	local exact=

	COMP_WORDS=("$caprock")
	while [[ $1 != -- ]]; do
		COMP_WORDS+=("$1")
		shift
	done
	shift
	wanted=("$@")
	if [[ ${wanted[-1]} == '!' ]]; then
		exact=1
		unset 'wanted[-1]'
	fi
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_caprock
	compare "${COMP_WORDS[*]:1}" "${wanted[@]}"
}

# mounts LINE -- WANTED...: the same for caprockfs, by the line that is typed;
# the shell has ended words at blanks and around "=".
mounts()
{
	local exact=
	local -a wanted=("${@:3}")

	COMP_LINE="$caprockfs $1"
	COMP_POINT=${#COMP_LINE}
	read -r -a COMP_WORDS <<<"${COMP_LINE//=/ = }"
	[[ $1 == *[[:space:]] ]] && COMP_WORDS+=('')
	if [[ ${wanted[-1]} == '!' ]]; then
		exact=1
		unset 'wanted[-1]'
	fi
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_caprockfs
	compare "$1" "${wanted[@]}"
}

# compare WHAT WANTED...: with COMPREPLY.
compare()
{
	local what=$1 word

	shift
	for word; do
		if [[ " ${COMPREPLY[*]} " != *" $word "* ]]; then
			echo "$what: $word is not offered: ${COMPREPLY[*]}"
			bad=1
		fi
	done
	if [[ $exact && ${#COMPREPLY[@]} -ne $# ]]; then
		echo "$what: offered: ${COMPREPLY[*]}"
		bad=1
	fi
}

offers '' -- init snapshots ls key index version
offers l -- ls !
offers -r /x k -- key !
offers key '' -- add list revoke passwd export import !
offers key a -- add !
offers ls --r -- --repository --recursive !
offers ls -l --l -- --long !
offers key add --ro -- --role !
offers key add --role '' -- read put !
offers key add --role read --new-k -- --new-key-file !
offers --passphrase-file "$here/comp" -- "$here/completion.sh" !
offers version --long -- !

if [[ $caprockfs ]]; then
	mounts '-o sou' -- source= !
	mounts '-o ' -- source= cache= allow_other owner= symlinks= sharedirs
	mounts '-o allow_other,spec' -- allow_other,special= !
	mounts '-o owner=roo' -- root !
	mounts '-o path=' -- !
	mounts '-o source=x,pat' -- x,path= !
	mounts '-o symlinks=' -- asis inside hide !
	mounts '-o symlinks=in' -- inside !
	mounts '-o source=x,mode=p' -- private !
	mounts '-o source=x,sym' -- x,symlinks= !
	mounts "-o key-file=$here/comp" -- "$here/completion.sh" !
	mounts '--sym' -- --symlinks !
	mounts '--' -- --foreground --help --owner
	mounts "$here" -- "$here" !
fi
exit "$bad"
