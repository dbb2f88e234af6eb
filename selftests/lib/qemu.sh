# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Two QEMUs judge what the driver and qcowctl write: this machine's own, and
# the newer one of the system that vm/newer-qemu finds.  The newer one runs by
# the loader of its own system, so that it needs no mount and sees every path.
#
# NEWER_QEMU is the root of that system.  selftests/run sets it, to nothing
# where there is none: then this machine's own QEMU is the only judge.

# find_newer_qemu: for a test of the host that was started by hand
find_newer_qemu()
{
	local lib why

	[ -z "${NEWER_QEMU+known}" ] || return 0
	lib=$(dirname "${BASH_SOURCE[0]}")
	why=$(mktemp)
	NEWER_QEMU=$("$lib/../vm/newer-qemu" 2>"$why") ||
		echo "# no newer QEMU: $(tail -n 1 "$why")"
	export NEWER_QEMU
	rm -f "$why"
}

# newer TOOL ARGUMENTS...: qemu-img or qemu-io of the newer system
newer()
{
	"${NEWER_QEMU:?}/lib64/ld-linux-x86-64.so.2" --inhibit-cache \
		--library-path "$NEWER_QEMU/usr/lib/x86_64-linux-gnu" \
		"$NEWER_QEMU/usr/bin/$1" "${@:2}"
}

# both TOOL ARGUMENTS...: one QEMU after the other, with words that change no
# image.  What is said and the status are those of this machine's QEMU.  If the
# newer one ends with another status, the status is 99 and both are named.
#
# Where JUDGE is "newer", the newer one judges alone: then the same test runs on
# another kernel, too, where this machine's judges.
both()
{
	local status=0 newer=0 said

	if [ -n "${NEWER_QEMU-}" ] && [ "${JUDGE-}" = newer ]; then
		newer "$@"
		return
	fi
	"$@" || status=$?
	[ -n "${NEWER_QEMU-}" ] || return $status
	said=$(newer "$@" 2>&1) || newer=$?
	[ $newer -ne $status ] || return $status
	printf 'the newer QEMU: status %s instead of %s from: %s\n%s\n' \
		$newer $status "$*" "$said" >&2
	return 99
}
