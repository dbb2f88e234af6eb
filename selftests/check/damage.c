// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "damage.h"
#include "format/l2.h"
#include "format/refcount.h"

#define TRIES	100000

static u64 cluster_size(const struct check *c)
{
	return 1ULL << c->geo.cluster_bits;
}

static u64 pick(u64 *random, u64 n)
{
	return next_random(random) % n;
}

/* --- Refcounts --- */

static bool set_refcount(struct memory *m, const struct check *c, u64 cluster,
			 u64 value)
{
	unsigned int bits = qcow2_refcount_block_bits(&c->geo);
	u64 offset = c->reftable[cluster >> bits];

	if (!offset || value > qcow2_refcount_max(c->geo.refcount_order))
		return false;
	qcow2_refcount_set(m->bytes + offset, c->geo.refcount_order,
			   cluster & ((1ULL << bits) - 1), value);
	return true;
}

/* Any cluster of the file with so many references; its number or ~0. */
static u64 find_cluster(const struct check *c, u64 *random, u32 kind, u32 least,
			u32 most)
{
	unsigned int i;
	u64 cluster;

	for (i = 0; i < TRIES; i++) {
		cluster = pick(random, c->census.nr);
		if (kind && !(c->census.cells[cluster] & kind))
			continue;
		if (census_count(&c->census, cluster) >= least &&
		    census_count(&c->census, cluster) <= most)
			return cluster;
	}
	return ~0ULL;
}

static bool change_refcount(struct memory *m, const struct check *c,
			    u64 cluster, int by)
{
	return cluster != ~0ULL &&
	       set_refcount(m, c, cluster,
			    census_count(&c->census, cluster) + by);
}

static bool leak_free(struct memory *m, const struct check *c, u64 *random)
{
	return change_refcount(m, c, find_cluster(c, random, 0, 0, 0), 1);
}

static bool leak_used(struct memory *m, const struct check *c, u64 *random)
{
	return change_refcount(m, c, find_cluster(c, random, CENSUS_L2, 1, 9),
			       1);
}

static bool leak_data(struct memory *m, const struct check *c, u64 *random)
{
	return change_refcount(m, c, find_cluster(c, random, CENSUS_DATA, 1, 9),
			       1);
}

static bool low_data(struct memory *m, const struct check *c, u64 *random)
{
	return change_refcount(m, c, find_cluster(c, random, CENSUS_DATA, 2, 9),
			       -1);
}

static bool zero_data(struct memory *m, const struct check *c, u64 *random)
{
	return change_refcount(m, c, find_cluster(c, random, CENSUS_DATA, 1, 1),
			       -1);
}

static bool zero_l2(struct memory *m, const struct check *c, u64 *random)
{
	return change_refcount(m, c, find_cluster(c, random, CENSUS_L2, 1, 1),
			       -1);
}

static bool zero_metadata(struct memory *m, const struct check *c, u64 *random)
{
	return change_refcount(m, c, find_cluster(c, random, CENSUS_METADATA, 1,
						  1), -1);
}

static bool zero_all(struct memory *m, const struct check *c, u64 *random)
{
	u64 i;

	(void)random;
	for (i = 0; i < c->reftable_size; i++)
		if (c->reftable[i])
			memset(m->bytes + c->reftable[i], 0, cluster_size(c));
	return true;
}

static bool set_block(struct memory *m, const struct check *c, u64 *random,
		      u64 entry)
{
	u64 i;

	do {
		i = pick(random, c->reftable_size);
	} while (!c->reftable[i]);
	memory_set_word(m, c->header.refcount_table_offset + i * sizeof(u64),
			entry);
	return true;
}

static bool block_missing(struct memory *m, const struct check *c, u64 *random)
{
	return set_block(m, c, random, 0);
}

static bool block_beyond(struct memory *m, const struct check *c, u64 *random)
{
	return set_block(m, c, random, (c->census.nr + 9) * cluster_size(c));
}

static bool block_misaligned(struct memory *m, const struct check *c,
			     u64 *random)
{
	if (c->geo.cluster_bits == 9)
		return false;
	return set_block(m, c, random, cluster_size(c) + 512);
}

static bool block_reserved(struct memory *m, const struct check *c,
			   u64 *random)
{
	return set_block(m, c, random, cluster_size(c) + 4);
}

/* In the place of data, which is lost: but that is not for a check to say. */
static bool block_on_data(struct memory *m, const struct check *c, u64 *random)
{
	u64 cluster = find_cluster(c, random, CENSUS_DATA, 1, 1);

	if (cluster == ~0ULL || c->geo.refcount_order == 0)
		return false;
	return set_block(m, c, random, cluster * cluster_size(c));
}

/* --- L1 and L2 --- */

/* The place of an entry of an active L1 table, or 0. */
static u64 find_l1(const struct memory *m, const struct check *c, u64 *random)
{
	unsigned int i;
	u64 pos;

	for (i = 0; i < TRIES; i++) {
		pos = c->header.l1_table_offset +
		      pick(random, c->header.l1_size) * sizeof(u64);
		if (memory_word(m, pos))
			return pos;
	}
	return 0;
}

static bool is_table(const struct check_l2 *t, bool active)
{
	return active ? t->active : t->inactive && !t->active;
}

/* The place of an entry of an L2 table for a cluster of that type, or 0. */
static u64 find_l2(const struct memory *m, const struct check *c, u64 *random,
		   bool active, enum qcow2_cluster_type type)
{
	u64 n = 1ULL << c->geo.l2_bits, pos, tries;
	const struct check_l2 *t;

	for (tries = 0; c->nr_l2 && tries < TRIES; tries++) {
		t = &c->l2[pick(random, c->nr_l2)];
		pos = t->offset + (pick(random, n) << c->geo.l2_entry_bits);
		if (is_table(t, active) &&
		    qcow2_cluster_type(&c->geo, memory_word(m, pos)) == type)
			return pos;
	}
	return 0;
}

static bool change(struct memory *m, u64 pos, u64 clear, u64 flip)
{
	if (!pos)
		return false;
	memory_set_word(m, pos, (memory_word(m, pos) & ~clear) ^ flip);
	return true;
}

static u64 find_data(const struct memory *m, const struct check *c, u64 *random)
{
	return find_l2(m, c, random, true, QCOW2_CLUSTER_NORMAL);
}

static bool copied_l1(struct memory *m, const struct check *c, u64 *random)
{
	return change(m, find_l1(m, c, random), 0, QCOW2_OFLAG_COPIED);
}

static bool copied_l2(struct memory *m, const struct check *c, u64 *random)
{
	return change(m, find_data(m, c, random), 0, QCOW2_OFLAG_COPIED);
}

static bool copied_zero(struct memory *m, const struct check *c, u64 *random)
{
	return change(m, find_l2(m, c, random, true, QCOW2_CLUSTER_ZERO_ALLOC),
		      0, QCOW2_OFLAG_COPIED);
}

static bool copied_compressed(struct memory *m, const struct check *c,
			      u64 *random)
{
	return change(m, find_l2(m, c, random, true, QCOW2_CLUSTER_COMPRESSED),
		      0, QCOW2_OFLAG_COPIED);
}

/* Leaks all that the table refers to. */
static bool lost_table(struct memory *m, const struct check *c, u64 *random)
{
	return change(m, find_l1(m, c, random), ~0ULL, 0);
}

static bool l1_reserved(struct memory *m, const struct check *c, u64 *random)
{
	return change(m, find_l1(m, c, random), 0, BIT_ULL(60));
}

static bool l2_reserved(struct memory *m, const struct check *c, u64 *random)
{
	return change(m, find_data(m, c, random), 0, BIT_ULL(58));
}

static bool l1_misaligned(struct memory *m, const struct check *c, u64 *random)
{
	return c->geo.cluster_bits > 9 &&
	       change(m, find_l1(m, c, random), 0, 512);
}

static bool l2_misaligned(struct memory *m, const struct check *c, u64 *random)
{
	return c->geo.cluster_bits > 9 &&
	       change(m, find_data(m, c, random), 0, 512);
}

static bool data_to(struct memory *m, const struct check *c, u64 *random,
		    u64 cluster)
{
	if (cluster == ~0ULL)
		return false;
	return change(m, find_data(m, c, random), QCOW2_L2E_OFFSET_MASK,
		      cluster * cluster_size(c));
}

static bool data_beyond(struct memory *m, const struct check *c, u64 *random)
{
	return data_to(m, c, random, c->census.nr + 3);
}

static bool data_on_data(struct memory *m, const struct check *c, u64 *random)
{
	return data_to(m, c, random,
		       find_cluster(c, random, CENSUS_DATA, 1, 9));
}

static bool data_on_l2(struct memory *m, const struct check *c, u64 *random)
{
	return data_to(m, c, random, find_cluster(c, random, CENSUS_L2, 1, 9));
}

static bool data_on_metadata(struct memory *m, const struct check *c,
			     u64 *random)
{
	return data_to(m, c, random,
		       find_cluster(c, random, CENSUS_METADATA, 1, 1));
}

static bool l2_beyond(struct memory *m, const struct check *c, u64 *random)
{
	return change(m, find_l1(m, c, random), QCOW2_L1E_OFFSET_MASK,
		      (c->census.nr + 3) * cluster_size(c));
}

static bool subclusters(struct memory *m, const struct check *c, u64 *random)
{
	u64 pos = find_data(m, c, random);

	if (!pos || !c->geo.extended_l2)
		return false;
	memory_set_word(m, pos + sizeof(u64), BIT_ULL(3) | BIT_ULL(35));
	return true;
}

static bool snapshot_entry(struct memory *m, const struct check *c, u64 *random)
{
	u64 pos = find_l2(m, c, random, false, QCOW2_CLUSTER_NORMAL);

	return change(m, pos, QCOW2_L2E_OFFSET_MASK,
		      find_cluster(c, random, CENSUS_DATA, 1, 9)
		      << c->geo.cluster_bits);
}

/* Less than a cluster may be missing without harm. */
static bool cut_off(struct memory *m, const struct check *c, u64 *random)
{
	u64 room = m->size / 3, least = 2 * cluster_size(c);

	if (room <= least)
		return false;
	m->size -= least + pick(random, room - least);
	return true;
}

/* --- At random --- */

/* Where a table of the image lies, and how long it is. */
static void any_table(const struct memory *m, const struct check *c,
		      u64 *random, u64 *pos, u64 *len)
{
	u64 i;

	*len = cluster_size(c);
	switch (pick(random, 8)) {
	case 0:
		*pos = c->header.l1_table_offset;
		*len = c->header.l1_size * sizeof(u64);
		return;
	case 1:
		*pos = c->header.refcount_table_offset;
		*len = 64;
		return;
	case 2:
		if (c->header.nb_snapshots) {
			*pos = c->header.snapshots_offset;
			*len = 40;
			return;
		}
	/* fall through */
	case 3:
		for (i = 0; !c->reftable[i]; i++)
			;
		*pos = c->reftable[i];
		*len = (m->size / cluster_size(c) / 8 + 1) * 8;
		return;
	default:
		if (!c->nr_l2)
			return any_table(m, c, random, pos, len);
		*pos = c->l2[pick(random, c->nr_l2)].offset;
		return;
	}
}

static u64 any_value(const struct memory *m, const struct check *c, u64 *random,
		     u64 word)
{
	u64 cluster = pick(random, m->size / cluster_size(c) + 4);

	switch (pick(random, 9)) {
	case 0:
		return 0;
	case 1:
		return word ^ QCOW2_OFLAG_COPIED;
	case 2:
		return word ^ BIT_ULL(pick(random, 64));
	case 3:
		return word + cluster_size(c);
	case 4:
		return word ^ 512;
	case 5:
		return cluster * cluster_size(c);
	case 6:
		return cluster * cluster_size(c) | QCOW2_OFLAG_COPIED;
	case 7:
		return word ^ QCOW2_OFLAG_COMPRESSED;
	default:
		return word | QCOW2_OFLAG_ZERO;
	}
}

static void damage_word(struct memory *m, const struct check *c, u64 *random)
{
	u64 pos, len, at, tries;

	any_table(m, c, random, &pos, &len);
	for (tries = 0; tries < 50; tries++) {
		at = pos + pick(random, len / sizeof(u64)) * sizeof(u64);
		/* Words in use are more rewarding. */
		if (memory_word(m, at))
			break;
	}
	memory_set_word(m, at, any_value(m, c, random, memory_word(m, at)));
}

static bool at_random(struct memory *m, const struct check *c, u64 *random)
{
	u64 n = pick(random, 3) + 1;

	for (; n; n--)
		damage_word(m, c, random);
	return true;
}

const struct damage damages[] = {
	{ "leak-free",		true,	leak_free },
	{ "leak-l2",		true,	leak_used },
	{ "leak-data",		true,	leak_data },
	{ "low-data",		true,	low_data },
	{ "zero-data",		true,	zero_data },
	{ "zero-l2",		true,	zero_l2 },
	{ "zero-metadata",	true,	zero_metadata },
	{ "zero-all",		true,	zero_all },
	{ "block-missing",	true,	block_missing },
	{ "block-beyond",	true,	block_beyond },
	{ "block-misaligned",	true,	block_misaligned },
	{ "block-reserved",	true,	block_reserved },
	{ "block-on-data",	true,	block_on_data },
	{ "copied-l1",		true,	copied_l1 },
	{ "copied-l2",		true,	copied_l2 },
	{ "copied-zero",	true,	copied_zero },
	{ "lost-table",		true,	lost_table },
	{ "copied-compressed",	false,	copied_compressed },
	{ "l1-reserved",	false,	l1_reserved },
	{ "l2-reserved",	false,	l2_reserved },
	{ "l1-misaligned",	false,	l1_misaligned },
	{ "l2-misaligned",	false,	l2_misaligned },
	{ "data-beyond",	false,	data_beyond },
	{ "data-on-data",	false,	data_on_data },
	{ "data-on-l2",		false,	data_on_l2 },
	{ "data-on-metadata",	false,	data_on_metadata },
	{ "l2-beyond",		false,	l2_beyond },
	{ "subclusters",	false,	subclusters },
	{ "snapshot-entry",	false,	snapshot_entry },
	{ "cut-off",		false,	cut_off },
	{ "random",		false,	at_random },
	{ .name = NULL }
};

const struct damage *damage_find(const char *name)
{
	const struct damage *d;

	for (d = damages; d->name; d++)
		if (!strcmp(d->name, name))
			return d;
	return NULL;
}

bool damage_apply(struct memory *m, const struct damage *d, u64 seed)
{
	struct check_source src = memory_source(m);
	u64 random = seed * 2654435761U + 88172645463325252ULL;
	struct check_result r;
	struct check c;
	bool done;

	check_init(&c);
	if (check_image(&c, &src, &r, NULL, NULL))
		errx(1, "the image cannot be checked");
	next_random(&random);
	done = d->apply(m, &c, &random);
	check_free(&c);
	return done;
}
