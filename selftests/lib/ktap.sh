# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Run one test and say how it went.  A test is any command: exit status 0 is
# a pass, 4 a skip (its reason on a line "SKIP: ..."), all else a failure.
# When it prints KTAP itself, its results are kept, indented, under its own.
#
# The result line has no number yet, as several virtual machines report at
# the same time: selftests/run counts them when it collects.

# run_one NAME TIMEOUT COMMAND...
# after_test, if there is such a function, may find fault with a test that
# passed: it prints why and fails.
run_one()
{
	local name=$1 limit=$2 log status start=$SECONDS
	shift 2

	log=$(mktemp)
	timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null
	status=$?
	[ $status -ne 124 ] && [ $status -ne 137 ] ||
		echo "no end after $limit s" >>"$log"
	if declare -F after_test >/dev/null; then
		after_test >"$log.after" 2>&1 || status=1
		cat "$log.after" >>"$log"
		rm -f "$log.after"
	fi
	grep -q '^not ok ' "$log" && status=1
	verdict "$name" $status $((SECONDS - start)) "$log"
	rm -f "$log"
}

# verdict NAME STATUS SECONDS LOG
verdict()
{
	local reason

	# Programs exit with 4 too, qcowctl among them: a skip says why.
	if [ "$2" -eq 4 ] && ! grep -q '^SKIP: .' "$4"; then
		set -- "$1" 1 "$3" "$4"
		echo "exit status 4, but no reason to skip" >>"$4"
	fi
	sed -n -E 's/^((not )?ok [0-9].*|1\.\.[0-9]+|KTAP version.*)/  \1/p' "$4"
	case $2 in
	0)
		echo "ok $1 # $3 s"
		;;
	4)
		reason=$(sed -n 's/^SKIP: //p' "$4" | tail -n 1)
		echo "ok $1 # SKIP ${reason:-no reason given}"
		;;
	*)
		grep -a -v -E '^((not )?ok [0-9]|1\.\.|KTAP version)' "$4" |
			tail -n 200 | sed 's/^# //; s/^/# /'
		echo "not ok $1 # exit status $2, $3 s"
		;;
	esac
}
