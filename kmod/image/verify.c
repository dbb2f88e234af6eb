// SPDX-License-Identifier: GPL-2.0
/*
 * COPIED is a promise of whoever wrote the image: the refcount is 1, so write
 * in place.  A crash at the wrong moment, or malice, leaves it where it is not
 * true.  So before the first write through a slice each of its entries is held
 * against the refcounts, and against the metadata's places.  From then on all
 * changes are ours.
 */
#include <linux/bitmap.h>

#include "image/internal.h"

static unsigned long nr_slices(const struct qcow_image *image)
{
	u8 in_table = image->geo.l2_bits - image->cache.entry_bits;

	return (unsigned long)image->active.l1_size << in_table;
}

int qcow_verify_init(struct qcow_image *image)
{
	image->verified = kvcalloc(BITS_TO_LONGS(max(nr_slices(image), 1UL)),
				   sizeof(long), GFP_KERNEL);
	return image->verified ? 0 : -ENOMEM;
}

void qcow_set_table_verified(struct qcow_image *image, u64 l1_index)
{
	u8 in_table = image->geo.l2_bits - image->cache.entry_bits;
	unsigned long n = l1_index << in_table;
	unsigned long end = n + (1UL << in_table);

	for (; n < end; n++)
		set_bit(n, image->verified);
}

/**
 * struct look - while refcounts of neighbours are looked up
 * @image: whose
 * @block: the last block that was used, pinned
 */
struct look {
	struct qcow_image *image;
	struct qcow_refblock *block;
};

static void look_end(struct look *l)
{
	if (l->block)
		qcow_refblock_put(l->image, l->block);
	l->block = NULL;
}

/* Return: the refcount, LONG_MAX for more than that; or an error. */
static long look_up(struct look *l, u64 cluster)
{
	unsigned long index = qcow_refblock_index(l->image, cluster);
	struct qcow_refblock *b = l->block;

	if (!b || b->index != index) {
		look_end(l);
		b = qcow_refblock_get(l->image, index);
		if (IS_ERR_OR_NULL(b))
			return b ? PTR_ERR(b) : 0;
		l->block = b;
	}
	return min_t(u64, qcow_refs_get(l->image, b, cluster), LONG_MAX);
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

/* Return: 1, it is not ours alone; 0, it is; or an error. */
static int check_entry(struct look *l, u64 guest_offset,
		       const struct qcow2_l2_entry *e)
{
	struct qcow_image *image = l->image;
	u64 host = e->entry & QCOW2_L2E_OFFSET_MASK;
	u64 cluster = host >> image->geo.cluster_bits;
	long refcount;

	if (!(e->entry & QCOW2_OFLAG_COPIED) || !host ||
	    (e->entry & QCOW2_OFLAG_COMPRESSED))
		return 0;
	if (qcow_is_metadata(image, cluster))
		return refuse(image, "L2 entry", "leads to metadata",
			      guest_offset, host);
	refcount = look_up(l, cluster);
	if (refcount < 0)
		return refcount;
	if (!refcount)
		return refuse(image, "L2 entry", "leads to a free cluster",
			      guest_offset, host);
	return refcount > 1;
}

/* The slice does not change under us: it is not written through yet. */
static int verify_entries(struct look *l, unsigned long number)
{
	struct qcow_image *image = l->image;
	u32 entries = 1U << image->cache.entry_bits, i;
	struct qcow2_l2_entry e;
	struct qcow_slice *slice;
	int ret = 0;

	for (i = 0; i < entries && ret >= 0; i++) {
		u64 cluster = ((u64)number << image->cache.entry_bits) + i;

		rcu_read_lock();
		slice = qcow_cache_find(&image->active, number);
		if (slice)
			e = qcow_slice_entry(&image->geo, slice, i);
		rcu_read_unlock();
		if (!slice)
			return 1;
		ret = check_entry(l, cluster << image->geo.cluster_bits, &e);
		if (ret <= 0)
			continue;
		slice = qcow_slice_lock(&image->active, number);
		if (!slice)
			return 1;
		e.entry &= ~QCOW2_OFLAG_COPIED;
		qcow_slice_set(&image->geo, slice, i, e);
		qcow_slice_unlock(slice);
	}
	return min(ret, 0);
}

static int verify_table(struct look *l, u64 l1_index)
{
	struct qcow_image *image = l->image;
	u64 *at = &image->active.l1_table[l1_index];
	u64 entry = READ_ONCE(*at);
	long refcount;

	if (!(entry & QCOW2_OFLAG_COPIED))
		return 0;
	refcount = look_up(l, (entry & QCOW2_L1E_OFFSET_MASK) >>
			   image->geo.cluster_bits);
	if (refcount < 0)
		return refcount;
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
	unsigned long number = pos >> (image->geo.cluster_bits +
				       image->cache.entry_bits);
	struct look l = { .image = image };
	int ret;

	/* two that do it at a time come to the same, but one is enough */
	mutex_lock(&image->cow.tables);
	ret = qcow_verified(image, number);
	if (!ret)
		ret = verify_table(&l, pos >> (image->geo.cluster_bits +
					       image->geo.l2_bits));
	if (!ret && !image->geo.external_data)
		ret = verify_entries(&l, number);
	if (!ret)
		set_bit(number, image->verified);
	mutex_unlock(&image->cow.tables);
	look_end(&l);
	return min(ret, 0);
}
