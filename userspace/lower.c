// SPDX-License-Identifier: GPL-2.0
/*
 * Refcounts of leaked clusters, lowered where they lie.
 *
 * This needs no room, which a full file system would not have.  No refcount
 * crosses a sector, so wherever a write is torn each of them is the old or the
 * new one: of a leaked cluster both are at least its references, and it stays
 * leaked or is leaked no more.  Below 8 bits neighbours share a byte, which is
 * written with their counts as they are.  All are durable before anything is
 * done that relies on them.
 */
#include "lower.h"

/* The bytes of a block that change. */
struct span {
	size_t start;
	size_t end;
};

/* Where a block lies that is nothing else, or 0. */
static u64 block_offset(const struct plan *p, u64 index)
{
	u64 entry = p->c->reftable[index];
	u32 cell;

	if (entry & (cluster_size(p) - 1) || entry >= p->c->size)
		return 0;
	cell = p->c->census.cells[entry >> cluster_bits(p)];
	return (cell & ~CENSUS_MARK) == (CENSUS_METADATA | 1) ? entry : 0;
}

static void lower(struct plan *p, u64 i, u32 references, struct span *s)
{
	unsigned int order = p->c->geo.refcount_order;

	qcow2_refcount_set(p->block, order, i, references);
	if (!s->end)
		s->start = (i << order) / 8;
	s->end = (((i + 1) << order) + 7) / 8;
}

/* A cluster that becomes free is marked. */
static struct span lower_counts(struct plan *p, u64 first)
{
	struct census *census = &p->c->census;
	struct span s = { .end = 0 };
	u64 i, n = 1ULL << block_bits(p);
	u32 references;

	for (i = 0; i < n && first + i < census->nr; i++) {
		references = census_count(census, first + i);
		if (qcow2_refcount_get(p->block, p->c->geo.refcount_order, i) <=
		    references)
			continue;
		lower(p, i, references, &s);
		if (!references)
			census->cells[first + i] |= CENSUS_MARK;
	}
	return s;
}

static int lower_block(struct plan *p, u64 index)
{
	u64 offset = block_offset(p, index);
	struct span s;
	int err;

	if (!offset)
		return 0;
	err = p->src->read(p->src->ctx, p->block, cluster_size(p), offset);
	if (err)
		return err;
	s = lower_counts(p, index << block_bits(p));
	if (!s.end)
		return 0;
	return plan_write(p, p->block + s.start, s.end - s.start,
			  offset + s.start);
}

static void discard(const struct plan *p, u64 first, u64 end)
{
	u64 start = first << cluster_bits(p), stop = end << cluster_bits(p);

	if (stop > p->c->size)
		stop = p->c->size;
	if (start < stop)
		p->sink->discard(p->sink->ctx, start, stop - start);
}

/* Marked clusters, as many together as can be. */
static void give_room_back(const struct plan *p)
{
	const struct census *census = &p->c->census;
	u64 i, first = 0;
	bool before = false;

	if (!p->sink->discard)
		return;
	for (i = 0; i <= census->nr; i++) {
		bool marked = i < census->nr && census->cells[i] & CENSUS_MARK;

		if (marked && !before)
			first = i;
		if (before && !marked)
			discard(p, first, i);
		before = marked;
	}
}

int lower_leaks(struct plan *p)
{
	u64 i;
	int err = 0;

	for (i = 0; !err && i < p->c->reftable_size; i++)
		err = lower_block(p, i);
	err = err ?: plan_sync(p);
	if (!err)
		give_room_back(p);
	return err;
}
