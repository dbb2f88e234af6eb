/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of a repair have in common; no business of its callers. */
#ifndef QCOWCTL_PLAN_H
#define QCOWCTL_PLAN_H

#include "format/refcount.h"
#include "repair.h"

/* What the refcounts become. */
enum aim {
	AT_MOST,	/* the references, where they are fewer: in place */
	AT_LEAST,	/* the references, where they are more */
	EXACT,		/* the references */
};

/**
 * struct plan - one repair under way
 * @block:	a cluster's worth of memory, as @old
 * @table:	the new refcount table, in CPU order
 * @entries:	it has room for
 * @used:	entries up to the last one in use
 * @place:	the first cluster of it
 * @clusters:	it takes; 0 until it has a place
 * @hint:	no cluster before this one is free
 */
struct plan {
	struct check *c;
	struct check_source *src;
	const struct repair_sink *sink;
	check_report report;
	void *ctx;
	enum aim aim;
	u8 *block;
	u8 *old;
	u64 *table;
	u64 entries;
	u64 used;
	u64 place;
	u64 clusters;
	u64 hint;
};

static inline void plan_say(const struct plan *p, const char *line)
{
	if (p->report)
		p->report(p->ctx, line);
}

static inline unsigned int cluster_bits(const struct plan *p)
{
	return p->c->geo.cluster_bits;
}

static inline size_t cluster_size(const struct plan *p)
{
	return (size_t)1 << cluster_bits(p);
}

static inline unsigned int block_bits(const struct plan *p)
{
	return qcow2_refcount_block_bits(&p->c->geo);
}

static inline int plan_write(struct plan *p, const void *buf, size_t len,
			     u64 pos)
{
	int err = p->sink->write(p->sink->ctx, buf, len, pos);

	if (!err && pos + len > p->src->size)
		p->src->size = pos + len;
	return err;
}

static inline int plan_sync(const struct plan *p)
{
	return p->sink->sync(p->sink->ctx);
}

#endif /* QCOWCTL_PLAN_H */
