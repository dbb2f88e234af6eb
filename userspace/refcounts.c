// SPDX-License-Identifier: GPL-2.0
#include <limits.h>

#include "format/l2.h"
#include "format/refcount.h"
#include "refcounts.h"

#define RESERVED	GENMASK_ULL(8, 0)	/* of a refcount table entry */

static u64 block_bits(const struct walk *w)
{
	return qcow2_refcount_block_bits(&w->c->geo);
}

static u64 block_offset(const struct walk *w, u64 index)
{
	const struct check *c = w->c;

	if (index >= c->reftable_size)
		return 0;
	return c->reftable[index] & QCOW2_REFTABLE_OFFSET_MASK;
}

/* Where nothing can be, not even zeros. */
static bool block_unreadable(const struct walk *w, u64 offset)
{
	return misaligned(w, offset) || offset > LLONG_MAX;
}

static int fetch_block(struct walk *w, u64 offset, const void **block)
{
	return walk_fetch(w, &w->c->raw, offset, cluster_size(w), block);
}

/* Without what is zero up to the end of it. */
static u64 entries_in_use(const u8 *raw, u64 bytes)
{
	size_t step;

	/* A table is a cluster or more: a multiple of either. */
	for (step = 512; step >= sizeof(u64); step /= 64)
		while (bytes && walk_is_zero(raw + bytes - step, step))
			bytes -= step;
	return bytes / sizeof(u64);
}

int refcounts_load(struct walk *w)
{
	struct check *c = w->c;
	u64 bytes = (u64)c->header.refcount_table_clusters << cluster_bits(w);
	const void *raw;
	int err;

	err = walk_fetch(w, &c->raw, c->header.refcount_table_offset, bytes,
			 &raw);
	if (err)
		return err;
	c->reftable_size = entries_in_use(raw, bytes);
	err = buffer_need(&c->reftable_room, c->reftable_size * sizeof(u64));
	c->reftable = c->reftable_room.bytes;
	if (!err)
		qcow2_be64_decode(c->reftable, raw, c->reftable_size);
	return err;
}

/* The clusters of block @index that the census has a cell for. */
static u64 block_clusters(const struct walk *w, u64 index, u64 nr)
{
	u64 first = index << block_bits(w);
	u64 all = 1ULL << block_bits(w);

	if (first >= nr)
		return 0;
	return nr - first < all ? nr - first : all;
}

static int find_ones_in(struct walk *w, u64 index, u64 nr)
{
	unsigned int order = w->c->geo.refcount_order;
	u64 first = index << block_bits(w), i;
	u64 n = block_clusters(w, index, nr);
	u8 *ones = w->c->ones.bytes;
	const void *block;
	int err;

	if (block_unreadable(w, block_offset(w, index))) {
		w->c->unreadable = true;
		return 0;
	}
	err = fetch_block(w, block_offset(w, index), &block);
	if (err)
		return err;
	for (i = 0; i < n; i++)
		if (qcow2_refcount_get(block, order, i) == 1)
			ones[(first + i) / 8] |= 1 << (first + i) % 8;
	return 0;
}

int refcounts_find_ones(struct walk *w)
{
	struct check *c = w->c;
	u64 nr = c->census.nr + 1;
	u64 i;
	int err;

	err = buffer_need(&c->ones, nr / 8 + 1);
	if (err)
		return err;
	memset(c->ones.bytes, 0, nr / 8 + 1);
	c->unreadable = false;
	for (i = 0; !err && i << block_bits(w) < nr; i++)
		if (block_offset(w, i))
			err = find_ones_in(w, i, nr);
	return err;
}

/* A cluster that the file does not have: rare, and not worth a bit. */
static bool is_one_outside(struct walk *w, u64 cluster, u64 offset)
{
	u64 at = cluster & ((1ULL << block_bits(w)) - 1);
	struct check_buffer b = { .bytes = NULL };
	const void *block;
	bool one = false;

	if (offset && !walk_fetch(w, &b, offset, cluster_size(w), &block))
		one = qcow2_refcount_get(block, w->c->geo.refcount_order,
					 at) == 1;
	buffer_free(&b);
	return one;
}

int refcounts_is_one(struct walk *w, u64 cluster)
{
	bool outside = cluster > w->src->size >> cluster_bits(w);
	const u8 *ones = w->c->ones.bytes;
	u64 offset;

	if (unlikely(w->c->unreadable || outside)) {
		offset = block_offset(w, cluster >> block_bits(w));
		if (block_unreadable(w, offset))
			return UNKNOWN;
		if (outside)
			return is_one_outside(w, cluster, offset) ? ONE :
								    NOT_ONE;
	}
	return ones[cluster / 8] >> cluster % 8 & 1;
}

/* --- The structures themselves --- */

static void __attribute__((format(printf, 2, 3), cold))
block_wrong(struct walk *w, const char *fmt, ...)
{
	va_list args;

	w->r->blocks_wrong++;
	w->r->corruptions++;
	if (!w->report)
		return;
	va_start(args, fmt);
	walk_vsay(w, fmt, args);
	va_end(args);
}

static void see_block(struct walk *w, u64 index)
{
	const struct census *census = &w->c->census;
	u64 entry = w->c->reftable[index];
	u64 offset = entry & QCOW2_REFTABLE_OFFSET_MASK;
	u32 kind;

	if (entry & RESERVED || misaligned(w, offset)) {
		block_wrong(w, "refcount table entry %llu (0x%llx): not cluster-aligned, or a reserved bit is set",
			index, entry);
		return;
	}
	if (offset >> cluster_bits(w) >= census->nr) {
		block_wrong(w, "refcount table entry %llu (0x%llx): block lies beyond the file",
			index, entry);
		return;
	}
	/* Where something else is already, that alone will stay there. */
	kind = census_count(census, offset >> cluster_bits(w)) ? 0 :
	       CENSUS_METADATA;
	walk_count(w, "refcount block", offset, cluster_size(w), kind, 1);
	if (census_count(census, offset >> cluster_bits(w)) != 1)
		block_wrong(w, "refcount block %llu at 0x%llx: something else uses its cluster",
			index, offset);
}

void refcounts_walk(struct walk *w)
{
	const struct check *c = w->c;
	u64 i;

	walk_count(w, "refcount table", c->header.refcount_table_offset,
		   (u64)c->header.refcount_table_clusters << cluster_bits(w),
		   CENSUS_METADATA, 1);
	/* The blocks at last: all else that leads there is known then. */
	for (i = 0; i < c->reftable_size; i++)
		if (unlikely(c->reftable[i]))
			see_block(w, i);
}

/* --- The verdict --- */

static void __attribute__((cold)) mismatch(struct walk *w, u64 cluster,
					   u64 refcount, u32 references)
{
	if (refcount > references) {
		w->r->leaks++;
		walk_say(w, "cluster %llu: leaked: refcount %llu, references %u",
			 cluster, refcount, references);
		return;
	}
	/* The right refcount would not mend what is two things at once. */
	if (census_overlaps(&w->c->census, cluster))
		w->r->overlaps++;
	else
		w->r->too_low++;
	walk_corrupt(w, 1, "cluster %llu: refcount %llu, references %u", cluster,
		     refcount, references);
}

/* Nobody has seen it yet, as the refcount suits. */
static void __attribute__((cold)) overlap(struct walk *w, u64 cluster)
{
	if (census_count(&w->c->census, cluster) == w->c->census.max)
		return;
	w->r->overlaps++;
	walk_corrupt(w, 1, "cluster %llu: used as data and as metadata, or as different tables",
		     cluster);
}

static void compare_cluster(struct walk *w, u64 cluster, u64 refcount)
{
	const struct census *census = &w->c->census;
	u32 references = census_count(census, cluster);

	if (refcount | references)
		w->r->image_end_offset = (cluster + 1) << cluster_bits(w);
	if (unlikely(refcount != references))
		mismatch(w, cluster, refcount, references);
	if (unlikely(census_overlaps(census, cluster)) &&
	    refcount >= references)
		overlap(w, cluster);
}

/* No refcounts there, but no refcount makes one cluster two things either. */
static void compare_nothing(struct walk *w, u64 first, u64 n)
{
	u64 i;

	w->r->check_errors += n;
	walk_say(w, "clusters %llu to %llu: no refcounts can be read", first,
		 first + n - 1);
	for (i = 0; i < n; i++)
		if (unlikely(census_overlaps(&w->c->census, first + i)))
			overlap(w, first + i);
}

static int compare_block(struct walk *w, u64 index, u64 n)
{
	unsigned int order = w->c->geo.refcount_order;
	u64 offset = block_offset(w, index), i;
	u64 first = index << block_bits(w);
	const void *block;
	int err;

	if (block_unreadable(w, offset)) {
		compare_nothing(w, first, n);
		return 0;
	}
	if (!offset) {
		for (i = 0; i < n; i++)
			compare_cluster(w, first + i, 0);
		return 0;
	}
	err = fetch_block(w, offset, &block);
	if (err)
		return err;
	for (i = 0; i < n; i++)
		compare_cluster(w, first + i,
				qcow2_refcount_get(block, order, i));
	return 0;
}

u64 refcounts_blocks(const struct walk *w)
{
	return DIV_ROUND_UP(w->c->census.nr, 1ULL << block_bits(w));
}

int refcounts_compare(struct walk *w)
{
	u64 nr = w->c->census.nr, i;
	int err = 0;

	/* As if cluster 0 were in use in any case. */
	w->r->image_end_offset = cluster_size(w);
	for (i = 0; !err && i << block_bits(w) < nr; i++) {
		err = compare_block(w, i, block_clusters(w, i, nr));
		walk_step(w);
	}
	return err;
}
