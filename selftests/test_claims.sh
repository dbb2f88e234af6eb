#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# Small files that claim to be huge images: attaching one takes no longer than
# what is in the file is worth, can be killed, and costs memory for what is
# there, which the task that attaches it is charged for.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/leak.sh"
. "$(dirname "$0")/lib/write.sh"

# An emulated CPU is ten times slower than a real one, where 1 s is the limit.
limit=$((10000 * ${SLOW:-1}))
cluster=$((2 << 20))
cgroup=/sys/fs/cgroup/qcow-claims

# put_bytes FILE OFFSET: from stdin
put_bytes()
{
	dd of="$1" bs=64k seek="$2" oflag=seek_bytes conv=notrunc status=none
}

# number BYTES VALUE: big-endian, as text for printf %b
number()
{
	local hex at

	printf -v hex "%0$((2 * $1))x" "$2"
	for ((at = 0; at < 2 * $1; at += 2)); do
		printf '\\x%s' "${hex:at:2}"
	done
}

# put_number FILE OFFSET BYTES VALUE
put_number()
{
	printf '%b' "$(number "$3" "$4")" | put_bytes "$1" "$2"
}

# in_time WHAT: TOOK was not too long
in_time()
{
	echo "$1: $TOOK ms"
	[ "$TOOK" -le "$limit" ] || fail "$1 took $TOOK ms"
}

# --- Refcount blocks that count nothing ---

# The table leads to 2000 blocks of 2 MiB behind the image, which are holes.
make_blocks()
{
	local number hex text=''

	qemu-img create -q -f qcow2 -o cluster_size=2M "$1" 1G
	for ((number = 0; number < 2000; number++)); do
		printf -v hex %016x $(((100 + number) * cluster))
		text+="\\x${hex:0:2}\\x${hex:2:2}\\x${hex:4:2}\\x${hex:6:2}"
		text+="\\x${hex:8:2}\\x${hex:10:2}\\x${hex:12:2}\\x${hex:14:2}"
	done
	# behind the entry of the block that counts the image
	printf '%b' "$text" | put_bytes "$1" $((cluster + 8))
	truncate -s $((2100 * cluster)) "$1"
}

blocks()
{
	make_blocks blocks.qcow2
	milliseconds attach blocks.qcow2
	in_time "attach with 2000 blocks"
	dd if=source of="$DEV" bs=64k oflag=direct conv=fsync status=none
	cmp -n 65536 source "$DEV" || fail "what was written is not there"
	milliseconds detach
	in_time "detach"
	attach -r blocks.qcow2
	cmp -n 65536 source "$DEV" || fail "what was written is gone"
	detach
}

# The same on a disk, which has no holes, and which is slow: a read of all
# blocks would take minutes.
killed()
{
	local loop sectors=$((2100 * cluster / 512)) pid

	modprobe -a loop dm-mod dm-delay
	make_blocks slow.qcow2
	loop=$(losetup --find --show slow.qcow2)
	defer losetup -d "$loop"
	dmsetup create qcow-slow --table "0 $sectors delay $loop 0 100"
	# udev reads it, slowly
	defer dmsetup remove --retry qcow-slow
	defer udevadm settle --timeout=120
	"$QCOWCTL" attach -f qcow2 /dev/mapper/qcow-slow >attached 2>&1 &
	pid=$!
	sleep $((6 * ${SLOW:-1}))
	kill -KILL $pid 2>/dev/null || fail "no longer there: $(cat attached)"
	milliseconds wait $pid || :
	in_time "the end of a killed attach"
	expect_equal "devices" '' "$("$QCOWCTL" list --noheadings 2>&1)"
	expect_equal "users of the module" 0 "$(cat /sys/module/qcow/refcnt)"
}

# --- Snapshots ---

# As many as there can be, all alike, of an empty disk, and one at the end.
snapshots()
{
	qemu-img create -q -f qcow2 snapshots.qcow2 64M
	truncate -s 1M snapshots.qcow2
	# l1_table_offset, l1_size, lengths of id and name
	{
		printf '%b' "$(number 8 0)$(number 4 0)$(number 4 $((0x10001)))"
		# dates, the size of the VM's state, that of the extra data
		printf '%b' "$(number 8 0)$(number 8 0)$(number 4 0)$(number 4 24)"
		# that state again, the size of the disk, icount; id and name
		printf '%b' "$(number 8 0)$(number 8 0)$(number 8 0)1n$(number 6 0)"
	} >table
	expect_equal "bytes of an entry" 72 "$(stat -c %s table)"
	for _ in {1..16}; do
		cat table table >twice
		mv twice table
	done
	truncate -s -72 table
	head -c 64 table >last
	printf '2m\0\0\0\0\0\0' >>last
	cat last >>table
	put_bytes snapshots.qcow2 $((1 << 20)) <table
	put_number snapshots.qcow2 60 4 65536
	put_number snapshots.qcow2 64 8 $((1 << 20))
	milliseconds attach snapshots.qcow2
	in_time "attach with 65536 snapshots"
	detach
}

# --- Memory ---

charged()
{
	(echo "$BASHPID" >$cgroup/cgroup.procs && exec "$QCOWCTL" "$@")
}

# The largest disk there can be.
memory()
{
	local before grown

	qemu-img create -q -f qcow2 -o cluster_size=2M largest.qcow2 2E
	attach small.qcow2	# what the first device costs is not meant
	detach
	before=$(kernel_memory)
	DEV=$(charged attach largest.qcow2)
	defer detach_if_there "$DEV"
	grown=$(($(kernel_memory) - before))
	echo "2 EiB: $grown KiB; charged: $(cat $cgroup/memory.current) bytes"
	# the L1 table, as the file says it
	[ $grown -le $((48 << 10)) ] || fail "2 EiB cost $grown KiB"
	[ "$(cat $cgroup/memory.current)" -ge $((32 << 20)) ] ||
		fail "$(cat $cgroup/memory.current) bytes are charged"

	# Far from one another: each has a table of its own, and bits.
	for place in 0 1 100 $((1 << 20)) $(((1 << 22) - 1)); do
		dd if=source of="$DEV" bs=64k seek=$((place << 23)) \
			oflag=direct conv=notrunc status=none
	done
	sync "$DEV"
	for place in 0 1 100 $((1 << 20)) $(((1 << 22) - 1)); do
		dd if="$DEV" bs=64k skip=$((place << 23)) count=1 \
			iflag=direct status=none | cmp - source ||
			fail "what was written at $place is not there"
	done
	grown=$(($(kernel_memory) - before))
	echo "written at five places: $grown KiB"
	[ $grown -le $((64 << 10)) ] || fail "2 EiB cost $grown KiB"
	detach
	attach -r largest.qcow2
	for place in 0 1 100 $((1 << 20)) $(((1 << 22) - 1)); do
		dd if="$DEV" bs=64k skip=$((place << 23)) count=1 \
			iflag=direct status=none | cmp - source ||
			fail "what was written at $place is gone"
	done
	detach
	grown=$(($(kernel_memory) - before))
	echo "afterwards: $grown KiB"
	# the L1 table alone would be more; others have taken some MiB
	[ $grown -le $((24 << 10)) ] || fail "$grown KiB are left"
}

[ -b /dev/vda ] || skip "no scratch disk"
modprobe ext4
make_fs ext4 12288 /dev/vda
FS=$T/fs
mkdir "$FS"
mount /dev/vda "$FS"
defer umount "$FS"
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir $cgroup
defer rmdir $cgroup
cd "$FS"
random_file source 64K
qemu-img create -q -f qcow2 small.qcow2 64M
for part in blocks snapshots memory killed; do
	echo "$part (after $SECONDS s)"
	$part
done
dmesg_clean
