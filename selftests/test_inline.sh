#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# Requests are handed to the file system below from within the task of whoever
# submits them: a file system's, with a transaction open; one that reclaims
# memory; one that has limits.  None of that may reach the lower file system.

. "$(dirname "$0")/lib/test.sh"

churn=$(built prog/churn)
eat=$(built prog/eat)
seed=${SEED-$RANDOM}
cgroup=/sys/fs/cgroup/qcow-inline

# with_little_memory MIB COMMAND...: so that it has to write back and reclaim
with_little_memory()
{
	local mib=$1
	shift

	echo "${mib}M" >$cgroup/memory.high
	(echo "$BASHPID" >$cgroup/cgroup.procs && exec "$@")
}

# --- File systems on file systems ---

# make TYPE DEVICE
make_upper()
{
	case $1 in
	ext4)	mkfs.ext4 -q -F "$2" ;;
	xfs)	mkfs.xfs -q -f "$2" ;;
	btrfs)	mkfs.btrfs -q -f "$2" >/dev/null 2>&1 ;;
	esac
}

# Everything at a time: random changes, a stream, and a cache that is dropped.
load()
{
	local drops stream

	mkdir upper/churn
	while sleep 0.5; do
		echo 1 >/proc/sys/vm/drop_caches
		sync -f upper
	done &
	drops=$!
	dd if=/dev/zero of=upper/stream bs=1M count=24 status=none &
	stream=$!
	with_little_memory 16 "$churn" upper/churn "$seed" "$(fewer 80)"
	wait $stream
	with_little_memory 8 cp upper/stream upper/copy
	kill $drops
	wait $drops || :
	rm upper/stream
	fstrim upper
	cp -r upper/churn upper/again
}

sums()
{
	(cd upper && find . -type f -print0 | sort -z | xargs -0 cksum)
}

upper_on_lower()
{
	echo "$1 on $2"
	rm -f disk.img
	truncate -s 320M disk.img
	attach disk.img
	make_upper "$1" "$DEV"
	mkdir -p upper
	mount "$DEV" upper
	load
	sums >before
	umount upper
	mount "$DEV" upper
	sums >after
	umount upper
	same before after
	case $1 in
	ext4)	e2fsck -f -n "$DEV" >/dev/null 2>&1 ;;
	xfs)	xfs_repair -n "$DEV" >/dev/null 2>&1 ;;
	btrfs)	btrfs check "$DEV" >/dev/null 2>&1 ;;
	esac || fail "$1 on $2 is damaged"
	detach
}

# --- The task's own limits, and the lower file system's state ---

file_size_limit()
{
	(
		ulimit -f 1
		dd if=source of="$DEV" bs=64k seek=8 oflag=direct status=none
	) || fail "the task's limit of file sizes stops its writes to the disk"
	cmp -i 524288:0 -n $((1 << 20)) "$DEV" source ||
		fail "written under a file size limit, and lost"
}

# Nothing may fail or wait in here before the file system is thawed again.
frozen_below()
{
	local writer reader stuck

	fsfreeze -f "$lower"
	dd if=source of="$DEV" bs=128k oflag=direct status=none &
	writer=$!
	sleep 1
	dd if="$DEV" of=/dev/null bs=64k count=4 skip=40 iflag=direct \
		status=none &
	reader=$!
	sleep 1
	stuck=$(cd /proc && ls -d $writer $reader 2>/dev/null) || :
	fsfreeze -u "$lower"
	wait $writer $reader
	expect_equal "a write waits, a read does not" "$writer" "$stuck"
	cmp -n $((1 << 20)) "$DEV" source || fail "the write was lost"
}

# --- Stacks of disks ---

loop_above_and_below()
{
	local loop below disk=$DEV

	loop=$(losetup -f --show --direct-io=on "$DEV")
	defer losetup -d "$loop"
	dd if=source of="$loop" bs=64k oflag=direct status=none
	same_start "$loop"
	below=$(losetup -f --show disk2.img)
	defer losetup -d "$below"
	attach -f raw "$below"
	dd if=source of="$DEV" bs=64k oflag=direct status=none
	same_start "$DEV"
	detach
	DEV=$disk
}

same_start()
{
	cmp -n $((1 << 20)) "$1" source || fail "$1 lost what was written"
}

dm_above()
{
	echo "0 $(blockdev --getsz "$DEV") linear $DEV 0" |
		dmsetup create qcow-test
	defer dmsetup remove --retry qcow-test
	mkfs.ext4 -q -F /dev/mapper/qcow-test
	mkdir -p upper
	mount /dev/mapper/qcow-test upper
	cp source upper/
	cp source upper/more
	umount upper
	mount /dev/mapper/qcow-test upper
	same source upper/source
	same source upper/more
	umount upper
}

# An image in a file system in an image in a file system in ...
images_on_images()
{
	local level folder=$lower

	for level in 1 2 3 4; do
		truncate -s $((160 - level * 30))M "$folder/level.img"
		attach "$folder/level.img"
		mkfs.ext4 -q "$DEV"
		folder=$T/level$level
		mkdir "$folder"
		mount "$DEV" "$folder"
		defer umount "$folder"
	done
	cp source "$folder/"
	dd if=source of="$folder/direct" bs=64k oflag=direct status=none
	"$churn" "$folder" "$seed" 60
	sync
	echo 3 >/proc/sys/vm/drop_caches
	same source "$folder/source"
	same source "$folder/direct"
}

swap_on_it()
{
	mkswap -q "$DEV"
	swapon "$DEV"
	echo 32M >$cgroup/memory.max
	with_little_memory 24 "$eat" 72 3
	echo max >$cgroup/memory.max
	[ "$(awk '/^pswpout/ { print $2 }' /proc/vmstat)" -gt 4000 ] ||
		fail "nothing was swapped out"
	swapoff "$DEV"
}

modprobe -a loop btrfs dm-mod
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir $cgroup
defer rmdir $cgroup
echo "seed $seed"

random_file "$T/source" 1M
for type in ext4 xfs btrfs; do
	scratch_fs $type 800
	lower=$FS
	cd "$lower"
	cp "$T/source" .
	for upper in ext4 xfs btrfs; do
		our_turn || continue
		upper_on_lower $upper $type
	done
	truncate -s 32M disk2.img
	truncate -s 128M disk3.img
	attach disk3.img
	file_size_limit
	frozen_below
	detach
done

attach disk3.img
for part in swap_on_it loop_above_and_below dm_above images_on_images; do
	echo "$part"
	$part
done
cd /
dmesg_clean
