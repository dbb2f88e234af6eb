# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What stops the commands from outside: full disks, limits, rights, errors of
# the disk, signals.  None of it harms a file that was there, or leaves another.

# shellcheck source=selftests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

parts+=' failures_full failures_limit failures_rights failures_sync'
parts+=' failures_signals failures_meanwhile failures_output failures_links failures_words'

small_images()
{
	head -c 3M /dev/urandom >disk.raw
	head -c 10K /dev/urandom >kept
	qemu-img create -q -f qcow2 a.qcow2 3M
	qemu-io -f qcow2 -c 'write -P 5 64k 128k' a.qcow2 >/dev/null
}

# --- A disk that is full, and one that cannot be written ---

full_rows()
{
	cat <<'ROWS'
convert -f raw disk.raw
convert -f raw -m 1 disk.raw
convert -f raw -m 16 disk.raw
convert -f raw -O qcow2 -m 8 disk.raw
convert -f raw -O qcow2 -m 8 -o cluster_size=512 disk.raw
convert -f raw -O qcow2 -m 16 -c disk.raw
convert -f raw -O qcow2 -o data_file=data disk.raw
convert -f raw -o preallocation=falloc disk.raw
create -f raw -o size=3M,preallocation=full
create -f raw -o size=3M,preallocation=falloc
create -f qcow2 -o size=3M,preallocation=full
create -f qcow2 -o size=3M,data_file=data,preallocation=full
ROWS
}

full_disk()
{
	local row count=0

	mkdir small
	mount -t tmpfs -o size=1M none small || return
	cp kept small/out
	while read -ra row; do
		for _ in 1 2 3; do
			ours "${row[@]}" small/out
			refused 4 'No space left on device$' "${row[*]}"
			cmp kept small/out >>faults 2>&1
			(cd small && no_rests "${row[*]}")
			[ ! -e small/data ] || fault "${row[*]}: left its data"
		done
		count=$((count + 1))
	done < <(full_rows)
	[ $count -ge 12 ] || fault "only $count rows"
	# Only attach has an -r that helps.
	mount -o remount,ro small
	for row in 'create -f raw small/out 1M' 'check -f qcow2 -r all small/out' \
		'convert -f raw disk.raw small/out' \
		'rebase -u -b x -F raw small/out'; do
		# shellcheck disable=SC2086 # words
		ours $row
		[ "$CODE" -ne 0 ] || fault "$row: was done"
		grep -q 'Read-only file system$' log || fault "$row: $(cat log)"
	done
	ours attach -f raw small/out
	refused 4 'Read-only file system; attach it read-only with -r$' attach
}

failures_full()
{
	small_images
	in_own_mounts 'mount -t tmpfs none .' 2>/dev/null || {
		skip "failures: a full disk" "nothing can be mounted here"
		return
	}
	in_own_mounts full_disk || fault "could not be tried"
	verdict "failures: a full disk, and one that is read-only"
}

# --- A limit of the shell ---

failures_limit()
{
	local row

	small_images
	while read -ra row; do
		cp kept out
		(
			ulimit -f 1024
			ours "${row[@]}" out
			refused 4 'File too large$' "${row[*]}"
		)
		cmp kept out >>faults 2>&1
		no_rests "${row[*]}"
	done <<'ROWS'
convert -f raw disk.raw
convert -f raw -O qcow2 -m 8 disk.raw
convert -f raw -O qcow2 -m 8 -c disk.raw
create -f raw -o size=3M
create -f qcow2 -o size=3M,preallocation=full
ROWS
	verdict "failures: files that are longer than ulimit lets them be"
}

# --- Rights ---

# Who is root is to be asked for rights like others.
powerless()
{
	local wrapper=

	[ "$(id -u)" -ne 0 ] ||
		wrapper="setpriv --bounding-set=-dac_override,-dac_read_search"
	under "$wrapper" "$@"
	refused 2 'Permission denied$' "$*"
}

failures_rights()
{
	small_images
	mkdir closed
	cp kept closed/out
	cp disk.raw secret.raw
	cp disk.raw fixed.raw
	chmod 000 secret.raw
	chmod 444 fixed.raw
	chmod 555 closed
	powerless create -f raw closed/new 1M
	powerless create -f raw closed/out 1M
	powerless convert -f raw disk.raw closed/out
	powerless convert -f raw secret.raw out
	powerless convert -f raw -O qcow2 disk.raw fixed.raw
	powerless info secret.raw
	cmp kept closed/out >>faults 2>&1
	cmp disk.raw fixed.raw >>faults 2>&1
	[ ! -e out ] || fault "made of what cannot be read"
	chmod 755 closed
	# It may be attached read-only beside QEMU, but not mended.
	qemu-io -r -f qcow2 -c 'sleep 2000' a.qcow2 >/dev/null &
	sleep 0.5
	ours check -r all a.qcow2
	refused 1 'stop that process first$' 'beside a reader'
	wait
	verdict "failures: rights, and locks"
}

# --- Errors of the disk, and signals, at the end of the work ---

old_pair()
{
	rm -f out data
	qemu-img convert -f raw -O qcow2 -o data_file=data old.raw out
	cp out out.old
	cp data data.old
}

both_are_old()
{
	cmp -s out.old out && cmp -s data.old data
}

both_are_new()
{
	sound out new
	same_content disk.raw raw out qcow2 new
}

# injected WHAT: replace both while that happens
injected()
{
	old_pair
	under "strace -qq -o trace -e trace=fsync,rename,renameat2 -e inject=$1
		env --default-signal=INT" \
		convert -f raw -O qcow2 -o data_file=data disk.raw out
	grep -q -E 'INJECTED|SIGINT' trace || fault "$1: did not happen"
	no_rests "$1"
}

failures_sync()
{
	local n

	command -v strace >/dev/null || {
		skip "failures: errors of the disk" "there is no strace"
		return
	}
	small_images
	# Another map, so that one of them does not go with the other's data.
	{
		head -c 1M /dev/zero
		head -c 1M /dev/urandom
	} >old.raw
	for n in fsync:error=EIO:when=1 fsync:error=EIO:when=2 \
		rename:error=EIO:when=1; do
		injected $n
		refused 4 'Input/output error$' "$n"
		both_are_old || fault "$n: not the old files"
	done
	# The names have changed, and may not be on the disk.
	injected fsync:error=EIO:when=3
	refused 4 'the name of .*Input/output error$' "a folder's error"
	both_are_new
	# A file system that does not exchange names.
	injected renameat2:error=EINVAL
	[ "$CODE" -eq 0 ] || fault "without exchange: exit code $CODE"
	both_are_new
	for n in fsync:signal=SIGINT:when={1,2,3,4} rename:signal=SIGINT \
		renameat2:signal=SIGINT; do
		injected "$n"
		[ "$CODE" -eq 130 ] || fault "$n: exit code $CODE"
		both_are_old || both_are_new
	done
	under "strace -qq -o trace -e inject=fsync:error=EIO:when=1" \
		create -f raw new 1M
	refused 4 'Input/output error$' 'create'
	[ ! -e new ] || fault "create: left a file"
	ours create -f qcow2 -o data_file=self self 1M
	refused 1 'cannot be its own data file$' 'its own data file'
	verdict "failures: an image and its data file are replaced together"
}

# --- Signals, where files have names before they are whole ---

# named_until SIGNAL [WORD...]: convert in the background, with a temporary
# file that has a name, and the signal when that is there
named_until()
{
	local pid

	strace -D -qq -o /dev/null -P "$PWD/" -e trace=openat \
		-e inject=openat:error=EOPNOTSUPP "${@:2}" "$qcowctl" \
		convert -m 1 -f raw -O qcow2 -c disk.raw out 2>log &
	pid=$!
	while ! compgen -G '.qcowctl-*' >/dev/null &&
		kill -0 $pid 2>/dev/null; do
		sleep 0.01
	done
	sleep 0.1
	compgen -G '.qcowctl-*' >/dev/null || fault "$1: has no named file"
	kill -"$1" $pid
	wait $pid 2>/dev/null
	CODE=$?
}

failures_signals()
{
	local signal

	command -v strace >/dev/null || {
		skip "failures: signals" "there is no strace"
		return
	}
	head -c 10K /dev/urandom >kept
	seq 3000000 >disk.raw
	truncate -s %512 disk.raw
	for signal in HUP INT QUIT TERM ALRM VTALRM PROF XCPU USR1 USR2; do
		cp kept out
		named_until $signal env --default-signal=INT,QUIT
		[ $CODE -eq $((128 + $(kill -l $signal))) ] ||
			fault "$signal: exit code $CODE"
		no_rests "$signal"
		cmp kept out >>faults 2>&1
	done
	# Ignored, it stays so, as by nohup.
	named_until HUP env --ignore-signal=HUP
	[ $CODE -eq 0 ] || fault "HUP, ignored: exit code $CODE: $(cat log)"
	no_rests "HUP, ignored"
	sound out "HUP, ignored"
	same_content disk.raw raw out qcow2 "HUP, ignored"
	verdict "failures: signals, with temporary files that have names"
}

# --- What others do while it works ---

# stopped FUNCTION...: convert, stopped in the midst of it for that
stopped()
{
	local pid

	"$qcowctl" convert -m 1 -f raw -O qcow2 -c disk.raw out 2>log &
	pid=$!
	sleep 0.3
	kill -STOP "$pid"
	"$@"
	kill -CONT "$pid"
	wait "$pid"
	CODE=$?
	no_rests "$*"
}

is_refused_by_qemu()
{
	qemu-io -f qcow2 -c 'write 0 512' out >qemu.log 2>&1
	grep -q lock qemu.log || fault "written while it is replaced: $(cat qemu.log)"
}

put_another_there()
{
	cp kept another
	mv another out
}

failures_meanwhile()
{
	head -c 10K /dev/urandom >kept
	seq 3000000 >disk.raw
	truncate -s %512 disk.raw
	qemu-img create -q -f qcow2 out 1M
	stopped is_refused_by_qemu
	[ $CODE -eq 0 ] || fault "exit code $CODE: $(cat log)"
	same_content disk.raw raw out qcow2 "replaced"
	stopped put_another_there
	refused 4 'is another file now, which is left as it is$' "replaced twice"
	cmp kept out >>faults 2>&1
	rm out
	stopped put_another_there
	refused 4 'is another file now, which is left as it is$' "made twice"
	cmp kept out >>faults 2>&1
	verdict "failures: a file that others use, or replace"
}

# --- Output that goes nowhere ---

failures_output()
{
	local code row

	small_images
	while read -r code row; do
		choose
		# shellcheck disable=SC2086 # words
		"$chosen" $row >/dev/full 2>log </dev/null
		CODE=$?
		refused "$code" 'cannot write .*output' "$row >/dev/full"
	done <<'ROWS'
4 --help
4 --version
4 snapshot --help
4 create --help
4 create -o help
4 convert -O qcow2 -o help
4 convert --progress-json -f raw disk.raw out
4 info a.qcow2
4 map a.qcow2
4 map --json a.qcow2
4 measure a.qcow2
4 snapshot list --json a.qcow2
2 compare --help
2 compare a.qcow2 a.qcow2
1 compare -s -f raw -F raw a.qcow2 disk.raw
1 check --help
1 check a.qcow2
1 check --output=json a.qcow2
ROWS
	# Closed, its number is not for a new image.
	choose
	"$chosen" convert --progress-json -f raw disk.raw out >&- 2>log
	cmp disk.raw out >>faults 2>&1
	verdict "failures: output that is lost"
}

# --- Links ---

failures_links()
{
	small_images
	mkdir folder
	ln -s folder/new relative
	ln -s "$PWD/folder/far" absolute
	ln -s relative second
	ln -s nowhere/new lost
	ln -s loop loop
	must convert -f raw disk.raw absolute
	must create -f qcow2 second 1M
	for link in relative absolute second; do
		[ -L $link ] || fault "$link: the link is gone"
	done
	cmp disk.raw folder/far >>faults 2>&1
	sound folder/new "a link to a link"
	ours create -f raw lost 1M
	refused 4 'No such file or directory$' 'a link to no folder'
	ours create -f raw loop 1M
	refused 4 'Too many levels of symbolic links$' 'a loop'
	[ -L lost ] && [ -L loop ] || fault "a link was replaced"
	no_rests links
	verdict "failures: links keep their places"
}

# --- Words ---

# EXIT-CODE WORDS
word_rows()
{
	cat <<'ROWS'
1 nonsense
1 snapshot nonsense
1 snapshot nonsense --help
1 map --json --raw a.qcow2
1 stat --json --raw a.qcow2
1 list --json --raw
1 snapshot list --json --raw a.qcow2
1 resize a.qcow2
1 resize -5k a.qcow2
1 resize a.qcow2 5M 6M
1 resize a.qcow2 --nonsense 5M
ROWS
}

failures_words()
{
	local code row o

	small_images
	while read -r code row; do
		# shellcheck disable=SC2086 # words
		ours $row
		[ "$CODE" -eq "$code" ] || fault "$row: exit code $CODE, not $code"
		[ -s log ] || fault "$row: says nothing"
	done < <(word_rows)
	for row in map 'snapshot list'; do
		# shellcheck disable=SC2086
		ours $row -o '' a.qcow2
		refused 1 'no column is named$' "$row -o ''"
	done
	ours convert -f raw disk.raw ''
	refused 1 'name of the new file is empty$' "convert to ''"
	# With the driver they succeed, without it is missed: not a usage error.
	for row in '5M --shrink' '-5k --shrink' '--shrink -5k' '-5k' '+5k'; do
		# shellcheck disable=SC2086
		ours resize a.qcow2 $row
		[ "$CODE" -ne 1 ] || fault "resize $row: $(cat log)"
	done
	must snapshot --help
	[ "$(grep -c '^  snapshot ' said)" -eq 4 ] || fault "help: $(cat said)"
	ours snapshot
	[ "$CODE" -eq 1 ] && [ "$(grep -c '^  snapshot ' log)" -eq 4 ] ||
		fault "snapshot: exit code $CODE: $(cat log)"
	for o in '-f raw' '-f raw new' new.raw; do
		# shellcheck disable=SC2086
		must create -o help $o
		! grep -q cluster_size said || fault "$o: $(cat said)"
	done
	for o in '' '-f qcow2' '-b a.qcow2' new.qcow2 new.raw\ -f\ qcow2; do
		# shellcheck disable=SC2086
		must create -o help $o
		grep -q cluster_size said || fault "$o: $(cat said)"
	done
	[ ! -e new.raw ] && [ ! -e new ] || fault "help made an image"
	verdict "failures: words"
}
