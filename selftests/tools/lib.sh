# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the parts of selftests/tools/run have in common.  Each part is a
# function that is called in an empty folder with an empty file "faults".

# Set by run: the programs, the folder of all parts, the part under way.
qcowctl=${qcowctl-} sanitized=${sanitized-} work=${work-} part=${part-}
# All of them; each file adds its own.
parts=${parts-}
export parts

# verdict WHAT: passes if there is nothing in the file "faults"
verdict()
{
	if [ -s faults ]; then
		head -n 40 faults | cut -c 1-400 | sed 's/^/# /'
		echo "not ok tools: $1"
	else
		echo "ok tools: $1"
	fi
	: >faults
}

# skip WHAT WHY
skip()
{
	echo "ok tools: $1 # SKIP $2"
}

fault()
{
	printf '%s\n' "$*" >>"$work/$part/faults"
}

# The sanitizers take ten times as long: every third call has them.
choose()
{
	calls=$((${calls-0} + 1))
	if [ $((calls % 3)) -eq 0 ]; then
		chosen=$sanitized
	else
		chosen=$qcowctl
	fi
}

# ours COMMAND [OPTION...]: the exit code in CODE, what it says in said and log
ours()
{
	choose
	"$chosen" "$@" >said 2>log </dev/null
	CODE=$?
	! grep -q -E 'Sanitizer|runtime error' log || fault "$*: $(cat log)"
}

# under "WORDS..." COMMAND [OPTION...]: the same below another program, without
# the sanitizers, which let nobody else trace them
under()
{
	# shellcheck disable=SC2086 # words
	$1 "$qcowctl" "${@:2}" >said 2>log </dev/null
	CODE=$?
}

# refused CODE PATTERN WHAT: with this exit code, and one sentence
refused()
{
	[ "$CODE" -eq "$1" ] || fault "$3: exit code $CODE, not $1: $(cat log)"
	[ "$(grep -c '' log)" -eq 1 ] && grep -q "^qcowctl: .*$2" log ||
		fault "$3: says $(head -n 5 log)"
}

# in_own_mounts FUNCTION: what it mounts in this folder, nobody else sees, and
# it is gone at the end.  In a chroot, whose root need not be a mount, that can
# be had for this folder alone.
in_own_mounts()
{
	qcowctl=$qcowctl sanitized=$sanitized work=$work part=$part \
		unshare -m --propagation unchanged bash -c "$(declare -f)
			mount --bind . . && mount --make-private \"\$PWD\" || exit
			trap \"umount -R -l '\$PWD'\" EXIT
			cd \"\$PWD\" && $1"
}

# must COMMAND [OPTION...]: ours, and it has to succeed
must()
{
	ours "$@"
	[ "$CODE" -eq 0 ] || fault "$*: exit code $CODE: $(cat log)"
}

# sound FILE WHAT: no QEMU finds anything wrong
sound()
{
	local said

	said=$(both qemu-img check -q -f qcow2 "$1" 2>&1) ||
		fault "$2: qemu-img check: $(head -n 3 <<<"$said")"
}

# same_json WHAT FILTER: of the files answer and said
same_json()
{
	jq -S "$2" answer >answer.json 2>>faults
	jq -S "$2" said >said.json 2>>faults
	cmp -s answer.json said.json ||
		fault "$1: $(diff answer.json said.json | head -n 8)"
}

# common COMMAND: the filter that leaves what both QEMUs tell: 7.2 knew no
# children and no compressed extents.  An empty disk has nothing to tell of.
common()
{
	case $1 in
	info)	echo 'del(.children)' ;;
	map)	echo 'map(select(.length > 0) | del(.compressed))' ;;
	*)	echo . ;;
	esac
}

# whole COMMAND: the filter that leaves all that the newer one tells
whole()
{
	[ "$1" = map ] && echo 'map(select(.length > 0))' || echo .
}

# like_qemus WHAT COMMAND WORDS...: what we say, in the file said, is what both
# QEMUs answer to these words
like_qemus()
{
	qemu-img "${@:2}" --output=json >answer
	same_json "$1" "$(common "$2")"
	[ -n "$NEWER_QEMU" ] || return 0
	newer qemu-img "${@:2}" --output=json >answer
	same_json "$1, the newer QEMU" "$(whole "$2")"
}

# same_info A B WHAT: what qemu-img says of them, but their names and their room
same_info()
{
	local differs

	differs=$({ qemu-img info --output=json "$1"
		qemu-img info --output=json "$2"; } | jq -sc '
		map(del(.filename, ."actual-size", ."full-backing-filename",
			.children)) | select(length != 2 or .[0] != .[1])')
	[ -z "$differs" ] || fault "$3: $differs"
}

# same_shape A B FORMAT WHAT: where there is what, without places in files
same_shape()
{
	local differs

	differs=$({ qemu-img map --output=json -f "$3" "$1"
		qemu-img map --output=json -f "$3" "$2"; } | jq -sc '
		map(map({start, length, depth, present, zero, data})) |
		select(length != 2 or .[0] != .[1])')
	[ -z "$differs" ] || fault "$4: maps: $differs"
}

# same_content A FORMAT B FORMAT WHAT
same_content()
{
	both qemu-img compare -q -f "$2" -F "$4" "$1" "$3" >compare.log 2>&1 ||
		fault "$5: content differs: $(cat compare.log)"
}

# no_rests WHAT: no temporary file was left here
no_rests()
{
	local rests

	rests=$(find . -maxdepth 1 -name '.?*')
	[ -z "$rests" ] || fault "$1: left behind: $rests"
}
