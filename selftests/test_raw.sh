#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A raw image is a disk: what is written is in the file at the same place,
# flushes reach the disk below, discards punch holes.

. "$(dirname "$0")/lib/test.sh"

# used FILE: KiB of disk space
used()
{
	sync "$1"
	du -k "$1" | cut -f 1
}

# both COMMAND...: with each of the device and the model as its last argument
both()
{
	"$@" "$DEV"
	"$@" model
}

# put FILE SECTOR COUNT TARGET
put()
{
	dd if="$1" bs=512 seek="$2" count="$3" conv=notrunc oflag=direct \
		status=none of="$4"
}

reads_and_writes()
{
	random_file disk.img 8M
	cp disk.img model
	random_file source 1M
	attach disk.img
	expect_equal "size" $((8 << 20)) "$(blockdev --getsize64 "$DEV")"
	same disk.img "$DEV"
	for place in "0 1" "7 9" "8191 2" "2000 2047" "16383 1"; do
		# shellcheck disable=SC2086 # two numbers
		both put source $place
	done
	same model "$DEV"
	detach
	same model disk.img
}

# A load of its own patterns, many requests at a time, with flushes between.
random_load()
{
	truncate -s 16M load.img
	attach load.img
	fio --name=load --filename="$DEV" --ioengine=libaio --direct=1 \
		--rw=randwrite --bsrange=512-64k --blockalign=512 \
		--iodepth=16 --size=16M --io_size=12M --fsync=32 \
		--verify=crc32c --verify_fatal=1 --do_verify=1 \
		--randrepeat=0 --minimal >/dev/null
	detach
}

# flushed COMMAND...: how many flushes it came to at the disk below
flushed()
{
	local before

	before=$(awk '{ print $16 }' /sys/block/vda/stat)
	"$@"
	awk -v before="$before" '{ print $16 - before }' /sys/block/vda/stat
}

# On a disk that counts them, asked for by fsync and by writes that must be
# durable.
flushes()
{
	[ -b /dev/vda ] || skip "no scratch disk"
	attach -f raw --sizelimit 16M /dev/vda
	expect_equal "write cache" "write back" \
		"$(cat "/sys/block/${DEV#/dev/}/queue/write_cache")"
	expect_equal "FUA" 1 "$(cat "/sys/block/${DEV#/dev/}/queue/fua")"

	expect_equal "flushes by plain writes" 0 \
		"$(flushed put source 64 80 "$DEV")"
	fsynced=$(flushed dd if=source of="$DEV" bs=4k count=1 oflag=direct \
		conv=fsync status=none)
	[ "$fsynced" -ge 1 ] || fail "no flush by fsync"
	forced=$(flushed dd if=source of="$DEV" bs=4k count=3 \
		oflag=direct,dsync status=none)
	[ "$forced" -ge 3 ] || fail "$forced flushes by 3 O_DSYNC writes"
	detach
}

# A part of a file is not taken for the whole of it, nor the other way round.
limited()
{
	local whole part

	random_file disk.img 4M
	qemu-img create -q -f qcow2 -b disk.img -F raw over.qcow2
	part=$("$QCOWCTL" attach -r -f raw --sizelimit 1M disk.img)
	attach over.qcow2
	same disk.img "$DEV"
	whole=$("$QCOWCTL" attach -r disk.img)
	same disk.img "$whole"
	expect_equal "a part's size" $((1 << 20)) \
		"$(blockdev --getsize64 "$part")"
	"$QCOWCTL" detach "$part"
	part=$("$QCOWCTL" attach -r -f raw --sizelimit 1M disk.img)
	expect_equal "a part's size" $((1 << 20)) \
		"$(blockdev --getsize64 "$part")"
	"$QCOWCTL" detach --all
}

# A disk below that checksums pages must not see them change under way; what
# is copied to a page cache may.
stable_pages()
{
	[ -b /dev/vda ] || skip "no scratch disk"
	echo 1 >/sys/block/vda/queue/stable_writes
	defer sh -c 'echo 0 >/sys/block/vda/queue/stable_writes'
	attach -f raw --sizelimit 16M /dev/vda
	expect_equal "stable" 1 "$(stable)"
	detach
	attach -f raw --sizelimit 16M --direct-io off /dev/vda
	expect_equal "stable" 0 "$(stable)"
	detach
	attach disk.img
	expect_equal "stable" 0 "$(stable)"
	detach
}

stable()
{
	cat "/sys/block/${DEV#/dev/}/queue/stable_writes"
}

discards()
{
	random_file disk.img 8M
	cp disk.img model
	before=$(used disk.img)
	attach disk.img
	blkdiscard -o 1M -l 2M "$DEV"
	fallocate -p -o 1M -l 2M model
	same model "$DEV"
	[ "$(used disk.img)" -le $((before - 2048)) ] ||
		fail "a discard of 2 MiB left $(used disk.img) of $before KiB"

	# Parts of blocks, of which nothing else may be lost.
	both fallocate -p -o $((4 << 20 | 512)) -l 12800
	same model "$DEV"
	detach

	attach --discard ignore disk.img
	expect_fail 1 blkdiscard -o 4M -l 1M "$DEV"
	same model "$DEV"
	detach
	same model disk.img
}

# On the device -z is a request to write zeroes and keep the space.
zeroes()
{
	random_file disk.img 8M
	cp disk.img model
	before=$(used disk.img)
	attach disk.img
	blkdiscard -z -o $((1 << 20 | 512)) -l $((3 << 20)) "$DEV"
	fallocate -z -o $((1 << 20 | 512)) -l $((3 << 20)) model
	same model "$DEV"
	[ "$(used disk.img)" -ge "$before" ] ||
		fail "zeroes without unmap freed space"

	both fallocate -z -o $((5 << 20)) -l 3584
	both fallocate -p -o $((6 << 20)) -l 1M
	same model "$DEV"
	[ "$(used disk.img)" -le $((before - 1000)) ] ||
		fail "zeroes with unmap freed no space"
	detach
	same model disk.img
}

# The last sector is there in full, with zeros behind the end of the file.
odd_sizes()
{
	for size in 1 511 513 4097 1048675; do
		random_file odd.img $size
		cp odd.img model
		truncate -s $(((size + 511) / 512 * 512)) model
		attach -r odd.img
		same model "$DEV"
		detach
		attach odd.img
		last=$((size / 512))
		both put source $last 1
		same model "$DEV"
		detach
		same model odd.img
	done
}

holes()
{
	truncate -s 4M disk.img
	truncate -s 0 disk.img
	truncate -s 4M disk.img model
	truncate -s 0 model
	truncate -s 4M model
	attach disk.img
	both put source 3000 100
	same model "$DEV"
	detach
	same model disk.img
	[ "$(used disk.img)" -lt 1024 ] || fail "a hole was filled"
}

parts_of_a_file()
{
	random_file disk.img 4M
	cp disk.img model
	attach --offset 1M --sizelimit 1536k disk.img
	cmp <(tail -c +1048577 model | head -c 1536k) "$DEV" ||
		fail "not the part of the file"
	put source 10 20 "$DEV"
	put source $((2048 + 10)) 20 model
	blkdiscard -o 64k -l 64k "$DEV"
	fallocate -p -o $((1048576 + 65536)) -l 64k model
	expect_fail 1 dd if=source of="$DEV" bs=64k seek=24 count=1 \
		oflag=direct
	detach
	same model disk.img

	attach -r --offset 3584 disk.img
	expect_equal "size" $(((4 << 20) - 3584)) \
		"$(blockdev --getsize64 "$DEV")"
	cmp <(tail -c +3585 model) "$DEV" || fail "not the rest of the file"
	detach

	expect_fail 4 "$QCOWCTL" attach -r --offset 4M disk.img
	expect_says "leaves nothing"
	expect_fail 1 "$QCOWCTL" attach -r --offset 100 disk.img
}

read_only()
{
	cp disk.img model
	attach -r disk.img
	expect_equal "read-only" 1 "$(blockdev --getro "$DEV")"
	expect_fail 1 dd if=source of="$DEV" bs=4k count=1 oflag=direct
	expect_fail 1 blkdiscard -f "$DEV"
	same model "$DEV"
	detach
	same model disk.img
}

# A whole disk below, and a loop device.
block_devices()
{
	head -c 16M /dev/urandom >/dev/ram1
	attach -f raw --sizelimit 16M /dev/ram1
	head -c 16M /dev/ram1 >model
	both put source 99 1000
	both fallocate -p -o 2M -l 1M
	both fallocate -z -o $((4 << 20 | 512)) -l 512k
	same model "$DEV"
	detach
	cmp -n $((16 << 20)) model /dev/ram1 || fail "/dev/ram1 differs"

	cp model disk.img
	modprobe loop
	loop=$(losetup -f --show disk.img)
	defer losetup -d "$loop"
	attach -f raw "$loop"
	both put source 5000 77
	both fallocate -p -o 8M -l 1M
	same model "$DEV"
	detach
	sync "$loop"
	same model disk.img

	# Whose sectors are larger than the device's: only through its cache.
	losetup -d "$loop"
	loop=$(losetup -b 4096 -f --show disk.img)
	attach -f raw "$loop"
	both put source 4999 3
	both fallocate -z -o 512 -l 512
	both fallocate -z -o $((1 << 20 | 3584)) -l $((512 << 10))
	both fallocate -p -o $((3 << 20 | 512)) -l $((1 << 20))
	same model "$DEV"
	detach
	sync "$loop"
	same model disk.img
}

real_iso()
{
	iso=/usr/lib/grub-rescue/grub-rescue-cdrom.iso
	cp $iso cdrom.iso
	attach -r cdrom.iso
	same $iso "$DEV"
	mkdir cd
	mount -o ro "$DEV" cd
	[ -f cd/boot/grub/x86_64-efi/normal.mod ] ||
		[ -f cd/boot/grub/i386-pc/normal.mod ] ||
		fail "no boot loader on the CD: $(ls cd/boot/grub)"
	umount cd
	detach
}

scratch_fs ext4 256
cd "$FS"
for part in reads_and_writes random_load flushes stable_pages discards zeroes odd_sizes \
	    holes parts_of_a_file limited read_only block_devices real_iso; do
	echo "$part"
	$part
done
dmesg_clean
