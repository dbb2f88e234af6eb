#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# dmesg: failed \(-28\)
#
# An image in use goes into its backing file, over and over, while there are
# requests of all sorts: the disk shows the same all the while, and in the end
# the backing file is the disk.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

count=$(fewer 1500)

commit()
{
	"$QCOWCTL" commit "$@"
}

# make_pair BASE-FORMAT BASE-OPTIONS TOP-OPTIONS: base and top.qcow2
make_pair()
{
	rm -f base top.qcow2
	case $2 in
	packed)	qemu-img convert -c -f raw -O "$1" start.raw base ;;
	*)	qemu-img convert -f raw -O "$1" ${2:+-o "$2"} start.raw base ;;
	esac
	qemu-img create -q -f qcow2 -b base -F "$1" ${3:+-o "$3"} \
		top.qcow2 6500k
	qemu-io -f qcow2 -c 'write -P 1 100k 70k' -c 'write -z 1M 300k' \
		-c 'write -P 2 3M 512' -c 'write -P 3 4100k 1500' \
		-c 'write -P 4 5M 256k' top.qcow2 >/dev/null
}

# It counts for each request which content it has to find.
start_load()
{
	qemu-img convert -U -O raw top.qcow2 initial
	"$(built prog/model)" --initial initial --seed "$seed" --threads 4 \
		--count "$count" --max-io 64k --dump model "$DEV" \
		>said 2>&1 &
	loader=$!
}

end_load()
{
	wait $loader || fail "the disk lost something: $(cat said)"
}

has_nothing()
{
	[ "$(qemu-img map --output=json "$1" |
		jq '[.[] | select(.depth == 0 and .present)] | length')" -eq 0 ] ||
		fail "$1 still has something"
}

# both_are MODEL BASE-FORMAT: the disk, through the top image and without it
both_are()
{
	checked top.qcow2
	[ "$2" = raw ] || checked base
	reads_as "$1" top.qcow2
	has_nothing top.qcow2
	both qemu-img compare -q -f raw -F "$2" "$1" base ||
		fail "the backing file is not the disk"
}

# under_load NAME BASE-FORMAT BASE-OPTIONS TOP-OPTIONS: as long as it goes on
under_load()
{
	local rounds=0 before

	echo "$1 (after $SECONDS s)"
	make_pair "${@:2}"
	before=$(layers_of_pair)
	attach top.qcow2
	start_load
	while [ $rounds -eq 0 ] || kill -0 $loader 2>/dev/null; do
		commit "$DEV" >>pauses
		rounds=$((rounds + 1))
	done
	end_load
	echo "merged $rounds times"
	same_disk model "$DEV"
	commit top.qcow2 >>pauses
	same_disk model "$DEV"
	expect_equal "the layers" "$before" "$(layers "$DEV")"
	detach
	both_are model "$2"
}

layers_of_pair()
{
	qemu-img info --backing-chain --output=json top.qcow2 |
		jq -r '.[].filename' | sed 's|.*/||' | paste -sd ' '
}

# Three layers, of which the third one stays as it is.
over_a_third()
{
	qemu-img convert -f raw -O qcow2 start.raw third
	cp third third.before
	rm -f start.qcow2
	qemu-img create -q -f qcow2 -b third -F qcow2 start.qcow2 6M
	qemu-io -c 'write -P 7 2M 1M' start.qcow2 >/dev/null
	make_pair raw "" ""
	mv start.qcow2 base
	qemu-img rebase -u -b base -F qcow2 top.qcow2
	attach top.qcow2
	start_load
	while kill -0 $loader 2>/dev/null; do
		commit "$DEV" >>pauses
	done
	end_load
	commit "$DEV" >>pauses
	detach
	both_are model qcow2
	same third third.before
}

# -d: the image stays, and both show the disk.
kept()
{
	make_pair qcow2 "" cluster_size=4k
	qemu-img convert -O raw top.qcow2 before
	attach top.qcow2
	commit -d --progress-json "$DEV" >progress
	[ "$(jq -rR 'fromjson | .device' progress | sort -u)" = "$DEV" ] ||
		fail "progress: $(head -n 3 progress)"
	same before "$DEV"
	detach
	checked base
	both qemu-img compare -q -F raw base before || fail "the backing file"
	qemu-img rebase -u -b "" top.qcow2
	[ "$(qemu-img map --output=json top.qcow2 |
		jq '[.[] | select(.data)] | length')" -gt 0 ] ||
		fail "nothing was kept"
}

# Locks as of a backing file, before and afterwards; whoever else has it open
# is in the way.
locks()
{
	local reader

	make_pair qcow2 "" ""
	qemu-img convert -O raw top.qcow2 before
	cp base base.before
	attach top.qcow2
	qemu-io -r -f qcow2 -c 'sleep 4000' base >/dev/null &
	reader=$!
	sleep 1
	expect_fail 5 commit "$DEV"
	expect_says "lets nobody write it"
	wait $reader
	same base base.before
	commit "$DEV" >/dev/null
	expect_fail 1 qemu-io -f qcow2 -c 'write 0 512' base
	qemu-io -r -f qcow2 -c 'read 0 512' base >/dev/null
	put_pattern
	same before "$DEV"
	detach
	qemu-io -f qcow2 -c 'read 0 512' base >/dev/null
	both_are before qcow2
}

# The image is written as before, and goes in again.
put_pattern()
{
	dd if=before of="$DEV" bs=64k skip=16 seek=16 count=8 conv=notrunc \
		oflag=direct status=none
	commit "$DEV" >/dev/null
}

refused()
{
	make_pair qcow2 "" ""
	cp base base.before
	attach top.qcow2
	"$QCOWCTL" snapshot create "$DEV" one >/dev/null
	expect_fail 5 commit "$DEV"
	expect_says "has snapshots"
	"$QCOWCTL" snapshot delete "$DEV" one >/dev/null
	base=$("$QCOWCTL" attach -r base)
	expect_fail 5 commit "$DEV"
	expect_says "attached already"
	detach "$base"
	detach
	attach -r top.qcow2
	expect_fail 4 commit "$DEV"
	expect_says "read-only"
	detach
	attach base
	expect_fail 4 commit "$DEV"
	expect_says "no backing file"
	detach
	same base base.before
	checked top.qcow2
}

# begin_and DO...: a merge is begun with the ioctl, and left open for that long
begin_and()
{
	python3 - "${DEV#/dev/qcow}" "$@" <<-'END'
	import array, fcntl, os, struct, subprocess, sys
	control = os.open("/dev/qcow-control", os.O_RDWR)
	number, command = int(sys.argv[1]), sys.argv[2:]
	base = os.open("base", os.O_RDWR)
	layer = array.array("B", struct.pack("=iIiIQQ", base, 2, -1, 0, 0, 0))

	other = array.array("B", struct.pack("=iIiIQQ", base, 2, -1, 0, 512, 0))

	def request(op, layers=0, layer=layer):
	    form = "=6I4Q"
	    size = struct.calcsize(form)
	    arg = bytearray(struct.pack(form, size, 0, number, op, layers, 0,
	        layer.buffer_info()[0] if layers else 0, 0, 0, 0))
	    try:
	        fcntl.ioctl(control, 3 << 30 | size << 16 | 0x51 << 8 | 0x49,
	                    arg, True)
	    except OSError as error:
	        return error.errno
	    return 0

	def check(what, wanted, got):
	    if wanted != got:
	        sys.exit("%s: %d instead of %d" % (what, got, wanted))

	# with files that are held until the merge is over
	def begin(flags, fd):
	    arg = bytearray(struct.pack("=6I4Q2i", 64, flags, number, 1, 1, 0,
	        layer.buffer_info()[0], 0, 0, 0, fd, -1))
	    try:
	        fcntl.ioctl(control, 3 << 30 | 64 << 16 | 0x51 << 8 | 0x49,
	                    arg, True)
	    except OSError as error:
	        return error.errno
	    return 0

	def lock():		# F_OFD_SETLK, for writing
	    fd = os.open("lock", os.O_RDWR | os.O_CREAT)
	    try:
	        fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", 1, 0, 0, 1, 0))
	    except OSError:
	        os.close(fd)
	        return -1
	    return fd

	check("the control file, to be held", 22, begin(2, control))
	check("no file, to be held", 9, begin(2, 12345))
	check("a file to be held, unannounced", 22, begin(0, base))
	held = lock()
	check("a beginning with a lock", 0, begin(2, held))
	os.close(held)
	check("a lock that the driver holds", -1, lock())
	check("the end of it", 0, request(4))
	if lock() < 0:
	    sys.exit("the driver still holds the lock")

	check("a step before the beginning", 2, request(2))
	check("of another place in the file", 116, request(1, 1, other))
	check("other descriptors of the same", 0, request(5, 1))
	check("the beginning", 0, request(1, 1))
	check("another beginning", 16, request(1, 1))
	check("a step", 0, request(2))
	subprocess.run(command, check=True)
	check("the next step", 0, request(2))
	END
}

# While it goes on the device is nobody else's, and a snapshot of the backing
# file is not looked at, whose commands would meet its end; when it stops, all
# is as it was.
meanwhile()
{
	make_pair qcow2 "" ""
	qemu-img snapshot -c one base
	qemu-img convert -O raw top.qcow2 before
	attach top.qcow2
	# shellcheck disable=SC2016 # that shell's own
	begin_and bash -c '
		! "$0" snapshot create "$1" one && ! "$0" detach "$1" &&
		! "$0" commit "$1" && ! "$0" resize "$1" +1M &&
		! "$0" attach -r base &&
		! "$0" attach -r --snapshot one base && cmp before "$1"' \
		"$QCOWCTL" "$DEV" 2>/dev/null ||
		fail "somebody had it meanwhile"
	same before "$DEV"
	# it stops soon after the control file was closed
	within 30 "$QCOWCTL" attach -r base >attached 2>/dev/null ||
		fail "it did not stop"
	detach "$(cat attached)"
	"$QCOWCTL" snapshot create "$DEV" one >/dev/null
	detach
	checked top.qcow2
	checked base
	reads_as before top.qcow2
}

reads_base()
{
	qemu-io -r -f qcow2 -c 'read 0 512' base >/dev/null
}

# Interrupted anywhere, it can be done again.
killed()
{
	local i committer

	make_pair qcow2 cluster_size=4k ""
	attach top.qcow2
	start_load
	for ((i = 1; i <= 12; i++)); do
		# not by the function: what is killed would be a shell
		"$QCOWCTL" commit "$DEV" >>pauses 2>/dev/null &
		committer=$!
		sleep 0.0$i
		kill -KILL $committer 2>/dev/null || :
		wait $committer || :
		# soon nobody writes it, and what kept others out is gone
		within 30 reads_base || fail "locks of a writer stayed"
	done 2>/dev/null
	end_load
	same_disk model "$DEV"
	commit "$DEV" >>pauses
	detach
	both_are model qcow2
}

# No room for what is to be merged: the disk stays whole, and so do both files.
no_room()
{
	local full=$FS

	make_pair qcow2 "" ""
	scratch_fs ext4 16
	rm base
	qemu-img create -q -f qcow2 "$FS/base" 6M
	ln -s "$FS/base" base
	attach top.qcow2
	dd if="$full/start.raw" of="$DEV" bs=64k seek=8 count=80 \
		oflag=direct status=none
	cat "$DEV" >before
	fallocate -l "$(($(df -B1 --output=avail "$FS" | tail -n 1) -
		(256 << 10)))" "$FS/filler"
	expect_fail 4 commit "$DEV"
	expect_says "no room"
	same before "$DEV"
	rm "$FS/filler"
	commit "$DEV" >>pauses
	same before "$DEV"
	detach
	# what it was given, and could not note, is counted and not used
	checked base 0 3
	qemu-img check -q -r leaks base
	both_are before qcow2
}

# The longest that requests stood still for one of them.
longest_pause()
{
	sed -n 's/.*still for \([0-9.]*\) ms/\1/p' pauses | sort -n | tail -n 1
}

require jq python3
scratch_fs xfs 512
cd "$FS"
# it ends in the midst of a cluster, and compresses
random_file start.raw 3M
head -c 3M < <(yes "some text") >>start.raw
truncate -s 6100k start.raw
: >pauses
kept
locks
refused
meanwhile
killed
over_a_third
under_load 64k qcow2 "" ""
under_load 512-into-64k qcow2 "" cluster_size=512
under_load 64k-into-512 qcow2 cluster_size=512 ""
under_load 2M qcow2 cluster_size=2M cluster_size=2M
under_load v2 qcow2 compat=0.10 compat=0.10,cluster_size=4k
under_load extended qcow2 extended_l2=on extended_l2=on,cluster_size=16k
under_load packed qcow2 packed ""
under_load raw raw "" ""
no_room
echo "merged $(wc -l <pauses) times, $(longest_pause) ms at the longest"
dmesg_clean
