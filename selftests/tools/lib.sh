# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the parts of selftests/tools/run have in common.  Each part is a
# function that is called in an empty folder with an empty file "faults".

parts=''

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

fault()
{
	printf '%s\n' "$*" >>"$work/$part/faults"
}

# ours COMMAND [OPTION...]: the exit code in CODE, what it says in said and log
ours()
{
	"$qcowctl" "$@" >said 2>log </dev/null
	CODE=$?
	! grep -q -E 'Sanitizer|runtime error' log || fault "$*: $(cat log)"
}

# must COMMAND [OPTION...]: ours, and it has to succeed
must()
{
	ours "$@"
	[ $CODE -eq 0 ] || fault "$*: exit code $CODE: $(cat log)"
}

# sound FILE WHAT: qemu-img finds nothing wrong
sound()
{
	local said

	said=$(qemu-img check -q -f qcow2 "$1" 2>&1) ||
		fault "$2: qemu-img check: $(head -n 3 <<<"$said")"
}

# said_of FILE: what qemu-img says of an image but its name and its room
said_of()
{
	qemu-img info --output=json "$1" |
		jq -S 'del(.filename, ."actual-size", ."full-backing-filename")
			| del(.children)'
}

# shape_of FILE FORMAT: where there is what, without places in files
shape_of()
{
	qemu-img map --output=json -f "$2" "$1" | jq -c '
		[.[] | {start, length, depth, present, zero, data}]'
}

# same_content A FORMAT B FORMAT WHAT
same_content()
{
	qemu-img compare -q -f "$2" -F "$4" "$1" "$3" >compare.log 2>&1 ||
		fault "$5: content differs: $(cat compare.log)"
}

# no_rests WHAT: no temporary file was left here
no_rests()
{
	! ls -A | grep -q '^\.' || fault "$1: left behind: $(ls -A)"
}
