# SPDX-License-Identifier: GPL-2.0
#
# From cells (an array of { job, peer, fio } and { job, peer, why }), the table
# of jobs and what the run was: bench.json.


include "figure";

# Latencies in microseconds, as the VM counts time.
def cell(unit):
	.fio.jobs[0] as $job
	| [$job.read, $job.write] | max_by(.total_ios)
	| {
		value: ($job | figure(unit)),
		mean_us: (.clat_ns.mean / 1000),
		p99_us: ((.clat_ns.percentile["99.000000"] // null)
			| if . then . / 1000 else null end),
		ios: .total_ios
	};

def ratio(a; b): if a and b and b > 0 then a / b else null end;

def ratios:
	map_values(.value) as $v
	| {
		qcow2_file: ratio($v.qcow2; $v.file),
		qcow2_loop: ratio($v.qcow2; $v.loop),
		qcow2_nbd: ratio($v.qcow2; $v.nbd),
		qcow2_vduse: ratio($v.qcow2; $v.vduse),
		raw_file: ratio($v.raw; $v.file),
		raw_loop: ratio($v.raw; $v.loop),
		raw_qcow2: ratio($v.raw; $v.qcow2)
	};

# Of a peer, or of qcow2 in another job.
def base($all; $jobs; $cells):
	.peer as $of
	| $cells[$of].value // (
		($jobs | map(select(.name == $of)) | .[0].unit) as $unit
		| $all | map(select(.job == $of and .peer == "qcow2" and .fio))
		| if length > 0 then .[0] | cell($unit) | .value
		  else null end);

def goal($all; $jobs; $cells):
	ratio($cells.qcow2.value; base($all; $jobs; $cells)) as $got
	| . + { got: $got, met: (if $got then $got >= .times else null end) };

. as $all
| {
	about: $about[0],
	size: $size[0],
	jobs: ($jobs[0] | map(
		. as $job
		| ($all | map(select(.job == $job.name))) as $mine
		| ($mine | map(select(.fio) | { (.peer): cell($job.unit) })
			| add // {}) as $cells
		| . + {
			cells: $cells,
			missing: ($mine | map(select(.why)
				| { (.peer): .why }) | add // {}),
			ratios: ($cells | ratios),
			goals: (.goals | map(goal($all; $jobs[0]; $cells)))
		}
		| select(($cells + .missing) | length > 0)))
}
