#!/bin/bash
# The completion for bash offers what the program has.  usage: completion.sh CAPROCK
set -euo pipefail
caprock=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../contrib/completion/caprock
. "$here/../../contrib/completion/caprock"
bad=0

# offers WORD... -- WANTED...: the last WORD is being typed; every one of WANTED
# is offered, and those alone when they end with "!".
offers()
{
	local -a wanted
	local word exact=

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
	for word in "${wanted[@]}"; do
		if [[ " ${COMPREPLY[*]} " != *" $word "* ]]; then
			echo "${COMP_WORDS[*]:1}: $word is not offered: ${COMPREPLY[*]}"
			bad=1
		fi
	done
	if [[ $exact && ${#COMPREPLY[@]} -ne ${#wanted[@]} ]]; then
		echo "${COMP_WORDS[*]:1}: offered: ${COMPREPLY[*]}"
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
exit "$bad"
