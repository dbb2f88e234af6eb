#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Images are made on disks that are full of something else: what is to read
# zeros does.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

rows()
{
	cat <<'ROWS'
-O qcow2
-O qcow2 -S 0
-O qcow2 -c
-O qcow2 -o cluster_size=512
-O qcow2 -o cluster_size=2M
-O qcow2 -o preallocation=metadata
-O qcow2 -o preallocation=falloc
-O qcow2 -o preallocation=full
-O qcow2 -o preallocation=metadata,extended_l2=on
-O qcow2 -o compat=0.10
-O qcow2 -o compat=0.10,preallocation=metadata
-O raw
-O raw -n
ROWS
}

# What the new disk has is the old one's, behind its end there are zeros, and
# QEMU finds nothing wrong.
onto_disk()
{
	local format=${1#-O } row=$1
	format=${format%% *}

	echo "$row"
	cp garbage disk.img
	attach --name target -f raw disk.img
	# shellcheck disable=SC2086 # words
	"$QCOWCTL" convert -f raw $row source.raw "$DEV"
	detach
	if [ "$format" = raw ]; then
		cmp -n $SIZE source.raw disk.img
		return
	fi
	checked disk.img
	both qemu-img compare -q -f raw -F qcow2 source.raw disk.img ||
		fail "$row: reads something else"
	qemu-img resize -q -f qcow2 disk.img $((SIZE + 40960))
	both qemu-img compare -q -f raw -F qcow2 longer.raw disk.img ||
		fail "$row: there is something behind the old end"
}

# Over a backing file that version 2 can only hide by data.
onto_disk_over()
{
	cp garbage disk.img
	attach -f raw disk.img
	"$QCOWCTL" convert -f raw -O qcow2 -o "compat=0.10" -B "$PWD/base.raw" -F raw \
		source.raw "$DEV"
	detach
	checked disk.img
	both qemu-img compare -q -f raw -F qcow2 source.raw disk.img ||
		fail "over a backing file: reads something else"
}

# data_on_disk OPTIONS: the disk has the data, which anybody may read
data_on_disk()
{
	echo "data file: $1"
	cp garbage disk.img
	truncate -s $SIZE disk.img
	attach -f raw disk.img
	rm -f image.qcow2
	"$QCOWCTL" convert -f raw -O qcow2 \
		-o "data_file=$DEV,data_file_raw=on$1" source.raw image.qcow2
	both qemu-img compare -q -f raw -F qcow2 source.raw image.qcow2 ||
		fail "reads something else"
	cmp source.raw "$DEV" || fail "the data file is not the disk"
	detach
}

# Noise, zeros, holes, a bit of each in a cluster, and an end within one.
SIZE=$(((5 << 20) + 7 * 512))
scratch_fs ext4 256
cd "$FS"
random_file garbage 16M
{
	head -c 300K garbage
	head -c 1M /dev/zero
	head -c 3000 garbage
	head -c 200K /dev/zero
	head -c 70K garbage
} >source.raw
truncate -s 4M source.raw
printf x >>source.raw
truncate -s $SIZE source.raw
cp source.raw longer.raw
truncate -s +40960 longer.raw
head -c $SIZE garbage >base.raw
while read -r row; do
	onto_disk "$row"
done < <(rows)
onto_disk_over
data_on_disk ""
data_on_disk ,extended_l2=on
dmesg_clean
