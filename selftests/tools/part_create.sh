# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# qcowctl create.

# shellcheck source=selftests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

parts+=' create_table create_refused create_over'

# FORMAT OPTIONS ARGUMENTS: "-" for no options, @ is where the file goes
create_rows()
{
	cat <<ROWS
raw - @ 1M
raw - @ 1000
raw size=3M @
raw preallocation=off @ 1M
raw preallocation=falloc @ 1M
raw preallocation=full @ 1M
raw nocow=on @ 1M
qcow2 - @ 0
qcow2 - @ 1
qcow2 - @ 1M
qcow2 - @ 1000
qcow2 - @ 64G
qcow2 - @ 1.5T
qcow2 size=7M @
qcow2 nocow=on @ 1M
qcow2 compat=0.10 @ 10M
qcow2 compat=v2 @ 10M
qcow2 compat=1.1 @ 10M
qcow2 compat=v3 @ 10M
qcow2 cluster_size=512 @ 10M
qcow2 cluster_size=512 @ 3G
qcow2 cluster_size=1k @ 10M
qcow2 cluster_size=4096 @ 10M
qcow2 cluster_size=2M @ 10M
qcow2 cluster_size=2M @ 100T
qcow2 refcount_bits=1 @ 10M
qcow2 refcount_bits=2 @ 10M
qcow2 refcount_bits=4 @ 10M
qcow2 refcount_bits=8,cluster_size=512 @ 10M
qcow2 refcount_bits=32 @ 10M
qcow2 refcount_bits=64 @ 10M
qcow2 lazy_refcounts=on @ 10M
qcow2 lazy_refcounts=off @ 10M
qcow2 compression_type=zstd @ 10M
qcow2 compression_type=zlib @ 10M
qcow2 extended_l2=on @ 10M
qcow2 extended_l2=on,cluster_size=16k @ 10M
qcow2 extended_l2=on,cluster_size=2M @ 10M
qcow2 preallocation=metadata @ 10M
qcow2 preallocation=falloc @ 10M
qcow2 preallocation=full @ 10M
qcow2 preallocation=metadata,compat=0.10 @ 10M
qcow2 preallocation=metadata,cluster_size=512 @ 3M
qcow2 preallocation=full,cluster_size=2M @ 5M
qcow2 preallocation=metadata,extended_l2=on @ 10M
qcow2 preallocation=falloc,extended_l2=on @ 10M
qcow2 preallocation=metadata,refcount_bits=1 @ 10M
qcow2 preallocation=metadata,cluster_size=1k,refcount_bits=64 @ 2M
qcow2 data_file=data @ 10M
qcow2 data_file=data,data_file_raw=on @ 10M
qcow2 data_file=data,preallocation=metadata @ 10M
qcow2 data_file=data,preallocation=full @ 10M
qcow2 data_file=data,data_file_raw=on,preallocation=falloc @ 10M
qcow2 data_file=data,data_file_raw=on,cluster_size=2M @ 10M
qcow2 data_file=data,,comma @ 1M
qcow2 - -b base.raw -F raw @
qcow2 - -b base.raw -F raw @ 20M
qcow2 - -b base.raw -F raw @ 1M
qcow2 - -b base.qcow2 -F qcow2 @
qcow2 backing_file=base.qcow2,backing_fmt=qcow2 @
qcow2 backing_file=odd,,name,backing_fmt=raw @
qcow2 compat=0.10 -b base.raw -F raw @
qcow2 cluster_size=512 -b base.raw -F raw @
qcow2 extended_l2=on -b base.raw -F raw @
qcow2 extended_l2=on,preallocation=metadata -b base.raw -F raw @
qcow2 data_file=data -b base.raw -F raw @
qcow2 - -u -b nowhere -F qcow2 @ 10M
ROWS
}

# Their data file is made here, and does not stay for the other's.
create_pair()
{
	local format=$1 o=() args=() word
	[ "$2" = - ] || o=(-o "$2")

	for word in "${@:3}"; do
		args+=("${word/@/image}")
	done
	rm -rf theirs mine
	mkdir theirs mine
	for place in theirs mine; do
		cp --sparse=always base.raw base.qcow2 odd,name $place
	done
	(cd theirs && qemu-img create -q -f "$format" "${o[@]}" "${args[@]}") \
		>qemu.log 2>&1 || fault "qemu-img: $*: $(cat qemu.log)"
	cd mine || return
	choose
	"$chosen" create -f "$format" "${o[@]}" "${args[@]}" >../log 2>&1
	CODE=$?
	no_rests "$*"
	cd ..
	[ "$CODE" -eq 0 ] && [ ! -s log ] ||
		fault "$*: exit code $CODE: $(cat log)"
}

# An image of 512 byte clusters is larger where it is full, by as much.
same_room()
{
	local mine theirs
	mine=$(stat -c %b mine/image)
	theirs=$(stat -c %b theirs/image)

	[ "$mine" -le $((theirs + 512)) ] ||
		fault "$*: takes $mine sectors, qemu-img's $theirs"
	case $* in
	*falloc* | *full*)
		[ $((mine + 512)) -ge "$theirs" ] || case $* in
		*data_file*) ;;
		*) fault "$*: took only $mine sectors of $theirs" ;;
		esac ;;
	esac
}

same_data_file()
{
	[ -e mine/data ] || return
	cmp mine/data theirs/data >>faults 2>&1
	# qemu-img takes a page of an empty one.
	[ $(($(stat -c %b theirs/data) - $(stat -c %b mine/data))) -le 8 ] ||
		fault "$*: its data file takes another room"
}

# QEMU looks for a data file from where it was started.
within()
{
	(cd "$1" && "${@:2}")
}

same_image()
{
	local row=$*

	case $row in
	*data_file*)
		# One at a time, as they look for the same name.
		within theirs qemu-img info --output=json image >theirs.info
		within mine qemu-img info --output=json image >mine.info
		cmp -s <(jq 'del(."actual-size", .children)' theirs.info) \
			<(jq 'del(."actual-size", .children)' mine.info) ||
			fault "$row: $(diff theirs.info mine.info)" ;;
	*)	same_info theirs/image mine/image "$row" ;;
	esac
	case $row in
	*nowhere*) return ;;
	esac
	[ "$1" = raw ] || within mine sound image "$row"
	# Clusters smaller than a page: holes of the host show.
	case $row in
	*data_file* | *metadata*=512* | *metadata*=1k*) ;;
	*-b* | *backing* | *preallocation*)
		[ "$1" = raw ] ||
			same_shape theirs/image mine/image "$1" "$row"
		same_content theirs/image "$1" mine/image "$1" "$row" ;;
	esac
	same_room "$@"
	same_data_file "$@"
}

create_bases()
{
	head -c 5M /dev/urandom >base.raw
	cp base.raw odd,name
	qemu-img create -q -f qcow2 base.qcow2 9M
}

create_table()
{
	local count=0 row

	create_bases
	while read -ra row; do
		create_pair "${row[@]}"
		[ "$CODE" -ne 0 ] || same_image "${row[@]}"
		count=$((count + 1))
	done < <(create_rows | grep -E -e "${ROWS-.}")
	[ $count -ge 60 ] || [ -n "${ROWS-}" ] || fault "only $count rows"
	verdict "create: $count kinds of image, as qemu-img makes them"
}

# What both refuse; no file is there afterwards.
refused_rows()
{
	cat <<'ROWS'
raw -o cluster_size=64k @ 1M
raw -o preallocation=metadata @ 1M
raw -b base.raw -F raw @ 1M
qcow2 @
qcow2 @ -1
qcow2 @ nonsense
qcow2 @ 1Z
qcow2 @ 8E
qcow2 -o cluster_size=256 @ 1M
qcow2 -o cluster_size=4M @ 1M
qcow2 -o cluster_size=3000 @ 1M
qcow2 -o cluster_size=512 @ 1T
qcow2 -o refcount_bits=3 @ 1M
qcow2 -o refcount_bits=128 @ 1M
qcow2 -o refcount_bits=0 @ 1M
qcow2 -o compat=0.9 @ 1M
qcow2 -o compat=0.10,lazy_refcounts=on @ 1M
qcow2 -o compat=0.10,extended_l2=on @ 1M
qcow2 -o compat=0.10,data_file=d @ 1M
qcow2 -o compat=0.10,compression_type=zstd @ 1M
qcow2 -o compat=0.10,refcount_bits=8 @ 1M
qcow2 -o compression_type=lz4 @ 1M
qcow2 -o extended_l2=on,cluster_size=8k @ 1M
qcow2 -o extended_l2=perhaps @ 1M
qcow2 -o preallocation=some @ 1M
qcow2 -o preallocation=metadata -b base.raw -F raw @
qcow2 -o data_file_raw=on @ 1M
qcow2 -o data_file=d,data_file_raw=on -b base.raw -F raw @
qcow2 -o nothing=such @ 1M
qcow2 -b base.raw @
qcow2 -b base.raw -F qcow2 @
qcow2 -b base.raw -F nonsense @
qcow2 -b missing -F raw @ 1M
qcow2 -F raw @ 1M
qcow2 -u -b base.raw -F raw @
qcow2 @ 1M more
ROWS
}

create_refused()
{
	local count=0 row format

	create_bases
	while read -r format row; do
		# shellcheck disable=SC2086 # words
		! qemu-img create -q -f "$format" ${row/@/image} >qemu.log 2>&1 ||
			fault "qemu-img makes it: $format $row"
		rm -f image d
		# shellcheck disable=SC2086
		ours create -f "$format" ${row/@/image}
		[ "$CODE" -ne 0 ] || fault "$format $row: was made"
		[ -s log ] || fault "$format $row: refused without a word"
		[ ! -e image ] && [ ! -e d ] || fault "$format $row: left a file"
		no_rests "$row"
		count=$((count + 1))
	done < <(refused_rows)
	verdict "create: $count kinds of image that cannot be"
}

# What is in the way of a new image stays, or goes when the new one is whole.
create_over()
{
	head -c 3M /dev/urandom >old
	chmod 600 old
	ln -s old link
	cp old before
	ours create -f qcow2 -o cluster_size=512 link 1T
	cmp old before >>faults 2>&1
	must create -f qcow2 link 1M
	[ -L link ] || fault "the link is gone"
	sound old "over a file"
	[ "$(stat -c %a old)" = 600 ] || fault "the mode of the file is lost"
	qemu-io -f qcow2 -c 'sleep 3000' old >/dev/null &
	sleep 0.5
	ours create -f qcow2 old 2M
	[ "$CODE" -eq 5 ] || fault "in use by QEMU: exit code $CODE, not 5"
	wait
	[ "$(qemu-img info --output=json old | jq '."virtual-size"')" -eq \
		1048576 ] || fault "was replaced while QEMU had it"
	ours create -f qcow2 -b old -F qcow2 old
	[ "$CODE" -ne 0 ] || fault "backs itself"
	mkdir dir
	ours create -f raw dir 1M
	[ "$CODE" -ne 0 ] || fault "a directory was replaced"
	ours create -f raw nowhere/file 1M
	[ "$CODE" -ne 0 ] || fault "made a directory"
	must create image.qcow2 1M
	must create image.raw 1M
	cmp -s -n 3 image.qcow2 <(printf 'QFI') || fault "not by its name"
	ours create image 1M
	[ "$CODE" -eq 1 ] || fault "guessed a format"
	no_rests "over others"
	verdict "create: what is in the way"
}
