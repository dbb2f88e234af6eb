// SPDX-License-Identifier: GPL-2.0
/*
 * Walk an L1 table and its L2 tables, and change the references to all that
 * they refer to.
 */
#include <linux/sched/signal.h>

#include "file/file_io.h"
#include "file/reason.h"
#include "file/record.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/l2.h"
#include "image/change/shadow.h"
#include "image/change/tree.h"
#include "image/core/types.h"
#include "image/space/metadata.h"

static u32 words(const struct qcow_shadow *s)
{
	return s->image->geo.extended_l2 ? 2 : 1;
}

static u32 table_entries(const struct qcow_shadow *s)
{
	return 1U << s->image->geo.l2_bits;
}

static u64 cluster_of(const struct qcow_shadow *s, u64 entry)
{
	return (entry & QCOW2_L1E_OFFSET_MASK) >> s->image->geo.cluster_bits;
}

static int tree_refuse(struct qcow_shadow *s, const struct qcow_fault *fault)
{
	return qcow_refuse_fault(s->why, -EUCLEAN, s->image->path, fault);
}

int qcow_tree_load(struct qcow_shadow *s, u64 index, u64 l1_entry)
{
	size_t size = 1UL << s->image->geo.cluster_bits;
	struct qcow_fault fault;
	int err;

	if (qcow2_l1_entry_check(&s->image->geo, index, l1_entry, &fault))
		return tree_refuse(s, &fault);
	if (!(l1_entry & QCOW2_L1E_OFFSET_MASK))
		return 0;
	cond_resched();
	/* until the switch nothing is lost by giving up */
	if (fatal_signal_pending(current))
		return -EINTR;
	err = qcow_file_read(s->image->file, s->table, size,
			     l1_entry & QCOW2_L1E_OFFSET_MASK);
	if (err)
		return err;
	qcow2_be64_decode(s->table, s->table, size / sizeof(u64));
	return 1;
}

int qcow_tree_put(struct qcow_shadow *s, u64 *l1_entry)
{
	size_t size = 1UL << s->image->geo.cluster_bits;
	u64 host;
	int err;

	qcow2_be64_encode(s->out, s->table, size / sizeof(u64));
	err = qcow_shadow_put(s, s->out, size, &host);
	if (!err)
		*l1_entry = host | QCOW2_OFLAG_COPIED;
	return err;
}

/* Neighbouring clusters that entries refer to. */
struct tree_run {
	u64 first;
	u64 count;
};

/* The clusters of the image file that an entry refers to; there may be none. */
static struct tree_run entry_clusters(const struct qcow_shadow *s, u64 entry)
{
	const struct qcow2_geometry *geo = &s->image->geo;
	struct qcow2_compressed c;
	struct tree_run r;

	if (entry & QCOW2_OFLAG_COMPRESSED) {
		qcow2_compressed_decode(geo, entry, &c);
		r.first = c.host_offset >> geo->cluster_bits;
		r.count = ((c.host_offset + c.length - 1) >>
			   geo->cluster_bits) - r.first + 1;
		return r;
	}
	r.first = (entry & QCOW2_L2E_OFFSET_MASK) >> geo->cluster_bits;
	r.count = r.first && !geo->external_data;
	return r;
}

static int check_entry(struct qcow_shadow *s, u64 index, u32 i)
{
	const struct qcow2_geometry *geo = &s->image->geo;
	u64 cluster = (index << geo->l2_bits) + i;
	struct qcow2_l2_entry e = {
		.entry = s->table[i * words(s)],
		.bitmap = geo->extended_l2 ? s->table[i * 2 + 1] : 0,
	};
	struct qcow_fault fault;

	if (qcow2_l2_entry_check(geo, cluster << geo->cluster_bits, &e,
				 &fault))
		return tree_refuse(s, &fault);
	return 0;
}

/*
 * If an entry says that data lie where metadata lie, the image is corrupt:
 * freeing the data would free the metadata.
 */
static int ref_data(struct qcow_shadow *s, const struct tree_run *r, bool more)
{
	if (qcow_is_metadata(s->image, r->first, r->count))
		return qcow_refuse(s->why, -EUCLEAN,
				   "%s: the cluster at 0x%llx is data and metadata; repair it with qcowctl check -r all",
				   s->image->path,
				   r->first << s->image->geo.cluster_bits);
	return qcow_shadow_ref(s, r->first, r->count, more);
}

int qcow_tree_ref(struct qcow_shadow *s, u64 index, u32 from, bool more)
{
	struct tree_run run = { }, r;
	int err = 0;
	u32 i;

	for (i = from; i < table_entries(s) && !err; i++) {
		err = check_entry(s, index, i);
		if (err)
			return err;
		r = entry_clusters(s, s->table[i * words(s)]);
		if (!r.count)
			continue;
		if (run.count && r.first == run.first + run.count) {
			run.count += r.count;
			continue;
		}
		if (run.count)
			err = ref_data(s, &run, more);
		run = r;
	}
	if (!err && run.count)
		err = ref_data(s, &run, more);
	return err;
}

/*
 * Replace the references of one entry by those of another.  By now the clusters
 * of the old one may be free, or hold something else.
 */
static int ref_other(struct qcow_shadow *s, u64 old, u64 new)
{
	struct tree_run o = entry_clusters(s, old);
	struct tree_run n = entry_clusters(s, new);
	int err = 0;

	if (o.count)
		err = qcow_shadow_undo_ref(s, o.first, o.count, true);
	return err || !n.count ? err : ref_data(s, &n, true);
}

int qcow_tree_ref_changed(struct qcow_shadow *s, u64 index, u32 from, u32 to)
{
	int err = 0;
	u32 i;

	for (i = from; i < to && !err; i++) {
		u64 old = s->old[i * words(s)], new = s->table[i * words(s)];

		if (!((old ^ new) & ~QCOW2_OFLAG_COPIED))
			continue;
		err = check_entry(s, index, i);
		if (!err)
			err = ref_other(s, old, new);
	}
	return err;
}

bool qcow_tree_strip(struct qcow_shadow *s, u32 from, u32 to)
{
	bool any = false;
	u32 i;

	for (i = from; i < to; i++) {
		u64 *entry = &s->table[i * words(s)];

		if (*entry & QCOW2_OFLAG_COMPRESSED ||
		    !(*entry & QCOW2_OFLAG_COPIED))
			continue;
		if (!qcow_rule_broken(QCOW_RULE_STRIP))
			*entry &= ~QCOW2_OFLAG_COPIED;
		any = true;
	}
	return any;
}

static int take_table(struct qcow_shadow *s, u64 index, u64 entry, u64 *to)
{
	int err = qcow_tree_ref(s, index, 0, true);

	if (err)
		return err;
	if (qcow_tree_strip(s, 0, table_entries(s)))
		return qcow_tree_put(s, to);
	*to = entry & QCOW2_L1E_OFFSET_MASK;
	return qcow_shadow_ref(s, cluster_of(s, entry), 1, true);
}

int qcow_tree_take(struct qcow_shadow *s, const u64 *from, u32 count)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < count && ret >= 0; i++) {
		s->l1[i] = 0;
		ret = qcow_tree_load(s, i, from[i]);
		if (ret > 0)
			ret = take_table(s, i, from[i], &s->l1[i]);
	}
	return min(ret, 0);
}

int qcow_tree_drop(struct qcow_shadow *s, const u64 *l1, u32 count)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < count && ret >= 0; i++) {
		ret = qcow_tree_load(s, i, l1[i]);
		if (ret > 0)
			ret = qcow_tree_ref(s, i, 0, false);
		if (!ret && (l1[i] & QCOW2_L1E_OFFSET_MASK))
			ret = qcow_shadow_ref(s, cluster_of(s, l1[i]), 1,
					      false);
	}
	return min(ret, 0);
}

int qcow_tree_drop_active(struct qcow_shadow *s)
{
	const struct qcow2_header *h = &s->image->header;
	u8 bits = s->image->geo.cluster_bits;
	u64 bytes = (u64)h->l1_size * sizeof(u64);
	int err = qcow_tree_drop(s, s->image->active.l1_table, h->l1_size);

	return err ? err : qcow_shadow_ref(s, h->l1_table_offset >> bits,
					   (bytes + (1ULL << bits) - 1) >> bits,
					   false);
}

/* If the change went on, it would free clusters that are in use. */
static int refuse_uncounted(struct qcow_shadow *s, u64 cluster)
{
	return qcow_refuse(s->why, -EUCLEAN,
			   "%s: the cluster at 0x%llx is in use more often than it is counted; repair it with qcowctl check -r all",
			   s->image->path,
			   cluster << s->image->geo.cluster_bits);
}

int qcow_tree_mark(struct qcow_shadow *s, u64 index, u32 from, u32 to)
{
	int err, changed = 0;
	u32 i;

	for (i = from; i < to; i++) {
		u64 *entry = &s->table[i * words(s)], refcount, flag;

		err = check_entry(s, index, i);
		if (err)
			return err;
		if (*entry & QCOW2_OFLAG_COMPRESSED ||
		    !entry_clusters(s, *entry).count)
			continue;
		err = qcow_shadow_refcount(s, entry_clusters(s, *entry).first,
					   &refcount);
		if (err)
			return err;
		if (!refcount)
			return refuse_uncounted(s, entry_clusters(s, *entry)
						.first);
		flag = refcount == 1 ? QCOW2_OFLAG_COPIED : 0;
		changed |= (*entry & QCOW2_OFLAG_COPIED) != flag;
		*entry = (*entry & ~QCOW2_OFLAG_COPIED) | flag;
	}
	return changed;
}

static int mark_all(struct qcow_shadow *s, u64 index)
{
	return qcow_tree_mark(s, index, 0, table_entries(s));
}

static int put_again(struct qcow_shadow *s, u64 l1_entry)
{
	size_t size = 1UL << s->image->geo.cluster_bits;

	qcow2_be64_encode(s->out, s->table, size / sizeof(u64));
	return qcow_file_write(s->image->file, s->out, size,
			       l1_entry & QCOW2_L1E_OFFSET_MASK);
}

/*
 * Write the changed s->table to new clusters, or over the new clusters that it
 * lies in already.
 */
static int tree_replace(struct qcow_shadow *s, u64 *l1_entry)
{
	u64 old = cluster_of(s, *l1_entry);
	int err;

	if (qcow_shadow_is_new(s, old))
		return put_again(s, *l1_entry);
	err = qcow_tree_put(s, l1_entry);
	return err ? err : qcow_shadow_ref(s, old, 1, false);
}

/* Empty the entries of one L2 table from @from on. */
static int cut_table(struct qcow_shadow *s, u64 index, u32 from)
{
	bool any = false;
	u32 i;
	int err;

	for (i = from * words(s); i < table_entries(s) * words(s); i++)
		any |= s->table[i];
	if (!any)
		return 0;
	err = qcow_tree_ref(s, index, from, false);
	if (err)
		return err;
	if (!from)
		return 0;
	memset(s->table + from * words(s), 0,
	       (table_entries(s) - from) * words(s) * sizeof(u64));
	/* a snapshot may have shared the table, so its flags may be wrong */
	err = min(mark_all(s, index), 0);
	return err ? err : tree_replace(s, &s->l1[index]);
}

int qcow_tree_cut(struct qcow_shadow *s, u64 clusters)
{
	u64 index = clusters >> s->image->geo.l2_bits;
	u32 from = clusters & (table_entries(s) - 1);
	int ret = 0;

	for (; index < s->header.l1_size && ret >= 0; index++, from = 0) {
		u64 entry = s->l1[index];

		ret = qcow_tree_load(s, index, entry);
		if (ret > 0)
			ret = cut_table(s, index, from);
		if (ret || from || !(entry & QCOW2_L1E_OFFSET_MASK))
			continue;
		s->l1[index] = 0;
		ret = qcow_shadow_ref(s, cluster_of(s, entry), 1, false);
	}
	return min(ret, 0);
}

/* Return: true if an entry changed. */
static bool hide_entries(struct qcow_shadow *s, u32 from, u32 to)
{
	bool any = false;
	u32 i;

	for (i = from; i < to; i++) {
		u64 *e = &s->table[i * words(s)];

		if (*e)
			continue;
		if (s->image->geo.extended_l2)
			e[1] = (u64)U32_MAX << 32;
		else
			*e = QCOW2_OFLAG_ZERO;
		any = true;
	}
	return any;
}

static int hide_in_table(struct qcow_shadow *s, u64 index, u32 from, u32 to)
{
	u64 *entry = &s->l1[index];
	int ret = qcow_tree_load(s, index, *entry);

	if (ret < 0)
		return ret;
	if (!ret)
		memset(s->table, 0, 1UL << s->image->geo.cluster_bits);
	if (!hide_entries(s, from, to))
		return 0;
	if (!ret)
		return qcow_tree_put(s, entry);
	ret = min(mark_all(s, index), 0);
	return ret ? ret : tree_replace(s, entry);
}

int qcow_tree_hide(struct qcow_shadow *s, u64 first, u64 count)
{
	u64 end = first + count;
	int err = 0;

	while (first < end && !err) {
		u64 index = first >> s->image->geo.l2_bits;
		u32 from = first & (table_entries(s) - 1);
		u32 n = min_t(u64, end - first, table_entries(s) - from);

		err = hide_in_table(s, index, from, from + n);
		first += n;
	}
	return err;
}
