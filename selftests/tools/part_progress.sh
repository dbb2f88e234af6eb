# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# How far long work has got: -p, --progress-json, and -q over -p.

# shellcheck source=selftests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

parts+=' progress_told'

# Words that take a while, and which file they are about; "leaky" has leaks.
progress_rows()
{
	cat <<'ROWS'
disk.raw compare -f raw -F qcow2 disk.raw disk.qcow2
disk.qcow2 check disk.qcow2
leaky check -r leaks leaky
leaky check -r all leaky
out.raw create -o preallocation=full out.raw 64M
out.raw create -o preallocation=falloc out.raw 64M
out.qcow2 create -o preallocation=full out.qcow2 64M
out.qcow2 create -o preallocation=metadata out.qcow2 64M
out.qcow2 create -o preallocation=full,data_file=data out.qcow2 64M
out.qcow2 create out.qcow2 64M
out convert -O qcow2 disk.raw out
out convert -O raw disk.raw out
ROWS
}

# told FILE COMMAND...: each way of telling, and none
told()
{
	cp disk.qcow2 leaky
	# The entry of an L1 table: all that it leads to is leaked.
	printf '\0\0\0\0\0\0\0\0' | dd of=leaky bs=1 seek=$((0x30000)) \
		conv=notrunc status=none
	cp leaky leaks
	ours "$2" -q --progress-json "${@:3}"
	[ "$CODE" -eq 0 ] || fault "$*: exit code $CODE: $(cat log)"
	jq -es --arg file "$1" '
		map(select(has("total"))) | length > 0 and
		(.[-1] | .bytes == .total and .total > 0) and
		all(.device == $file and has("speed") and has("eta_ms") and
			.bytes <= .total)' \
		said >/dev/null || fault "$*: $(head -n 8 said)"
	cp leaks leaky
	ours "$2" -p "${@:3}"
	[ "$CODE" -eq 0 ] && grep -q '100.00%' log || fault "-p $*: $(cat log)"
	for quiet in '-q -p' '-p -q' '--progress --quiet'; do
		cp leaks leaky
		# shellcheck disable=SC2086 # words
		ours "$2" $quiet "${@:3}"
		! grep -q '%' log || fault "$quiet $*: $(cat log)"
		[ ! -s said ] || fault "$quiet $*: $(cat said)"
	done
	rm -f out*
}

progress_told()
{
	local count=0 row

	head -c 3M /dev/urandom >disk.raw
	qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
	while read -ra row; do
		told "${row[@]}"
		count=$((count + 1))
	done < <(progress_rows)
	verdict "progress: of $count kinds of work, and none with -q"
}
