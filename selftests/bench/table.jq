# SPDX-License-Identifier: GPL-2.0
#
# bench.json as lines for table.awk, whose first field says what a line is.

def number(unit):
	if . == null then "-"
	elif unit == "mibs" then "\(round)"
	elif . >= 100000 then "\(. / 1000 | round)k"
	elif . >= 10000 then "\((. / 100 | round) / 10)k"
	elif . >= 1000 then "\((. / 10 | round) / 100)k"
	else "\(round)" end;

def times:
	if . == null then "-"
	else (. * 100 | round) as $n
	| "\($n / 100 | floor).\("0\($n % 100)"[-2:])" end;

def verdict: if .met == null then "-" elif .met then "met" else "MISSED" end;

["null", "file", "loop", "nbd", "vduse", "fuse", "raw", "qcow2"] as $peers
| .about as $about
| ["about", "kernel \($about.kernel)", "\($about.time) s a job",
	(if $about.mode == "icount" then "one CPU of 1 instruction a ns"
	 else "two CPUs, wall clock: multiples of loop, or of qemu-nbd" end),
	$about.commit],
(.jobs[]
	| (.cells.loop.value // .cells.nbd.value) as $base
	| .unit as $unit
	| ["job", .text, (if .unit == "mibs" then "MiB/s" else "IOPS" end)]
	+ (.cells as $cells | $peers | map($cells[.].value
		| if $about.mode == "icount" then number($unit)
		  elif . and $base then . / $base | times else "-" end))
	+ [.ratios.qcow2_file, .ratios.qcow2_loop, .ratios.qcow2_vduse,
		.ratios.qcow2_nbd | times]
	+ [.goals | map("\(.times) \(.peer) \(verdict)") | join(", ")]),
(.jobs[] | .text as $text | .missing | to_entries[]
	| ["missing", $text, .key, .value])
| @tsv
