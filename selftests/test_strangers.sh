#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# Somebody is stuck: a disk that does not answer below an image that is attached,
# detached or changed, or a writer who does not get on.  All others go on.

. "$(dirname "$0")/lib/test.sh"

# others N: N times an image that has nothing to do with it comes and goes, and
# is asked for
others()
{
	local i device

	for ((i = 0; i < $1; i++)); do
		device=$(timeout 20 "$QCOWCTL" attach other.qcow2) ||
			fail "attach number $i of another image hangs or fails"
		timeout 20 "$QCOWCTL" list >/dev/null ||
			fail "the list hangs or fails"
		timeout 20 "$QCOWCTL" snapshot create "$device" "s$i" \
			>/dev/null || fail "snapshot $i of another image"
		timeout 20 "$QCOWCTL" snapshot delete "$device" "s$i" \
			>/dev/null || fail "snapshot $i of another image"
		timeout 20 "$QCOWCTL" detach "$device" ||
			fail "detach number $i of another image hangs or fails"
	done
}

# asleep PROCESS: it does not end by itself
asleep()
{
	sleep 1
	kill -0 "$1" 2>/dev/null || fail "it did not wait"
}

# A disk of its own for an image, which can be suspended.
make_stuck()
{
	truncate -s 64M stuck.disk
	modprobe loop
	loop=$(losetup --find --show --direct-io=off stuck.disk)
	defer losetup -d "$loop"
	dmsetup create stuck --table "0 131072 linear $loop 0"
	defer dmsetup remove stuck
	mkfs.ext4 -q /dev/mapper/stuck
	mkdir stuck
	mount /dev/mapper/stuck stuck
	defer umount "$FS/stuck"
	qemu-img create -q -f qcow2 stuck/disk.qcow2 8M
	qemu-img create -q -f qcow2 stuck/second.qcow2 8M
	sync -f stuck
	# qcowctl reads in the page cache; the driver goes to the disk
	cat stuck/*.qcow2 >/dev/null
}

# Until it is resumed, at the latest when the test has failed.
get_stuck()
{
	udevadm settle
	dmsetup suspend --noflush --nolockfs stuck
	defer dmsetup resume stuck
}

# Sets DEV, with writes that have to get to the disk of the image.
attach_what_gets_stuck()
{
	attach stuck/disk.qcow2
	dd if=/dev/urandom of="$DEV" bs=64k count=16 oflag=direct status=none
	get_stuck
}

# Nothing comes from the disk of the image that is attached.
attach_hangs()
{
	local waiting

	get_stuck
	"$QCOWCTL" attach stuck/second.qcow2 >attached &
	waiting=$!
	asleep $waiting
	others 5
	dmsetup resume stuck
	wait $waiting || fail "the attach failed: $(cat attached)"
	detach "$(cat attached)"
}

# Nothing goes to the disk of the image that is detached.
detach_hangs()
{
	local waiting

	attach_what_gets_stuck
	"$QCOWCTL" detach "$DEV" &
	waiting=$!
	asleep $waiting
	others 5
	dmsetup resume stuck
	wait $waiting || fail "the detach failed"
	qemu-img check -q stuck/disk.qcow2
}

# Whoever detaches has waited enough: the detach goes on.
detach_is_killed()
{
	local waiting

	attach_what_gets_stuck
	"$QCOWCTL" detach "$DEV" 2>/dev/null &
	waiting=$!
	asleep $waiting
	kill -9 $waiting
	for _ in {1..50}; do
		kill -0 $waiting 2>/dev/null || break
		sleep 0.1
	done
	! kill -0 $waiting 2>/dev/null || fail "it cannot be killed"
	wait $waiting || :
	dmsetup resume stuck
	for _ in {1..50}; do
		"$QCOWCTL" attach stuck/disk.qcow2 >attached 2>&1 && break
		sleep 0.2
	done
	detach "$(cat attached)"
	qemu-img check -q stuck/disk.qcow2
}

# A snapshot, whose commit does not come to an end.
snapshot_hangs()
{
	local waiting

	attach_what_gets_stuck
	"$QCOWCTL" snapshot create "$DEV" one >/dev/null &
	waiting=$!
	asleep $waiting
	others 5
	dmsetup resume stuck
	wait $waiting || fail "the snapshot failed"
	detach
	qemu-img check -q stuck/disk.qcow2
}

# The file system on the disk cannot be frozen.
freeze_hangs()
{
	local writer waiting

	qemu-img create -q -f qcow2 frozen.qcow2 64M
	attach frozen.qcow2
	mkfs.ext4 -q "$DEV"
	mkdir -p mnt
	mount "$DEV" mnt
	"$(built prog/stuckwrite)" mnt/file >begins &
	writer=$!
	for _ in {1..50}; do
		[ ! -s begins ] || break
		sleep 0.1
	done
	sleep 0.5
	"$QCOWCTL" snapshot create --freeze-timeout 4 "$DEV" one >said 2>&1 &
	waiting=$!
	asleep $waiting
	others 2
	wait $waiting && fail "a snapshot without a freeze"
	grep -q "could not be frozen in 4000 ms" said ||
		fail "it says: $(cat said)"
	expect_fail 5 "$QCOWCTL" snapshot create "$DEV" one
	expect_says "an earlier attempt to freeze"
	kill -9 $writer
	wait $writer || :
	for _ in {1..50}; do
		"$QCOWCTL" snapshot create "$DEV" one >said 2>&1 && break
		sleep 0.2
	done
	timeout 20 touch mnt/another || fail "the file system is not thawed"
	umount mnt
	detach
	qemu-img snapshot -l frozen.qcow2 | grep -q one ||
		fail "no snapshot: $(cat said)"
	qemu-img check -q frozen.qcow2
}

# The disk is detached, and only a snapshot of it stays attached.
again_beside_a_snapshot()
{
	local disk snapshot

	qemu-img create -q -f qcow2 again.qcow2 8M
	random_file first 1M
	random_file next 1M
	attach again.qcow2
	disk=$DEV
	dd if=first of="$disk" bs=64k oflag=direct status=none
	"$QCOWCTL" snapshot create "$disk" one >/dev/null
	attach -r --snapshot one again.qcow2
	snapshot=$DEV
	detach "$disk"
	attach again.qcow2
	dd if=next of="$DEV" bs=64k oflag=direct status=none
	cmp -n 1M "$DEV" next
	cmp -n 1M "$snapshot" first
	expect_fail 5 "$QCOWCTL" attach again.qcow2
	detach "$DEV"
	attach -r again.qcow2
	cmp -n 1M "$DEV" next
	detach "$DEV"
	detach "$snapshot"
	qemu-img check -q again.qcow2
}

scratch_fs ext4 512
cd "$FS"
qemu-img create -q -f qcow2 other.qcow2 8M
make_stuck
for part in attach_hangs detach_hangs detach_is_killed snapshot_hangs \
	    freeze_hangs again_beside_a_snapshot; do
	echo "$part (after $SECONDS s)"
	$part
done
dmesg_clean
