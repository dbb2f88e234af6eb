# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The module under test and the log of the kernel under test.

KMOD=${KMOD:-$(dirname "$(dirname "$(dirname "$(realpath \
	"${BASH_SOURCE[0]}")")")")/build/$(uname -r)/qcow.ko}

is_loaded()
{
	[ -d /sys/module/qcow ]
}

# The libraries that the module takes its symbols from; insmod loads none.
load_module()
{
	local library

	for library in $(modinfo -F depends "$KMOD" | tr , ' '); do
		modprobe "$library" || return
	done
	insmod "$KMOD" "$@"
}

unload_module()
{
	! is_loaded || rmmod qcow
}

# They cannot go where they are built in (vm/run tells that kernel their size),
# but what they hold can; bit by bit, as brd does it under a spinlock.
drop_ramdisks()
{
	local pages disk status=0

	if [ -e /sys/module/brd/initstate ]; then
		rmmod brd
		return
	fi
	for pages in /sys/kernel/debug/ramdisk_pages/*; do
		disk=${pages##*/}
		[ "$(cat "$pages")" -eq 0 ] ||
			blkdiscard -f --step 32M "/dev/$disk" 2>/dev/null ||
			status=1
	done
	return $status
}

# Does this kernel look for leaks?
finds_leaks()
{
	[ -e /sys/kernel/debug/kmemleak ] && ! grep -q kmemleak=off /proc/cmdline
}

# What of the driver nobody leads to any more, if this kernel looks for that:
# the second time, as what is on its way is seen nowhere.
leaks()
{
	local file=/sys/kernel/debug/kmemleak found

	finds_leaks || return 0
	for _ in 1 2; do
		sleep 6
		echo scan >$file
	done
	found=$(cat $file)
	[[ $found != *"[qcow]"* ]] || printf '%s\n' "$found"
}

# What no test may provoke.
complaints='WARNING:|BUG:|BUG at|Oops|general protection|KASAN|KFENCE|UBSAN'
complaints+='|blocked for more than|lock held when returning|possible deadlock'
complaints+='|possible recursive locking|circular locking|inconsistent lock'
complaints+='|suspicious RCU|soft lockup|hard LOCKUP|rcu.*stall|refcount_t:'
complaints+='|list_(add|del) corruption|while atomic|sleeping function called'
complaints+='|Objects remaining|unreferenced object|Bad page|Call Trace'
complaints+='|page allocation failure|page fault for address|stack guard page'

# kernel_log MARK: the log since that line was written to /dev/kmsg
kernel_log()
{
	dmesg | awk -v mark="$1" '
		found { print }
		index($0, mark) { found = 1 }
		END { if (!found) print "WARNING: the log lost its beginning" }'
}

# kernel_complaints MARK ALLOWED: prints the lines that should not be there
kernel_complaints()
{
	kernel_log "$1" | grep -v -E "$2" | grep -E -A 25 "$complaints" |
		head -n 60
}
