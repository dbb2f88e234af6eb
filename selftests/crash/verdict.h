/* SPDX-License-Identifier: GPL-2.0 */
/* A state held against the promises. */
#ifndef CRASH_VERDICT_H
#define CRASH_VERDICT_H

#include "image.h"
#include "metadata.h"

#define MAX_SNAPSHOTS	8

/**
 * struct verdict - all that a state is judged by
 * @active:	the disk that the load writes to
 * @snapshots:	in the order of the snapshot table
 * @first:	the header before the load
 */
struct verdict {
	struct image image;
	struct oracle oracle;
	struct metadata metadata;
	struct view active;
	struct view snapshots[MAX_SNAPSHOTS];
	unsigned int nr_snapshots;
	struct qcow2_header first;
};

/** verdict_init - @image's media are loaded; reads the header */
void verdict_init(struct verdict *v, const char *image);

/** verdict_active - what the active disk read before the load
 * @versions: what crashload says of it
 */
void verdict_active(struct verdict *v, const char *content,
		    const char *versions);

/** verdict_snapshot - what the next snapshot of the table holds */
void verdict_snapshot(struct verdict *v, const char *content);

/** verdict_risen - an oracle_risen: the sector may read less than before */
void verdict_risen(void *ctx, u64 sector);

/** verdict_state - judge the state that the media are in */
void verdict_state(struct verdict *v);

#endif /* CRASH_VERDICT_H */
