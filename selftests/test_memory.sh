#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 800
# long-timeout: 1500
#
# A machine that has almost no memory left, and gets more only by writing to
# qcow2 images: its swap lies on one, a file system with dirty pages on
# another.  Nobody hangs, and all that comes back is what went.  Fifteen seconds,
# with LONG set two minutes and more for each part.
#
# Always, the processes are short of memory; with LONG set, the whole machine is,
# and then neither image has any cluster allocated before.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

eat=$(built prog/eat)
cgroup=/sys/fs/cgroup/qcow-memory
seconds=${LONG:+130}
seconds=${seconds:-15}
leave=160	# MiB

scratch_disk()
{
	[ -b /dev/vda ] || skip "no scratch disk"
	modprobe ext4
	make_fs ext4 8192 /dev/vda
	FS=$T/fs
	mkdir "$FS"
	mount /dev/vda "$FS"
	defer umount "$FS"
}

available()
{
	awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo
}

# What lies in a ramfs can go nowhere.
small_machine()
{
	mkdir "$T/ram"
	mount -t ramfs none "$T/ram"
	defer umount "$T/ram"
	sync
	echo 3 >/proc/sys/vm/drop_caches
	dd if=/dev/zero of="$T/ram/ballast" bs=1M \
		count=$(($(available) - leave)) status=none
	echo "$(available) MiB are left"
}

# pages NAME: of /proc/vmstat
pages()
{
	awk -v name="$1" '$1 == name { print $2 }' /proc/vmstat
}

# swap_on IMAGE [OPTION OF SWAPON]
swap_on()
{
	attach -f qcow2 "$1"
	swap=$DEV
	mkswap "$swap" >/dev/null
	swapon "${@:2}" "$swap"
	defer swap_off "$swap"
}

swap_off()
{
	! grep -q "^$1 " /proc/swaps || swapoff "$1"
}

mount_upper()
{
	attach -f qcow2 fs.qcow2
	upper=$DEV
	mkfs.ext4 -q -F "$upper"
	mkdir -p "$FS/upper"
	mount -o discard "$upper" upper
	defer unmount_upper
}

unmount_upper()
{
	! mountpoint -q "$FS/upper" || umount "$FS/upper"
}

# More than there is.
swap_for_a_while()
{
	local end=$((SECONDS + seconds)) rounds=0

	while [ $SECONDS -lt $end ]; do
		"$eat" $((leave + 64)) 1 || fail "memory is not what it was"
		rounds=$((rounds + 1))
	done
	echo "$rounds times more memory than there is"
}

text()
{
	yes "round $1 of what is written and read back" | head -c 96M || :
}

write_for_a_while()
{
	local end=$((SECONDS + seconds)) round=0

	while [ $SECONDS -lt $end ]; do
		text $round >upper/stream.$((round % 3))
		if [ $round -ge 2 ]; then
			cmp upper/stream.$(((round - 2) % 3)) \
				<(text $((round - 2))) ||
				fail "what was written is not what was read"
		fi
		round=$((round + 1))
	done
	echo "$round files"
}

# at_least WHAT PAGES SINCE: otherwise memory was not short
at_least()
{
	local got=$(($(pages "$1") - $3))

	echo "$1: $got pages"
	[ $got -ge "$2" ] || fail "$1: $got pages only"
}

swapping()
{
	local before

	before=$(pages pswpout)
	swap_for_a_while
	at_least pswpout 15000 "$before"
}

writing_back()
{
	local before

	before=$(pages pgpgout)
	write_for_a_while
	at_least pgpgout 60000 "$before"
}

both()
{
	local writer

	(trap - EXIT && write_for_a_while) &
	writer=$!
	swap_for_a_while
	wait $writer || fail "the writer"
}

# The processes are confined, not the machine.
in_a_group()
{
	local end=$((SECONDS + seconds))

	while [ $SECONDS -lt $end ]; do
		confined "$eat" 48 1 &
		confined dd if=/dev/zero of=upper/stream.0 bs=1M count=48 \
			status=none
		wait $! || fail "memory is not what it was"
		rm upper/stream.0
	done
}

confined()
{
	(echo "$BASHPID" >$cgroup/cgroup.procs && exec "$@")
}

whole_machine()
{
	local part

	qemu-img create -q -f qcow2 swap.qcow2 512M
	swap_on swap.qcow2
	small_machine
	for part in swapping writing_back both; do
		echo "$part (after $SECONDS s)"
		$part
	done
	rm "$T/ram/ballast"
	swap_off "$swap"
	detach "$swap"
	checked swap.qcow2
}

make_group()
{
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $cgroup
	defer rmdir $cgroup
	echo 24M >$cgroup/memory.high
}

scratch_disk
cd "$FS"
qemu-img create -q -f qcow2 thin.qcow2 512M
qemu-img create -q -f qcow2 -o cluster_size=4k fs.qcow2 1G
make_group
mount_upper

swap_on thin.qcow2 -d
echo "in_a_group (after $SECONDS s)"
in_a_group
expect_fail 5 "$QCOWCTL" snapshot create "$swap" now
expect_says "swap lies on it"
swap_off "$swap"
"$QCOWCTL" snapshot create "$swap" now
detach "$swap"
checked thin.qcow2

[ -z "${LONG-}" ] || whole_machine
unmount_upper
e2fsck -f -n "$upper" >/dev/null 2>&1 || fail "the upper one is damaged"
detach "$upper"
checked fs.qcow2
cd "$T"
dmesg_clean
