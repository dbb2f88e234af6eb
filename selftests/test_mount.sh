#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A guest's disk on the host: its partitions appear, under all the names that
# people mount by, and every file in them is as the guest left it.

. "$(dirname "$0")/lib/test.sh"

ext4_uuid=6d7b1c5e-0f0e-4a6a-9d0b-2f6c0a3b1e11
ext4_partuuid=0fc63daf-8483-4772-8e79-3d69d8477de4
vfat_partuuid=933ac7e1-2eb4-4f13-b844-0e14e2aef915

make_files()
{
	local i

	mkdir -p files/deep/down
	cp /usr/include/linux/[a-f]*.h files
	for i in 1 4095 4097 300000 2000000; do
		random_file "files/deep/random-$i" $i
	done
	truncate -s 3M files/deep/down/hole
	echo "at the bottom" >files/deep/down/note
}

# One partition of each sort; made without mounting, as a guest's would be.
make_disk()
{
	truncate -s 16M part1
	mkfs.vfat -i 1234abcd -n QCOWEFI part1 >/dev/null
	mcopy -i part1 -s files ::
	truncate -s 24M part2
	mkfs.ext4 -q -L qcow-root -U $ext4_uuid -d files part2
	truncate -s 48M disk.raw
	sfdisk -q --label gpt disk.raw <<-TABLE
		start=2048, size=16MiB, uuid=$vfat_partuuid, name=boot
		size=24MiB, uuid=$ext4_partuuid, name=qcow-system
	TABLE
	dd if=part1 of=disk.raw bs=1M seek=1 conv=notrunc status=none
	dd if=part2 of=disk.raw bs=1M seek=17 conv=notrunc status=none
	qemu-img convert -O qcow2 disk.raw disk.qcow2
	qemu-img convert -c -O qcow2 -o cluster_size=16k disk.raw packed.qcow2
}

# partitions: how many DEV has
partitions()
{
	local found=("/sys/block/${DEV#/dev/}/${DEV#/dev/}p"*)

	[ -e "${found[0]}" ] || found=()
	echo ${#found[@]}
}

# link NAME TARGET: below /dev/disk
link()
{
	[ -L "/dev/disk/$1" ] || fail "no /dev/disk/$1"
	expect_equal "/dev/disk/$1" "$2" "$(readlink -f "/dev/disk/$1")"
}

no_link()
{
	[ ! -L "/dev/disk/$1" ] || fail "/dev/disk/$1 is there"
}

# same_files DEVICE FOLDER: as those the disk was made of
same_files()
{
	mount -o ro "$1" mnt
	diff -r --no-dereference -x lost+found files "mnt/$2"
	umount mnt
}

# The partitions are there as soon as attach returns; attach waits for udev
# too, but not for ever.
names()
{
	expect_equal "partitions" 2 "$(partitions)"
	udevadm settle
	expect_equal "read-only" 1 "$(blockdev --getro "${DEV}p2")"
	link "by-qcow/$1" "$DEV"
	link "by-qcow/$1-part1" "${DEV}p1"
	link "by-qcow/$1-part2" "${DEV}p2"
	link by-uuid/1234-ABCD "${DEV}p1"
	link by-uuid/$ext4_uuid "${DEV}p2"
	link by-label/QCOWEFI "${DEV}p1"
	link by-label/qcow-root "${DEV}p2"
	link by-partuuid/$vfat_partuuid "${DEV}p1"
	link by-partuuid/$ext4_partuuid "${DEV}p2"
	link by-partlabel/qcow-system "${DEV}p2"
}

names_are_gone()
{
	udevadm settle
	for name in by-qcow/"$1" by-qcow/"$1"-part1 by-uuid/1234-ABCD \
		    by-label/qcow-root by-partuuid/$ext4_partuuid \
		    by-partlabel/qcow-system; do
		no_link "$name"
	done
}

guest_disk()
{
	for image in disk.raw disk.qcow2 packed.qcow2; do
		attach -r --name guest $image
		names guest
		same_files "${DEV}p1" files
		same_files LABEL=qcow-root .
		same_files UUID=$ext4_uuid .
		same_files PARTUUID=$ext4_partuuid .
		same disk.raw "$DEV"
		detach
		names_are_gone guest
	done
}

# What an overlay changes is seen through it, and not below it.
overlay_of_it()
{
	cp -r files changed
	echo "changed" >changed/deep/down/note
	truncate -s 0 part2
	truncate -s 24M part2
	mkfs.ext4 -q -L overlay -d changed part2
	qemu-img create -q -f qcow2 -b packed.qcow2 -F qcow2 over.qcow2
	qemu-io -c 'write -q -s part2 17M 24M' over.qcow2
	attach -r packed.qcow2
	below=$DEV
	attach -r over.qcow2
	udevadm settle
	mount -o ro /dev/disk/by-label/overlay mnt
	diff -r -x lost+found changed mnt
	umount mnt
	same_files "${DEV}p1" files
	same_files "${below}p2" .
	detach "$DEV" "$below"
}

# changes: how many uevents of DEV the kernel has sent that say so
changes()
{
	grep -c "KERNEL.* change .*/${DEV#/dev/} " uevents || :
}

# announced COMMAND...: it makes the kernel tell that the disk has changed
announced()
{
	local before try

	before=$(changes)
	"$@" >/dev/null
	for ((try = 0; try < 50; try++)); do
		[ "$(changes)" -eq "$before" ] || return 0
		sleep 0.1
	done
	fail "no uevent: $*"
}

# A snapshot of the disk with two partitions, and then there is one, of another
# size: each time the kernel finds those that are there.
another_table()
{
	local monitor

	qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 table.qcow2
	attach table.qcow2
	udevadm monitor --kernel --subsystem-match=block >uevents &
	monitor=$!
	sleep 1
	"$QCOWCTL" snapshot create "$DEV" two >/dev/null
	echo 'size=8MiB' | sfdisk -q --label gpt --wipe always "$DEV"
	udevadm settle
	expect_equal "partitions" 1 "$(partitions)"
	announced "$QCOWCTL" snapshot apply "$DEV" two
	udevadm settle
	expect_equal "partitions of the snapshot" 2 "$(partitions)"
	same_files "${DEV}p2" .
	announced "$QCOWCTL" resize "$DEV" +1M
	"$QCOWCTL" snapshot delete "$DEV" two >/dev/null
	announced "$QCOWCTL" rebase -b '' "$DEV"
	kill $monitor
	wait $monitor || :
	detach
	rm table.qcow2
}

without_partitions()
{
	attach -r --no-partscan disk.qcow2
	expect_equal "partitions" 0 "$(partitions)"
	partprobe "$DEV"
	udevadm settle
	expect_equal "partitions after partprobe" 2 "$(partitions)"
	same_files "${DEV}p2" .
	detach
}

# The table and the file system are written through a device of such sectors.
make_4k_disk()
{
	truncate -s 48M big.raw
	attach --sector-size 4096 big.raw
	expect_equal "sector size" 4096 "$(blockdev --getss "$DEV")"
	echo 'size=40MiB, name=big-sectors' | sfdisk -q --label gpt "$DEV"
	udevadm settle
	mkfs.ext4 -q -L big-root -d files "${DEV}p1"
	detach
	qemu-img convert -O qcow2 big.raw big.qcow2
}

disk_of_4k_sectors()
{
	make_4k_disk
	for image in big.raw big.qcow2; do
		attach -r --sector-size 4096 $image
		expect_equal "sector size" 4096 "$(blockdev --getss "$DEV")"
		expect_equal "partitions" 1 "$(partitions)"
		udevadm settle
		link by-partlabel/big-sectors "${DEV}p1"
		same_files LABEL=big-root .
		detach

		# Sectors of another size: the table is not where it should be.
		attach -r $image
		expect_equal "partitions of 512" 0 "$(partitions)"
		detach
	done
}

# Of the old kind, with logical partitions, on which file systems lie too.
logical_partitions()
{
	truncate -s 48M old.raw
	sfdisk -q old.raw <<-TABLE
		label: dos
		label-id: 0x5eed1e55

		old.raw1 : size=1MiB
		old.raw2 : size=45MiB, type=5
		old.raw5 : size=2MiB
		old.raw6 : size=24MiB
	TABLE
	start=$(sfdisk -J old.raw |
		jq '.partitiontable.partitions[] |
			select(.node | endswith("raw6")) | .start')
	mkfs.ext4 -q -L old-root -d files -E offset=$((start * 512)) \
		old.raw 24M
	qemu-img convert -O qcow2 old.raw old.qcow2
	attach -r old.qcow2
	udevadm settle
	link by-partuuid/5eed1e55-06 "${DEV}p6"
	link by-label/old-root "${DEV}p6"
	same_files "${DEV}p6" .
	detach
}

require sfdisk mkfs.vfat mcopy partprobe jq
modprobe vfat
scratch_fs ext4 512
cd "$FS"
mkdir mnt
make_files
make_disk
for part in guest_disk overlay_of_it another_table without_partitions \
	    disk_of_4k_sectors logical_partitions; do
	echo "$part"
	$part
done
dmesg_clean
