/* SPDX-License-Identifier: GPL-2.0 */
/* The power cut at one instant: the states that the image may be left in. */
#ifndef CRASH_CUT_H
#define CRASH_CUT_H

#include "pending.h"

/**
 * struct cut - one instant
 * @pending:	what may be undone; its states are made one after the other
 * @check:	called in each of them
 * @ctx:	for @check
 * @budget:	states to make, about
 * @rng:	goes on from cut to cut
 * @kind:	how the state was made, while @check runs
 */
struct cut {
	struct pending *pending;
	void (*check)(void *ctx);
	void *ctx;
	u64 budget;
	u64 rng;
	const char *kind;
	u64 *seen;		/* hashes of the states of this cut */
	size_t nr_seen, room;
};

/** cut_here - make states and check each
 *
 * None and all of the pending operations, each of them alone, all but one,
 * the first so many, random ones, and torn writes.  Where the budget does
 * not suffice for each operation, it is that of metadata that is tried.  No
 * state is made twice.
 *
 * Return: states that were checked.
 */
u64 cut_here(struct cut *cut);

/** cut_random - the next of its random numbers */
u64 cut_random(struct cut *cut);

/** cut_none - the state in which nothing is lost; it is not checked */
void cut_none(struct cut *cut);

#endif /* CRASH_CUT_H */
