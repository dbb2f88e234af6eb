#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
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

# io LAYER: 1 if it is direct
io()
{
	cat "/sys/block/${DEV#/dev/}/qcow_chain/layer$1_direct_io"
}

# Required is required, also of a file that is there for somebody else already.
shared_base()
{
	local first

	qemu-img create -q -f qcow2 base.qcow2 1M
	qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
	first=$("$QCOWCTL" attach -r --direct-io off base.qcow2)
	attach --direct-io on top.qcow2
	expect_equal "the base, when asked for" "1 1" "$(io 0) $(io 1)"
	detach
	attach top.qcow2
	expect_equal "the base, when not" "1 0" "$(io 0) $(io 1)"
	detach
	"$QCOWCTL" detach "$first"
	qemu-img snapshot -c one base.qcow2
	first=$("$QCOWCTL" attach --direct-io on base.qcow2)
	expect_fail 4 "$QCOWCTL" attach -r --direct-io off --snapshot one \
		base.qcow2
	expect_says "with direct I/O"
	"$QCOWCTL" attach -r --snapshot one base.qcow2 >/dev/null
	"$QCOWCTL" detach --all
	rm base.qcow2 top.qcow2
}

# Where direct I/O takes 4096 bytes, and less than that is allocated at a time.
coarse()
{
	local loop options

	modprobe loop
	truncate -s 64M "$T/4k"
	loop=$(losetup -b 4096 -f --show "$T/4k")
	defer losetup -d "$loop"
	mkfs.ext4 -q "$loop"
	mkdir "$T/coarse"
	mount "$loop" "$T/coarse"
	defer umount "$T/coarse"
	cd "$T/coarse"
	for options in extended_l2=on,cluster_size=16k \
		extended_l2=on,cluster_size=64k cluster_size=512 \
		cluster_size=512,data_file=data; do
		rm -f disk data
		qemu-img create -q -f qcow2 -o $options disk 1M
		qemu-io -c 'write -P 1 512 512' -c 'write -P 2 70k 10k' disk \
			>/dev/null
		qemu-img convert -O raw disk model
		attach -f qcow2 --sector-size 4096 disk
		dd if="$T/source" of="$DEV" bs=4k count=30 seek=5 \
			oflag=direct conv=notrunc status=none
		dd if="$T/source" of=model bs=4k count=30 seek=5 conv=notrunc \
			status=none
		same model "$DEV"
		detach
		both qemu-img check -q disk
		both qemu-img compare -q -f qcow2 -F raw disk model ||
			fail "$options: QEMU reads something else"
	done
	cd "$T"
}

random_file "$T/source" 512K
coarse
for lower in "ext4 64 -b 1024" "ext4 64 -b 4096" "xfs 320"; do
	# shellcheck disable=SC2086 # a type, a size and options
	scratch_fs $lower
	cd "$FS"
	stays_out "$lower" raw
	stays_out "$lower" qcow2
	stays_out "$lower" qcow2 -o cluster_size=512
	stays_out "$lower" qcow2 -o extended_l2=on
	shared_base
	cd "$T"
done
dmesg_clean
