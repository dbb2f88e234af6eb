# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Images that only a newer QEMU makes.

# shellcheck source=selftests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

parts+=' newer_places newer_luks'

# with_newer WHAT: is there one?
with_newer()
{
	[ -z "$NEWER_QEMU" ] || return 0
	skip "$1" "no newer QEMU"
	return 1
}

place_rows()
{
	cat <<'ROWS'
cluster_size=64k
cluster_size=4k,refcount_bits=1
cluster_size=512
extended_l2=on
compression_type=zstd
data_file=data
data_file=data,data_file_raw=on
ROWS
}

# keep_places IMAGE COMMAND...: discards leave clusters where they are
keep_places()
{
	local command args=()

	for command in "${@:2}"; do
		args+=(-c "$command")
	done
	newer qemu-io --image-opts "${args[@]}" \
		"driver=qcow2,discard-no-unref=on,discard=unmap,file.filename=$1" \
		>io.log 2>&1
	! grep -q -i -E 'fail|error' io.log || fault "$1: $(cat io.log)"
}

# In whole blocks of a file system, as a hole within a cluster is nothing to us.
one_of_places()
{
	rm -f kept data
	newer qemu-img create -q -f qcow2 -o "$1" kept 4M
	keep_places kept 'write -P 1 0 1M' 'discard 128k 256k' \
		'write -P 2 192k 64k' 'write -P 3 3M 64k' 'write -z -u 512k 128k'
	must info --json kept
	like_qemus "$1: info" info kept
	must map --json kept
	like_qemus "$1: map" map kept
	jq -e 'any(.zero and .offset)' said >/dev/null ||
		fault "$1: no zeros that have a place"
	must check --json kept
	like_qemus "$1: check" check -f qcow2 kept
	must convert -O raw kept shown.raw
	same_content shown.raw raw kept qcow2 "$1"
}

newer_places()
{
	local count=0 row

	with_newer "clusters that are discarded and keep their places" || return
	while read -r row; do
		one_of_places "$row"
		count=$((count + 1))
	done < <(place_rows)
	verdict "clusters that are discarded and keep their places: $count kinds"
}

# luks TOOL PAYLOAD WORDS...: the newer QEMU's, over an image that its header
# does not lie in
luks()
{
	newer "$1" --object secret,id=s,data=x --image-opts "${@:3}" \
		"driver=luks,key-secret=s,header.filename=header,$2" \
		>luks.log 2>&1 && ! grep -q -i -E 'fail|error' luks.log && return
	fault "$*: $(cat luks.log)"
}

# Again if the clock went backwards while QEMU measured its ciphers.
luks_header()
{
	for _ in {1..20}; do
		newer qemu-img create -q -f luks --object secret,id=s,data=x \
			-o key-secret=s,iter-time=10,detached-header=on \
			header 2M >luks.log 2>&1 && return
		grep -q 'accurate CPU usage' luks.log || break
	done
	fault "no header: $(cat luks.log)"
}

newer_luks()
{
	local of_raw=file.driver=raw,file.file.filename=copy.raw
	local of_qcow2=file.driver=qcow2,file.file.filename=disk.qcow2

	with_newer "what a detached LUKS header belongs to" || return
	luks_header
	must create -f qcow2 disk.qcow2 2M
	luks qemu-io "$of_qcow2" -c 'write -P 5 100k 300k'
	sound disk.qcow2 "written through LUKS"
	must convert -O raw disk.qcow2 copy.raw
	luks qemu-io "$of_raw" -c 'read -P 5 100k 300k'
	! cmp -s -n 65536 -i 131072 copy.raw <(yes $'\5' | tr -d '\n') ||
		fault "it was not encrypted"
	verdict "what a detached LUKS header belongs to is an image like others"
}
