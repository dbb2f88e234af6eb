# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# qcowctl convert.

# shellcheck source=selftests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

parts+=' convert_new convert_from convert_refused convert_cut convert_device'

# A disk of every kind of content: noise, text, zeros, holes, single bytes,
# and an end in the middle of a cluster.
make_disk()
{
	{
		head -c 700K /dev/urandom
		head -c 400K /dev/zero
		seq 200000 | head -c 900K
		head -c 3000 /dev/zero
		printf x
		head -c 200K /dev/zero
	} >disk.raw
	truncate -s 5M disk.raw
	head -c 100K /dev/urandom >>disk.raw
	truncate -s 6M disk.raw
	printf y | dd of=disk.raw bs=1 seek=$((5 * 1048576 + 700001)) \
		conv=notrunc status=none
	seq 5000 >>disk.raw
	truncate -s %512 disk.raw
}

# Options of a new image; what is compressed is to be smaller than the disk.
new_rows()
{
	cat <<'ROWS'
raw
raw -S 0
raw -S 64k
raw -S 1536
raw -m 1
raw -m 16
raw -t unsafe
raw -o preallocation=falloc
raw -o preallocation=full
qcow2
qcow2 -S 0
qcow2 -S 1M
qcow2 -m 1
qcow2 -o compat=0.10
qcow2 -o cluster_size=512
qcow2 -o cluster_size=4k
qcow2 -o cluster_size=2M
qcow2 -o extended_l2=on
qcow2 -o extended_l2=on,cluster_size=16k
qcow2 -o refcount_bits=1
qcow2 -o refcount_bits=64,cluster_size=1k
qcow2 -o lazy_refcounts=on
qcow2 -o preallocation=metadata
qcow2 -o preallocation=falloc
qcow2 -o preallocation=full
qcow2 -o preallocation=metadata,extended_l2=on
qcow2 -o preallocation=full,cluster_size=512
qcow2 -o data_file=data
qcow2 -o data_file=data,data_file_raw=on
qcow2 -o data_file=data,extended_l2=on
qcow2 -o data_file=data,preallocation=falloc
qcow2 -c
qcow2 -c -S 0
qcow2 -c -m 1
qcow2 -c -m 16
qcow2 -c -o compat=0.10
qcow2 -c -o cluster_size=512
qcow2 -c -o cluster_size=2k
qcow2 -c -o cluster_size=2M
qcow2 -c -o extended_l2=on
qcow2 -c -o refcount_bits=1
qcow2 -c -o refcount_bits=2
qcow2 -c -o refcount_bits=1,cluster_size=512
qcow2 -c -o compression_type=zstd
qcow2 -c -o compression_type=zstd,cluster_size=512
qcow2 -c -o compression_type=zstd,cluster_size=2M
qcow2 -c -o compression_type=zstd,refcount_bits=4
ROWS
}

# What qemu-img makes of the same words is not smaller than this by much.
no_larger()
{
	local mine theirs
	mine=$(stat -c %b out)
	theirs=$(stat -c %b theirs)

	[ "$mine" -le $((theirs + theirs / 50 + 64)) ] ||
		fault "$*: $mine sectors, qemu-img's $theirs"
}

one_new()
{
	local format=$1
	shift

	rm -f out data theirs
	qemu-img convert -f raw -O "$format" "$@" disk.raw theirs \
		>qemu.log 2>&1 || fault "qemu-img $*: $(cat qemu.log)"
	[ ! -e data ] || mv data theirs.data
	must convert -f raw -O "$format" "$@" disk.raw out
	[ ! -s log ] || fault "$*: says $(cat log)"
	no_rests "$*"
	[ "$format" = raw ] || sound out "$*"
	same_content disk.raw raw out "$format" "$format $*"
	# The room of a data file is told by its own length.
	case $* in
	*data_file_raw*) cmp data disk.raw >>faults 2>&1 ;;
	*data_file*) ;;
	*)	same_info theirs out "$format $*"
		no_larger "$format $*" ;;
	esac
	case $* in
	*falloc*)
		[ "$(stat -c %b out data 2>/dev/null | paste -sd+ | bc)" -ge \
			$(($(stat -c %s disk.raw) / 512)) ] ||
			fault "$*: has not all its room" ;;
	*full* | -S\ 0)
		[ "$(stat -c %b out)" -ge \
			$(($(stat -c %s disk.raw) / 512)) ] ||
			fault "$*: has holes" ;;
	esac
}

convert_new()
{
	local count=0 row

	make_disk
	while read -ra row; do
		one_new "${row[@]}"
		count=$((count + 1))
	done < <(new_rows | grep -E -e "${ROWS-.}")
	[ $count -ge 40 ] || [ -n "${ROWS-}" ] || fault "only $count rows"
	verdict "convert: a disk into $count kinds of image"
}

# Sources that QEMU made, and chains of them.
from_rows()
{
	cat <<'ROWS'
qcow2
qcow2 -o cluster_size=512
qcow2 -o cluster_size=2M
qcow2 -o compat=0.10
qcow2 -o extended_l2=on
qcow2 -c
qcow2 -c -o cluster_size=512
qcow2 -c -o cluster_size=2M
qcow2 -c -o compression_type=zstd
qcow2 -c -o compression_type=zstd,cluster_size=4k
qcow2 -o data_file=data
ROWS
}

one_from()
{
	local options="${*:2}"

	rm -f source data out
	# shellcheck disable=SC2086 # words
	qemu-img convert -f raw -O "$1" $options disk.raw source
	must convert -f qcow2 source out
	cmp disk.raw out >>faults 2>&1 || fault "from $*: content differs"
	[ "$(stat -c %b out)" -le $(($(stat -c %b disk.raw) + 64)) ] ||
		fault "from $*: not sparse"
	must convert -f qcow2 -O qcow2 -c source out
	sound out "from $*"
	same_content disk.raw raw out qcow2 "from $*"
}

convert_from()
{
	local count=0 row size

	make_disk
	size=$(stat -c %s disk.raw)
	while read -ra row; do
		one_from "${row[@]}"
		count=$((count + 1))
	done < <(from_rows)
	verdict "convert: $count kinds of image into others"

	qemu-img convert -f raw -O qcow2 disk.raw base.qcow2
	for options in '' extended_l2=on compat=0.10 cluster_size=512; do
		qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 \
			${options:+-o $options} top.qcow2 $((size + 1048576))
		qemu-io -f qcow2 -c 'write -P 7 100k 3k' -c 'write -z 800k 64k' \
			-c 'write -P 9 4M 200k' -c 'write -P 1 6M 1k' \
			top.qcow2 >/dev/null
		must convert top.qcow2 out
		same_content top.qcow2 qcow2 out raw "chain, $options"
		for o in '' -c; do
			for new in cluster_size=64k compat=0.10 \
				cluster_size=4k extended_l2=on; do
				must convert $o -O qcow2 -o $new \
					-B base.qcow2 -F qcow2 top.qcow2 out
				sound out "-B $options $new"
				same_content top.qcow2 qcow2 out qcow2 \
					"-B $options to $new $o"
				[ "$(stat -c %b out)" -lt 3000 ] ||
					fault "-B: copied what is behind"
			done
		done
	done
	verdict "convert: chains, with and without a backing file"

	qemu-img snapshot -c first base.qcow2
	qemu-io -f qcow2 -c 'write -P 3 0 1M' base.qcow2 >/dev/null
	for snapshot in first 1 snapshot.name=first snapshot.id=1; do
		must convert -l $snapshot base.qcow2 out
		cmp disk.raw out >>faults 2>&1 || fault "snapshot $snapshot"
	done
	must convert base.qcow2 out
	! cmp -s disk.raw out || fault "shows the snapshot"
	verdict "convert: snapshots"
}

# What is refused leaves the target as it was.
convert_refused()
{
	local row count=0

	make_disk
	qemu-img convert -f raw -O qcow2 disk.raw source.qcow2
	qemu-img create -q -f qcow2 -b source.qcow2 -F qcow2 top.qcow2
	cp --sparse=always disk.raw small.raw
	truncate -s 1M small.raw
	head -c 10K /dev/urandom >kept
	cp kept out
	while read -ra row; do
		ours convert "${row[@]}"
		[ "$CODE" -ne 0 ] || fault "${row[*]}: was done"
		[ -s log ] || fault "${row[*]}: refused without a word"
		cmp kept out >>faults 2>&1
		no_rests "${row[*]}"
		count=$((count + 1))
	done <<'ROWS'
disk.raw
disk.raw out more
missing.raw out
-f qcow2 disk.raw out
-c disk.raw out
-c -O qcow2 -o data_file=d disk.raw out
-c -O qcow2 -o preallocation=metadata disk.raw out
-O qcow2 -o cluster_size=3 disk.raw out
-O qcow2 -o size=1M disk.raw out
-O qcow2 -B source.qcow2 disk.raw out
-O qcow2 -B missing -F qcow2 disk.raw out
-O qcow2 -B out -F raw disk.raw out
-B source.qcow2 -F qcow2 disk.raw out
-l nothing source.qcow2 out
-l 1 disk.raw out
-S 100 disk.raw out
-m 0 disk.raw out
-m 17 disk.raw out
-t none disk.raw out
-n -O qcow2 disk.raw out
-n disk.raw missing.raw
-n disk.raw small.raw
--target-is-zero disk.raw out
disk.raw disk.raw
top.qcow2 source.qcow2
ROWS
	cmp -n 1048576 disk.raw small.raw >>faults 2>&1
	ours convert top.qcow2 source.qcow2
	grep -q 'is read by this' log || fault "onto its base: $(cat log)"
	qemu-io -f raw -c 'sleep 3000' out >/dev/null 2>&1 &
	sleep 0.5
	ours convert disk.raw out
	[ "$CODE" -eq 5 ] || fault "onto what QEMU uses: exit code $CODE"
	wait
	# Damage in the source is told, and nothing is made of half of it.
	qemu-img convert -f raw -O qcow2 -c disk.raw bad.qcow2
	head -c 64K /dev/zero | tr '\0' '\377' |
		dd of=bad.qcow2 bs=64K seek=17 conv=notrunc status=none
	! qemu-img convert -f qcow2 -O raw bad.qcow2 theirs 2>/dev/null ||
		fault "the damage does nothing"
	ours convert bad.qcow2 out
	[ "$CODE" -eq 4 ] || fault "damaged: exit code $CODE, not 4"
	cmp kept out >>faults 2>&1
	verdict "convert: $count wrong ways"
}

# Ended at any moment there is no target, or the old one, and no rest.
convert_cut()
{
	local i pid codes=''

	# Pieces that take long, and some that do not.
	for ((i = 0; i < 24; i++)); do
		seq 300000 >>disk.raw
		head -c 1M /dev/urandom >>disk.raw
	done
	head -c 10K /dev/urandom >kept
	for i in 1 3 5 8; do
		for signal in INT TERM KILL; do
			cp kept out
			# A shell has INT ignored in what it starts so.
			env --default-signal=INT "$qcowctl" convert -O qcow2 -m 2 \
				-c disk.raw out 2>/dev/null &
			pid=$!
			sleep 0.$i
			kill -$signal $pid 2>/dev/null
			wait $pid 2>/dev/null
			CODE=$?
			codes+=" $CODE"
			no_rests "$signal after 0.$i s"
			[ $CODE -ne 0 ] && cmp -s kept out || {
				sound out "$signal"
				same_content disk.raw raw out qcow2 "$signal"
			}
		done
	done
	for i in 130 143 137; do
		[[ $codes = *" $i"* ]] || fault "none ended with $i:$codes"
	done
	rm out
	# Tables that reach over several pieces, in their order all the same.
	must convert -m 16 -O qcow2 -c -o cluster_size=4k disk.raw out
	sound out "in order"
	same_content disk.raw raw out qcow2 "in order"
	must convert -O qcow2 -c --progress-json disk.raw out
	jq -cR fromjson said >lines 2>>faults || fault "not lines: $(cat said)"
	jq -es 'length > 0 and (.[-1] | .bytes == .total and .total > 0) and
		all(has("device") and has("speed") and has("eta_ms"))' \
		lines >/dev/null || fault "progress: $(head -n 3 said)"
	must convert -p -O raw disk.raw out
	grep -q '100.00%' log || fault "-p: $(cat log)"
	verdict "convert: cut off, with exit codes$codes"
}

# Into what is there: a file that is not empty, and a block device.
convert_device()
{
	make_disk
	size=$(stat -c %s disk.raw)
	head -c 8M /dev/urandom >there
	tail -c +$((size + 1)) there >behind
	must convert -n disk.raw there
	cmp -n "$size" disk.raw there >>faults 2>&1
	cmp behind <(tail -c +$((size + 1)) there) >>faults 2>&1
	verdict "convert: into what is there"
}
