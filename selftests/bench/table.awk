# SPDX-License-Identifier: GPL-2.0

function row(job, unit, nul, file, loop, nbd, vduse, fuse, raw, qcow2,
	     f, l, v, n, goals)
{
	line = sprintf("%-32s %-5s %8s %8s %8s %8s %8s %8s %8s %8s  %5s %5s %5s %5s  %s",
		       job, unit, nul, file, loop, nbd, vduse, fuse, raw, qcow2,
		       f, l, v, n, goals)
	sub(/ +$/, "", line)
	print line
}

$1 == "about" {
	printf "%s, %s, %s%s\n\n", $2, $3, $4, $5 == "" ? "" : ", " $5
	row("", "", "", "", "", "qemu-nbd", "QEMU by", "QEMU by", "qcow",
	    "qcow", "qcow2 as a", "", "", "", "goals of qcow2")
	row("", "", "null_blk", "raw file", "loop", "qcow2", "VDUSE", "FUSE",
	    "raw", "qcow2", "file", "loop", "vduse", "nbd", "")
}

$1 == "job" {
	row($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
}

$1 == "missing" {
	if (!missing++)
		print ""
	printf "%s, %s: %s\n", $2, $3, $4
}
