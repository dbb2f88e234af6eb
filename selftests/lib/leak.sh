# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the kernel holds, before and after many rounds of something.

# memory_state FILE: lines of NAME COUNT
memory_state()
{
	local cache

	sync
	echo 3 >/proc/sys/vm/drop_caches
	# Frees and counts what the allocator keeps at hand.
	for cache in /sys/kernel/slab/*kmalloc* /sys/kernel/slab/*bio*; do
		[ -L "$cache" ] || echo 1 >"$cache/shrink" || :
	done 2>/dev/null
	{
		awk '/^(dma-|rcl-)?kmalloc-|bio/ { print $1, $2 }' /proc/slabinfo
		awk '/^(Percpu|KernelStack):/ { print $1, $2 }' /proc/meminfo
		awk '/qcow/ { n++ } END { print "vmallocs", n + 0 }' \
			/proc/vmallocinfo
		echo "users $(cat /sys/module/qcow/refcnt)"
		# Neither free nor a process's.
		awk '/^(MemFree|AnonPages):/ { n -= $2 }
			/^MemTotal:/ { n += $2 }
			END { print "pages", n }' /proc/meminfo
	} >"$1"
}

# memory_grew BEFORE AFTER OBJECTS: prints what grew by so many or more; of all
# pages together it must be 4 KiB for each.  The smallest objects are counted by
# the slab of 512, of which each CPU has one: some 1100 say nothing.
memory_grew()
{
	awk -v limit="$3" '
		NR == FNR { before[$1] = $2; next }
		{ grown = $2 - before[$1] }
		$1 == "users" || $1 == "vmallocs" {
			if (grown > 0) print $1, before[$1], "->", $2
			next
		}
		grown >= ($1 == "pages" ? 4 * limit : limit) {
			print $1, before[$1], "->", $2
		}' "$1" "$2"
}
