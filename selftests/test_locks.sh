#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# While an image is attached, QEMU and we keep off it as two QEMUs would.

. "$(dirname "$0")/lib/test.sh"

# qemu_reads IMAGE FORMAT, qemu_writes IMAGE FORMAT
# With convert, as qemu-io and qemu-img info read a raw image beside a writer,
# be it QEMU or not.
qemu_reads()
{
	qemu-img convert -f "$2" -O raw "$1" "$T/read"
}

qemu_writes()
{
	qemu-io -f "$2" -c 'write 0 512' "$1" >/dev/null
}

refused_by_qemu()
{
	! "$@" 2>log || fail "$*: was not refused"
	grep -q lock log || fail "$*: not for the lock: $(cat log)"
}

# hold OPTIONS...: QEMU has the image open until `let_go`
hold()
{
	coproc HOLDER { exec qemu-io "$@" 2>&1; }
	holder=$HOLDER_PID
	# It answers once the image is open.
	echo 'read 0 512' >&"${HOLDER[1]}"
	read -r _ <&"${HOLDER[0]}"
}

let_go()
{
	local input=${HOLDER[1]}

	exec {input}>&-
	wait "$holder" || :
}

writer_keeps_all_out()
{
	attach disk.img
	refused_by_qemu qemu_writes disk.img raw
	refused_by_qemu qemu_reads disk.img raw
	refused_by_qemu qemu-img resize -q -f raw disk.img 8M
	qemu-img info -U -f raw disk.img >/dev/null
	expect_fail 5 "$QCOWCTL" attach disk.img
	expect_says "$DEV"
	expect_fail 5 "$QCOWCTL" attach -r disk.img
	detach
	qemu_writes disk.img raw
}

readers_go_together()
{
	for image in "disk.img raw" "disk.qcow2 qcow2" "over.qcow2 qcow2"; do
		read -r image format <<<"$image"
		attach -r "$image"
		qemu_reads "$image" "$format"
		refused_by_qemu qemu_writes "$image" "$format"
		detach
		qemu_writes "$image" "$format"
	done
}

# The base of what is attached may be read, but not be written.
chain_is_locked()
{
	attach -r over.qcow2
	qemu_reads disk.qcow2 qcow2
	refused_by_qemu qemu_writes disk.qcow2 qcow2
	detach
	qemu_writes disk.qcow2 qcow2

	attach -r data.qcow2
	refused_by_qemu qemu_writes data.raw raw
	detach
	qemu_writes data.raw raw
}

# Locks go with the device, not with the command that took them.
lazy_detach_keeps_locks()
{
	attach disk.img
	exec 7<"$DEV"
	"$QCOWCTL" detach --lazy "$DEV"
	refused_by_qemu qemu_writes disk.img raw
	exec 7<&-
	for _ in {1..50}; do
		[ -b "$DEV" ] || break
		sleep 0.1
	done
	[ ! -b "$DEV" ] || fail "lazily detached, closed, and still there"
	qemu_writes disk.img raw
}

qemu_was_first()
{
	hold -f raw disk.img
	expect_fail 5 "$QCOWCTL" attach disk.img
	expect_says "disk.img"
	expect_fail 5 "$QCOWCTL" attach -r disk.img
	let_go

	# Its data file is one that QEMU reads and lets nobody else write.
	hold -r data.qcow2
	expect_fail 5 "$QCOWCTL" attach data.raw
	expect_says "with -r"
	attach -r data.raw
	detach
	let_go

	# A writer of a base, and a reader of one.
	hold disk.qcow2
	expect_fail 5 "$QCOWCTL" attach -r over.qcow2
	expect_says "disk.qcow2"
	let_go
	hold -r disk.qcow2
	attach -r over.qcow2
	detach
	let_go
	attach disk.img
	detach
}

shared_by_devices()
{
	attach -r disk.qcow2
	first=$DEV
	attach -r disk.qcow2
	same "$first" "$DEV"
	attach -r over.qcow2
	third=$DEV
	attach -r over2.qcow2
	same_as_qemu over.qcow2 "$third"
	same_as_qemu over2.qcow2 "$DEV"
	attach -r --snapshot one disk.qcow2
	snapshot=$DEV
	detach "$first"
	same_as_qemu over.qcow2 "$third"
	qemu-img convert -U -l snapshot.name=one -O raw disk.qcow2 raw
	same raw "$snapshot"
	refused_by_qemu qemu_writes disk.qcow2 qcow2
	"$QCOWCTL" detach --all
	qemu_writes disk.qcow2 qcow2
}

# The image is open for writing as long as its snapshot is attached; a device
# that is attached read-only then does not change it.
read_only_again()
{
	attach disk.qcow2
	first=$DEV
	attach -r --snapshot one disk.qcow2
	detach "$first"
	attach -r disk.qcow2
	expect_fail 4 "$QCOWCTL" resize "$DEV" 8M
	expect_says "is attached read-only"
	expect_fail 4 "$QCOWCTL" snapshot create "$DEV" two
	expect_says "is attached read-only"
	"$QCOWCTL" detach --all
}

# A second path to the same file is the same file.
known_by_inode()
{
	ln disk.img link.img
	ln -s disk.img symlink.img
	attach disk.img
	expect_fail 5 "$QCOWCTL" attach link.img
	expect_fail 5 "$QCOWCTL" attach -r symlink.img
	expect_fail 5 "$QCOWCTL" attach -r raw-over.qcow2
	detach
	attach -r raw-over.qcow2
	expect_fail 5 "$QCOWCTL" attach disk.img
	attach -r disk.img
	"$QCOWCTL" detach --all
}

# Who races for one image: one wins, the others are told.
race()
{
	local i won=0 lost=0 jobs=() status

	for i in 1 2 3 4 5 6; do
		"$QCOWCTL" attach disk.img >winner$i 2>/dev/null &
		jobs+=($!)
	done
	for i in "${jobs[@]}"; do
		status=0
		wait "$i" || status=$?
		case $status in
		0) won=$((won + 1)) ;;
		5) lost=$((lost + 1)) ;;
		*) fail "status $status from one of many attaches" ;;
		esac
	done
	"$QCOWCTL" detach --all
	expect_equal "winners, losers" "1 5" "$won $lost"
}

scratch_fs ext4 256
cd "$FS"
truncate -s 4M disk.img
qemu-img create -q -f qcow2 disk.qcow2 4M
qemu-io -c 'write -P 1 0 1M' disk.qcow2 >/dev/null
qemu-img snapshot -c one disk.qcow2
qemu-io -c 'write -P 2 512k 1M' disk.qcow2 >/dev/null
qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 over.qcow2
qemu-io -c 'write -P 3 64k 64k' over.qcow2 >/dev/null
qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 over2.qcow2
qemu-img create -q -f qcow2 -b disk.img -F raw raw-over.qcow2
qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on \
	data.qcow2 4M

for part in writer_keeps_all_out readers_go_together chain_is_locked \
	    lazy_detach_keeps_locks qemu_was_first shared_by_devices \
	    read_only_again known_by_inode race; do
	echo "$part"
	$part
done
dmesg_clean
