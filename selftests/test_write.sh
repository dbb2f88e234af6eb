#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1200
# long-timeout: 7200
#
# Every kind of image is written to, by requests of all sorts that race, and
# stays an image that QEMU finds nothing wrong with: the disk reads as the
# model says, snapshots and backing files are what they were.
#
# The kernels share the kinds between them.  With LONG set, all images that there
# are, and longer.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

# What the driver does not write to yet.
refused=""

# What it is known to fail at; taken off the list when it is mended.
unfinished=""

names=(
	v3-512 v3-4k v3-64k v3-2M v2-512 v2-64k
	refcount-1-512 refcount-2-4k refcount-4-4k refcount-8-4k
	refcount-32-4k refcount-64-4k refcount-64-512
	lazy-refcounts
	zlib-512 zstd-4k convert-zlib-64k
	extended-16k extended-2M extended-zstd
	snapshot-compat=0.10-4k snapshot-smaller
	snapshot-refcount_bits=64-64k snapshot-extended_l2=on-64k
	chain-raw-odd chain-raw-longer chain-512-over-2M chain-v2-over-v3
	chain-extended-over-4k chain-three
	data-file data-file-raw data-file-extended mixed-data-file
	discarded-subclusters
	metadata-preallocated bitmaps leaks ends-in-a-sector sectors-of-4k-4k
)

# is_one_of NAME PATTERN...
is_one_of()
{
	local pattern

	for pattern in "${@:2}"; do
		# shellcheck disable=SC2053 # a pattern
		[[ $1 != $pattern ]] || return 0
	done
	return 1
}

# get NAME: the image, in a folder of its own
get()
{
	rm -rf image
	cp -a --sparse=auto "$images/chains/$1" image
	cd image
}

# Nobody counts bitmaps whose autoclear bit is gone: their clusters are leaks.
leaks()
{
	get bitmaps
	printf '\0' | dd of=disk bs=1 seek=95 conv=notrunc status=none
	checked disk 3
	before=$(grep -c "^Leaked cluster" <<<"$OUT")
	writes bitmaps
	[ "$(grep -c "^Leaked cluster" <<<"$OUT")" -le "$before" ] ||
		fail "more leaks than before: $OUT"
}

# attach_options NAME
attach_options()
{
	awk -v name="$1/disk" '$1 == name { $1 = ""; print }' "$images/list"
}

# Everything beside the disk itself, and its snapshots.
others_are_the_same()
{
	local file view number=1

	for file in *; do
		case $file in
		disk | data) continue ;;
		esac
		diff -r "$images/chains/$1/$file" "$file" ||
			fail "$file has changed"
	done
	while read -r view; do
		qemu-img convert -l snapshot.id=$number -O raw disk "$T/view"
		cmp -n "$(stat -c %s "$view")" "$view" "$T/view" ||
			fail "snapshot $number has changed"
		number=$((number + 1))
	done < <(find "$images/references/$1" -type f ! -name disk | sort)
}

# Whatever bitmap is still there says that it is not to be trusted.
no_stale_bitmaps()
{
	qemu-img info --output=json disk |
		jq -e '[(."format-specific".data.bitmaps // [])[] |
			select(.flags | index("in-use") | not)] == []' \
			>/dev/null || fail "a bitmap that looks valid"
}

refuses()
{
	# shellcheck disable=SC2046 # several options
	expect_fail 4 "$QCOWCTL" attach $(attach_options "$1") disk
	expect_says "not supported yet"
	same "$images/chains/$1/disk" disk
}

# Where there is a raw data file that is what the disk reads, also where it was
# discarded and zeroed.
data_file_is_the_disk()
{
	qemu-img info --output=json disk |
		jq -e '."format-specific".data."data-file-raw"' >/dev/null ||
		return 0
	cmp "$T/model" data || fail "the data file is not the disk"
}

# An empty raw data file, written here and there and zeroed across that.
mixed_data_file()
{
	local options

	for options in extended_l2=off extended_l2=on; do
		rm -rf image
		mkdir image
		cd image
		qemu-img create -q -f qcow2 -o \
			"data_file=data,data_file_raw=on,$options" disk 8M
		attach disk
		head -c 8M /dev/zero >../zeros
		torture ../zeros --count "$operations" --seconds 60
		dd if=/dev/urandom of="$DEV" bs=4k seek=8 count=1 \
			oflag=direct status=none
		blkdiscard -z -o 0 -l 64k "$DEV"
		dd if=/dev/urandom of="$DEV" bs=4k seek=1096 count=3 \
			oflag=direct status=none
		blkdiscard -o 4M -l 1M "$DEV"
		cmp -n 64K /dev/zero "$DEV"
		cp "$DEV" "$T/model"
		detach
		reads_as "$T/model" disk
		data_file_is_the_disk
		checked disk
		cd ..
	done
}

# What the queue says may be discarded: all but the first subcluster of each of
# 32 clusters, of 4 KiB each.  Twice, the second time shared with a snapshot,
# which must not notice.
discarded_subclusters()
{
	local i before

	rm -rf image
	mkdir image
	cd image
	random_file ../model 4M
	qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=128k disk 4M
	attach disk
	expect_equal "granularity" 4096 \
		"$(cat "/sys/block/${DEV#/dev/}/queue/discard_granularity")"
	dd if=../model of="$DEV" bs=1M oflag=direct conv=fsync status=none
	before=$(sectors_of disk)
	discard_most
	for ((i = 0; i < 32; i++)); do
		dd if=/dev/zero of=../model bs=4k seek=$((i * 32 + 1)) \
			count=31 conv=notrunc status=none
	done
	same ../model "$DEV"
	[ $((before - $(sectors_of disk))) -ge $((31 * 32 * 8)) ] ||
		fail "$before sectors before, $(sectors_of disk) now"
	# not a whole one
	blkdiscard -o 512 -l 3584 "$DEV"
	same ../model "$DEV"
	dd if=/dev/urandom of="$DEV" bs=1M count=4 oflag=direct conv=fsync \
		status=none
	cp "$DEV" ../model
	"$QCOWCTL" snapshot create "$DEV" shared
	discard_most
	detach
	checked disk
	qemu-img convert -l shared -O raw disk ../shared
	same ../model ../shared
}

discard_most()
{
	local i

	for ((i = 0; i < 32; i++)); do
		blkdiscard -o $((i * 131072 + 4096)) -l 126976 "$DEV"
	done
}

# sectors_of FILE: what it takes, once all is there
sectors_of()
{
	sync
	stat -c %b "$1"
}

writes()
{
	local reference=$images/references/$1/disk

	# shellcheck disable=SC2046 # several options
	attach $(attach_options "$1") disk
	torture "$reference" --count "$operations" --seconds 60
	detach
	reads_as "$T/model" disk
	others_are_the_same "$1"
	data_file_is_the_disk
	if [ "$1" = bitmaps ]; then
		no_stale_bitmaps
		checked disk 0 3
	else
		checked disk
	fi
}

one()
{
	[ "$1" != leaks ] || { leaks; return; }
	[ "$1" != mixed-data-file ] || { mixed_data_file; return; }
	[ "$1" != discarded-subclusters ] || { discarded_subclusters; return; }
	get "$1"
	# shellcheck disable=SC2086 # a list
	if is_one_of "$1" $refused; then
		refuses "$1"
	else
		writes "$1"
	fi
}

# each FUNCTION NAME: a subtest that takes nothing else down with it
each()
{
	local status=0 start=$SECONDS

	set +e
	trap - ERR
	(
		set -e
		trap 'complain $? "$BASH_COMMAND"' ERR
		"$@"
	) >"$T/log" 2>&1
	status=$?
	trap 'complain $? "$BASH_COMMAND"' ERR
	set -e
	number=$((number + 1))
	# shellcheck disable=SC2086 # a list
	if is_one_of "$2" $unfinished; then
		unfinished_is $status "$2"
		return
	fi
	[ $status -eq 0 ] || {
		sed "s|^|# $2: |" "$T/log"
		echo -n "not "
		bad=$((bad + 1))
		"$QCOWCTL" detach --all || :
	}
	echo "ok $number $2 # $((SECONDS - start)) s"
}

# unfinished_is STATUS NAME: a failure is expected, but not demanded of chance
unfinished_is()
{
	"$QCOWCTL" detach --all || :
	if [ "$1" -eq 0 ]; then
		echo "ok $number $2 # still on the list of the unfinished"
	else
		sed "s|^|# $2: |" "$T/log"
		echo "ok $number $2 # SKIP not finished in the driver"
	fi
}

# What only a newer QEMU makes, which build/images has then.
newer_names=(
	kept-512 kept-4k kept-extended kept-data kept-raw-data
	kept-data-file rebased-zstd newer-zstd-4k
)

images=$(built images)
operations=${OPERATIONS:-$(fewer 100)}
number=0 bad=0

if [ -n "${LONG-}" ]; then
	mapfile -t names < <(cut -d / -f 1 "$images/list" | sort -u)
	operations=1500
	newer_names=()
fi
[ -z "${ONLY-}" ] || { read -ra names <<<"$ONLY"; newer_names=(); }
scratch_fs ext4 1024
cd "$FS"
for name in "${names[@]}"; do
	our_turn || continue
	each one "$name"
done
# one of the kernels alone has a newer QEMU beside it
[ -n "${NEWER_QEMU-}" ] || newer_names=()
for name in "${newer_names[@]}"; do
	each one "$name"
done
[ $bad -eq 0 ] || exit 1
dmesg_clean
