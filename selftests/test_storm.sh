#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# long-timeout: 7200
#
# Storms: snapshots are made, applied and deleted, and the disk gets new sizes,
# between and during writes of all sorts, on every kind of image.  The disk and
# each snapshot are what a model says, by the driver's reading and by QEMU's,
# and QEMU finds nothing wrong with the image, in the middle and at the end.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

storm=$(built prog/storm)
steps=${STEPS:-${LONG:+5000}}
steps=${steps:-$(fewer 60)}
# Changes after which QEMU has a look.
every=3
[ -z "${STEPS:-}${LONG:-}" ] || every=1
# The short form is the same each time; what chance finds is for the long one.
[ -n "${SEED:-}${LONG:-}" ] || seed=1

# storm OPTIONS OF STORM...: on disk.qcow2, attached; then looked at with QEMU
storm()
{
	rm -rf "$T/models"
	mkdir "$T/models"
	OUT=$("$storm" --steps "$steps" --seconds "${LONG:+100}60" \
		--seed "$seed" --qcowctl "$QCOWCTL" --dump "$T/models" \
		--check 'qemu-img check -U disk.qcow2 >check.log 2>&1' \
		--check-every $every \
		"$@" "$DEV" disk.qcow2 2>&1) ||
		fail "$OUT $(tail -n 20 check.log)"
	echo "$OUT"
	detach
	checked disk.qcow2
	same_snapshots
}

# QEMU shows a snapshot at the size that the disk has now: a smaller disk has
# to grow first.
same_snapshot()
{
	local image=disk.qcow2 size

	size=$(stat -c %s "$2")
	if [ "$size" -gt "$(stat -c %s "$T/models/disk")" ]; then
		image=copy.qcow2
		cp disk.qcow2 $image
		qemu-img resize -q $image "$size"
	fi
	qemu-img convert -O raw -l "$1" $image "$T/raw"
	cmp -n "$size" "$2" "$T/raw" ||
		fail "QEMU reads the snapshot $1 differently"
}

# By QEMU's reading: neither more nor fewer than there have to be.
same_snapshots()
{
	local model

	reads_as "$T/models/disk" disk.qcow2
	for model in "$T"/models/s-*; do
		[ ! -e "$model" ] || same_snapshot "$(basename "$model")" "$model"
	done
	expect_equal "the snapshots" \
		"$(find "$T/models" -name 's-*' -printf '%f\n' | sort)" \
		"$(qemu-img snapshot -l disk.qcow2 |
			awk '$2 ~ /^s-/ { print $2 }' | sort)"
}

# create OPTIONS OF QEMU-IMG CREATE...
create()
{
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 "$@"
}

# empty NAME OPTIONS SIZE OPTIONS OF STORM...
empty()
{
	create -o "$2" disk.qcow2 "$3"
	attach disk.qcow2
	storm "${@:4}"
}

compressed()
{
	rm -f disk.qcow2
	qemu-img convert -c -f raw -O qcow2 -o "$2" text disk.qcow2
	attach disk.qcow2
	storm --initial text "${@:3}"
}

# over NAME OPTIONS SIZE: a backing file that is longer
over()
{
	create -o "$2" -b base.raw -F raw disk.qcow2 "$3"
	attach disk.qcow2
	storm --initial base.raw "${@:4}"
}

# Nothing can have two references: refused, and nothing has changed.
width_1()
{
	create -o refcount_bits=1,cluster_size=4k disk.qcow2 4M
	attach disk.qcow2
	dd if="$T/random" of="$DEV" bs=64k count=8 oflag=direct conv=fsync \
		status=none
	detach
	sha256sum disk.qcow2 >before
	attach disk.qcow2
	expect_fail 4 "$QCOWCTL" snapshot create "$DEV" one
	expect_says "as many references as a refcount of this image's width"
	cmp -n 512k "$DEV" "$T/random"
	detach
	sha256sum -c --quiet before || fail "the image has changed"
	attach disk.qcow2
	storm --overflow-from 0
}

# each FUNCTION NAME ARGUMENTS...
each()
{
	# shellcheck disable=SC2053 # a pattern
	[ -z "${ONLY-}" ] || [[ $2 == $ONLY ]] || return 0
	our_turn || return 0
	echo "$2 (after $SECONDS s)"
	"$@"
}

scratch_fs ext4 512
cd "$FS"
random_file "$T/random" 1M
seq -f 'line %08g of a text that can be compressed' 70000 >text
truncate -s 3M text
random_file base.raw 6M

each width_1 refcount-1
each empty refcount-2 refcount_bits=2,cluster_size=4k 2M --overflow-from 2
each empty refcount-4 refcount_bits=4,cluster_size=1k 2M --overflow-from 8
each empty refcount-8 refcount_bits=8,cluster_size=512 2M
each empty refcount-16 cluster_size=64k 8M
each empty refcount-32 refcount_bits=32,cluster_size=2k 2M
each empty refcount-64 refcount_bits=64,cluster_size=4k 4M
each empty 512 cluster_size=512,refcount_bits=64 2M --max-size $((3 << 20))
each empty 2M cluster_size=2M 8M --max-size $((12 << 20))
each empty v2 cluster_size=4k,compat=0.10 4M --fixed-size
each empty extended extended_l2=on,cluster_size=16k 4M
each empty extended-2M extended_l2=on,cluster_size=2M 8M
each compressed compressed-4k cluster_size=4k
each compressed compressed-64k cluster_size=64k,compression_type=zstd
each over backing-4k cluster_size=4k 4M --max-size $((8 << 20))
each over backing-64k cluster_size=64k 4000k --max-size $((8 << 20))
each over backing-extended cluster_size=64k,extended_l2=on 4M \
	--max-size $((8 << 20))
dmesg_clean
