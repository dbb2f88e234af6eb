#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
# long-timeout: 900
#
# What a first hour with disk images is made of, as the README tells it: a raw
# and a qcow2 image and what they take, reading and writing them, snapshots,
# conversion, a new machine's disk from a base image, an ISO.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

count=${LONG:+100000}
count=${count:-$(fewer 2000)}

# What is written, and more; the rest of the disks is holes.
beginning=$((count * 8192 + (32 << 20)))

create()
{
	"$QCOWCTL" create "$@"
}

convert()
{
	"$QCOWCTL" convert "$@"
}

# takes FILE: KiB of its file system
takes()
{
	du -k "$1" | cut -f 1
}

two_images()
{
	create -f raw disk.raw 2G
	create -f qcow2 disk.qcow2 2G
	expect_equal "the raw one's length" $((2 << 30)) \
		"$(stat -c %s disk.raw)"
	expect_equal "what the raw one takes" 0 "$(takes disk.raw)"
	echo "the qcow2 one takes $(takes disk.qcow2) KiB"
	[ "$(takes disk.qcow2)" -le 200 ] || fail "that is too much"
	attach disk.raw
	raw=$DEV
	attach disk.qcow2
	qcow2=$DEV
	expect_equal "the sizes" "$((2 << 30)) $((2 << 30))" \
		"$(blockdev --getsize64 "$raw" "$qcow2" | paste -sd ' ')"
}

write_and_read()
{
	local disk

	for disk in "$raw" "$qcow2"; do
		dd if=data of="$disk" bs=8k count="$count" conv=fsync \
			status=progress 2>&1 | tail -n 1
		echo 1 >/proc/sys/vm/drop_caches
		dd if="$disk" bs=8k count="$count" status=none | cmp - data
	done
}

snapshots()
{
	"$QCOWCTL" snapshot create disk.qcow2 fresh
	dd if=other of="$qcow2" bs=1M conv=fsync status=none
	cmp -n 1M "$qcow2" other
	"$QCOWCTL" snapshot list disk.qcow2
	expect_equal "the list" fresh "$("$QCOWCTL" snapshot list --json \
		disk.qcow2 | jq -r '.snapshots[].name')"
	"$QCOWCTL" snapshot apply disk.qcow2 fresh
	dd if="$qcow2" bs=8k count="$count" status=none | cmp - data
	"$QCOWCTL" snapshot delete disk.qcow2 fresh
	detach "$qcow2" "$raw"
	checked disk.qcow2
	[ "$(takes disk.qcow2)" -ge $((count * 8)) ] ||
		fail "the qcow2 image has not grown"
	echo "...and $(takes disk.qcow2) KiB now"
	[ "$(takes disk.qcow2)" -le $((count * 9 + 8192)) ] ||
		fail "the qcow2 image takes $(takes disk.qcow2) KiB"
}

conversion()
{
	convert -f raw -O qcow2 disk.raw from-raw.qcow2
	convert -f qcow2 -O raw disk.qcow2 from-qcow2.raw
	convert -c -f raw -O qcow2 disk.raw small.qcow2
	"$QCOWCTL" compare disk.raw from-qcow2.raw
	for image in from-raw.qcow2 small.qcow2; do
		"$QCOWCTL" compare -f raw -F qcow2 disk.raw $image
		attach -r $image
		cmp -n $beginning "$DEV" disk.raw
		detach
	done
	rm from-raw.qcow2 from-qcow2.raw
}

new_machine()
{
	sha256sum small.qcow2 >base.sum
	create -f qcow2 -b small.qcow2 -F qcow2 machine.qcow2
	[ "$(takes machine.qcow2)" -lt 300 ] || fail "it is no small one"
	attach machine.qcow2
	cmp -n $beginning "$DEV" disk.raw
	dd if=other of="$DEV" bs=64k seek=1 conv=fsync status=none
	dd if="$DEV" bs=64k skip=1 count=16 status=none | cmp - other
	detach
	checked machine.qcow2
	sha256sum -c --quiet base.sum || fail "the base image has changed"
}

iso()
{
	local iso=/usr/lib/grub-rescue/grub-rescue-cdrom.iso

	cp $iso cdrom.iso
	attach -r cdrom.iso
	cmp "$DEV" $iso
	mkdir mnt
	mount -o ro "$DEV" mnt
	[ -e mnt/boot ] || fail "there is no /boot in the ISO"
	umount mnt
	detach
}

require jq
# The whole of it does not fit into memory.
if [ -z "${LONG-}" ]; then
	scratch_fs ext4 3072
else
	[ -b /dev/vda ] || skip "no scratch disk"
	mkfs.ext4 -q -F /dev/vda
	FS=$T/fs
	mkdir "$FS"
	mount /dev/vda "$FS"
	defer umount "$FS"
fi
cd "$FS"
head -c $((count * 8192)) /dev/urandom >data
random_file other 1M
for part in two_images write_and_read snapshots conversion new_machine iso; do
	echo "$part (after $SECONDS s)"
	$part
done
dmesg_clean
