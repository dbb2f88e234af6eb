// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>

#include "copied.h"
#include "format/l2.h"

#define PIECE	4096		/* L1 entries at once */

/*
 * Tables are changed where they lie, so nothing else may lie there.  Of a bit
 * each entry is the old or the new one, wherever a write is torn.
 */
static bool is_only(const struct plan *p, u64 offset, u32 kind)
{
	u64 cluster = offset >> cluster_bits(p);
	u32 cell;

	if (offset & (cluster_size(p) - 1) || offset >= p->c->size || !offset)
		return false;
	cell = p->c->census.cells[cluster];
	return (cell & CENSUS_KINDS) == kind &&
	       (kind == CENSUS_L2 || (cell & CENSUS_COUNT) == 1);
}

static u64 right_flag(const struct plan *p, u64 entry, u64 offset, bool set)
{
	u64 cluster = offset >> cluster_bits(p);
	u32 references = cluster < p->c->census.nr ?
			 census_count(&p->c->census, cluster) : 0;

	if (references > 1)
		return entry & ~QCOW2_OFLAG_COPIED;
	/* Nothing is known of what lies beyond the file. */
	return set && references ? entry | QCOW2_OFLAG_COPIED : entry;
}

static u64 right_l1(const struct plan *p, u64 entry, bool set)
{
	u64 offset = entry & QCOW2_L1E_OFFSET_MASK;

	return offset ? right_flag(p, entry, offset, set) : entry;
}

static u64 right_l2(const struct plan *p, u64 entry, bool set)
{
	enum qcow2_cluster_type type = qcow2_cluster_type(&p->c->geo, entry);

	if (type == QCOW2_CLUSTER_COMPRESSED)
		return entry & ~QCOW2_OFLAG_COPIED;
	if (type != QCOW2_CLUSTER_NORMAL && type != QCOW2_CLUSTER_ZERO_ALLOC)
		return entry;
	if (p->c->geo.external_data)
		return set ? entry | QCOW2_OFLAG_COPIED : entry;
	return right_flag(p, entry, entry & QCOW2_L2E_OFFSET_MASK, set);
}

/* @n words at @pos, every @step-th of which is an entry. */
static int mend_words(struct plan *p, u64 pos, size_t n, unsigned int step,
		      u64 (*right)(const struct plan *, u64, bool), bool set)
{
	u64 *words = malloc(n * sizeof(u64));
	size_t i, first = n, last = 0;
	int err;

	if (!words)
		return -ENOMEM;
	err = p->src->read(p->src->ctx, words, n * sizeof(u64), pos);
	qcow2_be64_decode(words, words, n);
	for (i = 0; !err && i < n; i += step) {
		u64 entry = right(p, words[i], set);

		if (entry == words[i])
			continue;
		words[i] = entry;
		last = i;
		if (first == n)
			first = i;
	}
	if (!err && first < n) {
		qcow2_be64_encode(words, words, n);
		err = plan_write(p, words + first, (last + 1 - first) * sizeof(u64),
				 pos + first * sizeof(u64));
	}
	free(words);
	return err;
}

int copied_mend_l1(struct plan *p, bool set)
{
	const struct qcow2_header *h = &p->c->header;
	u64 at, n, pos;
	int err = 0;

	for (at = 0; !err && at < h->l1_size; at += n) {
		/* In pieces that lie in one cluster, so that one can ask. */
		n = cluster_size(p) / sizeof(u64);
		if (n > PIECE)
			n = PIECE;
		if (n > h->l1_size - at)
			n = h->l1_size - at;
		pos = h->l1_table_offset + at * sizeof(u64);
		if (is_only(p, pos & ~((u64)cluster_size(p) - 1),
			    CENSUS_METADATA))
			err = mend_words(p, pos, n, 1, right_l1, set);
	}
	return err;
}

int copied_mend_l2(struct plan *p, bool set)
{
	const struct check *c = p->c;
	size_t i;
	int err = 0;

	for (i = 0; !err && i < c->nr_l2; i++)
		if (c->l2[i].active && is_only(p, c->l2[i].offset, CENSUS_L2))
			err = mend_words(p, c->l2[i].offset,
					 cluster_size(p) / sizeof(u64),
					 1 << (c->geo.l2_entry_bits - 3),
					 right_l2, set);
	return err;
}
