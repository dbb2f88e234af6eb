#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# long-timeout: 1200
# dmesg: EXT4-fs|JBD2|XFS .*|Buffer I/O error|I/O error, dev|Aborting journal|BTRFS|qcow: .*failed
#
# What lies below the image is full, or fails.  A request that fails says so,
# the others go on; the image stays one, and each sector is what it was at the
# last flush that succeeded, or something newer.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

model=$(built prog/model)

# --- No room ---

# fill_up LEAVE-MIB: of the file system
fill_up()
{
	local free

	sync -f .
	free=$(df --output=avail -m . | tail -n 1)
	fallocate -l $((free - $1))M ballast
	sync -f .
}

# full_below TYPE MIB LEAVE-MIB: such a file system, with room for a part of the
# image
full_below()
{
	scratch_fs "$1" "$2"
	cd "$FS"
	fill_up "$3"
	qemu-img create -q -f qcow2 -o cluster_size=64k disk.qcow2 64M
	attach disk.qcow2
	put 0 1024 conv=fsync
	cat "$DEV" >"$T/initial"
	until_it_is_full
	# btrfs takes room to write what is there already
	[ "$1" = btrfs ] || in_place_when_full
	with_room_again
	cd "$T"
}

until_it_is_full()
{
	OUT=$("$model" --initial "$T/initial" --seed "$seed" --tolerate \
		--threads 4 --count 600 --seconds 60 \
		--dump "$T/model" "$DEV") || fail "a sector is wrong: $OUT"
	echo "full: $OUT"
	[[ $OUT != *" 0 failed"* ]] || fail "it was never full: $OUT"
	expect_equal "state when it is full" live "$(state)"
	same_disk "$T/model" "$DEV"
	expect_fail 1 dd if=/dev/zero of="$DEV" bs=1M oflag=direct
	expect_says "No space left"
	expect_equal "state when it is full" live "$(state)"
}

# freed_is_room TYPE MIB: none but what the disk itself gives back; who writes
# then waits for the commit that it takes.
freed_is_room()
{
	local at

	scratch_fs "$1" "$2"
	cd "$FS"
	qemu-img create -q -f qcow2 disk.qcow2 64M
	attach disk.qcow2
	put 0 1024 conv=fsync
	fill_up 4
	for ((at = 1024; at < 60000; at += 64)); do
		put $at 64 conv=fsync 2>/dev/null || break
	done
	[ $at -lt 60000 ] || fail "it was never full"
	expect_fail 1 dd if="$T/source" of="$DEV" bs=512k count=1 seek=126 \
		oflag=direct conv=notrunc
	expect_says "No space left"
	blkdiscard -o 0 -l 1M "$DEV"
	put 64512 512
	flush
	holds 64512 512
	detach
	checked disk.qcow2
	cd "$T"
}

# The race before it has discarded what it liked: a cluster that the image no
# longer has, or that was punched below it, takes room again.
in_place_when_full()
{
	local at

	flush
	at=$(whole_cluster)
	[ -n "$at" ] || fail "the race left no cluster whole"
	put $((at / 1024)) 64
	holds $((at / 1024)) 64
	flush
}

# Where on the disk one lies that the image has, and the file system has written.
whole_cluster()
{
	{
		filefrag -b512 -e disk.qcow2 | tr ':.' '  ' | awk '
			$1 ~ /^[0-9]+$/ && !/unwritten|delalloc|unknown/ {
				print "extent", $2 * 512, ($3 + 1) * 512
			}'
		qemu-img map -U --output=json disk.qcow2 | jq -r '
			.[] | select(.data and .offset) | . as $run |
			range($run.start; $run.start + $run.length; 65536) |
			"cluster \(.) \(. - $run.start + $run.offset)"'
	} | awk '
		$1 == "extent" { first[++n] = $2; end[n] = $3; next }
		{
			for (i = 1; i <= n; i++)
				if ($3 >= first[i] && $3 + 65536 <= end[i])
					at = $2
		}
		END { print at }'
}

with_room_again()
{
	cat "$DEV" >"$T/initial"
	rm ballast
	sync -f .
	"$model" --initial "$T/initial" --seed "$seed" \
		--threads 4 --count 100 --seconds 60 --dump "$T/model" "$DEV" ||
		fail "there is room again, and still"
	detach
	checked disk.qcow2
	reads_as "$T/model" disk.qcow2
}

# --- A disk that fails ---

# Where on its disk a byte of a file lies, in sectors.
sector_of()
{
	local file=$1 offset=$2

	filefrag -b512 -e "$file" | awk -v at=$((offset / 512)) '
		$1 ~ /^[0-9]+:$/ {
			gsub(/[.:]/, " ")
			if (at >= $2 && at <= $3) { print $4 + at - $2; exit }
		}'
}

# disk_table LINE...: what the disk does from now on
disk_table()
{
	printf '%s\n' "$@" | dmsetup load qcow-test
	dmsetup suspend --nolockfs --noflush qcow-test
	dmsetup resume qcow-test
}

fine()
{
	echo "0 $disk_sectors linear $disk 0"
}

# bad_sectors FIRST COUNT: between good ones
bad_sectors()
{
	echo "0 $1 linear $disk 0"
	echo "$1 $2 error"
	echo "$(($1 + $2)) $((disk_sectors - $1 - $2)) linear $disk $(($1 + $2))"
}

# failing_disk TYPE: a file system on it
failing_disk()
{
	disk=/dev/ram7
	disk_sectors=$((400 << 11))
	dmsetup create qcow-test --table "$(fine)"
	defer no_disk
	make_fs "$1" 400 /dev/mapper/qcow-test
	FS=$T/failing
	mkdir -p "$FS"
	mount /dev/mapper/qcow-test "$FS"
	cd "$FS"
}

# failing_image TYPE: on such a disk
failing_image()
{
	failing_disk "$1"
	qemu-img create -q -f qcow2 -o cluster_size=64k disk.qcow2 64M
	attach disk.qcow2
	put 0 256 conv=fsync
	put 1024 256 conv=fsync
	cat "$DEV" >"$T/initial"
}

# It works again, and is looked at as after a new start.
mend_disk()
{
	detach_somehow
	disk_table "$(fine)"
	cd "$T"
	umount "$FS"
	mount /dev/mapper/qcow-test "$FS"
	cd "$FS"
	checked disk.qcow2 0 3
}

disk_ends()
{
	cd "$T"
	umount "$FS"
	dmsetup remove --retry qcow-test
}

# Deferred, for a test that failed.
no_disk()
{
	[ -b /dev/mapper/qcow-test ] || return 0
	disk_table "$(fine)"
	! mountpoint -q "$T/failing" || umount "$T/failing"
	dmsetup remove --retry qcow-test
}

# map GUEST-OFFSET: where in the image file
host_offset()
{
	qemu-img map -U --output=json disk.qcow2 | jq --argjson at "$1" '
		.[] | select(.start <= $at and .start + .length > $at) |
		.offset + $at - .start'
}

# l2_table: where in the image file the first one is
l2_table()
{
	local l1

	l1=$(be64 40)
	echo $(($(be64 "$l1") & 0x00fffffffffffe00))
}

# be64 OFFSET: of the image
be64()
{
	echo $((0x$(xxd -s "$1" -l 8 -p disk.qcow2)))
}

# Only the request that hits it fails.
bad_data()
{
	failing_image "$1"
	bad=$(sector_of disk.qcow2 "$(host_offset $((128 << 10)))")
	mapfile -t table < <(bad_sectors "$bad" 8)
	disk_table "${table[@]}"
	expect_fail 1 put 128 4
	expect_says "Input/output error"
	put 132 60
	put 0 64
	put 2048 512
	holds 2048 512
	flush
	expect_equal "state" live "$(state)"
	mend_disk
	disk_ends
}

# An L2 table that cannot be written: what was flushed stays.
bad_metadata()
{
	failing_image "$1"
	bad=$(sector_of disk.qcow2 "$(l2_table)")
	mapfile -t table < <(bad_sectors "$bad" 128)
	disk_table "${table[@]}"
	put 4096 64
	fails_for_good
	mend_disk
	qemu-img convert -O raw disk.qcow2 "$T/after"
	same_part 0 4096 "$T/initial"
	same_part 4096 64 "$T/initial" 2>/dev/null ||
		cmp -n 65536 -i $((4096 << 10)):0 "$T/after" "$T/source" ||
		fail "what was never flushed is neither lost nor there"
	same_part 4160 $(((64 << 10) - 4160)) "$T/initial"
	disk_ends
}

# same_part KIB-OFFSET KIB FILE
same_part()
{
	cmp -n $(($2 * 1024)) -i $(($1 * 1024)) "$T/after" "$3"
}

# A flush that failed once fails for ever, and the device says why.
fails_for_good()
{
	expect_fail 1 flush
	expect_fail 1 flush
	[ "$(state)" = degraded ] || not_said+=" $(state)"
	kernel_log "$part_mark" | grep "qcow: .*disk.qcow2.*failed" >/dev/null ||
		fail "not a word in the log"
	expect_fail 1 put 16384 64
	expect_says "Input/output error"
	# durable mappings: still good for reading and writing
	put 0 64
	holds 0 64
	holds 1024 256
}

# The whole disk goes away in the middle of a race, and comes back later.
gone_in_a_race()
{
	local racer

	failing_image "$1"
	"$model" --initial "$T/initial" --seed "$seed" --tolerate \
		--threads 6 --seconds 8 --max-io 256k \
		--state "$T/state" "$DEV" >"$T/raced" &
	racer=$!
	sleep 4
	disk_table "0 $disk_sectors error"
	wait $racer
	cat "$T/raced"
	grep -q -v " 0 failed" "$T/raced" || fail "nothing failed"
	expect_fail 1 flush
	mend_disk
	may_be "$T/state" "$T/initial" disk.qcow2
	disk_ends
}

# What the page cache could not write it forgets, and tells of it once: who
# asks again still has to hear it, also when the disk has long been mended.
bad_writeback()
{
	failing_disk "$1"
	head -c 8M /dev/zero >disk.img
	sync disk.img
	attach --direct-io off disk.img
	bad=$(sector_of disk.img $((1 << 20)))
	mapfile -t table < <(bad_sectors "$bad" 8)
	disk_table "${table[@]}"
	put 1024 64
	expect_equal "state" live "$(state)"
	expect_fail 1 flush
	disk_table "$(fine)"
	expect_fail 1 flush
	expect_equal "state" degraded "$(state)"
	expect_equal "failure" "writing back failed: -5" \
		"$(cat "/sys/block/${DEV#/dev/}/qcow/failure")"
	expect_fail 4 detach
	attach --direct-io off disk.img
	flush
	expect_equal "state" live "$(state)"
	detach
	disk_ends
}

# A snapshot is given up if the task that asked for it is killed while its tables
# are built.  The page cache takes nothing from such a task; yet the image is
# sound, and what was written for the snapshot is taken back.
killed_in_a_change()
{
	local creator

	failing_disk "$1"
	qemu-img create -q -f qcow2 disk.qcow2 64M
	attach --direct-io off disk.qcow2
	put 0 256 conv=fsync
	dmsetup suspend --nolockfs --noflush qcow-test
	"$QCOWCTL" snapshot create "$DEV" now &
	creator=$!
	sleep 3
	kill -KILL $creator
	dmsetup resume qcow-test
	wait $creator || :
	expect_equal "state" live "$(state)"
	put 0 256 conv=fsync
	detach
	checked disk.qcow2
	# until its tables are switched to it is given up, and nothing is left
	! qemu-img snapshot -l disk.qcow2 | grep -q now ||
		fail "it went on, though nobody waits for it"
	disk_ends
}

not_said=''
require dmsetup filefrag jq xxd
modprobe dm-mod
random_file "$T/source" 1M
for part in "full_below ext4 160 9" "full_below xfs 320 12" \
	    "full_below btrfs 320 14" \
	    "freed_is_room ext4 160" "freed_is_room xfs 320" \
	    "bad_data ext4" "bad_metadata ext4" "bad_metadata xfs" \
	    "gone_in_a_race ext4" "gone_in_a_race xfs" \
	    "bad_writeback ext4" "bad_writeback xfs" \
	    "killed_in_a_change ext4" "killed_in_a_change xfs"; do
	our_turn || continue
	echo "$part (after $SECONDS s)"
	part_mark="$MARK, $part"
	echo "$part_mark" >/dev/kmsg
	$part
done
[ -z "$not_said" ] || fail "state after failed flushes:$not_said"
dmesg_clean
