# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# qcowctl rebase -u, which needs no driver.

# shellcheck source=selftests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

parts+=' rebase_unsafe'

# named FILE NAME FORMAT WHAT: the image says so, and is otherwise as before
named()
{
	local said

	said=$(qemu-img info -U --output=json "$1" | jq -r '
		"\(."backing-filename" // "") \(."backing-filename-format" // "")"')
	[ "$said" = "$2 $3" ] || fault "$4: says \"$said\", not \"$2 $3\""
	cmp -s <(tail -c "+$((CLUSTER + 1))" "$1") \
		<(tail -c "+$((CLUSTER + 1))" before) ||
		fault "$4: more than the first cluster has changed"
	sound "$1" "$4"
}

rebase_one()
{
	local long

	long=$(printf 'd%.0s' {1..200})/base.qcow2
	CLUSTER=$1
	mkdir -p "${long%/*}"
	cp base.qcow2 "$long"
	qemu-img create -q -f qcow2 -o cluster_size="$1","$2" \
		-b base.raw -F raw top.qcow2
	qemu-io -f qcow2 -c 'write -P 4 64k 64k' top.qcow2 >/dev/null
	cp top.qcow2 before
	must rebase -u -b base.qcow2 -F qcow2 top.qcow2
	named top.qcow2 base.qcow2 qcow2 "$*"
	must rebase -u -b "$long" -F qcow2 top.qcow2
	named top.qcow2 "$long" qcow2 "$* long"
	same_content top.qcow2 qcow2 reference.qcow2 qcow2 "$* long"
	must rebase -u -b '' top.qcow2
	named top.qcow2 '' '' "$* none"
	must rebase -u -b base.raw -F raw top.qcow2
	named top.qcow2 base.raw raw "$* again"
	same_content top.qcow2 qcow2 reference.qcow2 qcow2 "$*"
}

rebase_unsafe()
{
	head -c 3M /dev/urandom >base.raw
	qemu-img convert -f raw -O qcow2 base.raw base.qcow2
	qemu-img create -q -f qcow2 -b base.raw -F raw reference.qcow2
	qemu-io -f qcow2 -c 'write -P 4 64k 64k' reference.qcow2 >/dev/null
	for o in compat=0.10 compat=1.1 lazy_refcounts=on; do
		rebase_one 512 $o
		rebase_one 4096 $o
		rebase_one 65536 $o
	done
	rebase_one 65536 extended_l2=on
	# No room: the first cluster holds a data file's name too.
	qemu-img create -q -f qcow2 -o cluster_size=512,data_file="$(
		printf 'd%.0s' {1..180})" top.qcow2 1M
	cp top.qcow2 before
	ours rebase -u -b "$(printf 'b%.0s' {1..250})" -F raw top.qcow2
	[ "$CODE" -eq 4 ] || fault "no room: exit code $CODE"
	cmp top.qcow2 before >>faults 2>&1
	for words in 'top.qcow2' '-b x top.qcow2' '-b x -F vmdk top.qcow2' \
		'-b x -F raw base.raw' '-b x -F raw -f raw base.raw' \
		'-F raw -b x missing'; do
		# shellcheck disable=SC2086 # words
		ours rebase -u $words
		[ "$CODE" -ne 0 ] || fault "rebase $words: was done"
	done
	qemu-io -f qcow2 -c 'sleep 3000' base.qcow2 >/dev/null &
	sleep 0.5
	ours rebase -u -b base.raw -F raw base.qcow2
	[ "$CODE" -eq 5 ] || fault "in use by QEMU: exit code $CODE, not 5"
	wait
	verdict "rebase -u: names and formats in first clusters of all sizes"
}
