/* SPDX-License-Identifier: GPL-2.0 */
/* How often each cluster of an image file is referred to, and as what. */
#ifndef QCOWCTL_CENSUS_H
#define QCOWCTL_CENSUS_H

#include "format/port.h"

/* A cell: what the cluster is used as, and how often. */
#define CENSUS_METADATA	0x80000000U	/* all but the two below */
#define CENSUS_L2	0x40000000U
#define CENSUS_DATA	0x20000000U
#define CENSUS_KINDS	(CENSUS_METADATA | CENSUS_L2 | CENSUS_DATA)
#define CENSUS_MARK	0x10000000U	/* for whoever works with it later */
#define CENSUS_COUNT	(~(CENSUS_KINDS | CENSUS_MARK))

/**
 * struct census - a cell for each cluster
 * @cells:	of clusters 0 to @nr; one more than the file has, as what begins
 *		in the file may end beyond it
 * @room:	cells there is memory for
 * @nr:		clusters to look at: those of the file, and the one beyond it
 *		where it is in use
 * @max:	no count goes beyond this
 */
struct census {
	u32 *cells;
	u64 room;
	u64 nr;
	u32 max;
};

/**
 * census_begin - forget everything
 * @clusters:	of the file
 * @max:	the largest refcount of the image
 *
 * Return: 0 or -ENOMEM.
 */
int census_begin(struct census *c, u64 clusters, u64 max);
void census_free(struct census *c);

/** census_grow - have cells up to @nr clusters; 0 or -ENOMEM */
int census_grow(struct census *c, u64 nr);

/**
 * census_add - @times references to one cluster
 * Return: how many of them were too many.
 */
static inline u64 census_add(struct census *c, u64 cluster, u32 kind,
			     u64 times)
{
	u32 *cell = &c->cells[cluster];
	u64 count = (*cell & CENSUS_COUNT) + times;
	u64 excess = 0;

	if (unlikely(count > c->max)) {
		excess = count - c->max;
		count = c->max;
	}
	*cell = (*cell & ~CENSUS_COUNT) | kind | (u32)count;
	if (cluster >= c->nr)
		c->nr = cluster + 1;
	return excess;
}

static inline u32 census_count(const struct census *c, u64 cluster)
{
	return c->cells[cluster] & CENSUS_COUNT;
}

/** census_overlaps - is it used as things that cannot share a cluster? */
static inline bool census_overlaps(const struct census *c, u64 cluster)
{
	u32 kinds = c->cells[cluster] & CENSUS_KINDS;

	return kinds & (kinds - 1);
}

#endif /* QCOWCTL_CENSUS_H */
