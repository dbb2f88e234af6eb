#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
# long-timeout: 36000
# dmesg: EXT4-fs (error|warning)
#
# Everything that can be asked of the driver, in any order, by several tasks at
# once, while signals come, tasks are killed, and image files are damaged under
# it (prog/fuzzioctl).  Nothing hangs, all devices can be detached and the
# module unloaded, no memory is lost, and the kernel has no complaint.
#
# It takes a minute, in which a slow kernel does less.  With LONG set it takes
# half an hour, or FUZZ_SECONDS=...  SEED=... is what an earlier run has printed:
# the steps are the same then, but not how those of two tasks meet.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/leak.sh"

seconds=60
[ -z "${LONG-}" ] || seconds=${FUZZ_SECONDS:-1800}
seed=${SEED:-$((RANDOM << 15 | RANDOM))}
# Each round has a seed, and a module that was loaded for it; the log cannot
# hold much more of what the driver says.
round=20
[ -z "${LONG-}" ] || round=120
# Nothing takes so long, not even on a slow kernel.
limit=$((60 * ${SLOW:-1}))

# --- Images ---

# begin NAME: a folder to work in
begin()
{
	mkdir "$FS/images/$1"
	cd "$FS/images/$1"
}

create()
{
	qemu-img create -q -f qcow2 "$@"
}

# io FILE COMMAND...
io()
{
	local file=$1 command args=()
	shift

	for command; do
		args+=(-c "$command")
	done
	qemu-io "${args[@]}" "$file" >/dev/null
}

# set_byte OFFSET VALUE: of the header of disk
set_byte()
{
	printf '%b' "\\0$(printf %o "$2")" |
		dd of=disk bs=1 seek="$1" conv=notrunc status=none
}

# Beside the small ones that are there: what has partitions, large clusters,
# marks in its header, deeper chains, and no file.
more_images()
{
	begin raw
	truncate -s 1M disk
	printf 'label: dos\nstart=64, size=500\nstart=1024\n' |
		sfdisk -q disk

	begin v3-64k
	create -o cluster_size=64k disk 8M
	io disk 'write -P 1 0 300k' 'write -z 64k 64k' 'write -P 2 5M 100k'
	qemu-img snapshot -c s1 disk
	io disk 'write -P 3 4k 4k'

	begin v3-2M
	create -o cluster_size=2M disk 16M
	io disk 'write -P 1 3M 64k'

	begin zlib-64k
	create disk 4M
	io disk 'write -c -P 1 0 64k' 'write -c -P 2 128k 64k' 'write 1M 64k'

	begin dirty
	create -o lazy_refcounts=on,cluster_size=4k disk 1M
	io disk 'write -P 1 0 300k'
	set_byte 79 1

	begin corrupt
	create -o cluster_size=4k disk 1M
	io disk 'write -P 1 0 300k'
	set_byte 79 2

	begin three
	create -o cluster_size=4k lower 1M
	create -o cluster_size=64k -b lower -F qcow2 base 1M
	create -o cluster_size=512 -b base -F qcow2 disk 2M
	io lower 'write -P 1 0 900k'
	io base 'write -P 2 300k 100k'
	io disk 'write -P 3 600k 100k'

	begin block
	ln -s /dev/ram1 disk
	create -o cluster_size=4k /dev/ram1 8M
	io /dev/ram1 'write -P 1 0 300k'
}

# --- Rounds ---

# The last steps of both tasks, in order.  A VM that dies leaves them to the
# machine that started it.
steps=/results/last-steps
mountpoint -q /results || steps=$T/steps

tell_steps()
{
	[ ! -s "$steps" ] || sort -n "$steps" | sed 's/ *$//' | tail -n 80
	rm -f "$steps"
}

# A process that does not end cannot be waited for.
unload()
{
	local second

	rmmod qcow &
	for ((second = 0; second < limit; second++)); do
		if ! is_loaded; then
			wait $! || fail "rmmod failed"
			return
		fi
		kill -0 $! 2>/dev/null || break
		sleep 1
	done
	cat /proc/$!/stack || :
	lsmod | grep qcow || :
	fail "the module cannot be unloaded"
}

# one_round SECONDS SEED
one_round()
{
	OUT=$("$fuzz" --seed "$2" --seconds "$1" --limit $limit \
		--ring "$steps" "${folders[@]}" 2>&1) || fail "$OUT"
	printf 'seed %s: %s\n' "$2" "${OUT//$'\n'/, }"
	echo "$OUT" >>"$T/sums"
	unload
	dmesg_clean
	# the log may lose what was before
	echo "$MARK" >/dev/kmsg
	load_module
	rm "$steps"
}

# Images take pages of the RAM disk as they grow.
memory()
{
	memory_state "$1.all"
	grep -v '^pages' "$1.all" >"$1"
}

# succeeded STEP: how often, in all rounds
succeeded()
{
	awk -v step="$1" '$1 == step { n += $2 } END { print n + 0 }' "$T/sums"
}

# A test that was refused everything has tested nothing.
worked()
{
	local step

	for step in attach detach query snapshot resize rebase read write \
		    sync look; do
		[ "$(succeeded $step)" -gt 0 ] ||
			fail "no $step has succeeded"
	done
}

# One object in eight images that were attached would show.
has_not_grown()
{
	local grown limit

	# KASAN keeps much of what was freed; there, kmemleak has its say at
	# the end of the suite
	[ ! -e /sys/kernel/debug/kmemleak ] || return 0
	limit=$(($(succeeded attach) / 8 + 1100))
	grown=$(memory_grew "$T/before" "$T/after" $limit)
	[ -z "$grown" ] || fail "after $((8 * (limit - 1100))) images: $grown"
}

fuzz=$(built prog/fuzzioctl)
scratch_fs ext4 512
cp -r "$(built victims)" "$FS/images"
more_images
cd "$FS/images"
folders=(*/)
[ ${#folders[@]} -ge 20 ] || fail "only ${#folders[@]} images"
folders=("${folders[@]%/}")

without_udev
defer tell_steps
one_round $round "$seed"
memory "$T/before"
for ((done = round; done < seconds; done += round)); do
	seed=$((seed + 1))
	one_round $round $seed
done
memory "$T/after"
worked
has_not_grown
