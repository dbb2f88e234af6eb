#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# dmesg: EXT4-fs|XFS|qcow[0-9]+: detected capacity change
#
# qcowctl resize, on devices in use and on files: what is new reads zeros, what
# stays stays, snapshots keep their sizes, QEMU finds no fault.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

resize()
{
	"$QCOWCTL" resize "$@"
}

# new OPTIONS OF QEMU-IMG CREATE...: disk.qcow2, attached
new()
{
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 "$@"
	attach disk.qcow2
}

# put OFFSET-SECTORS SECTORS: from $T/random, at the same offset there
put()
{
	dd if="$T/random" of="$DEV" seek="$1" skip="$1" count="$2" \
		oflag=direct conv=notrunc status=none
}

# expect_size BYTES
expect_size()
{
	expect_equal "the size" "$1" "$(blockdev --getsize64 "$DEV")"
}

# zeros_from BYTE: to the end
zeros_from()
{
	local size

	size=$(blockdev --getsize64 "$DEV")
	cmp -n $(($size - $1)) -i "$1:0" "$DEV" /dev/zero ||
		fail "no zeros behind $1"
}

# Within a cluster, over it, to nothing and back.
sizes()
{
	new disk.qcow2 4000k
	put 0 8000
	expect_fail 4 resize "$DEV" 2M
	expect_says "--shrink"
	expect_fail 4 resize "$DEV" 1000001
	expect_says "no multiple of the sector size 512"
	expect_fail 4 resize "$DEV" 3000T
	expect_size 4096000
	resize "$DEV" +96k
	expect_size $((4096 << 10))
	cmp -n 4000k "$DEV" "$T/random"
	zeros_from 4096000
	resize --shrink "$DEV" $((1000 << 10 | 512))
	resize "$DEV" 6M
	cmp -n $((1000 << 10 | 512)) "$DEV" "$T/random"
	zeros_from $((1000 << 10 | 512))
	resize --shrink "$DEV" 0
	expect_size 0
	detach
	checked disk.qcow2
	resize disk.qcow2 4M
	attach disk.qcow2
	zeros_from 0
	put 1 3
	detach
	checked disk.qcow2
}

# Pages of what was cut off do not come back, where the device stays open.
cached_pages()
{
	new disk.qcow2 4M
	exec 9<>"$DEV"
	dd if="$T/random" of=/dev/fd/9 bs=1M count=4 status=none \
		conv=notrunc,fsync
	cmp -n 4M "$DEV" "$T/random"
	dd if="$T/random" of="$DEV" bs=4k seek=700 count=9 status=none \
		conv=notrunc
	resize "$DEV" 1M --shrink
	resize "$DEV" 4M
	zeros_from $((1 << 20))
	exec 9<&-
	detach
	checked disk.qcow2
}

# A file system would go on using what was cut off.
while_it_is_held()
{
	new disk.qcow2 16M
	mkfs.ext4 -q "$DEV"
	mount "$DEV" "$T/mnt"
	expect_fail 5 resize --shrink "$DEV" 8M
	expect_says "cannot become smaller while it is mounted or otherwise held"
	expect_size $((16 << 20))
	resize "$DEV" 24M
	umount "$T/mnt"
	echo 'size=4MiB' | sfdisk -q --label dos --wipe always "$DEV"
	udevadm settle
	mkfs.ext4 -q "${DEV}p1"
	mount "${DEV}p1" "$T/mnt"
	expect_fail 5 resize --shrink "$DEV" 8M
	umount "$T/mnt"
	resize --shrink "$DEV" 8M
	expect_size $((8 << 20))
	detach
	checked disk.qcow2
}

# Snapshots keep their sizes, and bring them back.
with_snapshots()
{
	new -o cluster_size=4k disk.qcow2 3M
	put 0 6000
	cat "$DEV" >large
	"$QCOWCTL" snapshot create "$DEV" large >/dev/null
	resize --shrink "$DEV" 1500k
	put 100 200
	cat "$DEV" >small
	"$QCOWCTL" snapshot create "$DEV" small >/dev/null
	resize "$DEV" 5M
	zeros_from $((1500 << 10))
	"$QCOWCTL" snapshot apply "$DEV" large >/dev/null
	expect_size $((3 << 20))
	same large "$DEV"
	"$QCOWCTL" snapshot apply "$DEV" small >/dev/null
	expect_size $((1500 << 10))
	same small "$DEV"
	resize "$DEV" 3M
	zeros_from $((1500 << 10))
	"$QCOWCTL" snapshot delete "$DEV" large >/dev/null
	detach
	checked disk.qcow2
	qemu-img snapshot -a small disk.qcow2
	reads_as small disk.qcow2
}

# What the backing file has behind the old end was never the disk's.
over_a_longer_one()
{
	new -o "$1" -b base.raw -F raw disk.qcow2 1000k
	cmp -n 1000k "$DEV" base.raw
	put 1 100
	cat "$DEV" >"$T/before"
	resize "$DEV" 3M
	cmp -n 1000k "$DEV" "$T/before"
	zeros_from $((1000 << 10))
	cat "$DEV" >"$T/after"
	detach
	checked disk.qcow2
	reads_as "$T/after" disk.qcow2
}

version_2()
{
	new -o compat=0.10 disk.qcow2 2M
	put 0 1000
	resize "$DEV" 3M
	resize "$DEV" -2M --shrink
	cmp -n 500k "$DEV" "$T/random"
	"$QCOWCTL" snapshot create "$DEV" one >/dev/null
	expect_fail 4 resize "$DEV" 2M
	expect_says "version 2"
	expect_size $((1 << 20))
	detach
	checked disk.qcow2
	new -o compat=0.10 -b base.raw -F raw disk.qcow2 1M
	expect_fail 4 resize "$DEV" 3M
	expect_says "version 2"
	detach
}

refusals()
{
	cp base.raw disk.raw
	attach disk.raw
	expect_fail 4 resize "$DEV" 8M
	expect_says "not qcow2"
	detach
	new disk.qcow2 1M
	detach
	attach -r disk.qcow2
	expect_fail 4 resize "$DEV" 8M
	expect_says "read-only"
	detach
	expect_fail 1 resize disk.qcow2
	expect_fail 1 resize disk.qcow2 -2M
}

grow()
{
	case $1 in
	ext4)	resize2fs "$DEV" ;;
	xfs)	xfs_growfs mnt ;;
	esac
}

# grows TYPE: a mounted file system, at once
grows()
{
	local before

	new disk.qcow2 320M
	"mkfs.$1" -q "$DEV"
	mkdir -p mnt
	mount "$DEV" mnt
	cp "$T/random" mnt/kept
	before=$(df --output=size mnt | tail -n 1)
	resize "$DEV" 480M
	grow "$1" >/dev/null 2>&1
	[ "$(df --output=size mnt | tail -n 1)" -gt $((before + 120000)) ] ||
		fail "$1 has not grown"
	cp "$T/random" mnt/new
	umount mnt
	mount "$DEV" mnt
	same "$T/random" mnt/kept
	same "$T/random" mnt/new
	umount mnt
	detach
	checked disk.qcow2
}

# Beside readers and writers, and killed at any instant.
under_load()
{
	local size load i

	new -o cluster_size=4k disk.qcow2 4M
	fio --name=load --filename="$DEV" --rw=randrw --bs=4k --size=1M \
		--direct=1 --ioengine=libaio --iodepth=8 --time_based \
		--runtime=12 >"$T/fio" 2>&1 &
	load=$!
	for i in {1..10}; do
		size=$(((1 << 20) + RANDOM % 8192 * 512))
		"$QCOWCTL" resize --shrink "$DEV" $size &
		sleep "0.0$i"
		[ $((i % 3)) -ne 0 ] || kill -9 $! 2>/dev/null || :
		wait $! || :
	done
	wait $load || fail "fio: $(cat "$T/fio")"
	detach
	checked disk.qcow2
}

# A disk of larger sectors has whole ones.
large_sectors()
{
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 disk.qcow2 4M
	attach --sector-size 4096 disk.qcow2
	expect_fail 4 resize "$DEV" $(((4 << 20) + 512))
	expect_says "multiple of the sector size 4096"
	expect_equal "its size" $((4 << 20)) "$(blockdev --getsize64 "$DEV")"
	resize "$DEV" $(((4 << 20) + 4096))
	detach
	checked disk.qcow2
	half_a_sector
}

# Nor does it become one that had half of one when the snapshot was made.
half_a_sector()
{
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 disk.qcow2 $(((4 << 20) + 512))
	qemu-img snapshot -c one disk.qcow2
	qemu-img resize -q disk.qcow2 8M
	attach --sector-size 4096 disk.qcow2
	expect_fail 4 "$QCOWCTL" snapshot apply "$DEV" one
	expect_says "no multiple of the sector size 4096"
	expect_equal "its size" $((8 << 20)) "$(blockdev --getsize64 "$DEV")"
	detach
	checked disk.qcow2
	attach disk.qcow2
	"$QCOWCTL" snapshot apply "$DEV" one
	expect_equal "its size" $(((4 << 20) + 512)) \
		"$(blockdev --getsize64 "$DEV")"
	detach
	checked disk.qcow2
}

require fio
random_file "$T/random" 4M
scratch_fs ext4 1024
cd "$FS"
random_file base.raw 2M
mkdir -p "$T/mnt"
for part in sizes cached_pages while_it_is_held with_snapshots \
	    "over_a_longer_one cluster_size=64k" \
	    "over_a_longer_one cluster_size=4k" \
	    "over_a_longer_one extended_l2=on" version_2 refusals large_sectors \
	    "grows ext4" "grows xfs" under_load
do
	echo "$part (after $SECONDS s)"
	$part
done
dmesg_clean
