#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# commit and rebase of images that are not attached: the driver does it.  What
# the disks show is held against what they showed before, and against what
# qemu-img makes of copies.

. "$(dirname "$0")/lib/test.sh"

SIZE=$((6 << 20))

random_file base.raw $SIZE
random_file other.raw $((5 << 20))

# show IMAGE: the disk, as a checksum
show()
{
	qemu-img convert -f qcow2 -O raw "$1" shown.raw
	sha256sum <shown.raw
	rm -f shown.raw
}

checked()
{
	both qemu-img check -q -f qcow2 "$1" || fail "qemu-img check $1"
}

# write_top IMAGE: data, zeros, parts of clusters and of subclusters
write_top()
{
	qemu-io -f qcow2 -c 'write -P 1 100k 70k' -c 'write -z 1M 300k' \
		-c 'write -P 2 3M 512' -c 'write -P 3 4100k 1500' \
		-c 'write -P 4 5M 1M' "$1" >/dev/null
}

# fresh_pair BASE-FORMAT SIZE OPTIONS: base and top.qcow2 over it
fresh_pair()
{
	rm -rf pair
	mkdir pair
	qemu-img convert -f raw -O "$1" base.raw pair/base
	qemu-img create -q -f qcow2 -b base -F "$1" ${3:+-o "$3"} \
		pair/top.qcow2 "$2"
	write_top pair/top.qcow2
	rm -rf theirs
	cp -r --sparse=always pair theirs
}

is_empty()
{
	[ "$(qemu-img map --output=json "$1" |
		jq '[.[] | select(.depth == 0 and .present)] | length')" -eq 0 ] ||
		fail "$1 still has something"
}

commit_one()
{
	local before

	fresh_pair "$@"
	before=$(show pair/top.qcow2)
	"$QCOWCTL" commit pair/top.qcow2
	qemu-img commit -q -f qcow2 theirs/top.qcow2
	checked pair/top.qcow2
	[ "$1" = raw ] || checked pair/base
	is_empty pair/top.qcow2
	expect_equal "what the top shows ($*)" "$before" "$(show pair/top.qcow2)"
	both qemu-img compare -q -f "$1" -F "$1" pair/base theirs/base ||
		fail "the base is not as qemu-img makes it ($*)"
}

commits()
{
	commit_one raw $SIZE
	commit_one qcow2 $SIZE
	commit_one qcow2 $SIZE compat=0.10
	commit_one qcow2 $SIZE cluster_size=512
	commit_one qcow2 $SIZE cluster_size=2M
	commit_one qcow2 $SIZE extended_l2=on
	commit_one qcow2 $((SIZE + (3 << 20)))
	commit_one raw $((SIZE + (3 << 20)))
}

# Compressed clusters, some of them larger than what is read at once.
commit_compressed()
{
	local options=$1 before

	fresh_pair qcow2 $SIZE "$options"
	qemu-img convert -O qcow2 -c -o "$options" -B base -F qcow2 \
		pair/top.qcow2 pair/new.qcow2
	mv pair/new.qcow2 pair/top.qcow2
	before=$(show pair/top.qcow2)
	"$QCOWCTL" commit -d pair/top.qcow2
	expect_equal "after -d" "$before" "$(show pair/top.qcow2)"
	expect_equal "the base" "$before" "$(show pair/base)"
	"$QCOWCTL" commit pair/top.qcow2
	is_empty pair/top.qcow2
	checked pair/top.qcow2
	checked pair/base
	expect_equal "emptied" "$before" "$(show pair/top.qcow2)"
}

commit_refused()
{
	fresh_pair qcow2 $SIZE
	expect_fail 4 "$QCOWCTL" commit pair/base
	attach -r pair/base
	expect_fail 5 "$QCOWCTL" commit pair/top.qcow2
	detach
	qemu-img snapshot -c one pair/top.qcow2
	expect_fail 5 "$QCOWCTL" commit pair/top.qcow2
	expect_says "has snapshots"
	same pair/base theirs/base
	[ "$("$QCOWCTL" list --noheadings | wc -l)" -eq 0 ] ||
		fail "a device was left"
}

backing_of()
{
	qemu-img info --output=json "$1" |
		jq -r '"\(."backing-filename" // "") \(."backing-filename-format" // "")"'
}

# rebase_one NEW FORMAT OPTIONS: over another base, longer or shorter
rebase_one()
{
	local before

	echo "rebase: $*"
	fresh_pair qcow2 $((SIZE + 65536)) "$3"
	cp other.raw pair/other.raw
	qemu-img convert -f raw -O qcow2 other.raw pair/other.qcow2
	before=$(show pair/top.qcow2)
	"$QCOWCTL" rebase -b "$1" ${2:+-F "$2"} pair/top.qcow2
	checked pair/top.qcow2
	checked pair/base
	expect_equal "its backing file" "$1 $2" "$(backing_of pair/top.qcow2)"
	expect_equal "what it shows over $1 ($3)" "$before" \
		"$(show pair/top.qcow2)"
	# and back, where it is to get nothing more
	"$QCOWCTL" rebase -b base -F qcow2 pair/top.qcow2
	expect_equal "what it shows, back over base ($3)" "$before" \
		"$(show pair/top.qcow2)"
	checked pair/top.qcow2
}

rebases()
{
	rebase_one other.raw raw compat=1.1
	rebase_one other.qcow2 qcow2 cluster_size=512
	rebase_one other.qcow2 qcow2 compat=0.10
	rebase_one other.qcow2 qcow2 extended_l2=on
	rebase_one '' '' compat=1.1
	for options in '' cluster_size=512 compat=0.10 extended_l2=on; do
		rebase_first "$options"
	done
}

# rebase_first OPTIONS: of an image that had no backing file, and holes
rebase_first()
{
	local before

	echo "the first backing file: $*"
	rm -f first.qcow2
	qemu-img create -q -f qcow2 ${1:+-o "$1"} first.qcow2 $SIZE
	write_top first.qcow2
	before=$(show first.qcow2)
	"$QCOWCTL" rebase -b base.raw -F raw first.qcow2
	expect_equal "its backing file" "base.raw raw" \
		"$(backing_of first.qcow2)"
	checked first.qcow2
	expect_equal "what it shows ($1)" "$before" "$(show first.qcow2)"
}

# Over a base that shows the same, an image gets nothing.
rebase_same()
{
	local before

	fresh_pair qcow2 $SIZE
	cp base.raw pair/same.raw
	before=$(stat -c %b pair/top.qcow2)
	"$QCOWCTL" rebase -b same.raw -F raw pair/top.qcow2
	[ "$(stat -c %b pair/top.qcow2)" -le $((before + 16)) ] ||
		fail "it has grown"
	both qemu-img compare -q pair/top.qcow2 theirs/top.qcow2
}

rebase_refused()
{
	fresh_pair qcow2 $SIZE
	cp pair/top.qcow2 before
	expect_fail 4 "$QCOWCTL" rebase -b top.qcow2 -F qcow2 pair/top.qcow2
	expect_fail 4 "$QCOWCTL" rebase -b missing -F qcow2 pair/top.qcow2
	expect_equal "its backing file" "base qcow2" \
		"$(backing_of pair/top.qcow2)"
	both qemu-img compare -q before pair/top.qcow2
}

# Attached for the time, it is nobody else's.
hidden_is_anothers()
{
	local rebase

	fresh_pair qcow2 $SIZE
	cp base.raw pair/next.raw
	"$QCOWCTL" rebase -b next.raw -F raw pair/top.qcow2 &
	rebase=$!
	until [ -e /sys/block/qcow0/size ]; do
		kill -0 $rebase || fail "it was over before it was seen"
		sleep 0.01
	done
	kill -STOP $rebase
	expect_equal "hidden" 1 "$(cat /sys/block/qcow0/hidden)"
	expect_equal "the list" "" "$("$QCOWCTL" list -n)"
	"$QCOWCTL" detach --all
	expect_fail 5 "$QCOWCTL" detach qcow0
	expect_fail 5 "$QCOWCTL" detach --lazy qcow0
	expect_fail 5 "$QCOWCTL" attach pair/top.qcow2
	expect_says "another qcowctl is changing it"
	[ -e /sys/block/qcow0/size ] || fail "it was taken away"
	kill -CONT $rebase
	wait $rebase
	expect_equal "its backing file" "next.raw raw" \
		"$(backing_of pair/top.qcow2)"
	both qemu-img compare -q pair/top.qcow2 theirs/top.qcow2
}

# before needs its base beside it
ln -s pair/base base
commits
commit_compressed compression_type=zlib
commit_compressed compression_type=zstd,cluster_size=2M
commit_refused
rebases
rebase_same
rebase_refused
hidden_is_anothers
