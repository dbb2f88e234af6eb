#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# An image that was not closed is repaired before it is attached for writing;
# check and attach keep off each other; stat says what the driver says.
# (How check judges and repairs, selftests/check tells.)

. "$(dirname "$0")/lib/test.sh"

# unclosed IMAGE: with lazy refcounts that nobody wrote
unclosed()
{
	qemu-img create -q -f qcow2 -o lazy_refcounts=on,cluster_size=4k \
		"$1" 4M
	qemu-io -c 'write -P 1 0 300k' -c 'write -P 2 2M 64k' -c flush \
		-c abort "$1" >/dev/null 2>&1 || :
	is_dirty "$1" || fail "$1 is not dirty"
	expect_fail 2 both qemu-img check "$1"
}

is_dirty()
{
	qemu-img info -U --output=json "$1" | jq -e '."dirty-flag"' >/dev/null
}

# byte FILE OFFSET VALUE
byte()
{
	printf '%b' "\\x$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

repaired_first()
{
	unclosed dirty.qcow2
	cp dirty.qcow2 before.qcow2
	attach dirty.qcow2 2>said
	expect_equal "lines about the repair" 1 "$(wc -l <said)"
	grep -q 'dirty.qcow2 was not closed: its refcounts were repaired' said ||
		fail "attach said: $(cat said)"
	same_as_qemu before.qcow2 "$DEV"
	dd if=/dev/urandom of="$DEV" bs=64k count=4 seek=20 oflag=direct \
		status=none
	detach
	both qemu-img check -q dirty.qcow2
	! is_dirty dirty.qcow2 || fail "it is still dirty"

	attach dirty.qcow2 2>said
	expect_equal "words about an image that was closed" "" "$(cat said)"
	detach
}

# Who only reads changes nothing.
not_when_reading()
{
	cp before.qcow2 read.qcow2
	attach -r read.qcow2
	same_as_qemu before.qcow2 "$DEV"
	detach
	same before.qcow2 read.qcow2
}

# A reserved bit in an L1 entry is for nobody to guess about.
beyond_repair()
{
	cp before.qcow2 bad.qcow2
	l1=$((16#$(od -An -tx1 -j40 -N8 bad.qcow2 | tr -d ' ')))
	byte bad.qcow2 $l1 90
	expect_fail 4 "$QCOWCTL" attach bad.qcow2
	expect_says "cannot attach bad.qcow2: it was not closed"
	expect_says "1 cannot be repaired"
	expect_says "-r"
	is_dirty bad.qcow2 || fail "it is marked as clean, with an error"
	attach -r bad.qcow2
	detach
}

# Marked as corrupt: that is not for attach to take back.
corrupt_stays()
{
	cp before.qcow2 bad.qcow2
	byte bad.qcow2 79 03
	cp bad.qcow2 copy.qcow2
	expect_fail 4 "$QCOWCTL" attach bad.qcow2
	same copy.qcow2 bad.qcow2
	"$QCOWCTL" check -q -r all bad.qcow2 2>/dev/null
	attach bad.qcow2
	detach
}

while_attached()
{
	attach dirty.qcow2
	expect_fail 1 "$QCOWCTL" check dirty.qcow2
	expect_says "attached for writing"
	expect_fail 1 "$QCOWCTL" check -r all dirty.qcow2
	detach
	attach -r dirty.qcow2
	"$QCOWCTL" check dirty.qcow2 >/dev/null
	expect_fail 1 "$QCOWCTL" check -r all dirty.qcow2
	expect_says "attached already"
	detach
	"$QCOWCTL" check -r all dirty.qcow2 >/dev/null
}

statistics()
{
	attach -r dirty.qcow2
	dd if="$DEV" of=/dev/null bs=1M status=none
	counters >wanted
	! grep -E -v '^[a-z_]+ [0-9]+$' wanted || fail "no number a file"
	! grep reserve wanted || fail "a reserve of what is only read"
	"$QCOWCTL" stat --raw --noheadings "$DEV" >got
	diff wanted got || fail "not what sysfs says"
	[ "$(wc -l <got)" -gt 3 ] || fail "stat says nothing"
	awk '$2 > 0 { n++ } END { exit !n }' got || fail "nothing was counted"
	"$QCOWCTL" stat --json dirty.qcow2 |
		jq -r '.name, (.statistics | to_entries[] | "\(.key) \(.value)")' \
		>got
	{ echo "$DEV"; cat wanted; } | diff - got || fail "not in JSON"
	expect_equal "headings" "NAME VALUE" \
		"$("$QCOWCTL" stat "$DEV" | head -n 1 | xargs)"
	detach
	expect_fail 4 "$QCOWCTL" stat "$DEV"
	expect_fail 1 "$QCOWCTL" stat
}

# Each file is one number.
counters()
{
	(
		cd "/sys/block/${DEV#/dev/}/qcow_statistics"
		grep . -- * | LC_ALL=C sort -t : -k 1,1 | tr : ' '
	)
}

counter()
{
	"$QCOWCTL" stat --raw --noheadings "$DEV" |
		awk -v name="$1" '$1 == name { print $2 }'
}

# What is freed is in quarantine until the commit after it.
quarantine()
{
	local try

	qemu-img create -q -f qcow2 freed.qcow2 8M
	qemu-io -c 'write 0 4M' freed.qcow2 >/dev/null
	attach freed.qcow2
	blkdiscard -o 0 -l 1M "$DEV"
	expect_equal "in quarantine" 16 "$(counter quarantine)"
	sync "$DEV"
	for ((try = 0; try < 50; try++)); do
		[ "$(counter quarantine)" -ne 0 ] || break
		sleep 0.1
	done
	expect_equal "in quarantine" 0 "$(counter quarantine)"
	expect_equal "releases" 16 "$(counter releases)"
	[ "$(counter slice_hits)" -gt 0 ] || fail "no slice was ever there"
	detach
}

require jq
scratch_fs xfs 512
cd "$FS"
for part in repaired_first not_when_reading beyond_repair corrupt_stays \
	    while_attached statistics quarantine; do
	echo "$part"
	$part
done
dmesg_clean
