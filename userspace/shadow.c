// SPDX-License-Identifier: GPL-2.0
/*
 * New refcounts beside the old ones.
 *
 * First all clusters that the new table and its blocks need are found: each
 * may need a block more, which counts it, and so on until nothing is added.
 * They are written where nothing refers to, and one write to the header makes
 * them valid.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "format/l2.h"
#include "shadow.h"

#define REFCOUNT_TABLE	48	/* where the header has its offset */

/* --- Free clusters --- */

static bool is_free(const struct plan *p, u64 cluster)
{
	const struct census *census = &p->c->census;

	/* Refcounts may be right about what was not found. */
	if (p->aim == AT_LEAST && cluster <= p->c->size >> cluster_bits(p))
		return false;
	return cluster >= census->nr || !census->cells[cluster];
}

/* The first of @n clusters in a row; at last there is room behind the file. */
static u64 find_free(struct plan *p, u64 n)
{
	u64 at = p->hint, run = 0;

	while (run < n)
		run = is_free(p, at++) ? run + 1 : 0;
	return at - n;
}

/* What is written there would show up where the reference is from. */
static int beyond_file(const struct plan *p)
{
	plan_say(p, "cannot rebuild the refcounts: there is no room before what is referred to beyond the file");
	return -EUCLEAN;
}

static int take_clusters(struct plan *p, u64 n, u64 *first)
{
	struct census *census = &p->c->census;
	u64 i;
	int err;

	*first = find_free(p, n);
	if (*first + n > INT_MAX)
		return -EFBIG;
	if (*first + n > p->c->beyond >> cluster_bits(p))
		return beyond_file(p);
	err = census_grow(census, *first + n);
	for (i = 0; !err && i < n; i++)
		census->cells[*first + i] = CENSUS_METADATA | CENSUS_MARK | 1;
	if (n == 1)
		p->hint = *first + 1;
	return err;
}

static void give_back(struct plan *p, u64 first, u64 n)
{
	for (; n; n--)
		p->c->census.cells[first + n - 1] = 0;
	if (first < p->hint)
		p->hint = first;
}

/* --- Where the new table and blocks go --- */

/* The block that there is, if it is good. */
static u64 old_block(const struct plan *p, u64 index)
{
	const struct check *c = p->c;
	u64 entry = index < c->reftable_size ? c->reftable[index] : 0;

	return entry & (cluster_size(p) - 1) || entry >= c->size ? 0 : entry;
}

static bool needs_block(const struct plan *p, u64 index)
{
	const struct census *census = &p->c->census;
	u64 i = index << block_bits(p), end = (index + 1) << block_bits(p);

	if (p->aim == AT_LEAST && old_block(p, index))
		return true;
	for (; i < end && i < census->nr; i++)
		if (census->cells[i])
			return true;
	return false;
}

static int grow_table(struct plan *p, u64 entries)
{
	u64 room = entries + entries / 2 + 64;
	u64 *table;

	if (entries * sizeof(u64) > QCOW2_MAX_REFTABLE_SIZE)
		return -EFBIG;
	if (entries <= p->entries)
		return 0;
	table = reallocarray(p->table, room, sizeof(*table));
	if (!table)
		return -ENOMEM;
	memset(table + p->entries, 0, (room - p->entries) * sizeof(*table));
	p->table = table;
	p->entries = room;
	return 0;
}

static int place_block(struct plan *p, u64 index)
{
	u64 cluster;
	int err;

	err = grow_table(p, index + 1) ?: take_clusters(p, 1, &cluster);
	if (err)
		return err;
	p->table[index] = cluster << cluster_bits(p);
	if (index >= p->used)
		p->used = index + 1;
	return 0;
}

/* A new block may lie where no block was needed before: until all is there. */
static int place_blocks(struct plan *p)
{
	bool again = true;
	u64 i;
	int err;

	while (again) {
		again = false;
		for (i = 0; i << block_bits(p) < p->c->census.nr; i++) {
			if ((i < p->entries && p->table[i]) ||
			    !needs_block(p, i))
				continue;
			err = place_block(p, i);
			if (err)
				return err;
			again = true;
		}
	}
	return 0;
}

static u64 table_clusters(const struct plan *p)
{
	return DIV_ROUND_UP(p->used * sizeof(u64), cluster_size(p));
}

/* The table needs blocks, which may need a longer table. */
static int place_table(struct plan *p)
{
	int err = place_blocks(p);

	while (!err && p->clusters < table_clusters(p)) {
		if (p->clusters)
			give_back(p, p->place, p->clusters);
		p->clusters = table_clusters(p);
		err = take_clusters(p, p->clusters, &p->place) ?:
		      place_blocks(p);
	}
	return err;
}

/* --- What they say --- */

/* Nothing leads to the old ones any more once the new ones are valid. */
static void drop(struct plan *p, u64 pos, u64 len)
{
	u64 cluster = pos >> cluster_bits(p), last;

	if (!check_within(p->c, pos, len))
		return;
	last = (pos + len - 1) >> cluster_bits(p);
	for (; cluster <= last; cluster++) {
		p->c->census.cells[cluster] |= CENSUS_MARK;
		p->c->census.cells[cluster]--;
	}
}

static void drop_old(struct plan *p)
{
	const struct check *c = p->c;
	u64 i;

	if (p->aim == AT_LEAST)
		return;
	drop(p, c->header.refcount_table_offset,
	     (u64)c->header.refcount_table_clusters << cluster_bits(p));
	for (i = 0; i < c->reftable_size; i++)
		if (old_block(p, i))
			drop(p, old_block(p, i), cluster_size(p));
}

static u64 new_refcount(const struct plan *p, u64 cluster, u64 stored)
{
	u32 cell = p->c->census.cells[cluster];
	u64 references = cell & CENSUS_COUNT;

	if (cell & CENSUS_MARK || p->aim == EXACT)
		return references;
	return stored > references ? stored : references;
}

static int write_block(struct plan *p, u64 index)
{
	unsigned int order = p->c->geo.refcount_order;
	u64 first = index << block_bits(p), i;
	u64 n = 1ULL << block_bits(p);
	int err;

	memset(p->old, 0, cluster_size(p));
	if (old_block(p, index)) {
		err = p->src->read(p->src->ctx, p->old, cluster_size(p),
				   old_block(p, index));
		if (err)
			return err;
	}
	memset(p->block, 0, cluster_size(p));
	for (i = 0; i < n && first + i < p->c->census.nr; i++)
		qcow2_refcount_set(p->block, order, i,
				   new_refcount(p, first + i,
						qcow2_refcount_get(p->old,
								   order, i)));
	return plan_write(p, p->block, cluster_size(p), p->table[index]);
}

static int write_table(struct plan *p)
{
	u64 bytes = p->clusters << cluster_bits(p);
	u64 *raw = calloc(1, bytes);
	int err;

	if (!raw)
		return -ENOMEM;
	qcow2_be64_encode(raw, p->table, p->used);
	err = plan_write(p, raw, bytes, p->place << cluster_bits(p));
	free(raw);
	return err;
}

/* The offset and the number of clusters lie in one sector, side by side. */
static int switch_table(struct plan *p)
{
	u64 words[2] = { p->place << cluster_bits(p), p->clusters << 32 };
	u8 raw[sizeof(words)];

	qcow2_be64_encode(raw, words, 2);
	return plan_write(p, raw, sizeof(u64) + sizeof(u32), REFCOUNT_TABLE);
}

int shadow_rebuild(struct plan *p)
{
	u64 i;
	int err;

	plan_say(p, "rebuilding the refcounts");
	err = place_table(p);
	if (err)
		return err;
	drop_old(p);
	for (i = 0; !err && i < p->used; i++)
		if (p->table[i])
			err = write_block(p, i);
	return err ?: write_table(p) ?: plan_sync(p) ?: switch_table(p) ?:
	       plan_sync(p);
}
