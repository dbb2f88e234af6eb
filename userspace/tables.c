// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "format/l2.h"
#include "refcounts.h"
#include "tables.h"

/* Bits that no version of the format has given a meaning yet. */
#define L1_RESERVED	(GENMASK_ULL(62, 56) | GENMASK_ULL(8, 0))
#define L2_RESERVED	(GENMASK_ULL(61, 56) | GENMASK_ULL(8, 1))

#define PIECE	512	/* words of an L2 table at once */

static void check_copied(struct walk *w, const char *what, u64 entry, int one,
			 u64 times)
{
	if (likely(one == UNKNOWN || one == !!(entry & QCOW2_OFLAG_COPIED)))
		return;
	w->r->copied_wrong += times;
	walk_corrupt(w, times, "%s 0x%llx: COPIED is %s, but the refcount is %s1",
		     what, entry, one == ONE ? "clear" : "set",
		     one == ONE ? "" : "not ");
}

/* --- L2 tables --- */

static void see_compressed(struct walk *w, const struct check_l2 *t,
			   const struct qcow2_l2_entry *e)
{
	u64 times = t->active + t->inactive;
	struct qcow2_compressed comp;

	if (e->entry & QCOW2_OFLAG_COPIED)
		walk_corrupt(w, times, "L2 entry 0x%llx: COPIED on a compressed cluster",
			     e->entry);
	if (w->c->geo.external_data || e->bitmap) {
		walk_corrupt(w, times, "L2 entry 0x%llx: compressed cluster with %s",
			     e->entry, e->bitmap ? "a subcluster bitmap" :
			     "an external data file");
		return;
	}
	qcow2_compressed_decode(&w->c->geo, e->entry & ~QCOW2_OFLAG_COPIED,
				&comp);
	walk_count(w, "compressed cluster", comp.host_offset, comp.length,
		   CENSUS_DATA, times);
	w->r->allocated_clusters += t->active;
	w->r->compressed_clusters += t->active;
	/* They are in pieces by nature. */
	w->r->fragmented_clusters += t->active;
}

static void see_standard(struct walk *w, const struct check_l2 *t,
			 const struct qcow2_l2_entry *e, u64 *follows)
{
	u64 offset = e->entry & QCOW2_L2E_OFFSET_MASK;
	u64 times = t->active + t->inactive;

	if (QCOW2_L2_BITMAP_ALLOC(e->bitmap) & QCOW2_L2_BITMAP_ZERO(e->bitmap))
		walk_corrupt(w, times,
			     "L2 entry 0x%llx: subcluster is both allocated and zero (0x%llx)",
			     e->entry, e->bitmap);
	if (misaligned(w, offset))
		walk_corrupt(w, times,
			     "L2 entry 0x%llx: host offset is not cluster-aligned",
			     e->entry);
	w->r->allocated_clusters += t->active;
	if (*follows && offset != *follows)
		w->r->fragmented_clusters += t->active;
	*follows = offset + cluster_size(w);
	if (!w->c->geo.external_data)
		walk_count(w, "data cluster", offset, cluster_size(w), CENSUS_DATA,
			   times);
}

static void check_data_copied(struct walk *w, const struct check_l2 *t,
			      u64 entry)
{
	u64 cluster = (entry & QCOW2_L2E_OFFSET_MASK) >> cluster_bits(w);
	int one = w->c->geo.external_data ? ONE : refcounts_is_one(w, cluster);

	check_copied(w, "L2 entry", entry, one, t->active);
}

static void see_l2_entry(struct walk *w, const struct check_l2 *t,
			 const struct qcow2_l2_entry *e, bool copied,
			 u64 *follows)
{
	const struct qcow2_geometry *geo = &w->c->geo;
	enum qcow2_cluster_type type = qcow2_cluster_type(geo, e->entry);
	u64 times = t->active + t->inactive;

	if (type == QCOW2_CLUSTER_COMPRESSED) {
		see_compressed(w, t, e);
		return;
	}
	if (unlikely(e->entry & L2_RESERVED))
		walk_corrupt(w, times, "L2 entry 0x%llx: reserved bit is set",
			     e->entry);
	if (type == QCOW2_CLUSTER_NORMAL || type == QCOW2_CLUSTER_ZERO_ALLOC) {
		see_standard(w, t, e, follows);
		if (copied)
			check_data_copied(w, t, e->entry);
	} else if (QCOW2_L2_BITMAP_ALLOC(e->bitmap)) {
		walk_corrupt(w, times,
			     "L2 entry 0x%llx: allocated subcluster without a host cluster",
			     e->entry);
	}
}

/* Of active tables the COPIED flags must be right too. */
static bool copied_matters(struct walk *w, const struct check_l2 *t)
{
	return t->active && t->offset &&
	       refcounts_is_one(w, t->offset >> cluster_bits(w)) != UNKNOWN;
}

static void walk_piece(struct walk *w, const struct check_l2 *t,
		       const u64 *words, size_t n, bool copied, u64 *follows)
{
	unsigned int step = 1 << (w->c->geo.l2_entry_bits - 3);
	struct qcow2_l2_entry e = { .bitmap = 0 };
	size_t i;

	for (i = 0; i < n; i += step) {
		e.entry = words[i];
		if (step == 2)
			e.bitmap = words[i + 1];
		if (e.entry | e.bitmap)
			see_l2_entry(w, t, &e, copied, follows);
	}
}

/* Large tables are mostly zeros: these are not even decoded. */
static int walk_l2(struct walk *w, const struct check_l2 *t)
{
	bool copied = copied_matters(w, t);
	size_t size = cluster_size(w), at, len;
	u64 words[PIECE], follows = 0;
	const u8 *raw;
	int err;

	err = walk_fetch(w, &w->c->raw, t->offset, size, (const void **)&raw);
	if (err)
		return err;
	for (at = 0; at < size; at += len) {
		len = size - at < sizeof(words) ? size - at : sizeof(words);
		if (walk_is_zero(raw + at, len))
			continue;
		qcow2_be64_decode(words, raw + at, len / sizeof(u64));
		walk_piece(w, t, words, len / sizeof(u64), copied, &follows);
	}
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	u64 x = ((const struct check_l2 *)a)->offset;
	u64 y = ((const struct check_l2 *)b)->offset;

	return (x > y) - (x < y);
}

/* Sort the L2 tables; one that was found several times becomes one. */
static void merge_l2(struct check *c)
{
	size_t i, kept = 0;

	for (i = 1; i < c->nr_l2; i++)
		if (c->l2[i].offset <= c->l2[i - 1].offset)
			break;
	if (i >= c->nr_l2)
		return;
	qsort(c->l2, c->nr_l2, sizeof(*c->l2), by_offset);
	for (i = 1; i < c->nr_l2; i++) {
		if (c->l2[i].offset != c->l2[kept].offset) {
			c->l2[++kept] = c->l2[i];
			continue;
		}
		c->l2[kept].active += c->l2[i].active;
		c->l2[kept].inactive += c->l2[i].inactive;
	}
	c->nr_l2 = kept + 1;
}

int tables_walk_l2(struct walk *w)
{
	struct check *c = w->c;
	size_t i;
	int err = 0;

	merge_l2(c);
	walk_begin(w, c->nr_l2 + refcounts_blocks(w));
	for (i = 0; !err && i < c->nr_l2; i++) {
		err = walk_l2(w, &c->l2[i]);
		walk_step(w);
	}
	return err;
}

/* --- L1 tables --- */

static int grow_l2(struct check *c)
{
	size_t before = c->nr_l2;
	int err;

	/* What is twofold needs no more room. */
	merge_l2(c);
	if (c->nr_l2 > before / 2 || !before) {
		err = buffer_need(&c->l2_room,
				  (2 * before + 64) * sizeof(*c->l2));
		if (err)
			return err;
		c->l2 = c->l2_room.bytes;
	}
	return 0;
}

static int add_l2(struct walk *w, u64 offset, bool active)
{
	struct check *c = w->c;
	struct check_l2 t = { offset, active, !active };
	int err;

	/* Nothing but zeros can be read there. */
	if (offset >= w->src->size)
		return 0;
	if ((c->nr_l2 + 1) * sizeof(*c->l2) > c->l2_room.room) {
		err = grow_l2(c);
		if (err)
			return err;
	}
	c->l2[c->nr_l2++] = t;
	return 0;
}

static int see_l1_entry(struct walk *w, void *into, u64 index, u64 entry)
{
	bool active = *(const bool *)into;
	u64 offset = entry & QCOW2_L1E_OFFSET_MASK;

	if (unlikely(entry & L1_RESERVED))
		walk_corrupt(w, 1, "L1 entry %llu (0x%llx): reserved bit is set",
			     index, entry);
	if (unlikely(misaligned(w, offset)))
		walk_corrupt(w, 1,
			     "L1 entry %llu (0x%llx): L2 table offset is not cluster-aligned",
			     index, entry);
	walk_count(w, "L2 table", offset, cluster_size(w), CENSUS_L2, 1);
	if (active && offset)
		check_copied(w, "L1 entry", entry,
			     refcounts_is_one(w, offset >> cluster_bits(w)), 1);
	return add_l2(w, offset, active);
}

int tables_walk_l1(struct walk *w, u64 offset, u32 size, bool active)
{
	walk_count(w, active ? "L1 table" : "snapshot's L1 table", offset,
		   (u64)size * sizeof(u64), CENSUS_METADATA, 1);
	if (offset > LLONG_MAX)
		return -EIO;
	return walk_each_word(w, offset, size, see_l1_entry, &active);
}
