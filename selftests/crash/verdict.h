/* SPDX-License-Identifier: GPL-2.0 */
/* A state held against the promises. */
#ifndef CRASH_VERDICT_H
#define CRASH_VERDICT_H

#include "world.h"

/**
 * struct verdict - all that a state is judged by
 * @worlds:	what there is, and what there is to be after a change
 * @now:	which is which
 * @shown:	what the last state was held against
 * @changing:	a change is under way: the one or the other...
 * @possible:	...unless it has to be refused
 * @before:	the header that leads to the one
 * @first:	the header before the load
 */
struct verdict {
	struct image image;
	struct world worlds[2];
	unsigned int now;
	const struct world *shown;
	bool changing;
	bool possible;
	struct qcow2_header before;
	struct qcow2_header first;
};

/** verdict_world - what is known to be there */
static inline struct world *verdict_world(struct verdict *v)
{
	return &v->worlds[v->now];
}

/** verdict_init - @image's media are loaded; reads the header */
void verdict_init(struct verdict *v, const char *image);

/** verdict_active - what the active disk read before the load
 * @versions: what crashload says of it, or of so many bytes (0: the same)
 */
void verdict_active(struct verdict *v, const char *content,
		    const char *versions, u64 largest);

/** verdict_snapshot - what the next snapshot of the table holds */
void verdict_snapshot(struct verdict *v, const char *content);

/** verdict_risen - an oracle_risen: the sector may read less than before */
void verdict_risen(void *ctx, u64 sector);

/** verdict_remember - the state is the one before the load */
void verdict_remember(struct verdict *v);

/** verdict_state - judge the state that the media are in */
void verdict_state(struct verdict *v);

/**
 * verdict_change - a change of the structure begins
 *
 * The state is the one in which nothing is lost; it is judged.
 */
void verdict_change(struct verdict *v, const struct record *change,
		    const char *name);

/** verdict_changed - it is over: a promise, or a refusal */
void verdict_changed(struct verdict *v, bool done);

#endif /* CRASH_VERDICT_H */
