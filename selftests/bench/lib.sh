# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# In the VM: images on XFS on a RAM disk, the peers through which they are read
# and written, and the jobs that do it.  $images is the folder that the images
# are copied from, $job and $time are the caller's.
# shellcheck disable=SC2034,SC2154

bench=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
top=$(dirname "$(dirname "$bench")")
# shellcheck source=selftests/lib/kernel.sh
. "$top/selftests/lib/kernel.sh"
# shellcheck source=selftests/lib/qemu.sh
. "$top/selftests/lib/qemu.sh"

qcowctl=$top/userspace/qcowctl
fs=/mnt
size=512M

# set_up MIB: how large the file system is
set_up()
{
	modprobe brd rd_nr=2 rd_size=$((5 << 30)) max_part=0 &&
		warm_up "$1" &&
		mkfs.xfs -q -f -K -d "size=${1}m" /dev/ram0 &&
		mount /dev/ram0 $fs && modprobe loop && load_module
}

# A RAM disk allocates a page where it is written for the first time: whoever
# comes first would pay for it.
warm_up()
{
	dd if=/dev/zero of=/dev/ram0 bs=1M count="$1" oflag=direct status=none
}

# --- Images: `image_KIND FORMAT` sets $image ---

# Past the page cache, which would take memory from what is measured.
copy()
{
	[ -e "$2" ] || dd if="$1" of="$2" bs=1M oflag=direct status=none
}

create()
{
	qemu-img create -q -f qcow2 "$@"
}

image_full()
{
	image=$fs/full.$1
	copy "$images/full.$1" "$image"
}

image_zlib()
{
	image=$fs/zlib.qcow2
	copy "$images/zlib.qcow2" "$image"
}

image_empty()
{
	image=$fs/empty.$1
	if [ "$1" = qcow2 ]; then
		create "$image" $size
	else
		truncate -s $size "$image"
	fi
}

image_snapshot()
{
	image=$fs/snapshot.qcow2
	copy "$images/full.qcow2" "$image"
	qemu-img snapshot -c before "$image"
}

# chain BOTTOM NAME: nine layers, of which the lowest is backed by BOTTOM
chain()
{
	local below=$1 layer

	for layer in {1..9}; do
		create -b "$below" -F qcow2 "$fs/$2$layer.qcow2" || return
		below=$fs/$2$layer.qcow2
	done
}

image_bottom()
{
	image=$fs/bottom9.qcow2
	[ ! -e "$image" ] || return 0
	copy "$images/full.qcow2" $fs/full.qcow2
	chain $fs/full.qcow2 bottom
}

# An image of that size that lies on a RAM disk itself: all tables are there,
# and no data was written so far.
on_disk()
{
	image=/dev/ram1
	[ "${on_disk-}" != "$1" ] || return 0
	blockdev --flushbufs $image
	"$top/build/prog/bigimage" $image "$1" && on_disk=$1
}

image_small()
{
	on_disk $((512 << 20))
}

image_big()
{
	on_disk $((4 << 40))
}

# A clone makes XFS take more care of writes to the original, too: the jobs that
# come here follow those that write there.
image_top()
{
	image=$fs/top.qcow2
	[ ! -e "$image" ] || return 0
	copy "$images/full.qcow2" $fs/full.qcow2
	cp --reflink=always $fs/full.qcow2 "$image"
	create $fs/top0.qcow2 $size
	chain $fs/top0.qcow2 top
	qemu-img rebase -u -f qcow2 -b $fs/top8.qcow2 -F qcow2 "$image"
}

# Those that a job uses up.
remove_image()
{
	rm -f $fs/empty.* $fs/snapshot.*
}

# --- Peers: `open_PEER` sets $target ---

# newest TOOL ARGUMENTS: of the newest QEMU that there is
newest()
{
	if [ -n "${NEWER_QEMU-}" ]; then
		newer "$@"
	else
		"$@"
	fi
}

# In the order of the table, with the formats of their images.
all_peers="null:none file:raw loop:raw nbd:qcow2 vduse:qcow2 fuse:qcow2 raw:raw
qcow2:qcow2"

# It completes a request where it was submitted: what a device costs at least.
open_null()
{
	modprobe null_blk queue_mode=2 irqmode=0 gb=1 bs=512 \
		submit_queues="$(nproc)" || return
	target=/dev/nullb0
}

close_null()
{
	rmmod null_blk
}

open_file()
{
	target=$image
}

close_file()
{
	:
}

open_loop()
{
	target=$(losetup --find --show --direct-io=on "$image")
}

close_loop()
{
	losetup -d "$target"
}

open_nbd()
{
	modprobe nbd max_part=0 nbds_max=1 || return
	target=/dev/nbd0
	newest qemu-nbd --fork --connect=$target --format=qcow2 \
		--cache=none --aio=io_uring --discard=unmap \
		--pid-file=/run/peer.pid "$image"
}

close_nbd()
{
	local server

	server=$(cat /run/peer.pid) || return
	newest qemu-nbd --disconnect "$target" >/dev/null
	wait_for_peer "$server"
}

# wait_for_peer PROCESS: the server ends after the device, and its image is free
# only then
wait_for_peer()
{
	for _ in {1..500}; do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.01
	done
	return 1
}

# storage_daemon EXPORT: with an I/O thread of its own
storage_daemon()
{
	newest qemu-storage-daemon --daemonize --pidfile /run/peer.pid \
		--object iothread,id=thread \
		--blockdev driver=file,node-name=file,filename="$image",cache.direct=on,aio=io_uring,discard=unmap \
		--blockdev driver=qcow2,node-name=disk,file=file,discard=unmap \
		--export "$1,id=export,node-name=disk,writable=on,iothread=thread"
}

open_vduse()
{
	local before

	modprobe vduse && modprobe virtio_vdpa || return
	storage_daemon vduse-blk,name=bench || return
	before=$(echo /dev/vd*)
	vdpa dev add name bench mgmtdev vduse || { end_peer; return 1; }
	for _ in {1..500}; do
		target=$(comm -13 <(tr ' ' '\n' <<<"$before" | sort) \
			<(printf '%s\n' /dev/vd* | sort) | head -n 1)
		[ ! -b "$target" ] || return 0
		sleep 0.01
	done
	return 1
}

# The file is gone when the server has ended.
end_peer()
{
	local server

	server=$(cat /run/peer.pid) && kill "$server" &&
		wait_for_peer "$server"
}

close_vduse()
{
	vdpa dev del bench && end_peer
}

open_fuse()
{
	modprobe fuse || return
	target=/run/peer.disk
	touch $target
	storage_daemon fuse,mountpoint=$target
}

close_fuse()
{
	end_peer
}

open_raw()
{
	target=$("$qcowctl" attach --format raw "$image")
}

close_raw()
{
	"$qcowctl" detach "$target"
}

# Read-only where that is enough and no more is to be had.
open_qcow2()
{
	target=$("$qcowctl" attach -f qcow2 "$image") && return
	[[ $options != *write* ]] || return
	target=$("$qcowctl" attach -f qcow2 --read-only "$image")
}

# Speed does not count if the image is broken afterwards.  (All tables of a big
# one take an emulated CPU minutes.)
close_qcow2()
{
	"$qcowctl" detach "$target" || return
	[[ $options != *write* || $kind = big ]] || qemu-img check -q "$image"
}

# What making the images and opening them left in the page cache: direct writes
# would look for it each time.
drop_cache()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# --- Jobs ---

jobs_table()
{
	grep '|' "$bench/jobs" | grep -v '^#'
}

# Sets $kind (of image), $unit, $options.
read_job()
{
	IFS='|' read -r _ kind unit _ options _ \
		< <(jobs_table | grep -E "^$1[[:space:]]*\|")
	read -r kind <<<"$kind"
	read -r unit <<<"$unit"
}

# run_fio OPTIONS...: $job on $target for $time, unless it ends by itself.  Each
# peer has an order of its own: a RAM disk allocates what is written for the
# first time, which the next peer in the same order would have for nothing.
run_fio()
{
	local timed=(--time_based --runtime="$time") seed

	seed=$(cksum <<<"${peer-}" | cut -d ' ' -f 1)

	[[ ! $options =~ --(io_size|read_iolog) ]] || timed=()
	# shellcheck disable=SC2086 # the options are words
	fio --name="$job" --filename="$target" --ioengine=libaio --direct=1 \
		--size=$size --fallocate=none --norandommap \
		--randseed="$seed" "${timed[@]}" \
		"$@" --replay_redirect="$target" ${options/IMAGES/$images}
}
