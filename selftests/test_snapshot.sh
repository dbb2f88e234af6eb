#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 800
# dmesg: EXT4-fs|XFS
#
# qcowctl snapshot, on devices in use and on files: QEMU and the driver take
# each other's snapshots for their own, what must not be done is refused, and
# nothing is lost where one cannot be made.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

snapshot()
{
	"$QCOWCTL" snapshot "$@"
}

# put OFFSET-KIB KIB: from $T/random, at the same offset there
put()
{
	dd if="$T/random" of="$DEV" bs=1k seek="$1" skip="$1" count="$2" \
		oflag=direct conv=notrunc,fsync iflag=fullblock status=none
}

# new OPTIONS OF QEMU-IMG CREATE...: disk.qcow2, attached
new()
{
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 "$@"
	attach disk.qcow2
}

# snapshot_is NAME FILE: by QEMU's reading
snapshot_is()
{
	qemu-img convert -U -O raw -l "$1" disk.qcow2 "$T/raw"
	cmp -n "$(stat -c %s "$2")" "$T/raw" "$2" ||
		fail "$1 is not what $2 was"
}

# names: as QEMU lists them
names()
{
	qemu-img snapshot -U -l disk.qcow2 | awk 'NR > 2 { print $1 ":" $2 }' |
		paste -sd ' '
}

# --- Who may do what ---

refusals()
{
	new disk.qcow2 4M
	put 0 512
	snapshot create "$DEV" one
	put 256 512
	snapshot create disk.qcow2 two
	expect_equal "the list" "1:one 2:two" "$(names)"

	expect_fail 5 snapshot create "$DEV" one
	expect_says "there is a snapshot 'one' already"
	expect_fail 4 snapshot delete "$DEV" three
	expect_says "no snapshot 'three'"
	expect_fail 4 snapshot apply "$DEV" three
	expect_fail 1 snapshot create "$DEV" ''
	expect_fail 4 snapshot create "$DEV" "$(printf '%0256d' 0)"
	expect_fail 4 snapshot create text one
	while_it_is_open
	while_it_is_attached
	detach
	checked disk.qcow2
}

while_it_is_open()
{
	cat "$DEV" >now
	exec 9<"$DEV"
	expect_fail 5 snapshot apply "$DEV" one
	expect_says "open by process $$"
	same now "$DEV"
	snapshot apply --force "$DEV" one
	cat "$DEV" >one.raw
	exec 9<&-
	snapshot_is one one.raw
	snapshot apply "$DEV" 2
	same now "$DEV"
}

while_it_is_attached()
{
	local disk=$DEV

	attach -r --snapshot one disk.qcow2
	expect_fail 5 snapshot delete "$disk" one
	expect_says "'one' is attached"
	expect_fail 4 snapshot create "$DEV" three
	cat "$DEV" >one.raw
	snapshot delete "$disk" 2
	snapshot apply "$disk" one
	same one.raw "$DEV"
	same one.raw "$disk"
	detach
	snapshot delete "$disk" one
	expect_equal "the list" "" "$(names)"
	DEV=$disk
	same one.raw "$DEV"
}

# --- QEMU's and ours ---

theirs_and_ours()
{
	new -o cluster_size=4k disk.qcow2 4M
	put 0 1024
	snapshot create "$DEV" ours
	cp "$DEV" ours.raw
	put 1500 1000
	detach
	# its end is no multiple of eight, and the file ends with it
	qemu-img snapshot -c 'of QEMU' disk.qcow2
	qemu-img convert -O raw disk.qcow2 theirs.raw
	qemu-img snapshot -a ours disk.qcow2
	both qemu-img compare -q -f raw ours.raw disk.qcow2

	attach disk.qcow2
	put 3000 500
	snapshot apply "$DEV" 'of QEMU'
	same theirs.raw "$DEV"
	snapshot create "$DEV" third
	snapshot delete "$DEV" 'of QEMU'
	snapshot_is ours ours.raw
	detach
	expect_equal "the list" "1:ours 3:third" "$(names)"
	checked disk.qcow2
	qemu-img snapshot -d ours disk.qcow2
	checked disk.qcow2
	snapshot_is third theirs.raw
	on_a_file
}

on_a_file()
{
	snapshot create disk.qcow2 fourth
	qemu-img snapshot -d third disk.qcow2
	snapshot apply disk.qcow2 fourth
	snapshot delete disk.qcow2 4
	[ -z "$(names)" ] || fail "$(names) is left"
	[ -z "$(find /sys/block -name 'qcow*')" ] || fail "a device is left"
	checked disk.qcow2
	reads_as theirs.raw disk.qcow2
}

# entry: the first one of the snapshot table, in hexadecimal
entry()
{
	python3 - disk.qcow2 <<-'PYTHON'
	import struct, sys
	f = open(sys.argv[1], "rb")
	f.seek(64)
	at, = struct.unpack(">Q", f.read(8))
	f.seek(at)
	head = f.read(40)
	n = struct.unpack(">HH", head[12:16])
	extra, = struct.unpack(">I", head[36:40])
	print((head + f.read(extra + sum(n))).hex())
	PYTHON
}

# Of a later version: 24 bytes of extra data that we know, 16 that we do not.
add_extra_data()
{
	python3 - disk.qcow2 <<-'PYTHON'
	import struct, sys
	f = open(sys.argv[1], "r+b")
	f.seek(64)
	at, = struct.unpack(">Q", f.read(8))
	f.seek(at)
	entry = f.read(200)
	f.seek(at)
	f.write(entry[:36] + struct.pack(">I", 40) + entry[40:64] +
	        b"from the future!" + entry[64:])
	PYTHON
}

extra_data()
{
	new disk.qcow2 4M
	put 0 100
	snapshot create "$DEV" first
	detach
	add_extra_data
	before=$(entry)
	attach disk.qcow2
	snapshot create "$DEV" second
	snapshot create "$DEV" third
	snapshot delete "$DEV" second
	snapshot apply "$DEV" first
	detach
	expect_equal "an entry with unknown extra data" "$before" "$(entry)"
	expect_equal "the list" "1:first 3:third" "$(names)"
	checked disk.qcow2
}

# QEMU with nothing in it has a state all the same.
vm_state()
{
	local before

	new disk.qcow2 4M
	put 0 1000
	cp "$DEV" state.raw
	detach
	printf 'savevm running\nquit\n' | qemu-system-x86_64 -M none \
		-nodefaults -display none -monitor stdio \
		-drive if=none,file=disk.qcow2,id=disk >"$T/log"
	grep -q . "$T/log"
	before=$(entry)
	attach disk.qcow2
	put 100 2000
	snapshot create "$DEV" later
	snapshot apply "$DEV" running
	same state.raw "$DEV"
	put 300 500
	snapshot create "$DEV" last
	snapshot delete "$DEV" later
	detach
	expect_equal "the entry" "$before" "$(entry)"
	checked disk.qcow2
	printf 'loadvm running\ninfo block\nquit\n' | qemu-system-x86_64 \
		-M none -nodefaults -display none -monitor stdio \
		-drive if=none,file=disk.qcow2,id=disk >"$T/log" 2>&1
	! grep -i error "$T/log" || fail "QEMU does not load its state"
	checked disk.qcow2
	reads_as state.raw disk.qcow2
}

# An old snapshot that does not tell its disk's size, of a disk that grew.
shorter_table()
{
	new -o compat=0.10 disk.qcow2 4M
	put 0 1000
	snapshot create "$DEV" old
	detach
	python3 - disk.qcow2 <<-'PYTHON'
	import struct, sys
	f = open(sys.argv[1], "r+b")
	f.seek(64)
	at, = struct.unpack(">Q", f.read(8))
	f.seek(at)
	entry = f.read(200)
	f.seek(at)
	f.write(entry[:36] + struct.pack(">I", 0) + entry[64:] + bytes(24))
	f.seek(24)
	f.write(struct.pack(">Q", 1 << 40))
	f.seek(36)
	f.write(struct.pack(">I", 2048))
	PYTHON
	checked disk.qcow2
	attach disk.qcow2
	put 2000 1000
	snapshot apply "$DEV" old
	cmp -n 1000k "$DEV" "$T/random"
	dd if="$DEV" bs=64k skip=$((1023 << 14)) count=16 status=none |
		cmp -n 1M - /dev/zero
	put 500 10
	detach
	checked disk.qcow2
}

# --- A file system on it ---

# live MKFS-COMMAND...: a snapshot of a mounted partition under load
live()
{
	local load pause

	new disk.qcow2 360M
	echo 'start=2048' | sfdisk -q --label dos "$DEV"
	udevadm settle
	"$@" "${DEV}p1" >/dev/null
	mkdir -p mnt
	mount "${DEV}p1" mnt
	dd if="$T/random" of=mnt/kept conv=fsync status=none
	fio --name=load --directory=mnt --rw=randwrite --bs=4k --size=8M \
		--fsync=8 --ioengine=psync --time_based --runtime=200 \
		>/dev/null 2>&1 &
	load=$!
	until [ -s mnt/load.0.0 ]; do
		kill -0 $load || fail "fio ended"
		sleep 0.2
	done
	sleep 1
	pause=$(snapshot create "$DEV" under-load)
	echo "$1: $pause"
	[[ $pause == *"stood still for"* ]] || fail "no pause in: $pause"
	sleep 1
	fsfreeze -f mnt
	snapshot create "$DEV" frozen-by-hand
	fsfreeze -u mnt
	snapshot delete "$DEV" frozen-by-hand
	kill $load
	wait $load || :
	umount mnt
	whole_in_snapshot "${1#mkfs.}"
	fits "${1#mkfs.}" "${DEV}p1"
	detach
	checked disk.qcow2
}

# fits TYPE PARTITION: nothing to repair
fits()
{
	case $1 in
	ext4)	OUT=$(e2fsck -fn "$2" 2>&1) ;;
	xfs)	OUT=$(xfs_repair -n "$2" 2>&1) ;;
	esac || fail "$1 is damaged: $OUT"
}

# No journal to replay: what it holds is whole.
whole_in_snapshot()
{
	local disk=$DEV

	attach -r --snapshot under-load disk.qcow2
	udevadm settle
	case $1 in
	ext4)	fits ext4 "${DEV}p1"
		OUT=$(dumpe2fs -h "${DEV}p1" 2>&1)
		[[ $OUT != *needs_recovery* ]] || fail "a journal to replay"
		mount -o ro,noload "${DEV}p1" mnt ;;
	# its counters are in the log, frozen or not
	xfs)	mount -o ro,norecovery,nouuid "${DEV}p1" mnt ;;
	esac
	same "$T/random" mnt/kept
	[ -s mnt/load.0.0 ] || fail "what was written at the time is missing"
	umount mnt
	detach
	DEV=$disk
}

# --- The disk goes, a snapshot of it stays ---

disk_goes_first()
{
	local disk

	new disk.qcow2 8M
	put 0 1000
	snapshot create "$DEV" one
	disk=$DEV
	attach -r --snapshot one disk.qcow2
	dd if="$T/random" of="$disk" bs=64k seek=20 count=9 oflag=direct \
		conv=notrunc status=none
	cat "$disk" >as-it-was
	detach "$disk"
	both qemu-img compare -U -q -f raw -F qcow2 as-it-was disk.qcow2 ||
		fail "detached, but not all is in its image"
	detach
	checked disk.qcow2
}

# --- When it cannot be made ---

# As much as there is room for, to the last cluster.
write_until_full()
{
	local unit at=0

	for unit in 1048576 4096; do
		while dd if="$T/random" of="$DEV" bs=$unit count=1 \
			seek=$((at / unit)) oflag=direct conv=notrunc \
			status=none 2>"$T/log"; do
			at=$((at + unit))
		done
		grep -q "No space left" "$T/log" || fail "$(cat "$T/log")"
	done
}

no_room()
{
	scratch_fs ext4 48
	cd "$FS"
	fallocate -l 24M ballast
	new -o cluster_size=4k disk.qcow2 64M
	write_until_full
	cat "$DEV" >"$T/initial"
	expect_fail 4 snapshot create "$DEV" one
	expect_says "there is no room"
	same "$T/initial" "$DEV"
	expect_equal "the list" "" "$(names)"
	rm ballast
	sync -f .
	snapshot create "$DEV" one
	put 0 100
	snapshot_is one "$T/initial"
	detach
	checked disk.qcow2
	cd "$T"
}

# --- Killed at any instant ---

killed()
{
	local i command

	new -o cluster_size=4k disk.qcow2 4M
	put 0 4000
	cat "$DEV" >killed.raw
	for ((i = 0; i < 12; i++)); do
		"$QCOWCTL" snapshot create "$DEV" "k$i" >/dev/null 2>&1 &
		sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
		kill -9 $! 2>/dev/null || :
		wait $! || :
		same killed.raw "$DEV"
	done
	echo "survived: $(names)"
	detach
	checked disk.qcow2
	for command in create delete create apply create delete; do
		"$QCOWCTL" snapshot $command disk.qcow2 off >/dev/null 2>&1 &
		sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
		kill -9 $! 2>/dev/null || :
		wait $! || :
		no_device
		checked disk.qcow2
	done
	reads_as killed.raw disk.qcow2
}

# Of one that is attached for a while nothing is left, soon.
no_device()
{
	local try

	for ((try = 0; try < 50; try++)); do
		[ -n "$(find /sys/block -name 'qcow*')" ] || return 0
		sleep 0.1
	done
	fail "the hidden device is still there"
}

require fio sfdisk fsfreeze
random_file "$T/random" 4M
scratch_fs ext4 1024
cd "$FS"
echo text >text
for part in refusals theirs_and_ours extra_data vm_state shorter_table \
	    "live mkfs.ext4 -q" "live mkfs.xfs -q" disk_goes_first killed no_room; do
	# shellcheck disable=SC2053 # a pattern
	[ -z "${ONLY-}" ] || [[ $part == $ONLY ]] || continue
	echo "$part (after $SECONDS s)"
	$part
done
dmesg_clean
