#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# Thousands of damaged images: each is refused with a reason, or reads as
# data or EIO; nothing of it leaks, and the kernel has no complaint.

. "$(dirname "$0")/lib/test.sh"

count=${COUNT:-$(fewer 2400)}
# SEED=... damages as in an earlier run.
seed=${SEED:-$RANDOM$RANDOM}

# What the kernel keeps for us and gives back late: RCU, work queues.
let_it_settle()
{
	sleep 2
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
}

# memory FILE: "objects CACHE NUMBER" for each kmalloc cache, then "kib ..."
memory()
{
	let_it_settle
	{
		awk '/^(kmalloc-|kernfs_node_cache|bdev_cache|fs_cache|filp)/ {
			print "objects", $1, $2 }' /proc/slabinfo
		awk '$1 ~ /^(SUnreclaim|VmallocUsed|Percpu):/ {
			print "kib", $1, $2 }' /proc/meminfo
		awk '/^(MemFree|Cached):/ { free += $2 }
			END { print "kib free", -free }' /proc/meminfo
	} >"$1"
}

# One object in three images would show (a slab of the smallest has 512), or
# 1 KiB in each of what the kernel calls by name; free memory also goes to the
# RAM disk as it fills, some MiB however few the images are.
has_not_grown()
{
	local grown

	expect_equal "users of the module" 0 "$(cat /sys/module/qcow/refcnt)"
	[ "$(wc -l <before)" -gt 20 ] || fail "cannot see the kernel's memory"
	# KASAN keeps much of what was freed; there, kmemleak has its say at the
	# end of the suite.
	[ ! -e /sys/kernel/debug/kmemleak ] || return 0
	grown=$(join -j 1 <(sed 's/ /:/' before | sort) \
			<(sed 's/ /:/' after | sort) |
		awk -v count="$1" '
			/^objects/ && $3 - $2 > count / 6 + 512 { print }
			/^kib:free/ && $3 - $2 > count * 8 + 8192 { print }
			/^kib:[SVP]/ && $3 - $2 > count { print }')
	[ -z "$grown" ] || fail "what was, and is: $grown"
}

# at_least NUMBER WORD: in what mutate said, "WORD NUMBER ..."
at_least()
{
	local number

	number=$(sed -E "s/(.* )?$2 ([0-9]+).*/\2/" <<<"$said")
	[ "$number" -ge "$1" ] || fail "only $number $2 in: $said"
}

damaged_images()
{
	echo "seed $seed"
	"$mutate" "$seed" 0 300 "${folders[@]}"
	memory before
	said=$("$mutate" "$seed" 300 "$count" "${folders[@]}") || fail "$said"
	echo "$said"
	memory after
	has_not_grown "$count"

	# All ways to end are taken.
	at_least $((count / 2)) attached
	at_least $((count / 20)) refused
	at_least $((count / 10)) failed-reads
	at_least $((count * 20)) compared
}

broken_streams()
{
	said=$("$mutate" --broken "${folders[@]}") || fail "$said"
	echo "$said"
	at_least 50 broken
}

# Every line of the log is one of ours, or what the block layer and partition
# scanners say of EIO; the first few are of this test's own file system.
log_says_no_more()
{
	local odd expected='qcow|callbacks suppressed|printk messages dropped'

	expected+='|ldm_validate_partition_table|brd: |EXT4-fs|hrtimer: '
	expected+='|drop_caches: '
	odd=$(kernel_log "$MARK" | grep -v -E "$expected" | head -n 5) || :
	[ -z "$odd" ] || fail "the kernel log says: $odd"
}

mutate=$(built prog/mutate)
scratch_fs ext4 256 -O ^has_journal
cp -r "$(built victims)" "$FS"
cd "$FS/victims"
folders=(*/)
[ ${#folders[@]} -ge 10 ] || fail "only ${#folders[@]} images to damage"

without_udev
for part in broken_streams damaged_images; do
	echo "$part"
	$part
done
log_says_no_more
dmesg_clean
