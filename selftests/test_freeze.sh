#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# A snapshot of a disk in use holds what was written before, synced or not: on
# each file system, through LVM and LUKS, in other mount namespaces.  Where that
# cannot be, it is said.  Whatever happens, all file systems go on afterwards.

. "$(dirname "$0")/lib/test.sh"

# --- Layers between the disk and a file system ---
#
# build_LAYER makes one on $TOP, which it sets to the new top; open_LAYER does so
# in a snapshot, which cannot be written; close_LAYER takes both away.

build_part()
{
	echo 'start=2048' | sfdisk -q --label gpt "$TOP"
	udevadm settle
	TOP+=p1
}

open_part()
{
	udevadm settle
	TOP+=p1
}

close_part()
{
	:
}

build_luks()
{
	cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 \
		--pbkdf-force-iterations 1000 --key-file key "$TOP"
	cryptsetup open --key-file key "$TOP" freeze-luks
	TOP=/dev/mapper/freeze-luks
}

open_luks()
{
	cryptsetup open --readonly --key-file key "$TOP" freeze-luks
	TOP=/dev/mapper/freeze-luks
}

close_luks()
{
	cryptsetup close freeze-luks
}

# LVM does not look at the RAM disks.
lvm()
{
	command lvm "$@" --config 'devices { filter = [ "r|/dev/ram|" ] }' \
		>"$T/lvm" 2>&1 || fail "lvm $1: $(cat "$T/lvm")"
}

build_lvm()
{
	lvm pvcreate -y "$TOP"
	lvm vgcreate freeze_vg "$TOP"
	lvm lvcreate -y -n spare -L 16M freeze_vg
	lvm lvcreate -y -n lv -L 400M freeze_vg
	dmsetup table freeze_vg-lv >lv.table
	dmsetup table freeze_vg-spare >spare.table
	TOP=/dev/freeze_vg/lv
}

# open_lvm [VOLUME]: of a linear volume it is enough to know where it was
open_lvm()
{
	local volume=${1-lv}

	awk -v dev="$(stat -L -c '%Hr:%Lr' "$TOP")" '{ $4 = dev; print }' \
		"$volume.table" | dmsetup create --readonly "freeze_vg-$volume"
	udevadm settle
	TOP=/dev/mapper/freeze_vg-$volume
}

close_lvm()
{
	local volume

	udevadm settle
	for volume in freeze_vg-lv freeze_vg-spare; do
		! dmsetup info "$volume" >/dev/null 2>&1 ||
			dmsetup remove --retry "$volume"
	done
}

# close_layers LAYER...: the last one first
close_layers()
{
	local i

	for ((i = $#; i > 0; i--)); do
		"close_${!i}"
	done
}

# --- File systems ---

make()
{
	case $1 in
	ext4)	mkfs.ext4 -q -F "$TOP" ;;
	xfs)	mkfs.xfs -q -f "$TOP" ;;
	btrfs)	mkfs.btrfs -q -f "$TOP" >/dev/null ;;
	f2fs)	mkfs.f2fs -q -f "$TOP" >/dev/null ;;
	esac
}

# What was not frozen would have a journal to be replayed, which a device that
# cannot be written does not allow: then there is no mount, or an old one.
mount_snapshot()
{
	case $1 in
	ext4)	mount -o ro,noload "$TOP" mnt ;;
	xfs)	mount -o ro,norecovery "$TOP" mnt ;;
	btrfs)	mount -o ro "$TOP" mnt ;;
	f2fs)	mount -o ro,norecovery "$TOP" mnt ;;
	esac
}

# setup TYPE LAYER...: a new file system at $TOP, not mounted
setup()
{
	rm -f disk.qcow2
	qemu-img create -q -f qcow2 disk.qcow2 512M
	attach disk.qcow2
	defer undo
	TOP=$DEV
	layers=("${@:2}")
	for layer in "${layers[@]}"; do
		"build_$layer"
	done
	make "$1"
}

# What the test has left, when it failed: before the disk is detached.
undo()
{
	local i

	! mountpoint -q "$FS/mnt" || umount "$FS/mnt"
	for i in freeze_vg-lv freeze_vg-spare freeze-luks; do
		! dmsetup info $i >/dev/null 2>&1 || dmsetup remove --retry $i
	done
}

# The live disk goes first: what is in the snapshot has the same names.
teardown()
{
	! mountpoint -q mnt || umount mnt
	close_layers "${layers[@]}"
	[ "$1" != btrfs ] || btrfs device scan --forget
	detach
}

create()
{
	timeout 60 "$QCOWCTL" snapshot create "$@"
}

goes_on()
{
	timeout 20 touch mnt/another || fail "the file system is not thawed"
}

# holds TYPE SNAPSHOT [FILE]: the snapshot has the file
holds()
{
	local layer

	attach -r --snapshot "$2" disk.qcow2
	defer undo
	TOP=$DEV
	for layer in "${layers[@]}"; do
		"open_$layer"
	done
	mount_snapshot "$1" || fail "$1 in the snapshot cannot be mounted"
	[ -e "mnt/${3-file}" ] || fail "${3-file} is not in the snapshot"
	same "$T/random" "mnt/${3-file}"
	umount mnt
	close_layers "${layers[@]}"
	[ "$1" != btrfs ] || btrfs device scan --forget
	detach
}

# --- What a snapshot holds ---

# written TYPE LAYER...: what is written is there, although nobody synced it
written()
{
	setup "$@"
	mount "$TOP" mnt
	cp "$T/random" mnt/file
	create "$DEV" one
	goes_on
	expect_fail 5 create "$DEV" one
	goes_on
	cp "$T/random" mnt/later
	frozen_by_hand
	teardown "$1"
	holds "$1" one
	holds "$1" two later
	qemu-img check -q disk.qcow2
}

# Others thaw what they have frozen.
frozen_by_hand()
{
	local waiting

	fsfreeze -f mnt
	create "$DEV" two
	touch mnt/another &
	waiting=$!
	sleep 1
	kill -0 $waiting || fail "a snapshot has thawed it"
	fsfreeze -u mnt
	wait $waiting
}

# elsewhere COMMAND...: in another mount namespace; NS stays until it is ended
elsewhere()
{
	rm -f ready
	unshare -m bash -c '"$@" && echo >ready && exec sleep 1000' - "$@" &
	NS=$!
	for _ in {1..100}; do
		[ ! -e ready ] || return 0
		sleep 0.1
	done
	fail "nothing is mounted"
}

leave()
{
	kill "$NS"
	wait "$NS" || :
}

# unseen TYPE LAYER...: nobody has mounted it here
unseen()
{
	setup "$@"
	elsewhere mount "$TOP" mnt
	nsenter -t "$NS" -m cp "$T/random" "$PWD/mnt/file"
	create "$DEV" one
	nsenter -t "$NS" -m timeout 20 touch "$PWD/mnt/another"
	leave
	teardown "$1"
	holds "$1" one
}

# A btrfs that is in use and mounted nowhere: there is no way to it.
mounted_nowhere()
{
	setup btrfs
	mount "$TOP" mnt
	cp "$T/random" mnt/file
	exec 9<mnt/file
	umount -l mnt
	expect_fail 5 create "$DEV" one
	expect_says "cannot be reached to be frozen"
	expect_says "--force"
	create --force "$DEV" one >said 2>&1
	grep -q "is not frozen: the snapshot may lack" said ||
		fail "not a word of it: $(cat said)"
	exec 9<&-
	teardown btrfs
}

# Of a program that writes to a volume nobody knows what it will write; what it
# wrote is in the snapshot all the same.
writer_of_volume()
{
	setup ext4 lvm
	exec 9<>/dev/freeze_vg/spare
	cat "$T/random" >&9
	create "$DEV" one >said
	grep -q "^not frozen: /dev/dm-.*, open by process" said ||
		fail "not a word of the writer: $(cat said)"
	exec 9>&-
	teardown ext4
	attach -r --snapshot one disk.qcow2
	TOP=$DEV
	open_lvm spare
	cmp -n "$(stat -c %s "$T/random")" "$T/random" "$TOP" ||
		fail "what was written to the volume is not in the snapshot"
	close_lvm
	detach
}

# --- When it cannot be made ---

# Sets WRITER, which keeps mnt from being frozen.
get_stuck()
{
	: >begins
	"$(built prog/stuckwrite)" mnt/file >begins &
	WRITER=$!
	for _ in {1..50}; do
		[ ! -s begins ] || break
		sleep 0.1
	done
	sleep 0.5
}

# stuck TYPE LAYER...: a writer does not get on, and the time is over; then the
# command that waits is killed
stuck()
{
	local killed

	setup "$@"
	mount "$TOP" mnt
	get_stuck
	expect_fail 4 create --freeze-timeout 2 "$DEV" one
	expect_says "could not be frozen in 2000 ms"
	kill -9 $WRITER
	wait $WRITER || :
	goes_on
	until_made early

	get_stuck
	"$QCOWCTL" snapshot create --freeze-timeout 60 "$DEV" one &
	killed=$!
	sleep 2
	kill -9 $killed
	wait $killed || :
	kill -9 $WRITER
	wait $WRITER || :
	goes_on
	cp "$T/random" mnt/file
	until_made late
	teardown "$1"
	holds "$1" late
}

# until_made SNAPSHOT: the freeze that was given up is over soon
until_made()
{
	for _ in {1..50}; do
		! create "$DEV" "$1" >said 2>&1 || return 0
		sleep 0.2
	done
	fail "no snapshot: $(cat said)"
}

require mkfs.btrfs mkfs.f2fs vgcreate cryptsetup sfdisk fsfreeze
modprobe -a dm-mod dm-crypt btrfs f2fs xfs
random_file "$T/random" 4M
scratch_fs ext4 1536
cd "$FS"
head -c 32 /dev/urandom >key
mkdir mnt
for part in "written ext4" "written xfs" "written btrfs" "written f2fs" \
	    "written ext4 lvm" "written xfs lvm" "written ext4 luks" \
	    "written xfs part luks" "written btrfs luks lvm" \
	    "unseen ext4 lvm" "unseen btrfs" mounted_nowhere \
	    writer_of_volume "stuck btrfs" "stuck ext4 lvm"; do
	# shellcheck disable=SC2053 # a pattern
	[ -z "${ONLY-}" ] || [[ $part == $ONLY ]] || continue
	echo "$part (after $SECONDS s)"
	$part
done
dmesg_clean
