/* SPDX-License-Identifier: GPL-2.0 */
/* A check's view of the refcounts: what they say, and whether it is so. */
#ifndef QCOWCTL_REFCOUNTS_H
#define QCOWCTL_REFCOUNTS_H

#include "walk.h"

/** refcounts_load - read the refcount table; 0 or a negative errno */
int refcounts_load(struct walk *w);

/** refcounts_find_ones - note which refcounts are 1; 0 or a negative errno */
int refcounts_find_ones(struct walk *w);

/** refcounts_blocks - how many the file needs, as far as is known */
u64 refcounts_blocks(const struct walk *w);

enum { NOT_ONE, ONE, UNKNOWN };

/** refcounts_is_one - is it, of this cluster? */
int refcounts_is_one(struct walk *w, u64 cluster);

/** refcounts_walk - count the table and its blocks, last of all */
void refcounts_walk(struct walk *w);

/** refcounts_compare - hold what was counted against what they say */
int refcounts_compare(struct walk *w);

#endif /* QCOWCTL_REFCOUNTS_H */
