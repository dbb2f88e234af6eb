#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# A hundred machines' disks over one base, attached at once, cost little: the
# base is open once, whatever its tables take.  And a snapshot of a full disk
# of 1 TiB is made and deleted in seconds, since it costs what the tables take.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/leak.sh"
. "$(dirname "$0")/lib/write.sh"

clones=${CLONES:-100}

# KiB for each clone: 300 where there are a thousand.  A hundred also share what
# udev takes, and the free pages that processors keep for themselves.
each=$((300 + 10000 / clones))

# fastest NUMBER...
fastest()
{
	printf '%s\n' "$@" | sort -n | head -n 1
}

make_clones()
{
	local i

	qemu-img create -q -f qcow2 -o cluster_size=4k base.qcow2 512G
	attach base.qcow2
	dd if=data of="$DEV" bs=1M seek=300000 conv=fsync status=none
	detach
	chmod a-w base.qcow2
	qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 clone0 512G
	for ((i = 1; i < clones; i++)); do
		cp clone0 "clone$i"
	done
}

# What the first one costs is the base's L1 table, of 2 MiB, and udev's workers.
a_hundred()
{
	local i before grown first last times=()

	make_clones
	attach -f qcow2 clone0
	before=$(kernel_memory)
	for ((i = 1; i < clones; i++)); do
		milliseconds attach -f qcow2 "clone$i"
		times+=("$TOOK")
		dd if="$DEV" bs=1M skip=300000 count=1 iflag=direct \
			status=none | cmp - data
	done
	udevadm settle
	grown=$((($(kernel_memory) - before) / (clones - 1)))
	first=$(fastest "${times[@]:0:15}")
	last=$(fastest "${times[@]: -15}")
	echo "$clones clones: $grown KiB each; attach: $first ms, at last $last ms"
	[ "$grown" -le $each ] || fail "a clone takes $grown KiB"
	# another VM may have slowed down most of them, but not all
	[ "$last" -le $((2 * first)) ] || fail "the last ones took $last ms"
	dd if=data of="$DEV" bs=64k count=16 oflag=direct conv=fsync \
		status=none
	"$QCOWCTL" detach --all
	checked clone$((clones - 1))
}

# A disk of 4096-byte sectors below takes no less directly.  A device of 512
# cannot have the base as the other has it.
of_other_sectors()
{
	local loop

	modprobe loop
	truncate -s 256M 4k.disk
	loop=$(losetup -b 4096 -f --show 4k.disk)
	defer losetup -d "$loop"
	mkfs.ext4 -q "$loop"
	mkdir 4k
	mount "$loop" 4k
	defer umount "$FS/4k"
	qemu-img create -q -f qcow2 4k/base.qcow2 8M
	qemu-io -c 'write -P 7 1M 1M' 4k/base.qcow2 >/dev/null
	for i in 1 2; do
		qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 \
			"4k/clone$i"
	done
	attach -f qcow2 --sector-size 4096 4k/clone1
	expect_equal "direct I/O of the base" 1 "$(base_io)"
	attach -f qcow2 4k/clone2
	expect_equal "direct I/O of the base" 0 "$(base_io)"
	same_as_qemu 4k/clone2 "$DEV"
	"$QCOWCTL" detach --all
}

base_io()
{
	cat "/sys/block/${DEV#/dev/}/qcow_chain/layer1_direct_io"
}

# seconds COMMAND...: prints it with the time that it took, and what it said
seconds()
{
	local begin end

	begin=$(date +%s%N)
	said=$("$@")
	end=$(date +%s%N)
	took=$(((end - begin) / 1000000))
	echo "1 TiB: ${*:2:2}: $((took / 1000)).$(printf %03d $((took % 1000))) s; $said"
}

# soon WHAT: what was said tells that the disk stood still for a moment only,
# though the change took many times as long
soon()
{
	local still

	still=$(sed -n 's/.*still for \([0-9]*\).* ms/\1/p' <<<"$said")
	[ "$still" -lt $((2000 * ${SLOW:-1})) ] ||
		fail "$1: the disk stood still for $still ms"
	[ "$took" -lt $((120000 * ${SLOW:-1})) ] || fail "$1: that is too long"
}

# While the tables of a large disk are built, the command can be ended.  The
# other VM may slow down an attempt, so
# there are three.
change_of_mind()
{
	local pid begin attempt

	for attempt in 1 2 3; do
		"$QCOWCTL" snapshot create "$DEV" never >/dev/null 2>&1 &
		pid=$!
		sleep 0.5
		kill -TERM $pid
		begin=$(date +%s%N)
		! wait $pid || fail "it was made all the same"
		took=$((($(date +%s%N) - begin) / 1000000))
		echo "1 TiB: given up after $took ms, attempt $attempt"
		! "$QCOWCTL" snapshot list "$DEV" | grep -qw never ||
			fail "it is in the list"
		[ "$took" -ge $((1000 * ${SLOW:-1})) ] || return 0
	done
	fail "that is too long"
}

a_tebibyte()
{
	"$(built prog/bigimage)" big.qcow2 $((1 << 40))
	attach big.qcow2
	change_of_mind
	seconds "$QCOWCTL" snapshot create "$DEV" full
	soon create
	dd if=data of="$DEV" bs=64k count=16 oflag=direct conv=fsync \
		status=none
	seconds "$QCOWCTL" snapshot delete "$DEV" full
	soon delete
	dd if="$DEV" bs=1M count=1 iflag=direct status=none | cmp - data
	detach
	[ -z "${LONG-}" ] || checked big.qcow2
}

scratch_fs ext4 2048
cd "$FS"
random_file data 1M
a_hundred
of_other_sectors
a_tebibyte
dmesg_clean
