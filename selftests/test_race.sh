#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# long-timeout: 3000
#
# Sixteen threads on a disk that is so small that they meet all the time: on
# clusters of 512 bytes, with a cache of L2 tables that holds a part of them,
# on clusters of 2 MiB, and on those that have to be copied first.  Nothing is
# lost, a discarded cluster is zeros.  Ten seconds each, with LONG set ten
# minutes.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

seconds=${LONG:+600}
seconds=${seconds:-10}

# race CLUSTER SIZE LARGEST ATTACH-OPTION...: on sectors that all share, then
# on clusters that all share
race()
{
	local cluster=$1 size=$2 largest=$3 mode
	shift 3

	echo "clusters of $cluster (after $SECONDS s)"
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 -o "cluster_size=$cluster" disk.qcow2 \
		"$size"
	rm -f before
	truncate -s "$size" before
	for mode in "" --exclusive; do
		attach "$@" disk.qcow2
		# shellcheck disable=SC2086 # one option or none
		torture before $mode --threads 16 --max-io "$largest" \
			--seconds $((seconds / 2)) --discard-zeroes "$cluster"
		detach
		checked disk.qcow2
		reads_as "$T/model" disk.qcow2
		cp "$T/model" before
	done
}

# copied: all threads find clusters that are another's, time and again
copied()
{
	local round rounds=${LONG:+100}

	echo "clusters of a backing file (after $SECONDS s)"
	random_file base.raw 2M
	for ((round = 0; round < ${rounds:-4}; round++)); do
		rm -f disk.qcow2
		qemu-img create -q -f qcow2 -b base.raw -F raw disk.qcow2 2M
		attach disk.qcow2
		torture base.raw --threads 16 --max-io 32k --count 250
		detach
		checked disk.qcow2
		reads_as "$T/model" disk.qcow2
		seed=$((seed + 1))
	done
}

# verified CLUSTER: another judge; four jobs write and read back what they
# wrote, a fifth trims beside them
verified()
{
	echo "fio on clusters of $1 (after $SECONDS s)"
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 -o "cluster_size=$1" disk.qcow2 20M
	attach disk.qcow2
	fio --output="$T/fio" --filename="$DEV" --direct=1 --ioengine=libaio \
		--iodepth=8 --randseed="$seed" --bsrange=512-64k \
		--blockalign=512 --size=4M --offset_increment=4M \
		--verify=crc32c --verify_fatal=1 --fsync=50 \
		--name=write --rw=randwrite --numjobs=4 --loops=2 \
		--name=trim --rw=randtrim --offset=16M --verify=0 \
		--number_ios=100 || fail "fio: $(cat "$T/fio")"
	cat "$DEV" >after
	detach
	checked disk.qcow2
	reads_as after disk.qcow2
}

require fio
scratch_fs ext4 512
cd "$FS"
race 512 1M 64k --cache-size 8k
race 16k 2M 64k
race 2M 16M 2M
copied
verified 512
verified 64k
dmesg_clean
