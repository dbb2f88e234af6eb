# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What tests of writing to qcow2 images have in common, on top of test.sh.

seed=${SEED:-$RANDOM}
echo "seed $seed"

# torture INITIAL OPTIONS OF MODEL...
# Requests of all sorts race on DEV, which read as INITIAL before; afterwards
# $T/model is what it must read as.
torture()
{
	local initial=$1 zeroes
	shift

	zeroes=$(cat "/sys/block/${DEV#/dev/}/queue/write_zeroes_max_bytes")
	[ "$zeroes" -gt 0 ] || set -- --no-punch "$@"
	"$(built prog/model)" --initial "$initial" --seed "$seed" \
		--dump "$T/model" "$@" "$DEV" || fail "the disk lost something"
}

# checked IMAGE [STATUS...]: what both QEMUs find in it is one of those
checked()
{
	local image=$1 got=0 status
	shift

	OUT=$(both qemu-img check "$image" 2>&1) || got=$?
	for status in "${@:-0}"; do
		[ $got -ne "$status" ] || return 0
	done
	fail "qemu-img check: status $got: $(tail -n 30 <<<"$OUT")"
}

# reads_as MODEL IMAGE: as both QEMUs read it
reads_as()
{
	OUT=$(both qemu-img compare -f raw -F qcow2 "$1" "$2" 2>&1) ||
		fail "$2 is not what was written: $OUT"
}

# --- A device and what becomes of it ---

state()
{
	cat "/sys/block/${DEV#/dev/}/qcow/state"
}

# layers DEVICE: the names of the files of its chain, the top one first
layers()
{
	local i names=() dir=/sys/block/${1#/dev/}

	for ((i = 0; i < $(<"$dir/qcow/layers"); i++)); do
		names+=("$(basename "$(<"$dir/qcow_chain/layer${i}_file")")")
	done
	[ ! -e "$dir/qcow_chain/layer${i}_file" ] || fail "too many layers"
	echo "${names[*]}"
}

# put KIB-OFFSET KIB [OPTIONS OF DD]: from source, directly
put()
{
	dd if="$T/source" of="$DEV" bs=4k seek=$(($1 / 4)) count=$(($2 / 4)) \
		oflag=direct conv=notrunc "${@:3}" status=none
}

# holds KIB-OFFSET KIB
holds()
{
	dd if="$DEV" bs=4k skip=$(($1 / 4)) count=$(($2 / 4)) iflag=direct \
		status=none | cmp -n $(($2 * 1024)) - "$T/source" ||
		fail "at $1 KiB: not what was written"
}

flush()
{
	dd if=/dev/null of="$DEV" conv=fsync,notrunc status=none
}

# Whether or not its end fails: it is the end.
detach_somehow()
{
	"$QCOWCTL" detach "$DEV" || echo "detach told of the failure"
	[ ! -b "$DEV" ] || fail "$DEV is still there"
}

# may_be STATE INITIAL IMAGE: each sector is one of its values of that time
may_be()
{
	qemu-img convert -O raw "$3" after.raw
	"$(built prog/model)" --initial "$2" --check "$1" after.raw ||
		fail "a sector is what it never was"
	rm after.raw
}
