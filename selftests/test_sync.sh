#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
# dmesg: Buffer I/O error|I/O error, dev|qcow: .*failed
#
# A sync fails, and nothing else does: every write gets through, before and
# after.  Who asked is told, and as nobody knows what that sync has lost, no
# later flush succeeds until the image is attached again.  What was flushed
# before is there then.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

disk=/dev/mapper/qcow-sync
bad=/dev/mapper/qcow-bad

# --- A disk whose flushes go elsewhere than its reads and writes ---

sync_table()
{
	echo "0 $sectors delay $loop 0 0 $loop 0 0 $1 0 0"
}

# syncs_go_to DEVICE
syncs_go_to()
{
	dmsetup load qcow-sync --table "$(sync_table "$1")"
	dmsetup suspend --nolockfs --noflush qcow-sync
	dmsetup resume qcow-sync
}

make_disk()
{
	truncate -s 96M "$T/disk"
	loop=$(losetup --find --show "$T/disk")
	defer losetup -d "$loop"
	sectors=$((96 << 11))
	# it is a disk with a cache, and fails every write
	dmsetup create qcow-bad \
		--table "0 $sectors flakey $loop 0 0 3600 1 error_writes"
	defer dmsetup remove --retry qcow-bad
	dmsetup create qcow-sync --table "$(sync_table "$loop")"
	defer dmsetup remove --retry qcow-sync
	expect_equal "write cache" "write back" \
		"$(cat "/sys/block/$(basename "$(realpath $disk)")/queue/write_cache")"
}

# Otherwise this shows nothing.
disk_is_as_meant()
{
	syncs_go_to $bad
	dd if="$T/source" of=$disk bs=64k count=1 oflag=direct status=none
	dd if=$disk bs=64k count=1 iflag=direct status=none |
		cmp -n 65536 - "$T/source"
	expect_fail 1 dd if=/dev/null of=$disk conv=fsync,notrunc status=none
	expect_says "Input/output error"
	syncs_go_to "$loop"
	dd if=/dev/null of=$disk conv=fsync,notrunc status=none
}

# --- Images on it ---

# image_on_disk OPTIONS OF QEMU-IMG...
image_on_disk()
{
	blkdiscard -f -z $disk 2>/dev/null
	qemu-img create -q -f qcow2 "$@" $disk 32M
	attach -f qcow2 $disk
	put 0 256
	flush
	cat "$DEV" >"$T/initial"
	expect_equal "state" live "$(state)"
}

# A flush that failed once fails for ever, though the disk is fine again.
fails_for_good()
{
	local said

	said=$(dmesg | grep -c "qcow: .*failed" || true)
	syncs_go_to $bad
	expect_fail 1 "$@"
	expect_says "Input/output error"
	syncs_go_to "$loop"
	expect_fail 1 flush
	expect_says "Input/output error"
	expect_fail 1 put 0 4 conv=fsync
	expect_fail 1 flush
	expect_equal "state" degraded "$(state)"
	[ -s "/sys/block/${DEV#/dev/}/qcow/failure" ] || fail "no reason given"
	[ "$(dmesg | grep -c "qcow: .*failed")" -gt "$said" ] ||
		fail "not a word in the log"
}

# What lies where it durably lay is still read and written; nothing new is.
goes_on()
{
	put 0 64
	holds 0 256
	expect_fail 1 put 16384 64
	expect_says "Input/output error"
}

# old_or_new KIB-OFFSET KIB: each cluster by itself, as there may have been a
# commit, in time, in the midst of a write that takes long
old_or_new()
{
	local at

	for ((at = 0; at < $2; at += 4)); do
		cmp -s -n 4096 -i $((($1 + at) << 10)):$((at << 10)) \
			"$DEV" "$T/source" ||
			cmp -n 4096 -i $((($1 + at) << 10)) "$DEV" \
				"$T/initial" ||
			fail "at $(($1 + at)) KiB: neither old nor new"
	done
}

# attached_again [KIB-OFFSET KIB]: of a write that was never flushed
attached_again()
{
	expect_fail 4 detach
	checked $disk 0 3
	attach -f qcow2 $disk
	expect_equal "state" live "$(state)"
	holds 0 256
	[ $# -eq 0 ] || old_or_new "$@"
	put 8192 64 conv=fsync
	detach
	# what was never linked is counted still
	checked $disk 0 3
	attach -r -f qcow2 $disk
	holds 0 256
	holds 8192 64
	detach
}

# New mappings are to be committed.
of_a_commit()
{
	image_on_disk "$@"
	put 4096 256
	fails_for_good flush
	goes_on
	attached_again 4096 256
}

# Nothing is dirty but data.
of_data_alone()
{
	image_on_disk "$@"
	put 0 64
	fails_for_good flush
	goes_on
	attached_again
}

# A write that is to be durable when it completes.
of_a_write()
{
	image_on_disk "$@"
	fails_for_good put 4096 64 oflag=direct,dsync
	attached_again 4096 64
}

# That of the end: it must not be said that all is well.
of_a_detach()
{
	image_on_disk "$@"
	put 4096 64
	syncs_go_to $bad
	expect_fail 4 detach
	syncs_go_to "$loop"
	checked $disk 0 3
	attach -f qcow2 $disk
	holds 0 256
	detach
}

require dmsetup
modprobe -a loop dm-mod dm-delay dm-flakey
random_file "$T/source" 1M
make_disk
disk_is_as_meant
for part in of_a_commit of_data_alone of_a_write of_a_detach; do
	for cluster in 4k 64k; do
		echo "$part, clusters of $cluster (after $SECONDS s)"
		$part -o "cluster_size=$cluster"
	done
done
dmesg_clean
