# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What plug and logwrites have in common: the images on a disk that a VM has
# written to, looked at by the host after the VM has been cut off.

top=$(dirname "$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")")
model=$top/build/prog/model
number=0 bad=0

say()
{
	printf '# %s\n' "$*"
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
	"$model" --initial "$folder/$name.initial" \
		--replay "$folder/$name.journal" "$@" \
		"$folder/$name.after" >"$folder/said" 2>&1 || {
		sed 's/^/# /' "$folder/said"
		return 1
	}
	others_are_whole "$name" "$folder"
}

others_are_whole()
{
	case $1 in
	snapshot-*)
		qemu-img convert -l first -O raw "$1" "$2/snapshot" &&
			cmp "$2/$1.first" "$2/snapshot" ;;
	backed-*)
		cmp "$2/$1.base" "$1.base" ;;
	esac
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
			"$name") || return
		"$model" --initial "$image" --journal "$folder/$name.journal" \
			--seed "$RANDOM" --threads 4 --max-io 64k \
			"${@//@/$name}" "$device" >"$folder/$name.log" 2>&1 &
	done
}
