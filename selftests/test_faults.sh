#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 500
# long-timeout: 3000
# dmesg: Call Trace|vmalloc error|Buffer I/O error|I/O error, dev|qcow: .*failed
#
# Memory is refused to the driver, at random and again and again: while it
# attaches, reads, writes, commits and detaches.  What cannot be done is refused
# or fails; nothing is lost, no memory either, and the image stays one.

. "$(dirname "$0")/lib/test.sh"
. "$(dirname "$0")/lib/write.sh"

debugfs=/sys/kernel/debug
faults="$debugfs/failslab $debugfs/fail_page_alloc"
rounds=${LONG:+30}
rounds=${rounds:-3}
many=1000000

# --- Faults ---

# The driver's own allocations, and those that others make right for it.
aim()
{
	local start end fault

	read -r start end < <(awk '$4 == "[qcow]" && $3 !~ /^__pfx/ &&
			$2 ~ /[tT]/ { print $1 }' /proc/kallsyms | sort |
		sed -n '1p;$p' | paste -sd ' ')
	for fault in $faults; do
		echo 0 >"$fault/probability"
		echo 0 >"$fault/verbose"
		echo N >"$fault/task-filter"
		echo N >"$fault/ignore-gfp-wait"
		echo 10 >"$fault/stacktrace-depth"
		echo "0x$start" >"$fault/require-start"
		echo "0x$end" >"$fault/require-end"
	done
	echo N >$debugfs/fail_page_alloc/ignore-gfp-highmem
	echo 0 >$debugfs/fail_page_alloc/min-order
}

# faults_on PERCENT
faults_on()
{
	local fault

	for fault in $faults; do
		echo $many >"$fault/times"
		echo "$1" >"$fault/probability"
	done
}

# Counts those that there were in $injected.
faults_off()
{
	local fault

	for fault in $faults; do
		echo 0 >"$fault/probability"
		injected=$((injected + many - $(cat "$fault/times")))
		echo $many >"$fault/times"
	done
}

no_more_faults()
{
	local fault

	for fault in $faults; do
		echo 0 >"$fault/probability"
		echo 0 >"$fault/require-start"
		echo 0 >"$fault/require-end"
	done
}

# were_injected WHAT: a test of nothing is none
were_injected()
{
	echo "$1: $injected faults"
	[ $injected -gt 0 ] || fail "$1: no fault was injected"
	injected=0
}

# --- What the driver does meanwhile ---

make_images()
{
	random_file base.raw 4M
	qemu-img create -q -f qcow2 -o cluster_size=4k plain.qcow2 4M
	qemu-img convert -O qcow2 -o cluster_size=64k -c base.raw packed.qcow2
	qemu-img create -q -f qcow2 -o cluster_size=16k -b packed.qcow2 \
		-F qcow2 backed.qcow2
	qemu-img convert -O qcow2 -o cluster_size=4k base.raw shared.qcow2
	qemu-img snapshot -c one shared.qcow2
	# its refcount table has to grow
	qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=64 \
		small.qcow2 3M
	for image in plain packed backed shared small; do
		qemu-img convert -O raw $image.qcow2 $image.was
	done
}

# attach_somehow OPTIONS: under faults, few of them, as to attach takes more
# than a hundred allocations
attach_somehow()
{
	local said

	faults_on 1
	said=$("$QCOWCTL" attach "$@" 2>&1) || {
		faults_off
		# as the system says it, or as the module does
		[[ $said == *emory* || $said == *"(-12)"* ]] ||
			fail "attach says: $said"
		return 1
	}
	faults_off
	DEV=$said
}

attaching()
{
	local image round attached=0 refused=0

	for ((round = 0; round < 8 * rounds; round++)); do
		for image in plain backed shared; do
			if ! attach_somehow $image.qcow2; then
				refused=$((refused + 1))
				continue
			fi
			attached=$((attached + 1))
			same $image.was "$DEV"
			"$QCOWCTL" detach "$DEV"
		done
	done
	echo "$attached attached, $refused not"
	were_injected attaching
	[ $((attached * refused)) -gt 0 ] || fail "always the same"
	for image in plain backed shared; do
		checked $image.qcow2
	done
	attach -r shared.qcow2
	detach
	expect_equal "users of the module" 0 "$(cat /sys/module/qcow/refcnt)"
}

# A read may fail, but never reads what is not there.
reading()
{
	local image round read=0

	for image in packed backed shared; do
		attach -r $image.qcow2
		for ((round = 0; round < rounds; round++)); do
			blockdev --flushbufs "$DEV"
			faults_on 10
			if dd if="$DEV" of=got bs=96k iflag=direct status=none
			then
				faults_off
				same $image.was got
				read=$((read + 1))
			fi
			faults_off
		done
		same $image.was "$DEV"
		detach
	done
	echo "$read of $((3 * rounds)) times all was read"
	were_injected reading
}

# write_to IMAGE PERCENT: with faults; the state it is in decides what it holds
write_to()
{
	cp "$1.qcow2" disk.qcow2
	attach disk.qcow2
	faults_on "$2"
	OUT=$("$(built prog/model)" --initial "$1.was" --seed "$seed" \
		--tolerate --threads 4 --count 400 --seconds 40 --max-io 64k \
		--state "$T/state" "$DEV") ||
		fail "a sector is wrong: $OUT"
	echo "$1, $2 %: $OUT"
}

# is_now IMAGE: writes down what the device reads as, which it may
is_now()
{
	"$(built prog/model)" --initial "$1.was" --check "$T/state" \
		--dump "$T/model" "$DEV" || fail "$1: a sector is wrong"
}

# With memory all goes well again.
go_on()
{
	"$(built prog/model)" --initial "$T/model" --seed "$seed" --threads 2 \
		--count 60 --max-io 64k --dump "$T/model.now" "$DEV" ||
		fail "$1: no write, though there is memory"
	mv "$T/model.now" "$T/model"
}

written()
{
	faults_off
	if [ "$(state)" = live ]; then
		is_now "$1"
		go_on "$1"
		flush
		same_disk "$T/model" "$DEV"
		detach
		checked disk.qcow2 0 3
		reads_as "$T/model" disk.qcow2
		return
	fi
	echo "degraded: $(cat "/sys/block/${DEV#/dev/}/qcow/failure")"
	degraded=$((degraded + 1))
	expect_fail 1 flush
	detach_somehow
	checked disk.qcow2 0 3
	may_be "$T/state" "$1.was" disk.qcow2
}

writing()
{
	local image round percent degraded=0

	for ((round = 0; round < rounds; round++)); do
		for image in plain packed backed shared small; do
			percent=$((round % 2 ? 20 : 2))
			write_to $image $percent
			written $image
			seed=$((seed + 1))
		done
	done
	echo "degraded $degraded times"
	were_injected writing
}

# The last commit has no memory: what was flushed is there, and more of it if
# it says that all is well.
detaching()
{
	local image round failed=0

	for ((round = 0; round < rounds; round++)); do
		for image in plain backed shared small; do
			write_to $image 0
			is_now $image
			faults_on 20
			if OUT=$("$QCOWCTL" detach "$DEV" 2>&1); then
				faults_off
				reads_as "$T/model" disk.qcow2
			else
				faults_off
				failed=$((failed + 1))
			fi
			[ ! -b "$DEV" ] || fail "$DEV is still there: $OUT"
			checked disk.qcow2 0 3
			may_be "$T/state" "$image.was" disk.qcow2
		done
	done
	echo "failed $failed times"
	were_injected detaching
}

no_leaks()
{
	OUT=$(leaks)
	[ -z "$OUT" ] || fail "leaks: $OUT"
}

for fault in $faults; do
	[ -e "$fault/require-start" ] ||
		skip "this kernel injects no faults (that of check-debug does)"
done
injected=0
! finds_leaks || echo clear >$debugfs/kmemleak
aim
defer no_more_faults
scratch_fs ext4 512
cd "$FS"
make_images
for part in writing detaching attaching reading no_leaks; do
	echo "$part (after $SECONDS s)"
	$part
done
