# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What plug and logwrites have in common: the images on a disk that a VM has
# written to, looked at by the host after the VM has been cut off.

top=$(dirname "$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")")
model=$top/build/prog/model
number=0 bad=0
met=0		# snapshots that a cut has left
grown=0		# disks that it has left longer
# What each disk has, and what it is resized to now and then.
size=$((8 << 20)) longer=$((12 << 20))

# Whatever tools have said, not all of it.
say()
{
	sed 's/^/# /; 20q' <<<"$*"
}

# result STATUS NAME
result()
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		bad=$((bad + 1))
	fi
}

# make_image NAME: one of each sort that the load is to hit, in this folder,
# with what it reads as beside it
make_image()
{
	local name=$1

	case $name in
	plain-*)
		qemu-img create -q -f qcow2 -o "cluster_size=${name#*-}" \
			"$name" 8M ;;
	old-*)
		qemu-img create -q -f qcow2 \
			-o "cluster_size=${name#*-},compat=0.10" "$name" 8M ;;
	backed-*)
		head -c 5M /dev/urandom >"$name.base"
		qemu-img create -q -f qcow2 -o "cluster_size=${name#*-}" \
			-b "$name.base" -F raw "$name" 8M ;;
	merged-*)
		head -c 6M /dev/urandom >"$name.raw"
		qemu-img convert -f raw -O qcow2 -o cluster_size=4k \
			"$name.raw" "$name.base"
		rm "$name.raw"
		qemu-img create -q -f qcow2 -o "cluster_size=${name#*-}" \
			-b "$name.base" -F qcow2 "$name" 8M ;;
	snapshot-*)
		head -c 8M /dev/urandom >"$name.raw"
		qemu-img convert -f raw -O qcow2 \
			-o "cluster_size=${name#*-}" "$name.raw" "$name"
		qemu-img snapshot -c first "$name"
		rm "$name.raw" ;;
	packed-*)
		yes "some text" | head -c 8M >"$name.raw"
		qemu-img convert -c -f raw -O qcow2 \
			-o "cluster_size=${name#*-}" "$name.raw" "$name"
		rm "$name.raw" ;;
	esac
}

# first_content NAME FOLDER: what the image, its snapshot and its backing file
# hold, by QEMU's reading
first_content()
{
	qemu-img convert -O raw "$1" "$2/$1.initial"
	case $1 in
	snapshot-*)
		qemu-img convert -l first -O raw "$1" "$2/$1.first" ;;
	backed-*)
		cp "$1.base" "$2/$1.base" ;;
	esac
}

# image_is_whole NAME FOLDER OPTIONS OF MODEL...: as the image lies in this
# folder; FOLDER has what it was and the journal of what was done to it
image_is_whole()
{
	local name=$1 folder=$2 status=0 said
	shift 2

	said=$(qemu-img check "$name" 2>&1) || status=$?
	case $status in
	0 | 3) ;;
	*)	say "$name: qemu-img check: $status: $said"
		return 1 ;;
	esac
	qemu-img convert -O raw "$name" "$folder/$name.after" || return
	truncate -s $size "$folder/$name.after"
	"$model" --initial "$folder/$name.initial" \
		--replay "$folder/$name.journal" "$@" \
		"$folder/$name.after" >"$folder/said" 2>&1 || {
		sed 's/^/# /' "$folder/said"
		return 1
	}
	others_are_whole "$name" "$folder"
}

# show_snapshot IMAGE SNAPSHOT FILE: all have the size that the load wants, but
# QEMU shows them as long as the disk
show_snapshot()
{
	qemu-img convert -l "$2" -O raw "$1" "$3" && truncate -s $size "$3"
}

others_are_whole()
{
	case $1 in
	snapshot-*)
		show_snapshot "$1" first "$2/snapshot" &&
			cmp "$2/$1.first" "$2/snapshot" ;;
	backed-*)
		cmp "$2/$1.base" "$1.base" ;;
	merged-*)
		base_is_sound "$1.base" ;;
	esac
}

base_is_sound()
{
	local status=0 said

	said=$(qemu-img check "$1" 2>&1) || status=$?
	[ $status -eq 0 ] || [ $status -eq 3 ] ||
		{ say "$1: qemu-img check: $status: $said"; return 1; }
}

# run_load FOLDER OPTIONS OF MODEL...: in the VM, on every image of this folder
# that has content in FOLDER; "@" stands for its name
run_load()
{
	local folder=$1 image name
	shift

	for image in "$folder"/*.initial; do
		name=$(basename "$image" .initial)
		device=$("$top/userspace/qcowctl" attach -f qcow2 \
			"$name") && shorten "$device" || return
		"$model" --initial "$image" --journal "$folder/$name.journal" \
			--seed "$RANDOM" --threads 4 --max-io 64k \
			"${@//@/$name}" "$device" >"$folder/$name.log" 2>&1 &
		case $name in
		merged-*)	make_merges "$name" "$device" "$folder" $! ;;
		*)		make_changes "$name" "$device" "$folder" $! ;;
		esac >>"$folder/$name.log" 2>&1 &
	done
}

# note_change NAME FOLDER WHAT: overridden by who has another place for it
note_change()
{
	echo "$3" >>"$2/$1.changes"
}

# shorten DEVICE: as the load wants it
shorten()
{
	[ "$(blockdev --getsize64 "$1")" -eq $size ] ||
		"$top/userspace/qcowctl" resize --shrink "$1" $size
}

# make_changes NAME DEVICE FOLDER PID: as long as that process lives, snapshots
# come and go, and the disk gets longer and shorter again; what is noted is "+"
# and a name when the snapshot is there, "-" when it is about to go; ">" when
# the disk is longer, "<" when it is about to be shorter
make_changes()
{
	local name=$1 device=$2 folder=$3 qcowctl=$top/userspace/qcowctl n

	for ((n = 0; ; n++)); do
		sleep 0.2
		kill -0 "$4" 2>/dev/null || break
		"$qcowctl" snapshot create "$device" "s$n" &&
			note_change "$name" "$folder" "+s$n" || return
		sleep 0.2
		"$qcowctl" resize "$device" $longer &&
			note_change "$name" "$folder" ">" || return
		sleep 0.2
		note_change "$name" "$folder" "-s$n" &&
			"$qcowctl" snapshot delete "$device" "s$n" || return
		note_change "$name" "$folder" "<" &&
			"$qcowctl" resize --shrink "$device" $size || return
	done
}

# make_merges NAME DEVICE FOLDER PID: as long as that process lives, the image
# goes into its backing file over and over; "m" is noted for each
make_merges()
{
	while kill -0 "$4" 2>/dev/null; do
		"$top/userspace/qcowctl" commit "$2" &&
			note_change "$1" "$3" m || return
	done
}

# size_is_whole NAME JOURNAL
size_is_whole()
{
	local there

	there=$(qemu-img info --output=json "$1" | jq '."virtual-size"')
	case $(grep '^[<>]$' "$2" 2>/dev/null | tail -n 1)$there in
	">$longer" | "<$longer" | "$longer")
		grown=$((grown + 1)) ;;
	"<$size" | "$size")
		;;
	*)	say "$1: its disk has $there bytes"
		return 1 ;;
	esac
}

# snapshots_are_whole NAME FOLDER JOURNAL: what was there last is there, of the
# one that was about to go or to come there is all or nothing, and others are
# gone.  Then all are taken away: by QEMU, which has to understand them.
snapshots_are_whole()
{
	local name=$1 folder=$2 last next there said

	last=$(grep '^[+-]s' "$3" 2>/dev/null | tail -n 1)
	next=s$((${last:2} + 1))
	there=$(qemu-img snapshot -l "$name" | awk '$2 ~ /^s[0-9]+$/ { print $2 }')
	case $last:$there in
	+s*:"${last:1}" | -s*:"${last:1}" | -s*:"$next" | -s*: | :s0 | :) ;;
	*)	say "$name: snapshots: '$there', the last noted is '$last'"
		return 1 ;;
	esac
	[ -n "$there" ] || return 0
	met=$((met + 1))
	show_snapshot "$name" "$there" "$folder/snapshot" &&
		"$model" --initial "$folder/$name.initial" \
			--replay "$folder/$name.journal" --flushes 0 \
			"$folder/snapshot" >"$folder/said" 2>&1 || {
		sed 's/^/# /' "$folder/said"
		say "$name: the snapshot $there is not what it may be"
		return 1
	}
	qemu-img snapshot -d "$there" "$name" || return
	said=$(qemu-img check -q "$name" 2>&1) || [ $? -eq 3 ] || {
		say "$name: without $there: $said"
		return 1
	}
}
