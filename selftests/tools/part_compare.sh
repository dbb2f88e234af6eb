# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# qcowctl compare, and the JSON of info, map, measure and check.

# shellcheck source=selftests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

parts+=' compare_table json_table info_names measure_sizes info_after'

compare_images()
{
	{
		head -c 300K /dev/urandom
		seq 90000
	} >a.raw
	truncate -s 3M a.raw
	cp --sparse=always a.raw same.raw
	cp --sparse=never a.raw full.raw
	cp --sparse=always a.raw longer.raw
	truncate -s 4M longer.raw
	cp --sparse=always longer.raw more.raw
	printf z | dd of=more.raw bs=1 seek=3500000 conv=notrunc status=none
	cp --sparse=always a.raw last.raw
	printf z | dd of=last.raw bs=1 seek=3145727 conv=notrunc status=none
	cp --sparse=always a.raw first.raw
	printf z | dd of=first.raw bs=1 conv=notrunc status=none
	cp --sparse=always a.raw odd.raw
	truncate -s +512 odd.raw
	cp --sparse=always odd.raw odder.raw
	printf z | dd of=odder.raw bs=1 seek=3146239 conv=notrunc status=none
	qemu-img convert -f raw -O qcow2 a.raw a.qcow2
	qemu-img convert -f raw -O qcow2 -c a.raw zlib.qcow2
	qemu-img convert -f raw -O qcow2 -S 0 a.raw full.qcow2
	qemu-img create -q -f qcow2 -b a.raw -F raw over.qcow2
	cp over.qcow2 other.qcow2
	qemu-io -f qcow2 -c 'write -P 5 2M 512' other.qcow2 >/dev/null
	qemu-io -f qcow2 -c 'write -z 2M 128k' over.qcow2 >/dev/null
	head -c 100 a.qcow2 >broken.qcow2
	cp a.qcow2 nomap.qcow2
	# An L2 table that is not where a cluster begins.
	printf '\200\0\0\0\0\4\2\0' | dd of=nomap.qcow2 bs=1 conv=notrunc \
		seek=$((0x30000)) status=none
	cp zlib.qcow2 unread.qcow2
	head -c 64K /dev/zero | tr '\0' '\377' |
		dd of=unread.qcow2 bs=64K seek=11 conv=notrunc status=none
}

# Options, then the two images; -s where QEMU's notion of what is allocated
# is the same as ours.
compare_rows()
{
	cat <<'ROWS'
a.raw same.raw
a.raw full.raw
a.raw longer.raw
longer.raw a.raw
a.raw more.raw
more.raw a.raw
a.raw last.raw
a.raw first.raw
odd.raw odder.raw
a.raw a.qcow2
a.qcow2 a.raw
a.qcow2 zlib.qcow2
zlib.qcow2 full.qcow2
a.raw over.qcow2
over.qcow2 a.qcow2
over.qcow2 other.qcow2
a.qcow2 more.raw
-s a.raw same.raw
-s a.raw longer.raw
-s a.raw last.raw
-s a.raw first.raw
-s a.qcow2 full.qcow2
-s a.qcow2 a.qcow2
a.raw missing
missing a.raw
a.raw broken.qcow2
a.qcow2 nomap.qcow2
a.raw unread.qcow2
ROWS
}

formats_of()
{
	local name option=-f

	for name; do
		case $name in
		*.qcow2) echo "$option qcow2" ;;
		*.raw)	echo "$option raw" ;;
		esac
		[[ $name = -* ]] || option=-F
	done
}

compare_table()
{
	local count=0 row theirs codes=''

	compare_images
	while read -ra row; do
		# shellcheck disable=SC2046 # words
		both qemu-img compare $(formats_of "${row[@]}") "${row[@]}" \
			>qemu.log 2>&1
		theirs=$?
		ours compare "${row[@]}"
		[ "$CODE" -eq "$theirs" ] ||
			fault "${row[*]}: exit code $CODE, qemu-img's is $theirs: $(
				cat said log qemu.log)"
		[ -s said ] || [ -s log ] || fault "${row[*]}: says nothing"
		codes+=" $CODE"
		count=$((count + 1))
	done < <(compare_rows)
	for code in 0 1 2 3 4; do
		[[ $codes = *" $code"* ]] || fault "no row has exit code $code"
	done
	# A wrong word is not "they differ".
	for row in a.raw '--nonsense a.raw same.raw'; do
		# shellcheck disable=SC2086 # words
		ours compare $row
		[ "$CODE" -eq 2 ] || fault "$row: exit code $CODE, not 2"
	done
	ours compare a.raw last.raw
	grep -q 'at offset 3145727$' said || fault "where: $(cat said)"
	ours compare -q a.raw same.raw
	[ ! -s said ] || fault "-q: $(cat said)"
	verdict "compare: $count pairs, exit codes as of qemu-img"
}

json_images()
{
	mkdir images
	cd images || return
	head -c 200K /dev/urandom >noise.raw
	truncate -s 1M noise.raw
	for o in cluster_size=64k cluster_size=4k compat=0.10 extended_l2=on \
		lazy_refcounts=on refcount_bits=8 compression_type=zstd \
		data_file=ext data_file=ext2,data_file_raw=on; do
		qemu-img create -q -f qcow2 -o $o "$o" 3M
		qemu-io -f qcow2 -c 'write -P 1 0 1M' -c 'write -P 2 2M 64k' \
			-c 'write -z 1536k 64k' "$o" >/dev/null
	done
	qemu-img convert -f raw -O qcow2 -c noise.raw compressed
	qemu-img create -q -f qcow2 -b cluster_size=64k -F qcow2 over
	qemu-io -f qcow2 -c 'write -P 7 128k 128k' over >/dev/null
	qemu-img create -q -f qcow2 -b noise.raw -F raw overraw 2M
	cp cluster_size=64k snapshots
	qemu-img snapshot -c one snapshots
	qemu-img snapshot -c two snapshots
	cp cluster_size=64k bitmaps
	qemu-img bitmap --add bitmaps b0
	qemu-img bitmap --add --disable -g 128k bitmaps b1
	qemu-img create -q -f qcow2 -o cluster_size=512 finebitmaps 700M
	for o in 512 64k 2G; do
		qemu-img bitmap --add -g $o finebitmaps \
			"$(printf 'b%.0s' {1..300})$o"
	done
	cp finebitmaps inuse
	# QEMU does not come to its end, so they stay in use.
	{ qemu-io -f qcow2 -c 'write 0 64k' -c flush -c abort inuse || :; } \
		>/dev/null 2>&1
	qemu-img create -q -f qcow2 empty 0
	# No holes, as a raw image's map is that of its file.
	head -c 256K /dev/urandom >plain.raw
	cd ..
}

# same_words COMMAND...: that of ours for JSON, and qemu-img's
same_words()
{
	local words
	local formats=(--output=human --json "--output json" -J --output=json
		"--json --output human")

	for words in "${formats[@]}"; do
		# shellcheck disable=SC2086 # words
		must "$1" $words "${@:2}"
		mv said "said${words//[- ]/}"
	done
	cmp saidjson saidoutputjson >>faults 2>&1
	cmp saidjson saidJ >>faults 2>&1
	cmp saidjson saidoutput=json >>faults 2>&1
	cmp saidoutput=human saidjsonoutputhuman >>faults 2>&1
	! cmp -s saidjson saidoutput=human || fault "$*: the same for people"
	rm -f said*
}

json_of_image()
{
	local format=$1 image=$2

	must info -f "$format" --output=json "$image"
	like_qemus "info $image" info -f "$format" "$image"
	same_words info -f "$format" "$image"
	same_words map -f "$format" "$image"
	must map -f "$format" --output=json "$image"
	like_qemus "map $image" map -f "$format" "$image"
	for o in raw qcow2; do
		same_words measure -f "$format" -O $o "$image"
		must measure -f "$format" -O $o --output=json "$image"
		like_qemus "measure $o $image" measure -f "$format" -O $o \
			"$image"
	done
	for o in 512 4k 2M; do
		must measure -f "$format" -O qcow2 --cluster-size $o --json \
			"$image"
		like_qemus "measure $o $image" measure -f "$format" -O qcow2 \
			-o cluster_size=$o "$image"
	done
	[ "$format" = qcow2 ] || return
	same_words check -f qcow2 "$image"
	must check -f qcow2 --output=json "$image"
	like_qemus "check $image" check -f qcow2 "$image"
}

json_table()
{
	local count=0 image

	json_images
	cd images || return
	for image in *; do
		case $image in
		ext | ext2) continue ;;
		*.raw)	json_of_image raw "$image" ;;
		*)	json_of_image qcow2 "$image" ;;
		esac
		rm -f answer said log answer.json said.json
		count=$((count + 1))
	done
	# A format that there is not, half a word, and what is another option's.
	for row in 'info --output=xml' 'map --output=START' 'measure --out=json' \
		'measure --output=raw' 'check --output=xml' 'map --output' \
		'map -o json'; do
		# shellcheck disable=SC2086 # words
		ours $row empty
		[ "$CODE" -eq 1 ] || fault "$row: exit code $CODE, not 1"
	done
	must map -o START,TYPE --output=json cluster_size=64k
	jq -e '.extents[0] | keys == ["start", "type"]' said >/dev/null ||
		fault "map -o with --output: $(head -n 3 said)"
	must map --columns=START --raw --noheadings cluster_size=64k
	[ "$(head -n 1 said)" = 0 ] || fault "map --columns: $(head -n 1 said)"
	rm -f said log
	cd ..
	[ $count -ge 15 ] || fault "only $count images"
	verdict "info, map, measure, check: the JSON of $count images"
}

# Names of backing files that are no plain paths, or look as if they were none.
name_rows()
{
	cat <<'ROWS'
base
./base
../base
sub/base
/abs/base
a/b:c
./we:ird
we:ird
:base
nbd://h:1/x
nbd:unix:/x
fat:rw:x
file:base
file:/abs/base
file:we:ird
file:
json:{"driver":"null-co"}
json:{
json:x
ROWS
}

info_names()
{
	local count=0 image name

	mkdir dir
	for image in top dir/top ./dir/../dir/top; do
		while read -r name; do
			qemu-img create -q -f qcow2 $image 1M
			must rebase -f qcow2 -u -b "$name" -F raw $image
			must info --json $image
			like_qemus "$image: $name" info $image
			count=$((count + 1))
		done < <(name_rows)
	done
	verdict "info: $count names of backing files"
}

# Sizes at the limits of what can be, for each kind of new image.
size_rows()
{
	cat <<'ROWS'
raw 65536 0
raw 65536 1
raw 65536 3E
raw 65536 7.9E
raw 65536 8E
raw 65536 16E
qcow2 512 0
qcow2 512 1
qcow2 512 128G
qcow2 512 137438953473
qcow2 512 1T
qcow2 65536 2P
qcow2 65536 2251799813685249
qcow2 65536 3E
qcow2 2M 512P
qcow2 2M 2E
qcow2 2M 2305843009213693953
qcow2 2M 3E
ROWS
}

measure_sizes()
{
	local count=0 format cluster size theirs o

	while read -r format cluster size; do
		o=(-o "cluster_size=$cluster")
		[ "$format" != raw ] || o=()
		qemu-img measure --output=json -O "$format" "${o[@]}" \
			--size "$size" >answer 2>qemu.log
		theirs=$?
		ours measure --output=json -O "$format" \
			--cluster-size "$cluster" --size "$size"
		[ "$CODE" -eq "$theirs" ] ||
			fault "$format $cluster $size: exit code $CODE, qemu-img's is $theirs"
		[ "$CODE" -eq 0 ] || [ -s log ] ||
			fault "$format $cluster $size: refused without a word"
		[ "$theirs" -ne 0 ] || same_json "$format $cluster $size" .
		count=$((count + 1))
	done < <(size_rows)
	# A source can be too large as well.
	truncate -s 200G large.raw
	ours measure -O qcow2 --cluster-size 512 large.raw
	[ "$CODE" -eq 1 ] || fault "200G in clusters of 512: exit code $CODE"
	verdict "measure: $count sizes, possible and not"
}

# What changes or makes the image "out", beside one of each kind as it was.
after_rows()
{
	cat <<'ROWS'
leaky check -r leaks out
leaky check -r all out
low check -r all out
dirty check -r all out
bitmaps check -r all out
snapshots check -r all out
small create out 3M
small create -o compat=0.10 out 3M
small create -o cluster_size=512,refcount_bits=1,lazy_refcounts=on out 3M
small create -o extended_l2=on,compression_type=zstd out 3M
small create -o data_file=data,data_file_raw=on out 3M
small create -b base -F qcow2 out
small create -u -b nbd://host/disk -F raw out 3M
small convert -O qcow2 -c base out
small convert -O qcow2 -o compat=0.10 base out
small convert -O qcow2 -o data_file=data base out
small convert -O qcow2 -B base -F qcow2 over out
small convert -n -O qcow2 base out
zstd convert -n -O qcow2 -c base out
version2 convert -n -O qcow2 base out
over rebase -u -b other -F qcow2 out
over rebase -u -b json:{} -F raw out
over rebase -u -b '' out
snapshots rebase -u -b base -F qcow2 out
ROWS
}

after_images()
{
	qemu-img create -q -f qcow2 base 3M
	qemu-io -f qcow2 -c 'write -P 1 0 1M' -c 'write -P 2 2M 64k' base \
		>/dev/null
	cp base other
	qemu-img create -q -f qcow2 small 3M
	qemu-img create -q -f qcow2 -o compression_type=zstd,cluster_size=4k \
		zstd 4M
	qemu-img create -q -f qcow2 -o compat=0.10 version2 3M
	qemu-img create -q -f qcow2 -b base -F qcow2 over
	cp base snapshots
	qemu-img snapshot -c one snapshots
	cp base bitmaps
	qemu-img bitmap --add bitmaps b
	cp base leaky
	# Its only L2 table is gone from the L1 table.
	printf '\0\0\0\0\0\0\0\0' | dd of=leaky bs=1 seek=$((0x30000)) \
		conv=notrunc status=none
	cp base low
	printf '\0\0\0\0' | dd of=low bs=1 seek=$((0x20006)) conv=notrunc \
		status=none
	qemu-img create -q -f qcow2 -o lazy_refcounts=on dirty 3M
	{ qemu-io -f qcow2 -c 'write 0 1M' -c flush -c abort dirty || :; } \
		>/dev/null 2>&1
}

info_after()
{
	local count=0 row

	after_images
	while read -ra row; do
		rm -f out data
		cp "${row[0]}" out
		[ "${row[1]}" != create ] || row[1]='create -f qcow2'
		[ "${row[4]-}" != "''" ] || row[4]=
		# shellcheck disable=SC2086 # two words
		must ${row[1]} "${row[@]:2}"
		must info -f qcow2 --output=json out
		like_qemus "after ${row[*]}" info -f qcow2 out
		count=$((count + 1))
	done < <(after_rows)
	verdict "info: all of its JSON after $count commands"
}
