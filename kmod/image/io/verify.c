// SPDX-License-Identifier: GPL-2.0
/*
 * Verify COPIED flags.
 *
 * The flag promises that the cluster's refcount is 1, so that it may be written
 * in place.  A crash of the program that wrote the image, or malice, may have
 * left the flag where that is not true.  So before the first write through a
 * slice, each entry with the flag is checked against the refcounts and against
 * the index of metadata.  From then on only the driver changes the slice.
 */
#include <linux/log2.h>

#include "file/record.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/l2.h"
#include "image/core/health.h"
#include "image/core/types.h"
#include "image/io/verify.h"
#include "image/map/cache.h"
#include "image/map/l1.h"
#include "image/map/lookup_write.h"
#include "image/map/slice.h"
#include "image/space/metadata.h"
#include "image/space/refs.h"

/* log2 of the number of slices in a table; they lie in one chunk of the bits */
static u8 in_table(const struct qcow_image *image)
{
	BUILD_BUG_ON(QCOW2_MAX_CLUSTER_BITS - ilog2(QCOW_SLICE_MAX) >
		     QCOW_BITS_SHIFT);
	return image->geo.l2_bits - image->entry_bits;
}

int qcow_prepare_table_verified(struct qcow_image *image, u64 l1_index,
				gfp_t gfp)
{
	return qcow_bits_prepare(&image->verified, l1_index << in_table(image),
				 gfp);
}

void qcow_set_table_verified(struct qcow_image *image, u64 l1_index)
{
	qcow_bits_set(&image->verified, l1_index << in_table(image),
		      1UL << in_table(image));
}

static int verify_refuse(struct qcow_image *image, const char *structure,
			 const char *problem, u64 where, u64 value)
{
	struct qcow_fault fault = {
		.structure = structure, .problem = problem,
		.where = where, .value = value,
	};

	return qcow_image_corrupt(image, &fault);
}

/**
 * struct look - a slice under verification, and a row of entries in it
 * @image:  the image
 * @number: of the slice
 * @index:  of the first entry of the row; its entries have COPIED, and lead to
 *	    clusters that are contiguous in the file
 * @count:  number of entries in the row
 * @first:  number of the cluster that the first entry leads to
 */
struct look {
	struct qcow_image *image;
	unsigned long number;
	u32 index, count;
	u64 first;
};

/*
 * Does the entry promise that its cluster has refcount 1?  In a compressed
 * entry the flag means nothing.
 */
static bool claims(u64 entry)
{
	return (entry & QCOW2_OFLAG_COPIED) &&
	       !(entry & QCOW2_OFLAG_COMPRESSED) &&
	       (entry & QCOW2_L2E_OFFSET_MASK);
}

/*
 * How many of @n entries, @words words apart, are in a row?  Each leads to the
 * cluster behind that of the one before, and has the same flags.  A first write
 * spends most of its computing here, so the loop is unrolled.
 */
static __always_inline u32 count_row(const u64 *at, u32 n, u32 words, u64 size)
{
	u64 entry = *at;
	u32 i = 1;

	for (; i + 4 <= n; i += 4, entry += 4 * size)
		if (((at[i * words] - entry - size) |
		     (at[(i + 1) * words] - entry - 2 * size) |
		     (at[(i + 2) * words] - entry - 3 * size) |
		     (at[(i + 3) * words] - entry - 4 * size)))
			break;
	for (; i < n && at[i * words] == entry + size; i++)
		entry += size;
	return i;
}

/* Find the row behind the last one.  If there is none, set l->count to 0. */
static void find_next(struct look *l, const struct qcow_slice *slice)
{
	const struct qcow2_geometry *geo = &l->image->geo;
	u32 words = geo->extended_l2 ? 2 : 1, i = l->index + l->count;
	u32 n = 1U << l->image->entry_bits;
	u64 size = 1ULL << geo->cluster_bits;
	const u64 *at = slice->entries;

	while (i < n && !claims(at[i * words]))
		i++;
	l->index = i;
	l->count = 0;
	if (i == n)
		return;
	at += i * words;
	l->first = (*at & QCOW2_L2E_OFFSET_MASK) >> geo->cluster_bits;
	l->count = words == 1 ? count_row(at, n - i, 1, size) :
				count_row(at, n - i, 2, size);
}

/* Find the next row.  Return: false if the slice is not resident any more. */
static bool look_on(struct look *l)
{
	struct qcow_slice *slice;

	rcu_read_lock();
	slice = qcow_cache_find(&l->image->active, l->number);
	if (slice)
		find_next(l, slice);
	rcu_read_unlock();
	return slice;
}

/* Report entry @i of the row as malformed. */
static int refuse_entry(const struct look *l, u32 i, const char *problem)
{
	u64 cluster = ((u64)l->number << l->image->entry_bits) +
		      l->index + i;
	u8 bits = l->image->geo.cluster_bits;

	return verify_refuse(l->image, "L2 entry", problem, cluster << bits,
			     (l->first + i) << bits);
}

/*
 * Other tasks do not change entries of the slice before it is verified.
 *
 * Return: 0; 1 if the slice was evicted.
 */
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

/*
 * The cluster of entry @i of the row has another refcount than 1.
 *
 * Return: 0; 1 if the slice was evicted, and the caller must look it up again;
 * or a negative errno.
 */
static int mend_entry(const struct look *l, u32 i, u64 refcount)
{
	if (!refcount)
		return refuse_entry(l, i, "leads to a free cluster");
	if (qcow_rule_broken(QCOW_RULE_COPIED))
		return 0;
	return clear_copied(l, l->index + i);
}

static int verify_found(const struct look *l)
{
	u32 done = 0, ones;
	u64 odd;
	int ret = 0;

	if (qcow_is_metadata(l->image, l->first, l->count))
		return refuse_entry(l, 0, "leads to metadata");
	while (done < l->count && !ret) {
		ones = l->count - done;
		ret = qcow_refs_count_ones(l->image, l->first + done, &ones,
					   &odd);
		done += ones;
		if (!ret && done < l->count)
			ret = mend_entry(l, done++, odd);
	}
	return ret;
}

static int verify_entries(struct look *l)
{
	int ret;

	do {
		if (!look_on(l))
			return 1;
		if (!l->count)
			return 0;
		ret = verify_found(l);
	} while (!ret);
	return ret;
}

/* A table is verified together with the first of its slices. */
static bool table_verified(struct qcow_image *image, u64 l1_index)
{
	return qcow_bits_any(&image->verified, l1_index << in_table(image),
			     1UL << in_table(image));
}

/*
 * Return: 0; 1 if a snapshot shares the table, which is to be copied before
 * anything is written through it; or a negative errno.
 */
static int verify_table(struct look *l, u64 l1_index)
{
	struct qcow_image *image = l->image;
	u64 entry = READ_ONCE(image->active.l1_table[l1_index]), refcount;
	u32 ones = 1;
	int err;

	if (!(entry & QCOW2_OFLAG_COPIED))
		return 1;
	if (table_verified(image, l1_index))
		return 0;
	err = qcow_refs_count_ones(image, (entry & QCOW2_L1E_OFFSET_MASK) >>
				   image->geo.cluster_bits, &ones, &refcount);
	if (err || ones)
		return err;
	if (!refcount)
		return verify_refuse(image, "L1 entry",
				     "leads to a free cluster", l1_index,
				     entry & QCOW2_L1E_OFFSET_MASK);
	err = qcow_l1_prepare(image, l1_index, GFP_NOIO);
	if (err)
		return err;
	spin_lock(&image->l1.lock);
	qcow_l1_set(image, l1_index, entry & ~QCOW2_OFLAG_COPIED);
	spin_unlock(&image->l1.lock);
	return 1;
}

static bool is_verified(struct qcow_image *image, unsigned long number)
{
	return qcow_bits_any(&image->verified, number, 1);
}

int qcow_verify_slice(struct qcow_cmd *cmd)
{
	struct qcow_image *image = cmd->view->image;
	u64 pos = cmd->pos + cmd->dispatched;
	struct look l = {
		.image = image,
		.number = pos >> (image->geo.cluster_bits +
				  image->entry_bits),
	};
	int ret = qcow_bits_prepare(&image->verified, l.number, GFP_NOIO);

	if (ret)
		return ret;
	/* two tasks at a time would get the same result, but one suffices */
	mutex_lock(&image->cow.tables);
	if (!is_verified(image, l.number))
		ret = verify_table(&l, pos >> (image->geo.cluster_bits +
					       image->geo.l2_bits));
	if (!ret && !image->geo.external_data &&
	    !is_verified(image, l.number))
		ret = verify_entries(&l);
	if (!ret) {
		/* a load that sees the bit reads the flags from the file */
		qcow_bits_set(&image->verified, l.number, 1);
		qcow_slice_set_writable(&image->active, l.number);
	}
	mutex_unlock(&image->cow.tables);
	return min(ret, 0);
}
