#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# What list, info and map say is true, and in the words of qemu-img and
# losetup; their JSON is JSON whatever an image or a file is called.

. "$(dirname "$0")/lib/test.sh"

# listed DEVICE KEY: of its entry in the JSON of list, with all columns
listed()
{
	"$QCOWCTL" list --json -o +LABEL,DATA-FILE,FEATURES,CLUSTER,LOG-SEC,LAZY,LAYERS,MAJ:MIN |
		jq -c ".devices[] | select(.name == \"$1\") | .[\"$2\"]"
}

# entry KEY WANTED [KEY WANTED...]: of DEV, in JSON
entry()
{
	while [ $# -gt 0 ]; do
		expect_equal "$1 of $DEV" "$2" "$(listed "$DEV" "$1")"
		shift 2
	done
}

# Each row of the table is one device, each value what it is.
the_devices()
{
	expect_equal "devices of an empty list" 0 \
		"$("$QCOWCTL" list --json | jq '.devices | length')"
	expect_equal "an empty list" "" "$("$QCOWCTL" list --noheadings)"

	attach --name my-disk plain.raw
	entry format '"raw"' virtual-size 3145728 ro false state '"live"' \
		chain 1 back-file "\"$FS/plain.raw\"" label '"my-disk"' \
		snapshot null data-file null log-sec 512 lazy false \
		actual-size $(($(stat -c %b plain.raw) * 512))
	attach -r --sector-size 4096 over.qcow2
	entry format '"qcow2"' virtual-size 2097152 ro true chain 2 \
		back-file "\"$FS/over.qcow2\"" label null cluster-size 65536 \
		log-sec 4096 dio true \
		maj:min "\"$(lsblk -dno MAJ:MIN "$DEV" | tr -d ' ')\""
	[[ $(listed "$DEV" layers) = *over.qcow2*base.qcow2* ]] ||
		fail "layers: $(listed "$DEV" layers)"
	attach -r --snapshot 1 base.qcow2
	entry snapshot '"before"' chain 1 ro true virtual-size 1048576
	attach -r --direct-io off data.qcow2
	entry data-file "\"$FS/data.raw\"" dio false cluster-size 4096
	[[ $(listed "$DEV" features) = *data* ]] ||
		fail "features: $(listed "$DEV" features)"
	expect_equal "devices" 4 \
		"$("$QCOWCTL" list --json | jq '.devices | length')"
}

# The devices of the_devices() are still there.
its_columns()
{
	head=$("$QCOWCTL" list | head -n 1 | xargs)
	expect_equal "columns" \
		"NAME FORMAT VSIZE SIZE RO DIO SNAPSHOT STATE CHAIN BACK-FILE" \
		"$head"
	expect_equal "lines" 5 "$("$QCOWCTL" list | wc -l)"
	expect_equal "chosen columns" "$DEV qcow2 4194304" \
		"$("$QCOWCTL" list -n --raw -o NAME,FORMAT,VSIZE "$DEV")"
	expect_equal "a size for people" 3M \
		"$("$QCOWCTL" list -n -o VSIZE plain.raw | xargs)"
	expect_equal "by its image" "$DEV" \
		"$("$QCOWCTL" list -n -o NAME data.qcow2 | xargs)"
	expect_fail 1 "$QCOWCTL" list -o NO-SUCH-COLUMN
	expect_says NO-SUCH-COLUMN
	expect_fail 4 "$QCOWCTL" list not-attached.qcow2
	expect_fail 4 "$QCOWCTL" list /dev/qcow99

	for column in $("$QCOWCTL" list --help |
			sed '1,/^Columns/d' | awk '{ print $1 }'); do
		"$QCOWCTL" list -n -o "$column" >/dev/null
	done
}

# info of a device is info of its image, attached or not.
of_a_device()
{
	expect_equal "info $DEV" "$("$QCOWCTL" info --json "$FS/data.qcow2")" \
		"$("$QCOWCTL" info --json "$DEV")"
	"$QCOWCTL" detach --all
	expect_equal "devices after detach" 0 \
		"$("$QCOWCTL" list --json | jq '.devices | length')"
}

# agrees COMMAND IMAGE FILTER QEMU: after the filter, with the qemu-img of that
# QEMU: `newer`, or `command` for this machine's
agrees()
{
	"$4" qemu-img "$1" --output=json "$2" | jq -S "$3" >wanted
	"$QCOWCTL" "$1" --json "$2" | jq -S "$3" >got
	diff wanted got || fail "$1 $2: not as qemu-img has it"
	[ "$(wc -c <got)" -gt 100 ] || fail "$1 $2 says nothing"
}

as_qemu_img()
{
	for image in base.qcow2 over.qcow2 data.qcow2 old.qcow2 \
		     extended.qcow2; do
		# QEMU 7.2 has neither of these.
		agrees info $image 'del(.children)' command
		agrees map $image '[.[] | del(.compressed)]' command
		[ -n "${NEWER_QEMU-}" ] || continue
		agrees info $image . newer
		agrees map $image . newer
	done
	expect_equal "compressed" 65536 \
		"$("$QCOWCTL" map --json over.qcow2 |
			jq 'map(select(.compressed).length) | add')"
	"$QCOWCTL" info over.qcow2 >text
	grep -q '^virtual size: 2M (2097152 bytes)$' text ||
		fail "no virtual size in: $(cat text)"
	grep -q '^backing filename: base.qcow2$' text ||
		fail "no backing file in: $(cat text)"
}

# What others chose is data: quotes, blanks, newlines, bytes that are no text.
odd_names()
{
	local n

	while IFS= read -r -d '' name; do
		cp base.qcow2 "$name"
		qemu-img snapshot -c "$name" "$name"
		"$QCOWCTL" info --json "$name" | jq -e . >/dev/null ||
			fail "info is no JSON for $(printf %q "$name")"
		"$QCOWCTL" snapshot list --json "$name" | jq -e . >/dev/null ||
			fail "no JSON of snapshots: $(printf %q "$name")"
		attach -r --snapshot "$name" "$name"
		n=$("$QCOWCTL" list --json -o +LAYERS | jq '.devices | length')
		expect_equal "devices" 1 "$n"
		expect_equal "lines" 1 "$("$QCOWCTL" list -n --raw | wc -l)"
		chain_of_one
		"$QCOWCTL" map "$DEV" >/dev/null
		detach
	done < <(printf '%s\0' 'a "quoted" name.qcow2' "a 'b\\c.qcow2" \
			$'new\nline.qcow2' $'tab\tbell\a.qcow2' \
			$'\xff\xfe.qcow2' 'grüße.qcow2')
}

# What is said of the only layer, whatever the image is called.
chain_of_one()
{
	(
		cd "/sys/block/${DEV#/dev/}"
		expect_equal "layers" 1 "$(<qcow/layers)"
		expect_equal "files" 3 "$(find qcow_chain -type f | wc -l)"
		expect_equal "format" qcow2 "$(<qcow_chain/layer0_format)"
		cmp qcow/direct_io qcow_chain/layer0_direct_io
		cmp qcow/backing_file qcow_chain/layer0_file
	)
}

# files_of_chain: how many sysfs has
files_of_chain()
{
	find "/sys/block/${DEV#/dev/}/qcow_chain" -type f | wc -l
}

# The paths of 59 images do not fit in a page.  Then there are fewer, and more.
deep_chain()
{
	local i name under=base.qcow2

	for ((i = 2; i < 60; i++)); do
		name=$(printf '%0100d' $i)
		qemu-img create -q -f qcow2 -b "$under" -F qcow2 "$name"
		under=$name
	done
	attach "$under"
	expect_equal "depth of the data" 58 "$("$QCOWCTL" map --json "$DEV" |
		jq '[.[] | select(.data).depth] | max')"
	expect_equal "layers" 59 "$(listed "$DEV" layers | jq length)"
	cat "$DEV" >model
	"$QCOWCTL" rebase -b '' "$DEV"
	same model "$DEV"
	expect_equal "files about the chain" 3 "$(files_of_chain)"
	"$QCOWCTL" rebase -b base.qcow2 -F qcow2 "$DEV"
	expect_equal "files about the chain" 6 "$(files_of_chain)"
	"$QCOWCTL" rebase -u -b "$(printf '%0100d' 58)" -F qcow2 "$DEV"
	expect_equal "files about the chain" 177 "$(files_of_chain)"
	detach
	rm -f 0* model
}

require jq
scratch_fs ext4 256
cd "$FS"
truncate -s 3M plain.raw
head -c 100k /dev/urandom | dd of=plain.raw conv=notrunc status=none
qemu-img create -q -f qcow2 base.qcow2 1M
qemu-io -c 'write -P 1 0 128k' -c 'write -z 256k 64k' base.qcow2 >/dev/null
qemu-img snapshot -c before base.qcow2
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 \
	-o compression_type=zstd,lazy_refcounts=on over.qcow2 2M
qemu-io -c 'write -c -P 2 512k 64k' -c 'write -P 3 64k 64k' over.qcow2 \
	>/dev/null
qemu-img bitmap --add over.qcow2 a-bitmap
qemu-img create -q -f qcow2 -o data_file=data.raw,cluster_size=4k data.qcow2 4M
qemu-io -c 'write -P 5 1M 8k' data.qcow2 >/dev/null
qemu-img create -q -f qcow2 -o compat=0.10 old.qcow2 4M
qemu-io -c 'write -P 6 2M 64k' -c 'write -c -P 7 0 64k' old.qcow2 >/dev/null
qemu-img create -q -f qcow2 -o extended_l2=on extended.qcow2 4M
qemu-io -c 'write -P 6 2M 6k' -c 'write -z 130k 2k' extended.qcow2 >/dev/null

for part in the_devices its_columns of_a_device as_qemu_img odd_names \
	    deep_chain; do
	echo "$part"
	$part
done
dmesg_clean
