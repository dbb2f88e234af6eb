// SPDX-License-Identifier: GPL-2.0
/*
 * COPIED is a promise of whoever wrote the image: the refcount is 1, so write
 * in place.  A crash at the wrong moment, or malice, leaves it where it is not
 * true.  So before the first write through a slice each of its entries is held
 * against the refcounts, and against the metadata's places.  From then on all
 * changes are ours.
 */
#include <linux/bitmap.h>

#include "file/record.h"
#include "image/internal.h"

int qcow_verify_reset(struct qcow_image *image, u32 l1_size)
{
	u8 in_table = image->geo.l2_bits - image->cache.entry_bits;
	unsigned long bits = (unsigned long)max(l1_size, 1U) << in_table;
	unsigned long *verified = kvcalloc(BITS_TO_LONGS(bits), sizeof(long),
					   GFP_KERNEL);

	if (!verified)
		return -ENOMEM;
	kvfree(image->verified);
	image->verified = verified;
	return 0;
}

int qcow_verify_init(struct qcow_image *image)
{
	return qcow_verify_reset(image, image->active.l1_size);
}

void qcow_set_table_verified(struct qcow_image *image, u64 l1_index)
{
	u8 in_table = image->geo.l2_bits - image->cache.entry_bits;
	unsigned long n = l1_index << in_table;
	unsigned long end = n + (1UL << in_table);

	for (; n < end; n++)
		set_bit(n, image->verified);
}

static int refuse(struct qcow_image *image, const char *structure,
		  const char *problem, u64 where, u64 value)
{
	struct qcow_fault fault = {
		.structure = structure, .problem = problem,
		.where = where, .value = value,
	};

	return qcow_image_corrupt(image, &fault);
}

/**
 * struct look - a slice under verification
 * @image:  whose
 * @number: of the slice
 * @entries: a copy of it
 * @refcounts: of the clusters of one run
 */
struct look {
	struct qcow_image *image;
	unsigned long number;
	u64 entries[QCOW_SLICE_MAX / sizeof(u64)];
	u64 refcounts[QCOW_SLICE_MAX / sizeof(u64)];
};

static u64 look_entry(const struct look *l, u32 index)
{
	return l->entries[l->image->geo.extended_l2 ? 2 * index : index];
}

/* The cluster that the entry says is ours alone, or 0. */
static u64 claimed(const struct look *l, u32 index)
{
	u64 entry = look_entry(l, index);

	if (!(entry & QCOW2_OFLAG_COPIED) || (entry & QCOW2_OFLAG_COMPRESSED))
		return 0;
	return (entry & QCOW2_L2E_OFFSET_MASK) >> l->image->geo.cluster_bits;
}

static int refuse_entry(const struct look *l, u32 index, const char *problem)
{
	u64 cluster = ((u64)l->number << l->image->cache.entry_bits) + index;

	return refuse(l->image, "L2 entry", problem,
		      cluster << l->image->geo.cluster_bits,
		      claimed(l, index) << l->image->geo.cluster_bits);
}

/* The slice does not change under us: it is not written through yet. */
static int clear_copied(const struct look *l, u32 index)
{
	struct qcow_image *image = l->image;
	struct qcow_slice *slice = qcow_slice_lock(&image->active, l->number);
	struct qcow2_l2_entry e;

	if (!slice)
		return 1;
	e = qcow_slice_entry(&image->geo, slice, index);
	e.entry &= ~QCOW2_OFLAG_COPIED;
	qcow_slice_set(&image->geo, slice, index, e);
	qcow_slice_unlock(slice);
	return 0;
}

/* Entries that lead to neighbouring clusters; 1: look again. */
static int verify_run(struct look *l, u32 index, u32 count)
{
	u64 first = claimed(l, index);
	u32 i;
	int ret;

	if (qcow_is_metadata(l->image, first, count))
		return refuse_entry(l, index, "leads to metadata");
	ret = qcow_refs_read(l->image, first, count, l->refcounts);
	for (i = 0; i < count && !ret; i++) {
		if (!l->refcounts[i])
			ret = refuse_entry(l, index + i,
					   "leads to a free cluster");
		else if (l->refcounts[i] > 1 &&
			 !qcow_rule_broken(QCOW_RULE_COPIED))
			ret = clear_copied(l, index + i);
	}
	return ret;
}

static bool copy_slice(struct look *l)
{
	struct qcow_slice *slice;

	rcu_read_lock();
	slice = qcow_cache_find(&l->image->active, l->number);
	if (slice)
		memcpy(l->entries, slice->entries,
		       1UL << l->image->cache.slice_bits);
	rcu_read_unlock();
	return slice;
}

static int verify_entries(struct look *l)
{
	u32 entries = 1U << l->image->cache.entry_bits, i, n;
	int ret = 0;
	u64 first;

	if (!copy_slice(l))
		return 1;
	for (i = 0; i < entries && !ret; i += n) {
		first = claimed(l, i);
		n = 1;
		if (!first)
			continue;
		while (i + n < entries && claimed(l, i + n) == first + n)
			n++;
		ret = verify_run(l, i, n);
	}
	return ret;
}

static int verify_table(struct look *l, u64 l1_index)
{
	struct qcow_image *image = l->image;
	u64 *at = &image->active.l1_table[l1_index];
	u64 entry = READ_ONCE(*at), refcount;
	int err;

	if (!(entry & QCOW2_OFLAG_COPIED))
		return 0;
	err = qcow_refs_read(image, (entry & QCOW2_L1E_OFFSET_MASK) >>
			     image->geo.cluster_bits, 1, &refcount);
	if (err)
		return err;
	if (!refcount)
		return refuse(image, "L1 entry", "leads to a free cluster",
			      l1_index, entry & QCOW2_L1E_OFFSET_MASK);
	if (refcount > 1) {
		WRITE_ONCE(*at, entry & ~QCOW2_OFLAG_COPIED);
		qcow_commit_l1(image, l1_index);
	}
	return 0;
}

int qcow_verify_slice(struct qcow_cmd *cmd)
{
	struct qcow_image *image = cmd->view->image;
	u64 pos = cmd->pos + cmd->dispatched;
	struct look *l = kmalloc(sizeof(*l), GFP_NOIO);
	int ret;

	if (!l)
		return -ENOMEM;
	l->image = image;
	l->number = pos >> (image->geo.cluster_bits + image->cache.entry_bits);
	/* two that do it at a time come to the same, but one is enough */
	mutex_lock(&image->cow.tables);
	ret = qcow_verified(image, l->number);
	if (!ret)
		ret = verify_table(l, pos >> (image->geo.cluster_bits +
					      image->geo.l2_bits));
	if (!ret && !image->geo.external_data)
		ret = verify_entries(l);
	if (!ret)
		set_bit(l->number, image->verified);
	mutex_unlock(&image->cow.tables);
	kfree(l);
	return min(ret, 0);
}
