/* SPDX-License-Identifier: GPL-2.0 */
/* The counters of an image, which sysfs shows. */
#ifndef QCOW_IMAGE_CORE_STATS_H
#define QCOW_IMAGE_CORE_STATS_H

#include <linux/percpu.h>

/** struct qcow_stats - counters, one set per CPU */
struct qcow_stats {
	unsigned long slice_hits;	/* lookups that found their L2 slice */
	unsigned long slice_misses;	/* L2 slices that had to be read */
	unsigned long slice_evictions;
	unsigned long inflations;	/* clusters decompressed */
	unsigned long inflate_hits;	/* clusters found decompressed */
	unsigned long worker_dispatches; /* commands that needed a worker */
	unsigned long allocations;	/* clusters linked fresh */
	unsigned long tables;		/* L2 tables allocated or copied */
	unsigned long copies;		/* clusters copied on write */
	unsigned long releases;		/* references to clusters dropped */
	unsigned long commits;
	unsigned long throttled;	/* commands that waited for a commit */
};

#define qcow_stat_inc(image, member)	this_cpu_inc((image)->stats->member)

#endif /* QCOW_IMAGE_CORE_STATS_H */
