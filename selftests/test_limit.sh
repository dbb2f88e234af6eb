#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# qcowctl in a task that may write no file beyond its first KiB (RLIMIT_FSIZE):
# the limit is about the task's own files.  Whatever the driver writes into an
# image in this task, it neither fails nor does the task get SIGXFSZ.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

# limited ARGUMENTS...: by a pipe, as what it says may go to a file
limited()
{
	"$QCOWCTL" "$@" | cat || fail "qcowctl $*: status ${PIPESTATUS[0]}"
}

limit_all()
{
	cat >"$T/limited" <<-SCRIPT
	#!/bin/bash
	ulimit -f 1
	exec $QCOWCTL "\$@"
	SCRIPT
	chmod +x "$T/limited"
	QCOWCTL=$T/limited
}

snapshots_and_sizes()
{
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 -o cluster_size=4k disk.qcow2 8M
	attach "$@" disk.qcow2
	put 0 4096
	cp "$DEV" then.raw
	limited snapshot create "$DEV" one
	put 2048 4096
	cp "$DEV" now.raw
	limited snapshot create "$DEV" two
	limited snapshot apply "$DEV" one
	same then.raw "$DEV"
	limited snapshot apply "$DEV" two
	same now.raw "$DEV"
	limited snapshot delete "$DEV" one
	limited snapshot delete "$DEV" two
	limited resize "$DEV" 2G
	limited resize --shrink "$DEV" 8M
	same now.raw "$DEV"
	detach
	checked disk.qcow2
	reads_as now.raw disk.qcow2
}

# A file that is not attached is, for as long as it takes.
of_files()
{
	limited snapshot create disk.qcow2 three
	limited resize disk.qcow2 9M
	limited snapshot delete disk.qcow2 three
	checked disk.qcow2
}

# That its bitmaps are stale is written before anything else is.
bitmaps()
{
	qemu-img bitmap --add disk.qcow2 changes
	attach "$@" disk.qcow2
	put 0 64
	detach
	checked disk.qcow2 0 3
}

backing_files()
{
	rm -f top.qcow2
	cp now.raw other.raw
	qemu-img convert -f raw -O qcow2 now.raw base.qcow2
	qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2 8M
	attach "$@" top.qcow2
	put 1024 4096
	cp "$DEV" now.raw
	limited rebase -b other.raw -F raw "$DEV"
	same now.raw "$DEV"
	limited rebase -b base.qcow2 -F qcow2 "$DEV"
	limited commit "$DEV"
	same now.raw "$DEV"
	detach
	checked top.qcow2
	checked base.qcow2
	reads_as now.raw base.qcow2
}

random_file "$T/source" 8M
limit_all
expect_fail 153 bash -c "ulimit -f 1; head -c 4K /dev/zero >$T/file"
for type in ext4 xfs btrfs; do
	scratch_fs $type 512
	cd "$FS"
	for direct in auto off; do
		echo "$type, direct I/O $direct"
		for part in snapshots_and_sizes of_files bitmaps \
			    backing_files; do
			$part --direct-io $direct
		done
	done
done
cd /
dmesg_clean
