# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # lib.sh and who uses this
#
# What logwrites and merge have in common: a VM writes to a disk below which
# each write is logged, and the log is cut.  Who uses this has functions
# make_images, guest STACK and look ENTRY, and $stacks that are there to try.

logged=/dev/loop0
replay=$top/build/prog/logreplay

# --- In the VM ---

# /dev/vda is the disk, /dev/vdb takes the log.
#
# dm-log-writes keeps what has been written with the next flush to begin, and
# logs both when that flush ends.  A flush that begins later and ends sooner, on
# another queue of the disk, comes before them in the log, and so does all that
# waited for it: an order that the disk never saw, in which not even the file
# system's own log is whole.  So there is a loop device, which has one queue and
# with it one flush at a time; and the disk has one queue as well, in which
# flushes end in the order they began.
log_disk()
{
	modprobe -a dm-log-writes loop &&
		dmsetup create qcow-log --table "0 $(blockdev --getsz \
			/dev/vda) log-writes /dev/vda /dev/vdb" &&
		losetup --direct-io=on "$logged" /dev/mapper/qcow-log
}

end_log()
{
	losetup -d "$logged" && dmsetup remove --retry qcow-log
}

mark()
{
	dmsetup message qcow-log 0 mark "$1"
}

# --- On the host ---

# log_begin ARGUMENTS...
log_begin()
{
	local chosen=()

	kernel='' cuts=70
	while [ $# -gt 0 ]; do
		case $1 in
		--kernel)	kernel=$2; shift ;;
		--cuts)		cuts=$2; shift ;;
		--guest)	guest "$2"; exit ;;
		--help)		usage; exit 0 ;;
		-*)		usage >&2; exit 2 ;;
		*)		chosen+=("$1") ;;
		esac
		shift
	done
	[ ${#chosen[@]} -eq 0 ] || stacks=("${chosen[@]}")
	cd "$top" || exit
	work=$(mktemp -d)
	trap 'cd /; umount "$work/mnt" 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
	trap 'exit 130' INT TERM
	mkdir "$work/mnt" "$work/share"
	echo "KTAP version 1"
}

# with_fs DISK COMMAND...: in the file system on it
with_fs()
{
	local disk=$1 status=0
	shift

	mount -o loop "$disk" "$work/mnt" || {
		say "not even the file system is whole: is the log in order?"
		return 1
	}
	cd "$work/mnt" || return
	"$@" || status=$?
	cd "$top" || return
	umount "$work/mnt" || return
	return "$status"
}

# with_disk STACK DISK COMMAND...: where the images can be seen; overridden by
# who has more than file systems
with_disk()
{
	with_fs "${@:2}"
}

# fill_disk STACK: likewise
fill_disk()
{
	with_disk "$1" "$work/disk" make_images
}

make_disk()
{
	rm -rf "$work/disk" "$work/log" "$work/share/"*
	truncate -s 1500M "$work/disk"
	truncate -s 4G "$work/log"
	case $1 in
	ext4)	mkfs.ext4 -q -F "$work/disk" ;;
	xfs)	mkfs.xfs -q -f "$work/disk" ;;
	bare)	;;
	*)	say "no stack $1"; return 1 ;;
	esac && fill_disk "$1" &&
		cp --sparse=always "$work/disk" "$work/base" &&
		cp --sparse=always "$work/disk" "$work/first"
}

# log_guest SCRIPT STACK: let that script's guest run
log_guest()
{
	selftests/vm/run --quiet --udev ${kernel:+--kernel "$kernel"} --timeout 400 \
		--disk "$work/disk" --disk "$work/log" --share "$work/share" \
		-- env KMOD="${KMOD-}" RULE="${RULE-}" \
		"$top/selftests/crash/$1" --guest "$2" >"$work/vm.log" 2>&1 || {
		sed 's/^/# /' "$work/vm.log"
		cat "$work/share/"*.log 2>/dev/null | sed 's/^/# /'
		return 1
	}
	"$replay" "$work/log" >"$work/list"
	grep -q ' end$' "$work/list" || { say "the log has no end"; return 1; }
}

# Sorted, all different.
log_cuts()
{
	awk -v n="$cuts" -v seed="$RANDOM" '
		$5 == "begin" { first = $1 }
		$5 == "end" { last = $1 }
		END {
			srand(seed)
			for (; n > 0 && tries < 100000; tries++) {
				c = first + int(rand() * (last - first + 1))
				if (!(c in seen)) { seen[c]; print c; n-- }
			}
		}' "$work/list" | sort -n
}

# marked_before ENTRY MARK
marked_before()
{
	awk -v cut="$1" -v mark="$2" '
		$1 >= cut { exit }
		$5 == mark { found = 1; exit }
		END { exit !found }' "$work/list"
}

# keep_log STACK: a log that is not as promised is not written a second time
keep_log()
{
	local kept=$top/build/crash/kept-$1

	rm -rf "$kept"
	mkdir -p "$kept" && cp -r --sparse=always "$work/log" "$work/list" \
		"$work/first" "$work/share" "$kept" && say "kept in $kept"
}

log_replay()
{
	local cut done=0 wrong=0

	while read -r cut; do
		"$replay" "$work/log" "$work/base" "$done" "$cut" || return
		done=$cut
		# The disk as it was after that many entries of the log.
		cp --sparse=always "$work/base" "$work/state" || return
		with_disk "$1" "$work/state" look "$cut" ||
			wrong=$((wrong + 1))
		[ $wrong -lt 5 ] || break
	done < <(log_cuts)
	[ $wrong -eq 0 ] || keep_log "$1"
	[ $wrong -eq 0 ]
}
