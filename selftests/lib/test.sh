# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What tests have in common.  A test is a script that starts with
#
#	. "$(dirname "$0")/lib/test.sh"
#
# and ends with status 0 if all was well.  It runs as root in a VM with the
# module loaded, udevd running, its own empty folder $T (on tmpfs), and two
# cores.  In its first lines it may say `# timeout: SECONDS` (300 otherwise),
# `# long-timeout: SECONDS` if it takes longer where LONG is set, and
# `# dmesg: REGEX` for lines of the kernel log that it provokes on purpose.
# Whatever it defers is undone at its end, last first.

set -euo pipefail

SELFTESTS=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")
QCOWCTL=${QCOWCTL:-$(dirname "$SELFTESTS")/userspace/qcowctl}
# shellcheck source=selftests/lib/kernel.sh
. "$SELFTESTS/lib/kernel.sh"
# shellcheck source=selftests/lib/qemu.sh
. "$SELFTESTS/lib/qemu.sh"

# A test that is run by hand has no mark in the log yet.
if [ -z "${MARK-}" ]; then
	MARK="qcow-selftest $$ $0"
	echo "$MARK" >/dev/kmsg
fi

T=$(mktemp -d /tmp/qcow-test.XXXXXX)
deferred=()

# defer COMMAND...: at the end of the test, also when it fails
defer()
{
	deferred+=("$(printf '%q ' "$@")")
}

finish()
{
	local status=$? number

	trap - EXIT
	set +e
	# shellcheck disable=SC2046 # several jobs
	kill $(jobs -p) 2>/dev/null && wait
	cd /
	for ((number = ${#deferred[@]} - 1; number >= 0; number--)); do
		if ! eval "${deferred[number]}"; then
			echo "cannot clean up: ${deferred[number]}"
			[ $status -ne 0 ] || status=1
		fi
	done
	rm -rf --one-file-system "$T"
	exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# Where in the test, not in this file.
place()
{
	local level=0

	while [[ ${BASH_SOURCE[level]-} == */lib/* ]]; do
		level=$((level + 1))
	done
	echo "${BASH_SOURCE[level]##*/}:${BASH_LINENO[level - 1]}"
}

fail()
{
	echo "FAIL: $(place): $*"
	exit 1
}

skip()
{
	echo "SKIP: $*"
	exit 4
}

# A command that fails under `set -e` says where.
complain()
{
	echo "FAIL: $(place): status $1 from: $2"
}
trap 'complain $? "$BASH_COMMAND"' ERR
set -o errtrace

require()
{
	local tool

	for tool; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
}

# fewer NUMBER: of rounds of the same, as many as a slow kernel has time for;
# SLOW says how slow it is, which gives it that much more time as well, and SHARE
# which part of them this kernel gets
fewer()
{
	local less=$((${SLOW:-1} * ${SHARE:-1}))

	echo $((($1 + less - 1) / less))
}

# our_turn: whether this kernel takes the next kind, of those of which a test treats
# many.  The kernels that run everything share such kinds: of TURNS kernels, this
# one is number TURN.  A kernel that is tested alone takes all, and so does LONG.
our_turn()
{
	turn=$((${turn:--1} + 1))
	[ -n "${LONG-}" ] || [ $((turn % ${TURNS:-1})) -eq "${TURN:-0}" ]
}

# built NAME: the path of something that selftests/prog makes
built()
{
	local path

	path=$(dirname "$SELFTESTS")/build/$1
	[ -e "$path" ] || fail "$path is missing: make -C selftests/prog"
	echo "$path"
}

# --- Where images lie ---

# scratch_fs TYPE [MIB [MKFS OPTIONS...]]
# Sets FS to the folder where a new file system of that type is mounted, on
# a RAM disk of its own up to 4 GiB (of real memory, as it fills).
scratch_fs()
{
	local type=$1 mib=${2-512} number=${ramdisks-0} disk
	shift $(($# < 2 ? $# : 2))

	if [ "$number" -eq 0 ]; then
		modprobe brd rd_nr=8 rd_size=$((4 << 20)) max_part=0
		defer drop_ramdisks
	fi
	ramdisks=$((number + 1))
	disk=/dev/ram$number
	make_fs "$type" "$mib" "$disk" "$@"
	FS=$T/fs$number
	mkdir "$FS"
	mount "$disk" "$FS"
	defer umount "$FS"
}

make_fs()
{
	local type=$1 mib=$2 disk=$3
	shift 3

	case $type in
	xfs)	mkfs.xfs -q -f -K -d "size=${mib}m" "$@" "$disk" ;;
	ext4)	mkfs.ext4 -q -F -E nodiscard "$@" "$disk" "${mib}M" ;;
	btrfs)	modprobe btrfs
		mkfs.btrfs -q -f -K -b "${mib}M" "$@" "$disk" >/dev/null ;;
	*)	fail "scratch_fs: $type" ;;
	esac
}

# --- Devices ---

# attach ARGUMENTS: sets DEV, and detaches at the end of the test
attach()
{
	DEV=$("$QCOWCTL" attach "$@")
	[ -b "$DEV" ] || fail "attach printed '$DEV', no block device"
	defer detach_if_there "$DEV"
}

detach()
{
	"$QCOWCTL" detach "${@:-$DEV}"
}

# Deferred for each attach; the test may have detached the device itself.
detach_if_there()
{
	[ ! -b "$1" ] || detach "$1"
}

# For a test whose images are devices for an instant, which is of no interest to
# udev.
without_udev()
{
	udevadm control --exit
	# its workers may have a device open yet
	while pgrep udev >/dev/null; do
		sleep 0.1
	done
	# its successor is not one of this test's processes
	defer sh -c 'echo $$ >/sys/fs/cgroup/cgroup.procs &&
		exec /usr/lib/systemd/systemd-udevd --daemon'
}

# --- Content ---

# random_file FILE SIZE: incompressible
random_file()
{
	head -c "$(numfmt --from=iec "$2")" /dev/urandom >"$1"
}

# same FILE FILE: to the last byte
same()
{
	cmp "$1" "$2" && return
	[ ! -b "$2" ] || ! dd if="$2" iflag=direct bs=64k status=none |
		cmp "$1" - || echo "they differ in the page cache only"
	fail "$1 and $2 differ"
}

# same_disk FILE DEVICE: past the page cache.  Where a discard touches a part of a
# page, the kernel zeroes that part in the page cache, while the device may keep
# what it had; and udev reads a device whenever it likes.
same_disk()
{
	dd if="$2" iflag=direct bs=64k status=none | cmp "$1" - ||
		fail "$1 and $2 differ"
}

# same_as_qemu IMAGE DEVICE: as qemu-img reads the image
same_as_qemu()
{
	qemu-img convert -U -O raw "$1" "$T/raw"
	same "$T/raw" "$2"
	rm "$T/raw"
}

# --- Expectations ---

# expect_fail STATUS COMMAND...: OUT is what the command said
expect_fail()
{
	local wanted=$1 got=0
	shift

	OUT=$("$@" 2>&1) || got=$?
	[ "$got" -eq "$wanted" ] ||
		fail "status $got instead of $wanted from: $*: $OUT"
}

# expect_says TEXT: in the OUT of expect_fail
expect_says()
{
	[[ $OUT == *"$1"* ]] || fail "no '$1' in: $OUT"
}

# within SECONDS COMMAND...: tries until it succeeds
within()
{
	local end=$((SECONDS + $1))
	shift

	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# milliseconds COMMAND...: sets TOOK
milliseconds()
{
	local start=${EPOCHREALTIME/./}

	"$@"
	# shellcheck disable=SC2034 # the caller reads it
	TOOK=$(((${EPOCHREALTIME/./} - start) / 1000))
}

# expect_equal WHAT WANTED GOT
expect_equal()
{
	[ "$2" = "$3" ] || fail "$1: '$3' instead of '$2'"
}

dmesg_clean()
{
	local bad

	bad=$(kernel_complaints "$MARK" '^$') || :
	[ -z "$bad" ] || fail "the kernel log says: $bad"
}
