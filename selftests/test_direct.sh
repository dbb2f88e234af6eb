#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
#
# I/O on the image file is direct: nothing that is done to the disk leaves
# something in the page cache, where it would be in the way of the next write.

. "$(dirname "$0")/lib/test.sh"

cached()
{
	fincore -n -o PAGES "$1"
}

# Zeroes and holes that begin and end within blocks, in data; and data in them.
disturb()
{
	local at

	dd if="$T/source" of="$DEV" bs=64k oflag=direct conv=notrunc status=none
	for at in 512 66048 199680 330240; do
		blkdiscard -z -o $at -l 512 "$DEV"
		blkdiscard -z -o $((at + 1024)) -l 9728 "$DEV"
		fallocate -p -o $((at + 16384)) -l 7680 "$DEV"
		blkdiscard -o $((at + 32768)) -l 11264 "$DEV"
		dd if="$T/source" of="$DEV" bs=512 seek=$((at / 512 + 3)) \
			count=2 oflag=direct conv=notrunc status=none
	done
	sync "$DEV"
}

# stays_out LOWER ARGUMENTS OF QEMU-IMG CREATE
stays_out()
{
	local before lower=$1 disk=disk.$2
	shift

	qemu-img create -q -f "$@" "$disk" 1M
	attach --direct-io on "$disk"
	sync -f .
	echo 1 >/proc/sys/vm/drop_caches
	before=$(cached "$disk")
	disturb
	expect_equal "$lower, $*: pages in the cache" "$before" \
		"$(cached "$disk")"
	detach
	rm "$disk"
}

random_file "$T/source" 512K
for lower in "ext4 64 -b 1024" "ext4 64 -b 4096" "xfs 320"; do
	# shellcheck disable=SC2086 # a type, a size and options
	scratch_fs $lower
	cd "$FS"
	stays_out "$lower" raw
	stays_out "$lower" qcow2
	stays_out "$lower" qcow2 -o cluster_size=512
	stays_out "$lower" qcow2 -o extended_l2=on
	cd "$T"
done
dmesg_clean
