#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# dmesg: EXT4-fs (error|warning)|XFS .*(shutdown|Shutting|log I/O error)|Aborting journal
#
# A device goes away at the worst of moments, or what it lies on does.
# Nothing hangs, nothing is lost that was written, and nothing stays behind.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/leak.sh"

# Those of devices and images, by either kernel's names; qcow-relief is the
# module's.
workers()
{
	# pgrep takes seconds here
	cat /proc/[0-9]*/comm 2>/dev/null |
		grep -E '(^|R-)qcow([0-9]|-image)' || :
}

# The image is closed a moment after the device went.
no_devices()
{
	local left try

	left=$(find /dev -maxdepth 1 -name 'qcow[0-9]*')
	[ -z "$left" ] || fail "$1: still there: $left"
	for try in {1..50}; do
		left=$(workers)
		[ -n "$left" ] || break
		sleep 0.1
	done
	[ -z "$left" ] || fail "$1: after $try looks, a worker of a device that is gone: $left"
	expect_equal "$1: users of the module" 0 \
		"$(cat /sys/module/qcow/refcnt)"
}

# gone DEVICE: within five seconds
gone()
{
	for _ in {1..50}; do
		[ -b "$1" ] || return 0
		sleep 0.1
	done
	fail "$1 is still there"
}

# Readers that do not mind.
start_readers()
{
	local device=$1

	for _ in 1 2 3; do
		while :; do
			dd if="$device" of=/dev/null bs=64k iflag=direct \
				status=none || sleep 0.05
		done 2>/dev/null &
		readers+=($!)
	done
}

stop_readers()
{
	kill "${readers[@]}"
	wait "${readers[@]}" || :
	readers=()
}

rounds_with_readers()
{
	local i

	start_readers /dev/qcow0
	for i in {1..8}; do
		"$QCOWCTL" attach -r $((i % 2)).qcow2 >device
		sleep 0.0$((RANDOM % 10))
		until "$QCOWCTL" detach "$(cat device)" 2>/dev/null; do
			"$QCOWCTL" detach --lazy "$(cat device)" 2>/dev/null ||
				break
		done
		gone "$(cat device)"
	done
	stop_readers
}

# Also explicitly, while the last close is doing it.
lazily()
{
	for _ in {1..8}; do
		"$QCOWCTL" attach -r 0.qcow2 >device
		exec 7<"$(cat device)"
		"$QCOWCTL" detach --lazy "$(cat device)"
		[ -b "$(cat device)" ] || fail "gone, and somebody has it open"
		expect_equal "lazy" 1 "$(cat /sys/block/qcow0/qcow/lazy)"
		dd bs=4k count=1 status=none <&7 >/dev/null
		"$QCOWCTL" detach "$(cat device)" 2>/dev/null &
		exec 7<&-
		wait $! || :
		gone "$(cat device)"
	done
}

partitions_open()
{
	attach parted.img
	udevadm settle
	[ -b "${DEV}p1" ] || fail "no partition"
	exec 7<"${DEV}p1"
	expect_fail 5 "$QCOWCTL" detach "$DEV"
	"$QCOWCTL" detach --lazy "$DEV"
	[ -b "${DEV}p1" ] || fail "a partition that is open was taken away"
	exec 7<&-
	gone "${DEV}p1"
	gone "$DEV"
}

# The image is closed a moment after the device went: who asks for it waits.
attached_again()
{
	for _ in {1..20}; do
		attach 0.qcow2
		exec 7<>"$DEV"
		"$QCOWCTL" detach --lazy "$DEV"
		dd if=/dev/urandom bs=64k count=16 status=none >&7
		exec 7>&-
		while [ -b "$DEV" ]; do
			:
		done
	done
	attach 0.qcow2
	detach
}

# The last unmount detaches, and all is in the image then.
# Whoever attaches while another one detaches is told that the device is there,
# or has it when it is gone; of locks that are about to go nobody speaks.
taken_over()
{
	local i next

	for ((i = 0; i < 20; i++)); do
		attach 0.qcow2
		"$QCOWCTL" detach "$DEV" &
		until next=$("$QCOWCTL" attach 0.qcow2 2>&1); do
			[[ $next != *"another process"* ]] || fail "$next"
		done
		wait $!
		"$QCOWCTL" detach "$next"
	done
}

mounted()
{
	attach fs.img
	mount "$DEV" mnt
	"$QCOWCTL" detach --lazy "$DEV"
	cp source mnt/file
	umount mnt
	gone "$DEV"
	attach -r fs.img
	mount -o ro,noload "$DEV" mnt
	same source mnt/file
	umount mnt
	detach
}

# What the shell says of the killed goes nowhere.
killed()
{
	timeout -s KILL "0.$(printf %03d $((RANDOM % 300)))" "$QCOWCTL" "$@" ||
		:
} >/dev/null 2>&1

killed_commands()
{
	for _ in {1..10}; do
		killed attach 0.img
		killed attach -r over.qcow2
		killed detach --all
	done
	"$QCOWCTL" detach --all
	no_devices "killed commands"
	# Nor are there locks of the dead.
	qemu-io -f raw -c 'write 0 512' 0.img >/dev/null
	qemu-io -c 'write 0 512' 0.qcow2 >/dev/null
}

# The module stays while it is used, and is not used without reason.
unloading()
{
	local unloader

	: >unloading
	while [ -e unloading ]; do
		rmmod qcow && load_module
	done 2>/dev/null &
	unloader=$!
	for _ in {1..10}; do
		if "$QCOWCTL" attach -r 0.qcow2 >device 2>/dev/null; then
			expect_fail 1 rmmod qcow
			dd if="$(cat device)" of=/dev/null bs=64k count=1 \
				status=none
			"$QCOWCTL" detach "$(cat device)"
		fi
	done
	rm unloading
	wait $unloader || :
	is_loaded || fail "the module did not come back"
}

numbers_are_used_again()
{
	local i

	for i in 0 1 2 3; do
		expect_equal "device" /dev/qcow$i "$("$QCOWCTL" attach -r 0.img)"
	done
	"$QCOWCTL" detach /dev/qcow2
	expect_equal "device" /dev/qcow2 "$("$QCOWCTL" attach -r 0.img)"
	"$QCOWCTL" detach --all
}

many_at_once()
{
	local i

	for i in {1..12}; do
		"$QCOWCTL" attach -r 1.qcow2 >/dev/null &
	done
	wait
	expect_equal "devices" 12 \
		"$("$QCOWCTL" list --noheadings | wc -l)"
	for i in {0..11}; do
		"$QCOWCTL" detach "/dev/qcow$i" &
	done
	wait
	no_devices "many at once"
}

# --- What lies below ---

full_below()
{
	scratch_fs "$1" "$2"
	truncate -s 640M "$FS/sparse.img"
	attach "$FS/sparse.img"
	expect_fail 1 dd if=/dev/zero of="$DEV" bs=1M oflag=direct
	expect_says "No space left"
	same_start zeros
	# Once there is room again it goes on.
	blkdiscard -o 16M -l 32M "$DEV"
	sync -f "$FS"
	dd if=source of="$DEV" bs=64k oflag=direct status=none
	same_start source
	detach
}

same_start()
{
	cmp -n 65536 "$1" "$DEV" || fail "the device does not begin as $1"
}

# shut_down_below TYPE: the file system stops all writing
shut_down_below()
{
	local status=0

	scratch_fs "$1" 400
	cp source "$FS/disk.img"
	attach "$FS/disk.img"
	fsync "$DEV"
	shut_down "$FS"
	expect_fail 1 dd if=source of="$DEV" bs=64k oflag=direct conv=fsync
	dd if="$DEV" of=/dev/null bs=64k count=1 iflag=direct status=none ||
		echo "reads fail as well"
	# That the end of it failed is told, but it is the end.
	"$QCOWCTL" detach "$DEV" || status=$?
	gone "$DEV"
}

fsync()
{
	dd if=/dev/null of="$1" conv=fsync,notrunc status=none
}

# The ioctl is XFS's, and ext4 has it too; not every xfs_io would ask it.
shut_down()
{
	perl -e 'open(my $folder, "<", $ARGV[0]) or die "$ARGV[0]: $!\n";
		my $how = pack("L", 2);
		ioctl($folder, 0x8004587d, $how) or die "$!\n"' "$1"
}

# Whoever attaches is not told the number, as it cannot be written where it is
# to go: then there is no device.
answer_is_lost()
{
	python3 - 0.qcow2 <<-'END' || fail "an attach without an answer"
	import ctypes, errno, mmap, os, struct, sys
	control = os.open("/dev/qcow-control", os.O_RDWR)
	image = os.open(sys.argv[1], os.O_RDONLY)
	layer = ctypes.create_string_buffer(
	    struct.pack("=iIiIQQ", image, 2, -1, 0, 0, 0))
	form = "=IIQIIQIIQQII64s"
	size = struct.calcsize(form)
	arg = mmap.mmap(-1, mmap.PAGESIZE)
	arg.write(struct.pack(form, size, 1, ctypes.addressof(layer), 1, 0, 0, 0,
	                      0, 0, 0, 0, 0, b""))
	libc = ctypes.CDLL(None, use_errno=True)
	at = ctypes.addressof(ctypes.c_char.from_buffer(arg))
	libc.mprotect(ctypes.c_void_p(at), mmap.PAGESIZE, 1)
	got = libc.ioctl(control, ctypes.c_ulong(3 << 30 | size << 16 | 0x5141),
	                 ctypes.c_void_p(at))
	assert got == -1 and ctypes.get_errno() == errno.EFAULT, got
	os._exit(0)
	END
}

# Cut off by somebody else: errors or zeros, but an end.
truncated_below()
{
	cp 1.qcow2 cut.qcow2
	cp source cut.img
	attach -r cut.qcow2
	truncate -s 70000 cut.qcow2
	dd if="$DEV" of=/dev/null bs=64k iflag=direct status=none || :
	detach
	attach cut.img
	truncate -s 4096 cut.img
	dd if="$DEV" of=/dev/null bs=64k iflag=direct status=none || :
	dd if=source of="$DEV" bs=64k oflag=direct status=none || :
	detach
	attach -r cut.img
	rm cut.img
	cmp -n 4096 source "$DEV"
	detach
}

# The disk below fails.
disk_fails()
{
	local sectors=65536

	echo "0 $sectors linear /dev/ram7 0" | dmsetup create qcow-test
	defer dmsetup remove --retry qcow-test
	attach -f raw /dev/mapper/qcow-test
	dd if=source of="$DEV" bs=64k oflag=direct status=none
	echo "0 $sectors error" | dmsetup load qcow-test
	dmsetup resume qcow-test
	expect_fail 1 dd if="$DEV" of=/dev/null bs=64k iflag=direct
	expect_says "Input/output error"
	expect_fail 1 dd if=source of="$DEV" bs=64k oflag=direct
	"$QCOWCTL" detach "$DEV" || :
	gone "$DEV"
}

# A leak grows with each round; what the system does beside us does not.
no_leak()
{
	local grew=yes try

	# There, KASAN keeps what was freed, and the suite looks for leaks itself.
	[ ! -e /sys/kernel/debug/kmemleak ] || { many_at_once; return; }
	for ((try = 0; try < 3 && ${#grew}; try++)); do
		memory_state before
		for _ in {1..6}; do
			many_at_once
		done
		memory_state after
		grew=$(memory_grew before after 1500)
	done
	[ -z "$grew" ] || fail "there is more with each round: $grew"
}

run()
{
	echo "$* (after $SECONDS s)"
	"$@"
	no_devices "$1"
}

readers=()
require python3
modprobe dm-mod
scratch_fs ext4 256
cd "$FS"
random_file source 1M
truncate -s 1M zeros
truncate -s 8M 0.img
for i in 0 1; do
	qemu-img create -q -f qcow2 -o cluster_size=4k $i.qcow2 8M
	qemu-io -c "write -P $i 0 5M" $i.qcow2 >/dev/null
done
qemu-img create -q -f qcow2 -b 0.qcow2 -F qcow2 over.qcow2
truncate -s 8M parted.img
echo 'size=4M' | sfdisk -q parted.img
truncate -s 16M fs.img
mkfs.ext4 -q fs.img
mkdir mnt

# Once for what stays allocated after the first time.
run rounds_with_readers
for part in lazily partitions_open attached_again taken_over mounted killed_commands \
	    numbers_are_used_again many_at_once; do
	run $part
done
run no_leak

run answer_is_lost
run unloading
run truncated_below
run disk_fails
run full_below ext4 48
run full_below xfs 320
run full_below btrfs 120
run shut_down_below ext4
run shut_down_below xfs
dmesg_clean
