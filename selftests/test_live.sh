#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 800
#
# Another backing file for an image in use: requests of all sorts go on, the
# disk shows the same all the while, and what it was over is free then.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

count=$(fewer 1500)

rebase()
{
	"$QCOWCTL" rebase "$@"
}

backing_of()
{
	qemu-img info -U --output=json "$1" |
		jq -r '."backing-filename" // ""'
}

# base and other in both formats; other is shorter, and the same in part
make_files()
{
	random_file base.raw 6M
	cp base.raw other.raw
	truncate -s 5M other.raw
	random_file patch 1M
	dd if=patch of=other.raw bs=64k seek=9 conv=notrunc status=none
	dd if=/dev/zero of=other.raw bs=64k seek=40 count=9 conv=notrunc \
		status=none
	qemu-img convert -f raw -O qcow2 base.raw base.qcow2
	qemu-img convert -f raw -O qcow2 -c -o cluster_size=4k other.raw \
		other.qcow2
}

# make_top OPTIONS: over base.qcow2, with a bit of everything
make_top()
{
	rm -f top.qcow2
	qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 ${1:+-o "$1"} \
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

# Four other backing files: shorter, longer, none, and one again.
rebase_around()
{
	rebase -b other.qcow2 -F qcow2 "$DEV"
	expect_equal "the layers" "top.qcow2 other.qcow2" "$(layers "$DEV")"
	rebase -b base.raw -F raw top.qcow2
	rebase -b "" "$DEV"
	expect_equal "the layers" top.qcow2 "$(layers "$DEV")"
	rebase -b base.qcow2 -F qcow2 "$DEV"
}

# under_load NAME OPTIONS: as long as there are requests
under_load()
{
	local rounds=0

	echo "$1 (after $SECONDS s)"
	make_top "$2"
	attach top.qcow2
	start_load
	while [ $rounds -eq 0 ] || kill -0 $loader 2>/dev/null; do
		rebase_around >/dev/null
		rounds=$((rounds + 1))
	done
	end_load
	echo "around $rounds times"
	detach
	checked top.qcow2
	expect_equal "the backing file" base.qcow2 "$(backing_of top.qcow2)"
	reads_as model top.qcow2
}

# Nothing else happens: exactly what differs is copied.
at_rest()
{
	local before

	make_top
	qemu-img convert -O raw top.qcow2 initial
	before=$(stat -c %b top.qcow2)
	attach top.qcow2
	cp base.raw same.raw
	rebase -b same.raw -F raw "$DEV"
	same initial "$DEV"
	[ "$(stat -c %b top.qcow2)" -le $((before + 2200)) ] ||
		fail "it has grown, though nothing differs"
	expect_equal "the backing file" same.raw "$(backing_of top.qcow2)"
	rebase --progress-json -b other.qcow2 -F qcow2 "$DEV" >progress
	[ "$(jq -rR 'fromjson | .device' progress | sort -u)" = "$DEV" ] ||
		fail "progress: $(head -n 3 progress)"
	same initial "$DEV"
	rebase -u -b base.qcow2 -F qcow2 "$DEV"
	detach
	checked top.qcow2
	expect_equal "the backing file" base.qcow2 "$(backing_of top.qcow2)"
	reads_as initial top.qcow2
}

# The one it was over may be written by others, the other may not.
locks_go_along()
{
	make_top
	attach top.qcow2
	expect_fail 1 qemu-io -c 'write 0 512' base.qcow2
	rebase -b other.qcow2 -F qcow2 "$DEV"
	qemu-io -c 'write -P 9 0 512' base.qcow2 >/dev/null
	expect_fail 1 qemu-io -c 'write 0 512' other.qcow2
	detach
	qemu-io -c 'write -P 9 4500k 512' other.qcow2 >/dev/null
	make_files
}

refused()
{
	make_top
	attach top.qcow2
	expect_fail 4 rebase -b missing -F qcow2 "$DEV"
	expect_fail 4 rebase -b top.qcow2 -F qcow2 "$DEV"
	expect_says "cannot back itself"
	"$QCOWCTL" snapshot create "$DEV" one
	snapshot=$("$QCOWCTL" attach -r --snapshot one top.qcow2)
	expect_fail 5 rebase -u -b other.qcow2 -F qcow2 "$DEV"
	expect_says "a snapshot of it is attached"
	detach "$snapshot"
	expect_fail 5 rebase -b other.qcow2 -F qcow2 "$DEV"
	expect_says "has snapshots, which would show something else"
	expect_equal "the backing file" base.qcow2 "$(backing_of top.qcow2)"
	detach
	cp top.qcow2 before.qcow2
	expect_fail 5 rebase -b "" top.qcow2
	expect_says "has snapshots"
	expect_equal "the backing file" base.qcow2 "$(backing_of top.qcow2)"
	both qemu-img compare -q before.qcow2 top.qcow2

	attach -r top.qcow2
	expect_fail 4 rebase -u -b other.qcow2 -F qcow2 "$DEV"
	expect_says "read-only"
	detach
	attach base.raw
	expect_fail 1 rebase -b other.qcow2 -F qcow2 "$DEV"
	expect_says "no backing file"
	detach
	no_room
	on_itself
	on_itself_through_another
	onto_each_other
}

no_room()
{
	make_top cluster_size=512
	cp top.qcow2 before.qcow2
	attach top.qcow2
	expect_fail 4 rebase -u -b "$(long_name)" -F raw "$DEV"
	expect_says "no room"
	detach
	same before.qcow2 top.qcow2
}

# What was filled counts only as long as the structure stays, of that device:
# begun, then COMMAND, then the end, which is refused; without it it goes through.
changed_meanwhile()
{
	make_top
	attach top.qcow2
	expect_equal "after $*" "116 0" "$(python3 - \
		"${DEV#/dev/qcow}" "$@" <<-'END'
		import fcntl, struct, subprocess, sys
		control = open("/dev/qcow-control")
		number, command = int(sys.argv[1]), sys.argv[2:]

		def request(nr, form, *members):
		    size = struct.calcsize(form)
		    arg = bytearray(struct.pack(form, size, *members))
		    fcntl.ioctl(control, 3 << 30 | size << 16 | 0x51 << 8 | nr,
		                arg, True)
		    return struct.unpack(form, arg)

		def begin():
		    return request(0x47, "=4I4Q", 0, number, 0, 0, 0, 0, 0)[-1]

		def end(changes):
		    try:
		        request(0x48, "=4I3Q2IQ2I2Q", 1, number, 0, 0, 0, 0,
		                0, 0, 0, 0, 0, changes, 0)
		    except OSError as error:
		        return error.errno
		    return 0

		changes = begin()
		subprocess.run(["bash", "-ec", '"$@"', "-"] + command,
		               check=True, stdout=sys.stderr)
		print(end(changes), end(begin()))
		END
	)"
	expect_equal "the layers" top.qcow2 "$(layers "$DEV")"
	detach
	checked top.qcow2
}

# Another one perhaps, but its number is the same.
attached_again()
{
	"$QCOWCTL" detach top.qcow2
	"$QCOWCTL" attach top.qcow2
}
export QCOWCTL
export -f attached_again

# The path of the backing file leads to another one here, which is not what the
# disk has to be compared with.
hidden_base()
{
	make_top
	cp base.qcow2 another.qcow2
	attach top.qcow2
	mount --bind another.qcow2 base.qcow2
	expect_fail 4 rebase -b other.qcow2 -F qcow2 "$DEV"
	expect_says "is not what the device reads"
	umount base.qcow2
	rebase -b other.qcow2 -F qcow2 "$DEV"
	detach
}

# long_name: of other.raw, in more than a cluster
long_name()
{
	local name=other.raw i

	for ((i = 0; i < 200; i++)); do
		name=./$name
	done
	echo "$name"
}

# A file system on the disk has the file that is to back the disk.
on_itself()
{
	make_top
	attach top.qcow2
	mkfs.ext4 -q "$DEV"
	mkdir -p mnt
	mount "$DEV" mnt
	defer umount_if_there "$PWD/mnt"
	truncate -s 1M mnt/inner.raw
	sync -f mnt
	expect_fail 4 rebase -u -b mnt/inner.raw -F raw "$DEV"
	expect_says "lies on"
	umount mnt
	detach
}

# ...or another device does that lies on the disk, or on one that does.
on_itself_through_another()
{
	local disk other

	make_top
	attach top.qcow2
	disk=$DEV
	attach -r -f raw "$disk"
	other=$DEV
	qemu-img create -q -f qcow2 -b "$other" -F raw third.qcow2 1M
	attach third.qcow2
	expect_fail 4 rebase -u -b "$other" -F raw "$disk"
	expect_says "lies on"
	expect_fail 4 rebase -u -b "$DEV" -F raw "$disk"
	expect_says "lies on"
	detach "$DEV"
	detach "$other"
	detach "$disk"
}

# Two disks are to lie on each other, at the same time: one of them does not.
onto_each_other()
{
	local one two i refused job

	qemu-img create -q -f qcow2 one.qcow2 1M
	qemu-img create -q -f qcow2 two.qcow2 1M
	attach one.qcow2
	one=$DEV
	attach two.qcow2
	two=$DEV
	for i in {1..20}; do
		refused=0
		rebase -u -b "$two" -F raw "$one" 2>said &
		job=$!
		rebase -u -b "$one" -F raw "$two" || refused=1
		wait $job || refused=1
		[ $refused -eq 1 ] || fail "round $i: they lie on each other"
		rebase -u -b '' "$one"
		rebase -u -b '' "$two"
	done
	detach "$one"
	detach "$two"
}

umount_if_there()
{
	! mountpoint -q "$1" || umount "$1"
}

require jq python3
scratch_fs ext4 512
cd "$FS"
make_files
at_rest
locks_go_along
refused
changed_meanwhile "$QCOWCTL" resize top.qcow2 +64k
changed_meanwhile attached_again
hidden_base
under_load 64k ""
under_load 512 cluster_size=512
under_load 2M cluster_size=2M
under_load v2 compat=0.10,cluster_size=4k
under_load extended extended_l2=on
dmesg_clean
