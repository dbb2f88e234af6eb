#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Images that no program writes.  Table entries that say nothing wrong, a flag
# and no place: what is written there goes to a cluster of its own.  And images
# whose refcounts are wrong, or gone: nothing is lost by using them.
#
# dmesg: corrupt L2 entry|using the metadata failed \(-117\)

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

# put_number FILE OFFSET BYTES NUMBER: big-endian
put_number()
{
	printf "%0$(($3 * 2))x" "$4" | xxd -r -p |
		dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# refblock FILE: where its first refcount block lies
refblock()
{
	big_endian "$1" "$(big_endian "$1" 48)"
}

# An interrupted copy: what its last refcount blocks count is not free.
refcounts_cut_off()
{
	qemu-img create -q -f qcow2 -o cluster_size=512 disk.qcow2 8M
	qemu-io -c 'write -P 1 0 4M' disk.qcow2 >/dev/null
	truncate -s $(($(stat -c %s disk.qcow2) / 2)) disk.qcow2
	cp disk.qcow2 before
	expect_fail 4 "$QCOWCTL" attach -f qcow2 disk.qcow2
	expect_says "behind the end of the file"
	same before disk.qcow2
	attach -r -f qcow2 disk.qcow2
	dd if="$DEV" bs=64k count=4 iflag=direct status=none |
		cmp - <(head -c 256k /dev/zero | tr '\0' '\1')
	detach
	rm disk.qcow2
}

# A cluster that disk and snapshot have, counted once: the snapshot does not
# take it along when it goes.
counted_too_little()
{
	qemu-img create -q -f qcow2 disk.qcow2 8M
	qemu-io -c 'write -P 1 0 64k' disk.qcow2 >/dev/null
	qemu-img snapshot -c one disk.qcow2
	put_number disk.qcow2 $(($(refblock disk.qcow2) + 2 *
		(($(big_endian disk.qcow2 "$(l2 disk.qcow2)") &
		0xfffffffffffe00) >> 16))) 2 1
	cp disk.qcow2 before
	attach -f qcow2 disk.qcow2
	expect_fail 4 "$QCOWCTL" snapshot delete "$DEV" one
	expect_says "in use more often than it is counted"
	detach
	both qemu-img compare -q before disk.qcow2 || fail "the disk has changed"
	"$QCOWCTL" check -q -r all disk.qcow2 >/dev/null
	"$QCOWCTL" snapshot delete disk.qcow2 one
	checked disk.qcow2
	both qemu-img compare -q before disk.qcow2 || fail "the disk has changed"
	rm disk.qcow2
}

# An entry that is not COPIED and leads to the L1 table: given up, it would take
# that along.
leads_to_metadata()
{
	local how

	for how in "dd if=source bs=4k count=1 oflag=direct status=none of=" \
		"blkdiscard -o 0 -l 65536 "; do
		qemu-img create -q -f qcow2 disk.qcow2 8M
		qemu-io -c 'write -P 1 0 128k' disk.qcow2 >/dev/null
		put_number disk.qcow2 "$(l2 disk.qcow2)" 8 "$(l1 disk.qcow2)"
		attach -f qcow2 disk.qcow2
		eval "$how$DEV" 2>/dev/null || :
		sync "$DEV" 2>/dev/null || :
		sleep 0.2
		expect_equal "state" degraded \
			"$(cat "/sys/block/${DEV#/dev/}/qcow/state")"
		"$QCOWCTL" detach "$DEV" 2>/dev/null || :
		qemu-img info disk.qcow2 | grep -q 'corrupt: true' ||
			fail "it is not marked corrupt"
		"$QCOWCTL" attach -r -f qcow2 disk.qcow2 >"$T/dev"
		dd if="$(cat "$T/dev")" bs=64k skip=1 count=1 iflag=direct \
			status=none | cmp - \
			<(head -c 64k /dev/zero | tr '\0' '\1')
		"$QCOWCTL" detach "$(cat "$T/dev")"
		rm disk.qcow2
	done
}

scratch_fs ext4 256
cd "$FS"
random_file source 1M
random_file base.raw 8M
truncate -s 8M zeros
for part in table_without_place cluster_without_place refcounts_cut_off \
	counted_too_little leads_to_metadata; do
	echo "$part"
	$part
done
dmesg_clean
