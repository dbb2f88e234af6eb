#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What cannot be served is refused with the reason, and nothing is left of it.

. "$(dirname "$0")/lib/test.sh"

# poke FILE OFFSET BYTES: in printf's escapes
poke()
{
	printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# image OPTIONS...: a new disk.qcow2
image()
{
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 "$@" disk.qcow2 8M
}

# refused STATUS TEXT ARGUMENTS...
refused()
{
	local status=$1 text=$2
	shift 2

	expect_fail "$status" "$QCOWCTL" attach "$@"
	expect_says "$text"
	[ -z "$(compgen -G '/sys/block/qcow*')" ] ||
		fail "a device is there after: attach $*"
}

unknown_features()
{
	image
	poke disk.qcow2 72 '\x00\x00\x00\x80\x00\x00\x00\x00'
	refused 4 "bit 39" -r disk.qcow2

	# The image's own table names dirty, corrupt ... : give bit 0 to 40.
	image
	poke disk.qcow2 72 '\x00\x00\x01\x00\x00\x00\x00\x00'
	poke disk.qcow2 121 '\x28'
	refused 4 "dirty bit" -r disk.qcow2
}

versions()
{
	image
	poke disk.qcow2 4 '\x00\x00\x00\x01'
	refused 4 "version" -r disk.qcow2
	poke disk.qcow2 4 '\x00\x00\x00\x04'
	refused 4 "version" -r disk.qcow2
}

encryption()
{
	image --object secret,id=key,data=abc \
		-o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10
	refused 4 "encrypt" -r disk.qcow2
}

# Marked images may be read as they are.
marked()
{
	image
	poke disk.qcow2 79 '\x02'
	refused 4 "corrupt" disk.qcow2
	attach -r disk.qcow2
	detach
	poke disk.qcow2 79 '\x01'
	attach -r disk.qcow2
	expect_equal "features" dirty \
		"$(cat "/sys/block/${DEV#/dev/}/qcow/features")"
	detach
	# Repaired before it is written.
	attach disk.qcow2 2>/dev/null
	expect_equal "features" "" \
		"$(cat "/sys/block/${DEV#/dev/}/qcow/features")"
	detach
	both qemu-img check -q disk.qcow2
}

read_only()
{
	image
	sum=$(sha256sum <disk.qcow2)
	attach -r disk.qcow2
	! dd if=/dev/zero of="$DEV" bs=4k count=1 oflag=direct \
		status=none 2>/dev/null || fail "a read-only device was written"
	detach
	expect_equal "the image" "$sum" "$(sha256sum <disk.qcow2)"
}

formats()
{
	image
	cp disk.qcow2 disk.raw
	cp disk.qcow2 disk.img
	refused 4 "-f" -r disk.raw
	refused 4 "-f" -r disk.img
	attach -r -f raw disk.img
	# the last sector goes on with zeros behind the file's end
	cmp -n "$(stat -c %s disk.img)" disk.img "$DEV"
	detach
	attach -r -f qcow2 disk.img
	detach
	random_file noise.qcow2 1M
	refused 4 "-f" -r noise.qcow2
	refused 4 "" -r -f qcow2 noise.qcow2
	: >empty.qcow2
	refused 4 "" -r -f qcow2 empty.qcow2
	mkdir folder.img
	refused 4 "" -r folder.img
	mkfifo fifo.img
	refused 4 "" -r fifo.img
	refused 4 "No such file" -r missing.img
}

backing_files()
{
	qemu-img create -q -f raw base.raw 8M
	image -b base.raw -F raw
	attach -r disk.qcow2
	detach

	# no format declared: the extension's type becomes an unknown one
	place=$(LC_ALL=C grep -obaP '\xe2\x79\x2a\xca' disk.qcow2 |
		cut -d : -f 1)
	poke disk.qcow2 "$place" '\x12\x34\x56\x78'
	refused 4 "--backing-format" -r disk.qcow2
	attach -r --backing-format raw disk.qcow2
	detach

	image -b base.raw -F raw
	mv base.raw gone.raw
	refused 4 "base.raw" -r disk.qcow2
	attach -r --no-backing disk.qcow2
	detach
	qemu-img create -q -f qcow2 -u -F raw -b 'json:{"driver":"raw"}' \
		json.qcow2 8M
	refused 4 "json:" -r json.qcow2
	qemu-img create -q -f qcow2 -u -F qcow2 -b b.qcow2 a.qcow2 8M
	qemu-img create -q -f qcow2 -u -F qcow2 -b a.qcow2 b.qcow2 8M
	refused 4 "back itself" -r a.qcow2
}

# The kernel's own checks, which qcowctl's come before.
busy_devices()
{
	random_file disk.img 8M
	attach disk.img
	mkfs.ext4 -q "$DEV"
	mkdir mnt
	mount "$DEV" mnt
	expect_fail 5 "$QCOWCTL" detach "$DEV"
	expect_says "mnt"
	umount mnt
	expect_fail 5 "$QCOWCTL" attach disk.img
	expect_fail 5 "$QCOWCTL" attach -r -f raw disk.img
	detach
	expect_fail 4 "$QCOWCTL" detach "$DEV"
	expect_fail 1 "$QCOWCTL" attach
	expect_fail 1 "$QCOWCTL" attach --frobnicate disk.img
	expect_fail 2 setpriv --reuid 65534 --clear-groups \
		"$QCOWCTL" detach /dev/qcow0
}

scratch_fs ext4 128
cd "$FS"
unknown_features
versions
encryption
marked
read_only
formats
backing_files
busy_devices
cd /
