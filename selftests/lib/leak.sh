# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the kernel holds: all of it, and by its kinds before and after many rounds
# of something.

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

# kernel_memory_now: what belongs to the kernel alone, in KiB.  Pages that a CPU
# keeps at hand are free.  Only the page cache is dropped: to drop slabs as well
# would empty the driver's caches.
kernel_memory_now()
{
	echo 1 >/proc/sys/vm/drop_caches
	cat /proc/sys/vm/stat_refresh
	awk '/^(MemFree|AnonPages|PageTables|Cached|Buffers|SReclaimable):/ {
			n -= $2
		}
		/^MemTotal:/ { n += $2 }
		/^ +count:/ { n -= 4 * $2 }
		END { print n }' /proc/meminfo /proc/zoneinfo
}

# kernel_memory: what kernel_memory_now() says once it no longer changes.  What was
# freed comes back late, and processes that udev began end late.
kernel_memory()
{
	local last now calm=0 try

	sync
	last=$(kernel_memory_now)
	for ((try = 0; try < 100 && calm < 5; try++)); do
		sleep 0.3
		now=$(kernel_memory_now)
		calm=$(((now - last) ** 2 < 128 ** 2 ? calm + 1 : 0))
		last=$now
	done
	[ "$calm" -ge 5 ] || { echo "the memory never settles" >&2; return 1; }
	echo "$last"
}
