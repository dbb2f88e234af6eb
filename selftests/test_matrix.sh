#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# Every kind of image that qemu-img makes reads as qemu-img reads it.  The
# images are made by prog/images; what it calls `disk` is attached beside the
# snapshots of the same image.  The kernels share the images between them.

. "$(dirname "$0")/lib/test.sh"

# attach_all FOLDER: every row of the list that is about it
attach_all()
{
	local row options

	devices=()
	while read -r row options; do
		# shellcheck disable=SC2086 # several options
		attach -r $options "$1/disk"
		devices["${row#"$1"/}"]=$DEV
	done < <(grep "^$1/" "$images/list")
}

check_all()
{
	local view

	for view in "${!devices[@]}"; do
		cmp "$images/references/$1/$view" "${devices[$view]}" ||
			fail "$1: $view differs from what qemu-img reads"
		"$readat" "${devices[$view]}" \
			"$images/references/$1/$view" 64 $seed ||
			fail "$1: $view differs in a random read"
	done
}

images=$(built images)
readat=$(built prog/readat)
seed=$RANDOM
declare -A devices

scratch_fs ext4 2048
cp -a --sparse=auto "$images/chains/." "$FS"
cd "$FS"

folders=0 views=0
for folder in $(sed 's|/.*||' "$images/list" | uniq); do
	our_turn || continue
	attach_all "$folder"
	check_all "$folder"
	detach "${devices[@]}"
	views=$((views + ${#devices[@]}))
	folders=$((folders + 1))
done
echo "$folders images, $views views are as QEMU reads them"
[ $((folders * ${TURNS:-1})) -ge 60 ] || fail "only $folders images"
[ -z "${NEWER_QEMU-}" ] || grep -q '^kept-' "$images/list" ||
	fail "no images of the newer QEMU"
dmesg_clean
