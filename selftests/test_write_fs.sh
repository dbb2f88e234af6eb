#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# long-timeout: 3600
# dmesg: EXT4-fs .*(supports timestamps|mounted filesystem without journal)
#
# A guest's file system on a qcow2 image: made, loaded, trimmed, checked and
# mounted again; then a snapshot is taken, and loaded over.  The files stay
# what they were, in the snapshot too, and QEMU finds no fault in the image.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

churn=$(built prog/churn)
rounds=${LONG:+2000}
rounds=${rounds:-$(fewer 120)}

make_upper()
{
	case $1 in
	ext4)	mkfs.ext4 -q -F "$DEV" ;;
	xfs)	mkfs.xfs -q -f "$DEV" ;;
	esac
}

# Nothing to repair, and nothing to replay.
check_upper()
{
	case $1 in
	ext4)	OUT=$(e2fsck -f -n "$DEV" 2>&1) ;;
	xfs)	OUT=$(xfs_repair -n "$DEV" 2>&1) ;;
	esac || fail "$1 is damaged: $OUT"
}

sums()
{
	(cd upper && find . -type f -print0 | sort -z | xargs -0 cksum)
}

# Random changes beside a stream, with the trims that deletions bring.
load()
{
	local stream

	mkdir -p upper/churn
	dd if=source of=upper/stream bs=1M conv=fsync status=none &
	stream=$!
	"$churn" upper/churn "$seed" "$rounds"
	wait $stream
	same source upper/stream
	cp -r upper/churn "upper/copy-$1"
	rm upper/stream
	fstrim upper
	cp source "upper/kept-$1"
}

# session TYPE NAME: attach, load, look whether it is all there
session()
{
	attach disk.qcow2
	[ "$2" != first ] || make_upper "$1"
	mount -o discard "$DEV" upper
	load "$2"
	sums >before
	umount upper
	check_upper "$1"
	detach
	checked disk.qcow2

	attach disk.qcow2
	mount "$DEV" upper
	sums >after
	same before after
	umount upper
	detach
	checked disk.qcow2
}

# upper TYPE OPTIONS OF QEMU-IMG CREATE...
upper()
{
	local type=$1
	shift

	echo "$type on $* (after $SECONDS s)"
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 "$@" disk.qcow2 400M
	session "$type" first
	qemu-img snapshot -c first disk.qcow2
	qemu-img convert -O raw -l first disk.qcow2 first.raw
	session "$type" second
	qemu-img convert -O raw -l first disk.qcow2 again.raw
	same first.raw again.raw
	rm first.raw again.raw
}

# QEMU reads the files too, without the driver.
qemu_sees_them()
{
	qemu-img convert -O raw disk.qcow2 disk.raw
	mount -o loop,ro,norecovery disk.raw upper
	sums >after
	umount upper
	same before after
	rm disk.raw
}

modprobe loop
scratch_fs ext4 2048
cd "$FS"
mkdir upper
random_file source 8M
truncate -s 300M base.raw

upper ext4 -o cluster_size=64k
qemu_sees_them
upper xfs -o cluster_size=4k,refcount_bits=64
qemu_sees_them
[ -z "${LONG-}" ] || {
	upper ext4 -o cluster_size=512
	upper xfs -o cluster_size=2M,compat=0.10
	upper ext4 -o cluster_size=16k -b base.raw -F raw
}
dmesg_clean
