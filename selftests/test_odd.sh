#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Table entries that no program writes, but that say nothing wrong: a flag and
# no place.  What is written there goes to a cluster of its own.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

# big_endian FILE OFFSET: the number there
big_endian()
{
	echo $((0x$(od -A n -t x1 -j "$2" -N 8 "$1" | tr -d ' ')))
}

# put_entry FILE OFFSET: COPIED, at no place
put_entry()
{
	printf '\x80\0\0\0\0\0\0\0' |
		dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# l1 FILE: where its L1 table lies
l1()
{
	big_endian "$1" 40
}

# l2 FILE: where its first L2 table does
l2()
{
	echo $(($(big_endian "$1" "$(l1 "$1")") & 0xfffffffffffe00))
}

# written IMAGE INITIAL: at 64 KiB and on, also zeros and a discard
written()
{
	cp "$2" model
	attach "$1"
	dd if=source of="$DEV" bs=4k seek=16 count=5 oflag=direct \
		conv=notrunc status=none
	dd if=source of=model bs=4k seek=16 count=5 conv=notrunc status=none
	blkdiscard -z -o 90112 -l 4096 "$DEV"
	dd if=/dev/zero of=model bs=4k seek=22 count=1 conv=notrunc \
		status=none
	flush
	same model "$DEV"
	detach
	checked "$1"
	reads_as model "$1"
}

table_without_place()
{
	local options

	for options in cluster_size=4k cluster_size=64k,extended_l2=on; do
		qemu-img create -q -f qcow2 -o $options disk.qcow2 8M
		put_entry disk.qcow2 "$(l1 disk.qcow2)"
		written disk.qcow2 zeros
		rm disk.qcow2
		qemu-img create -q -f qcow2 -o $options -b base.raw -F raw \
			disk.qcow2
		put_entry disk.qcow2 "$(l1 disk.qcow2)"
		written disk.qcow2 base.raw
		rm disk.qcow2
	done
}

# The second cluster's entry; those of extended L2 are twice as long.
cluster_without_place()
{
	local options

	for options in cluster_size=64k cluster_size=64k,extended_l2=on; do
		qemu-img create -q -f qcow2 -o $options -b base.raw -F raw \
			disk.qcow2
		qemu-io -c 'write -P 1 0 64k' disk.qcow2 >/dev/null
		qemu-img convert -O raw disk.qcow2 initial
		case $options in
		*extended*) put_entry disk.qcow2 $(($(l2 disk.qcow2) + 16)) ;;
		*)	put_entry disk.qcow2 $(($(l2 disk.qcow2) + 8)) ;;
		esac
		written disk.qcow2 initial
		rm disk.qcow2
	done
}

scratch_fs ext4 256
cd "$FS"
random_file source 1M
random_file base.raw 8M
truncate -s 8M zeros
for part in table_without_place cluster_without_place; do
	echo "$part"
	$part
done
dmesg_clean
