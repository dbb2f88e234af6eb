#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# demo.sh [IMAGE]: the main job of the module, shown in a VM: a guest's disk
# as a block device of this machine.  Without an image of the user's it makes
# some.  It ends with status 0 only if all that it compared was equal.

set -euo pipefail
here=$(dirname "$(realpath "$0")")
top=$(dirname "$here")

say()
{
	printf '\n\033[1m%s\033[0m\n' "$*"
}

# Show a command as one would type it, then do it.
run()
{
	echo "  # $*"
	"$@" 2>&1 | sed 's/^/  /'
}

die()
{
	printf '\nThe demonstration failed: %s\n' "$*"
	exit 1
}

trap 'die "line $LINENO: $BASH_COMMAND"' ERR
set -o errtrace

# --- Outside: what a user has before this module comes in ---

prepare()
{
	"$here/vm/install-packages"
	kernel=$("$here/vm/kernel")
	make -s -C "$top" module qcowctl KVER="$kernel" 2>&1 |
		sed '/^Skipping BTF/d'
}

# file_system FILE MIB LABEL FOLDER
file_system()
{
	truncate -s "${2}M" "$1"
	mkfs.ext4 -q -F -b 4096 -L "$3" -d "$4" "$1"
}

# A disk of two partitions: files, and a note.
make_disk()
{
	mkdir -p files note
	cp -r /usr/include/linux files/headers
	cp "$(command -v qemu-img)" "/boot/vmlinuz-$kernel" files
	(cd files && find . -type f -exec sha256sum {} +) >checksums
	echo "as the guest left it" >note/note.txt
	file_system part1 96 guest files
	file_system part2 8 note note
	truncate -s 128M disk.raw
	printf 'size=96MiB, name=files\nsize=8MiB, name=note\n' |
		sfdisk -q --label gpt disk.raw
	dd if=part1 of=disk.raw bs=1M seek=1 conv=notrunc,sparse status=none
	dd if=part2 of=disk.raw bs=1M seek=97 conv=notrunc,sparse status=none
	rm part1
}

make_images()
{
	cd "$work"
	make_disk
	qemu-img convert -O qcow2 disk.raw disk.qcow2
	qemu-img convert -O qcow2 -c disk.qcow2 packed.qcow2

	echo "changed in the overlay" >note/note.txt
	file_system part2 8 note note
	qemu-img create -q -f qcow2 -b packed.qcow2 -F qcow2 overlay.qcow2
	qemu-io -f qcow2 -c "write -q -s part2 97M 8M" overlay.qcow2
	rm -r part2 files note
}

outside()
{
	local image=${1-}

	prepare
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	if [ -z "$image" ]; then
		say "Making a guest's disk with qemu-img and mkfs"
		(make_images)
		(cd "$work" && du -h --apparent-size ./*.raw ./*.qcow2 |
			sed 's/^/  /')
	else
		image=$(realpath -e "$image")
	fi
	say "Starting a virtual machine with kernel $kernel"
	cd "$top"
	"$here/vm/run" --quiet --kernel "$kernel" --udev --scratch 4G \
		--see "$work" ${image:+--see "$(dirname "$image")"} -- \
		"$0" --inside "$work" "$image"
}

# --- Inside the VM ---

# attach OPTIONS IMAGE: sets device
attach()
{
	device=$(qcowctl attach "$@")
	echo "  # qcowctl attach $*"
	echo "  $device"
	udevadm settle
}

# mounted PARTITION COMMAND...: run in the folder where it is mounted
mounted()
{
	local partition=$1
	shift

	run mount -o ro "$partition" /mnt
	(cd /mnt && "$@")
	umount /mnt
}

check_files()
{
	sha256sum --quiet -c "$work/checksums"
	echo "  $(wc -l <"$work/checksums") files read, all as they were"
}

show_disk()
{
	say "1. Attach the guest's disk: its partitions appear"
	attach -r disk.qcow2
	disk=$device
	run lsblk -o NAME,SIZE,RO,TYPE,FSTYPE,LABEL "$disk"
	run ls -l /dev/disk/by-label

	say "2. Mount a file system of the guest and compare every file"
	mounted "${disk}p1" check_files
}

show_packed()
{
	say "3. A compressed copy reads the same"
	attach -r packed.qcow2
	run cmp "$disk" "$device"
	echo "  no difference in $(blockdev --getsize64 "$device") bytes"
	mounted "${device}p1" check_files
}

show_overlay()
{
	say "4. An overlay over it shows what was changed, and the rest below"
	attach -r overlay.qcow2
	mounted "${device}p2" grep -x "changed in the overlay" note.txt
	mounted "${disk}p2" grep -x "as the guest left it" note.txt
	mounted "${device}p1" check_files
	run qcowctl list
}

show_iso()
{
	local iso=/usr/lib/grub-rescue/grub-rescue-cdrom.iso

	say "5. A real ISO"
	cp "$iso" .
	attach -r "$(basename "$iso")"
	mounted "$device" ls
	run cmp "$device" "$iso"
}

show_raw()
{
	say "6. Write to a raw image, and find it there again"
	attach disk.raw
	mount "${device}p2" /mnt
	echo "written on the host" >/mnt/note.txt
	umount /mnt
	run qcowctl detach "$device"
	attach disk.raw
	mounted "${device}p2" grep -x "written on the host" note.txt
}

make_room()
{
	mkfs.xfs -q -K /dev/vda
	mkdir /tmp/images
	mount /dev/vda /tmp/images
	cd /tmp/images
	cp "$work"/*.qcow2 "$work"/disk.raw .
}

show_all()
{
	make_room
	show_disk
	show_packed
	show_overlay
	show_iso
	show_raw
}

# The user's own: what is on it, as far as this machine can tell.
show_image()
{
	local name type

	say "Attach $1, read-only"
	attach -r "$1"
	disk=$device
	run lsblk -o NAME,SIZE,RO,TYPE,FSTYPE,LABEL "$disk"
	run qcowctl list
	lsblk -nrpo NAME,FSTYPE "$disk" | while read -r name type; do
		case $type in
		'' | swap | LVM2_member | crypto_LUKS | linux_raid_member)
			continue ;;
		esac
		say "$name holds $type:"
		mounted "$name" ls -l || echo "  (cannot be mounted here)"
	done
	say "Compare it with what QEMU reads"
	run timeout 600 qemu-img compare -U -F raw "$1" "$disk"
}

inside()
{
	work=$1
	export PATH=$top/userspace:$PATH
	# shellcheck source=selftests/lib/kernel.sh
	. "$here/lib/kernel.sh"
	load_module

	if [ -n "$2" ]; then
		show_image "$2"
	else
		show_all
	fi
	say "Detach, and unload the module"
	run qcowctl detach --all
	run rmmod qcow
	say "Done: all that was compared was equal."
}

case ${1-} in
--inside)	inside "$2" "${3-}" ;;
--help)		echo "usage: selftests/demo.sh [IMAGE]" ;;
*)		outside "$@" ;;
esac
