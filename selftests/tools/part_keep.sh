# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# qcowctl convert -n into qcow2 images, which keep their options.

# shellcheck source=selftests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

parts+=' keep_options keep_refused keep_cut'

# Noise, text, zeros, a hole, and an end within a cluster.
keep_disk()
{
	{
		head -c 300K /dev/urandom
		head -c 200K /dev/zero
		seq 60000
	} >disk.raw
	truncate -s 2M disk.raw
	seq 3000 >>disk.raw
	truncate -s %512 disk.raw
}

# What the image that is there was made with, then words for the conversion.
keep_rows()
{
	cat <<'ROWS'
cluster_size=64k
cluster_size=64k -c
cluster_size=64k -S 0
cluster_size=64k -m 1
cluster_size=64k --target-is-zero
cluster_size=64k -t unsafe
cluster_size=512
cluster_size=512 -c
cluster_size=2M
cluster_size=2M -c
compat=0.10
compat=0.10 -c
refcount_bits=1
refcount_bits=64,cluster_size=1k -c
lazy_refcounts=on
extended_l2=on
extended_l2=on -c
extended_l2=on,cluster_size=16k
compression_type=zstd -c
compression_type=zstd
preallocation=metadata
ROWS
}

# keep_one SIZE OPTIONS WORDS...: both into the same kind of image
keep_one()
{
	local theirs=made

	rm -f out theirs
	qemu-img create -q -f qcow2 -o "$2" theirs "$1"
	cp theirs out
	chmod 640 out
	qemu-img convert -n -f raw -O qcow2 "${@:3}" disk.raw theirs \
		>qemu.log 2>&1 || theirs=failed
	# Of half a cluster in the middle of a disk it cannot make a stream.
	[ $theirs = made ] || [[ $* = *" -c"* ]] ||
		fault "qemu-img $*: $(cat qemu.log)"
	# With data all over: nothing of it stays.
	qemu-io -f qcow2 -c "write -P 9 0 $(($1 / 512 * 512))" out >/dev/null
	must convert -n -f raw -O qcow2 "${@:3}" disk.raw out
	[ ! -s log ] || fault "$*: says $(cat log)"
	no_rests "$*"
	sound out "$*"
	same_info theirs out "$*"
	same_words_of_info out "$*"
	same_content disk.raw raw out qcow2 "$*"
	[ "$(stat -c %a out)" = 640 ] || fault "$*: the mode is lost"
	# qemu-img leaves the room of what was preallocated.
	[ $theirs = failed ] ||
	[ "$(stat -c %b out)" -le $(($(stat -c %b theirs) * 51 / 50 + 64)) ] ||
		fault "$*: $(stat -c %b out) sectors, qemu-img's $(
			stat -c %b theirs)"
}

# same_words_of_info FILE WHAT: we say of it what both QEMUs say, all of it
same_words_of_info()
{
	must info -f qcow2 --output=json "$1"
	like_qemus "$2: info" info -f qcow2 "$1"
}

keep_options()
{
	local count=0 row size more

	keep_disk
	size=$(stat -c %s disk.raw)
	while read -ra row; do
		for more in 0 512 3000000; do
			keep_one $((size + more)) "${row[@]}"
			count=$((count + 1))
		done
	done < <(keep_rows)
	# Through a link, and from a chain; to itself it would be half read.
	qemu-img create -q -f qcow2 real 4M
	ln -s real link
	must convert -n -O qcow2 -f raw disk.raw link
	[ -L link ] || fault "the link is gone"
	same_content disk.raw raw real qcow2 "through a link"
	qemu-img create -q -f qcow2 -b real -F qcow2 top.qcow2
	qemu-io -f qcow2 -c 'write -P 4 100k 200k' top.qcow2 >/dev/null
	must convert -n -O qcow2 top.qcow2 out
	same_content top.qcow2 qcow2 out qcow2 "from a chain"
	must convert -n -O qcow2 --progress-json -f raw disk.raw out
	jq -es --argjson size "$size" '.[-1] | .bytes == $size and
		.total == $size' said >/dev/null || fault "progress: $(cat said)"
	verdict "convert -n: into $count qcow2 images, as qemu-img does it"
}

# refused_keep CODE PATTERN WORDS...: says so, and the image is as before
refused_keep()
{
	cp out before
	ours convert -n -O qcow2 "${@:3}" out
	[ "$CODE" -eq "$1" ] || fault "$2: exit code $CODE, not $1"
	grep -q -e "$2" log || fault "$2: says $(cat log)"
	cmp before out >>faults 2>&1
	no_rests "$2"
}

keep_refused()
{
	keep_disk
	qemu-img create -q -f qcow2 out 3M
	qemu-img snapshot -c one out
	refused_keep 4 'internal snapshots' -f raw disk.raw
	qemu-img create -q -f qcow2 out 3M
	qemu-img bitmap --add out b
	refused_keep 4 'bitmaps' -f raw disk.raw
	qemu-img create -q -f qcow2 -o data_file=data out 3M
	refused_keep 4 'data file' -f raw disk.raw
	qemu-img create -q -f qcow2 -b disk.raw -F raw out 3M
	cp disk.raw other.raw
	refused_keep 4 'backing file' -f raw other.raw
	# AES: LUKS is measured by the clock, and fails where others compute
	qemu-img create -q -f qcow2 out 3M
	printf '\1' | dd of=out bs=1 seek=35 conv=notrunc status=none
	refused_keep 4 'encrypted' -f raw disk.raw
	qemu-img create -q -f qcow2 out 3M
	printf '\200' | dd of=out bs=1 seek=87 conv=notrunc status=none
	refused_keep 4 'not known' -f raw disk.raw
	# Refused by qemu-img too.
	qemu-img create -q -f qcow2 out 2M
	! qemu-img convert -n -f raw -O qcow2 disk.raw out 2>/dev/null ||
		fault "qemu-img makes it shorter"
	refused_keep 4 'are needed' -f raw disk.raw
	cp disk.raw out
	refused_keep 4 'no magic' -f raw disk.raw
	qemu-img create -q -f qcow2 out 3M
	for words in '-o cluster_size=4k' '-o compat=1.1' \
		'-o preallocation=metadata' '-B disk.raw -F raw'; do
		# shellcheck disable=SC2086 # words
		refused_keep 1 'has its options' $words -f raw disk.raw
	done
	qemu-io -f qcow2 -c 'sleep 3000' out >/dev/null &
	sleep 0.5
	ours convert -n -O qcow2 -f raw disk.raw out
	[ "$CODE" -eq 5 ] || fault "in use by QEMU: exit code $CODE, not 5"
	wait
	cmp before out >>faults 2>&1
	ours convert -n -O qcow2 -f raw disk.raw missing
	[ "$CODE" -eq 4 ] && [ ! -e missing ] || fault "none there: $CODE"
	qemu-img create -q -f qcow2 -b out -F qcow2 top.qcow2
	refused_keep 4 'is read by this' top.qcow2
	verdict "convert -n: qcow2 images that would lose something"
}

# Ended at any moment it is the old image or the new one.
keep_cut()
{
	local i pid

	keep_disk
	for ((i = 0; i < 12; i++)); do
		seq 300000 >>disk.raw
		head -c 1M /dev/urandom >>disk.raw
	done
	truncate -s %512 disk.raw
	qemu-img create -q -f qcow2 kept 100M
	qemu-io -f qcow2 -c 'write -P 3 0 1M' kept >/dev/null
	for i in 0 1 2 4 8; do
		cp kept out
		"$qcowctl" convert -n -O qcow2 -c -f raw disk.raw out \
			2>/dev/null &
		pid=$!
		sleep 0.$((i + 1))
		kill -KILL $pid 2>/dev/null
		wait $pid 2>/dev/null
		cmp -s kept out || {
			sound out "killed"
			same_content disk.raw raw out qcow2 "killed"
		}
	done
	verdict "convert -n: killed, the image is the old or the new one"
}
