// SPDX-License-Identifier: GPL-2.0
/*
 * Build the tables of a structural change beside the running disk.
 *
 * A change of a large image looks at all its L2 tables, which takes long.  So
 * this is done while the disk is in use, and what changes meanwhile is looked
 * at again, in rounds: each round has less to do than the one before, as it
 * takes less time.  In the last rounds commands that change metadata wait for
 * commits, so that they do not keep ahead.  When the requests are held back for
 * the switch, only what the last commits wrote is left.
 *
 * What is looked at is the file, not the slices in memory.  There only commits
 * change tables.  A commit notes the slices that it writes
 * (qcow_cache.written), and the mutex qcow_cache.writing keeps it from writing
 * while a table is looked at.  So a table that is looked at is a table as of a
 * commit, and a cluster that it refers to is not released before the table was
 * written again, and noted.
 *
 * L1 entries are those in memory, and are compared with those of the last look
 * (qcow_shadow.seen).
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "file/reason.h"
#include "file/record.h"
#include "format/l2.h"
#include "image/change/beside.h"
#include "image/change/shadow.h"
#include "image/change/tree.h"
#include "image/core/health.h"
#include "image/core/types.h"
#include "image/io/commit.h"

/*
 * Enough rounds were made if one had to look at so few slices, or if there were
 * so many rounds.
 */
#define FEW_SLICES	64
#define MAX_ROUNDS	8

/** struct look - a look at the active disk; @slices: how many were looked at */
struct look {
	struct qcow_shadow *s;
	bool create;
	unsigned long slices;
};

static u64 host_of(u64 l1_entry)
{
	return l1_entry & QCOW2_L1E_OFFSET_MASK;
}

static u32 slices_per_table(const struct qcow_shadow *s)
{
	return 1U << (s->image->geo.l2_bits - s->image->entry_bits);
}

static u32 table_entries(const struct qcow_shadow *s)
{
	return 1U << s->image->geo.l2_bits;
}

/* Does L1 lead to a new copy of the table that was seen? */
static bool has_copy(const struct qcow_shadow *s, u32 index)
{
	return host_of(s->l1[index]) != host_of(s->seen[index]);
}

static int ref_table(struct qcow_shadow *s, u64 l1_entry, bool more)
{
	return qcow_shadow_ref(s, host_of(l1_entry) >>
			       s->image->geo.cluster_bits, 1, more);
}

/**
 * struct part - neighbouring slices of a table, as the file has them
 * @at:	   where they begin, bytes into the table
 * @bytes: their length
 * @from:  the first entry
 * @to:	   the entry behind the last one
 */
struct part {
	u32 at, bytes, from, to;
};

static struct part part_of(const struct qcow_shadow *s, u32 first, u32 count)
{
	u8 bits = s->image->cache.slice_bits, entries = s->image->entry_bits;

	return (struct part){
		.at = first << bits, .bytes = count << bits,
		.from = first << entries, .to = (first + count) << entries,
	};
}

static int read_part(struct qcow_shadow *s, u64 l1_entry, const struct part *p,
		     u64 *table)
{
	void *to = (void *)table + p->at;
	int err = qcow_file_read(s->image->file, to, p->bytes,
				 host_of(l1_entry) + p->at);

	if (!err)
		qcow2_be64_decode(to, to, p->bytes / sizeof(u64));
	return err;
}

/* Write a part of s->table to the copy that L1 leads to. */
static int write_part(struct qcow_shadow *s, u32 index, const struct part *p)
{
	qcow2_be64_encode(s->out, (void *)s->table + p->at,
			  p->bytes / sizeof(u64));
	return qcow_file_write(s->image->file, s->out, p->bytes,
			       host_of(s->l1[index]) + p->at);
}

/* --- A snapshot is created --- */

/*
 * s->table is new.  A table that a snapshot has already does not change while
 * both refer to it; so it is shared once more, if its flags are right.
 */
static int take_table(struct qcow_shadow *s, u32 index, u64 entry)
{
	u64 refcount;
	int err = qcow_tree_ref(s, index, 0, true);

	if (!err)
		err = qcow_shadow_live(s, host_of(entry) >>
				       s->image->geo.cluster_bits, &refcount);
	if (err)
		return err;
	if (qcow_tree_strip(s, 0, table_entries(s)) || refcount < 2)
		return qcow_tree_put(s, &s->l1[index]);
	s->l1[index] = host_of(entry);
	return ref_table(s, entry, true);
}

/* The copy in the shadow has the entries of the last look. */
static int take_part(struct qcow_shadow *s, u32 index, u64 entry,
		     const struct part *p)
{
	int err = read_part(s, entry, p, s->table);

	if (!err)
		err = read_part(s, s->l1[index], p, s->old);
	if (!err)
		err = qcow_tree_ref_changed(s, index, p->from, p->to);
	if (err)
		return err;
	qcow_tree_strip(s, p->from, p->to);
	return write_part(s, index, p);
}

/* The active disk has another table than it had: forget that it shared it. */
static int untake_shared(struct qcow_shadow *s, u32 index)
{
	int ret = qcow_tree_load(s, index, s->seen[index]);

	if (ret > 0)
		ret = qcow_tree_ref(s, index, 0, false);
	if (!ret)
		ret = ref_table(s, s->seen[index], false);
	s->l1[index] = 0;
	return ret;
}

static int take_again(struct qcow_shadow *s, u32 index, u64 entry)
{
	struct part all = part_of(s, 0, slices_per_table(s));
	int ret;

	if (host_of(s->seen[index])) {
		if (has_copy(s, index))
			return take_part(s, index, entry, &all);
		ret = untake_shared(s, index);
		if (ret)
			return ret;
	}
	ret = qcow_tree_load(s, index, entry);
	return ret > 0 ? take_table(s, index, entry) : ret;
}

static int take_changed(struct qcow_shadow *s, u32 index, u64 entry,
			const struct part *p)
{
	if (has_copy(s, index))
		return take_part(s, index, entry, p);
	return qcow_refuse(s->why, -EUCLEAN,
			   "%s: the L2 table at 0x%llx is shared and changes; repair the image with qcowctl check -r all",
			   s->image->path, host_of(entry));
}

/* --- A snapshot is deleted --- */

/* The active disk gets a copy of the table, which is s->table. */
static int mark_copy(struct qcow_shadow *s, u32 index, u64 entry)
{
	int err = qcow_tree_put(s, &s->l1[index]);

	return err ? err : ref_table(s, entry, false);
}

static int mark_again(struct qcow_shadow *s, u32 index, u64 entry)
{
	struct part all = part_of(s, 0, slices_per_table(s));
	bool copied = host_of(s->seen[index]) && has_copy(s, index);
	u64 refcount;
	int ret = 0;

	/* the old table was not dropped by the change, but by the disk */
	if (copied)
		ret = qcow_shadow_undo_ref(s, host_of(s->seen[index]) >>
					   s->image->geo.cluster_bits, 1,
					   false);
	if (!ret)
		ret = qcow_tree_load(s, index, entry);
	if (ret <= 0)
		return ret;
	ret = qcow_tree_mark(s, index, 0, table_entries(s));
	if (ret < 0)
		return ret;
	if (copied) {
		ret = write_part(s, index, &all);
		return ret ? ret : ref_table(s, entry, false);
	}
	if (ret)
		return mark_copy(s, index, entry);
	ret = qcow_shadow_refcount(s, host_of(entry) >>
				   s->image->geo.cluster_bits, &refcount);
	s->l1[index] = host_of(entry) |
		       (refcount == 1 ? QCOW2_OFLAG_COPIED : 0);
	return ret;
}

static int mark_changed(struct qcow_shadow *s, u32 index, u64 entry,
			const struct part *p)
{
	int ret = read_part(s, entry, p, s->table);

	if (!ret)
		ret = qcow_tree_mark(s, index, p->from, p->to);
	if (ret >= 0 && has_copy(s, index))
		return write_part(s, index, p);
	return ret > 0 ? mark_again(s, index, entry) : ret;
}

/* --- Look at the active disk --- */

/* The table is another one than at the last look, or this is the first one. */
static int look_again(struct look *l, u32 index, u64 entry)
{
	struct qcow_shadow *s = l->s;
	u32 n = slices_per_table(s);
	int err;

	bitmap_clear(s->written, (unsigned long)index * n, n);
	l->slices += n;
	err = l->create ? take_again(s, index, entry) :
			  mark_again(s, index, entry);
	s->seen[index] = entry;
	return err;
}

/* Look at the slices that commits have written since the last look. */
static int look_at_changed(struct look *l, u32 index, u64 entry)
{
	struct qcow_shadow *s = l->s;
	u32 n = slices_per_table(s);
	unsigned long base = (unsigned long)index * n, end = base + n;
	unsigned long first, next;
	int err = 0;

	for (first = base; !err; first = next) {
		struct part p;

		first = find_next_bit(s->written, end, first);
		if (first >= end)
			break;
		next = find_next_zero_bit(s->written, end, first);
		bitmap_clear(s->written, first, next - first);
		l->slices += next - first;
		p = part_of(s, first - base, next - first);
		err = l->create ? take_changed(s, index, entry, &p) :
				  mark_changed(s, index, entry, &p);
	}
	return err;
}

static int look_at_table(struct look *l, u32 index)
{
	struct qcow_shadow *s = l->s;
	u64 entry = READ_ONCE(s->image->active.l1_table[index]);

	if (host_of(entry) != host_of(s->seen[index]))
		return look_again(l, index, entry);
	return host_of(entry) ? look_at_changed(l, index, entry) : 0;
}

static int look(struct look *l, bool last)
{
	struct qcow_shadow *s = l->s;
	struct mutex *writing = &s->image->cache.writing;
	u32 i;
	int err = 0;

	for (i = 0; i < s->header.l1_size && !err; i++) {
		/* a disk may be large and empty: then this is all there is */
		if (!host_of(READ_ONCE(s->image->active.l1_table[i])))
			continue;
		mutex_lock(writing);
		err = look_at_table(l, i);
		mutex_unlock(writing);
		if (!last && fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return err;
}

/* Have commits note what they write from now on. */
static int begin(struct qcow_shadow *s)
{
	const gfp_t gfp = GFP_NOIO | __GFP_ACCOUNT;
	struct qcow_cache *cache = &s->image->cache;
	unsigned long bits = (unsigned long)max(s->header.l1_size, 1U) *
			     slices_per_table(s);
	size_t bytes = round_up((u64)s->header.l1_size * sizeof(u64) + 1,
				PAGE_SIZE);

	/* the image says how large these are, so the caller is charged */
	s->l1 = kvzalloc(bytes, gfp);
	s->seen = kvzalloc(bytes, gfp);
	s->written = kvcalloc(BITS_TO_LONGS(bits), sizeof(long), gfp);
	if (!s->l1 || !s->seen || !s->written)
		return -ENOMEM;
	mutex_lock(&cache->writing);
	cache->written = s->written;
	mutex_unlock(&cache->writing);
	return 0;
}

void qcow_beside_end(struct qcow_shadow *s)
{
	struct qcow_cache *cache = &s->image->cache;

	qcow_commit_calm(s->image, false);
	mutex_lock(&cache->writing);
	cache->written = NULL;
	mutex_unlock(&cache->writing);
	kvfree(s->written);
	s->written = NULL;
}

static int look_at_active(struct qcow_shadow *s,
			  const struct qcow_change *change, bool last,
			  unsigned long *slices)
{
	struct look l = {
		.s = s, .create = change->op == QCOW_CHANGE_SNAPSHOT_CREATE,
	};
	bool first = !s->written;
	int err = first ? begin(s) : 0;

	if (!err && (first || !qcow_rule_broken(QCOW_RULE_BESIDE)))
		err = look(&l, last);
	*slices = l.slices;
	return err;
}

int qcow_beside_active(struct qcow_shadow *s, const struct qcow_change *change,
		       bool last)
{
	unsigned long slices;

	return look_at_active(s, change, last, &slices);
}

int qcow_beside_rounds(struct qcow_shadow *s, const struct qcow_change *change)
{
	unsigned long slices;
	unsigned int n = 0;
	int err;

	do {
		/* the first round is long, and the second one pays for that */
		if (n == 2)
			qcow_commit_calm(s->image, true);
		err = qcow_commit_drain(s->image);
		if (!err)
			err = look_at_active(s, change, false, &slices);
		if (!err)
			err = qcow_shadow_flush(s);
	} while (!err && slices > FEW_SLICES && ++n < MAX_ROUNDS);
	/* then little is left to the sync for which requests are held back */
	return err ? err : qcow_health_sync(s->image, s->image->file);
}
