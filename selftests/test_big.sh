#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 800
# long-timeout: 1200
#
# A disk of 4 TiB: it is attached at once, what is kept of it in memory stays
# within the cache's limit wherever it is written and read, and that costs
# not much more than on a small disk.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/leak.sh"
. "$(dirname "$0")/lib/write.sh"

limit=$((40 << 20))
writes=${LONG:+20000}
writes=${writes:-$(fewer 2500)}

# attach_cost IMAGE: the milliseconds that a CPU is busy with it, at best
attach_cost()
{
	local TIMEFORMAT='%U %S' best=1000000 took

	for _ in 1 2 3 4 5 6; do
		took=$({ time "$QCOWCTL" attach "$1" >/dev/null; } 2>&1 |
			awk '{ printf "%d\n", ($1 + $2) * 1000 }')
		"$QCOWCTL" detach "$1"
		best=$((took < best ? took : best))
	done
	echo "$best"
}

# A number of the driver about itself.
statistic()
{
	cat "/sys/block/${DEV#/dev/}/qcow_statistics/$1"
}

# io RW COUNT: what one request costs, in microseconds
io()
{
	fio --name=big --filename="$DEV" --rw="$1" --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=16 --norandommap \
		--random_generator=tausworthe64 --randseed="$seed" \
		--number_ios="$2" --output-format=json --output="$T/fio"
	jq -r '.jobs[0] | if .error != 0 then error("fio failed") else . end |
		(.read.runtime + .write.runtime) * 1000 /
		(.read.total_ios + .write.total_ios) | floor' "$T/fio"
}

make_images()
{
	qemu-img create -q -f qcow2 big.qcow2 4T
	qemu-img create -q -f qcow2 small.qcow2 64M
}

attaching()
{
	local big small

	small=$(attach_cost small.qcow2)
	big=$(attach_cost big.qcow2)
	echo "attach: $big ms for 4 TiB, $small ms for 64 MiB"
	# An emulated CPU is ten times slower than a real one, where 50 ms are
	# the limit; this much says that not all of it is read.
	[ "$big" -lt $((3 * small + 300)) ] ||
		fail "attaching 4 TiB costs $big ms, 64 MiB $small ms"
}

costs()
{
	local before grown bytes misses

	attach small.qcow2
	io randwrite "$writes" >/dev/null
	small_write=$(io randwrite "$writes")
	small_read=$(io randread "$writes")
	detach

	before=$(kernel_memory)
	attach big.qcow2
	io randwrite "$writes" >/dev/null
	sync "$DEV"
	big_write=$(io randwrite "$writes")
	big_read=$(io randread "$writes")
	bytes=$(($(statistic slices) * $(statistic slice_bytes)))
	misses=$(statistic slice_misses)
	grown=$(($(kernel_memory) - before))
	echo "slices: $((bytes >> 10)) KiB, $misses misses; all: $grown KiB"
	echo "write: $big_write us, small $small_write us"
	echo "read: $big_read us, small $small_read us"
	[ "$misses" -gt $((writes / 2)) ] ||
		fail "$misses misses only: that was not all over the disk"
	[ "$bytes" -le $limit ] || fail "$bytes bytes of L2 slices"
	[ "$grown" -le $((limit >> 10)) ] || fail "the kernel has $grown KiB more"
	# The exact figure is the benchmark's to measure: this finds what is
	# of another order.
	[ "$big_write" -le $((20 * small_write + 500)) ] ||
		fail "writes cost $big_write us, on a small disk $small_write"
	[ "$big_read" -le $((20 * small_read + 500)) ] ||
		fail "reads cost $big_read us, on a small disk $small_read"
	detach
}

# The last sector is as good as any.
ends()
{
	attach big.qcow2
	expect_equal "size" $((4 << 40)) "$(blockdev --getsize64 "$DEV")"
	for place in 0 $((1 << 31)) $(((8 << 30) - 128)); do
		dd if=source of="$DEV" bs=512 seek="$place" oflag=direct \
			conv=notrunc,fsync status=none
	done
	detach
	checked big.qcow2
	attach -r big.qcow2
	for place in 0 $((1 << 31)) $(((8 << 30) - 128)); do
		dd if="$DEV" bs=512 skip="$place" count=128 iflag=direct \
			status=none | cmp - source ||
			fail "sector $place was not kept"
	done
	detach
}

# On a disk, as what a RAM disk holds would be counted as the driver's.
scratch_disk()
{
	[ -b /dev/vda ] || skip "no scratch disk"
	modprobe ext4
	make_fs ext4 8192 /dev/vda
	FS=$T/fs
	mkdir "$FS"
	mount /dev/vda "$FS"
	defer umount "$FS"
}

require fio jq
scratch_disk
cd "$FS"
random_file source 64K
make_images
for part in attaching costs ends; do
	echo "$part (after $SECONDS s)"
	$part
done
dmesg_clean
