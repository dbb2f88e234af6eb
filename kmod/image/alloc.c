// SPDX-License-Identifier: GPL-2.0
/*
 * The reserve of fresh clusters.
 *
 * It is filled ahead, by a work item, in growing steps: the file is extended
 * with unwritten extents, refcount blocks that are missing for the new range
 * are laid into it, and after a sync the table points to them, after another
 * the clusters may be had.  So a writer takes a cluster and its refcount in
 * memory only, and whatever a crash leaves behind the last cluster in use is
 * zeros that nobody counts.
 *
 * Clusters that were freed come back when they are as good as new: their last
 * reference durably gone, punched, and the punch durable.
 */
#include <linux/slab.h>

#include "format/refcount.h"
#include "image/internal.h"

/* The first refill, and the largest, in bytes. */
#define STEP_MIN	(1ULL << 20)
#define STEP_MAX	(64ULL << 20)

/**
 * struct extent - fresh clusters of one refcount block
 * @node: in the list of them
 * @first: cluster
 * @count: of clusters
 * @block: that counts them, pinned
 */
struct extent {
	struct list_head node;
	u64 first;
	u64 count;
	struct qcow_refblock *block;
};

static u64 to_bytes(const struct qcow_image *image, u64 clusters)
{
	return clusters << image->geo.cluster_bits;
}

u32 qcow_alloc_take(struct qcow_image *image, u32 want, u64 *first)
{
	struct qcow_alloc *alloc = &image->alloc;
	struct extent *e;
	u32 got = 0;

	spin_lock(&alloc->lock);
	e = list_first_entry_or_null(&alloc->extents, struct extent, node);
	if (e && e->count) {
		got = min_t(u64, want, e->count);
		*first = e->first;
		qcow_refs_set(image, e->block, e->first, got, 1);
		e->first += got;
		e->count -= got;
		alloc->clusters -= got;
		if (!e->count)
			list_move_tail(&e->node, &alloc->extents);
	}
	if (alloc->clusters < alloc->step / 2 && !alloc->refilling &&
	    !alloc->error) {
		alloc->refilling = true;
		queue_work(image->wq, &alloc->refill);
	}
	spin_unlock(&alloc->lock);
	return got;
}

int qcow_alloc_wait(struct qcow_image *image, struct qcow_cmd *cmd)
{
	struct qcow_alloc *alloc = &image->alloc;
	int ret = -EIOCBQUEUED;

	spin_lock(&alloc->lock);
	if (alloc->clusters) {
		ret = 0;
	} else {
		list_add_tail(&cmd->node, &alloc->waiters);
		if (!alloc->refilling) {
			alloc->refilling = true;
			queue_work(image->wq, &alloc->refill);
		}
	}
	spin_unlock(&alloc->lock);
	return ret;
}

static void wake_waiters(struct qcow_alloc *alloc, int error)
{
	struct qcow_cmd *cmd, *next;
	LIST_HEAD(waiters);

	spin_lock(&alloc->lock);
	alloc->refilling = false;
	alloc->error = error;
	list_splice_init(&alloc->waiters, &waiters);
	spin_unlock(&alloc->lock);
	list_for_each_entry_safe(cmd, next, &waiters, node) {
		if (error)
			qcow_cmd_fail(cmd, error);
		else
			qcow_cmd_unpark(cmd);
	}
}

static void add_extent(struct qcow_image *image, struct extent *e)
{
	struct qcow_alloc *alloc = &image->alloc;

	spin_lock(&alloc->lock);
	list_add_tail(&e->node, &alloc->extents);
	alloc->clusters += e->count;
	alloc->error = 0;
	spin_unlock(&alloc->lock);
}

static struct extent *extent_alloc(struct qcow_image *image, u64 first,
				   u64 count, struct qcow_refblock *block)
{
	struct extent *e = kmalloc(sizeof(*e), GFP_NOIO);

	if (!e)
		return NULL;
	e->first = first;
	e->count = count;
	e->block = block;
	return e;
}

int qcow_alloc_give(struct qcow_image *image, u64 first, u32 count)
{
	u8 bits = qcow2_refcount_block_bits(&image->geo);

	while (count) {
		u32 n = min_t(u64, count, (1ULL << bits) -
			      (first & ((1ULL << bits) - 1)));
		struct qcow_refblock *b = qcow_refblock_get(image,
							    first >> bits);
		struct extent *e;

		if (IS_ERR_OR_NULL(b))
			return b ? PTR_ERR(b) : -EUCLEAN;
		e = extent_alloc(image, first, n, b);
		if (!e) {
			qcow_refblock_put(image, b);
			return -ENOMEM;
		}
		add_extent(image, e);
		first += n;
		count -= n;
	}
	return 0;
}

/* The emptied extents' turn to let go of their blocks. */
static void drop_empty_extents(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	struct extent *e, *next;
	LIST_HEAD(empty);

	spin_lock(&alloc->lock);
	list_for_each_entry_safe(e, next, &alloc->extents, node)
		if (!e->count)
			list_move(&e->node, &empty);
	spin_unlock(&alloc->lock);
	list_for_each_entry_safe(e, next, &empty, node) {
		qcow_refblock_put(image, e->block);
		kfree(e);
	}
}

/*
 * A block for clusters of the new range, in its first cluster if it is new.
 * *@first and *@count lose that cluster.
 */
static struct qcow_refblock *cover(struct qcow_image *image, u64 *first,
				   u64 *count, bool *new)
{
	unsigned long index = qcow_refblock_index(image, *first);
	struct qcow_refblock *b;
	int err;

	*new = false;
	if (index >= image->refs.entries)
		return ERR_PTR(-EFBIG);
	b = qcow_refblock_get(image, index);
	if (b)
		return b;
	b = qcow_refblock_create(image, index, to_bytes(image, *first));
	if (IS_ERR(b))
		return b;
	err = qcow_file_write(image->file, b->data,
			      to_bytes(image, 1), b->host);
	if (err) {
		qcow_refblock_put(image, b);
		return ERR_PTR(err);
	}
	*new = true;
	(*first)++;
	(*count)--;
	return b;
}

static int extend_file(struct qcow_image *image, u64 first, u64 *count)
{
	int err;

	for (;;) {
		err = qcow_file_extend(image->file, to_bytes(image, first),
				       to_bytes(image, *count));
		if (err != -ENOSPC || *count == 1)
			return err;
		*count /= 2;
	}
}

/* One refill: as much as one refcount block counts, at the most. */
static int refill(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	u8 bits = qcow2_refcount_block_bits(&image->geo);
	u64 first = alloc->end, in_block, count;
	struct qcow_refblock *b;
	struct extent *e;
	bool new;
	int err;

	in_block = (1ULL << bits) - (first & ((1ULL << bits) - 1));
	count = min(alloc->step, in_block);
	err = extend_file(image, first, &count);
	if (err)
		return err;
	alloc->end = first + count;
	b = cover(image, &first, &count, &new);
	if (IS_ERR(b))
		return PTR_ERR(b);
	err = qcow_file_sync(image->file);
	if (!err && new) {
		err = qcow_refs_publish(image, b);
		if (!err)
			err = qcow_file_sync(image->file);
	}
	e = err || !count ? NULL : extent_alloc(image, first, count, b);
	if (!e) {
		qcow_refblock_put(image, b);
		return err || !count ? err : -ENOMEM;
	}
	add_extent(image, e);
	alloc->step = min(alloc->step * 2,
			  max(STEP_MAX >> image->geo.cluster_bits, 1ULL));
	return 0;
}

static void refill_work(struct work_struct *work)
{
	struct qcow_image *image =
		container_of(work, struct qcow_image, alloc.refill);
	struct qcow_alloc *alloc = &image->alloc;
	unsigned int noio = memalloc_noio_save();
	int err = 0;

	drop_empty_extents(image);
	while (!err && READ_ONCE(alloc->clusters) < alloc->step)
		err = refill(image);
	wake_waiters(alloc, READ_ONCE(alloc->clusters) ? 0 : err);
	memalloc_noio_restore(noio);
}

/* The highest cluster with a refcount, plus one. */
static int find_end(struct qcow_image *image, u64 *end)
{
	u8 bits = qcow2_refcount_block_bits(&image->geo);
	long index = image->refs.entries;

	while (index--) {
		struct qcow_refblock *b;
		u64 i = 1ULL << bits;

		if (!(image->refs.table[index] & QCOW2_REFTABLE_OFFSET_MASK))
			continue;
		b = qcow_refblock_get(image, index);
		if (IS_ERR(b))
			return PTR_ERR(b);
		while (i && !qcow2_refcount_get(b->data,
						image->geo.refcount_order,
						i - 1))
			i--;
		qcow_refblock_put(image, b);
		if (i) {
			*end = ((u64)index << bits) + i;
			return 0;
		}
	}
	*end = 1;
	return 0;
}

/*
 * What lies behind the end was never linked durably: it may be stale data of
 * a run that was cut off.  Without it the range can be made fresh again.
 */
static int cut_tail(struct qcow_image *image)
{
	u64 end = to_bytes(image, image->alloc.end);
	int err;

	if (qcow_file_size(image->file) <= end)
		return 0;
	err = qcow_file_truncate(image->file, end);
	return err ? err : qcow_file_sync(image->file);
}

int qcow_alloc_init(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	int err;

	spin_lock_init(&alloc->lock);
	INIT_LIST_HEAD(&alloc->extents);
	INIT_LIST_HEAD(&alloc->waiters);
	INIT_WORK(&alloc->refill, refill_work);
	alloc->step = max(STEP_MIN >> image->geo.cluster_bits, 1ULL);
	err = find_end(image, &alloc->end);
	return err ? err : cut_tail(image);
}

int qcow_alloc_destroy(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	struct extent *e, *next;
	int err;

	list_for_each_entry_safe(e, next, &alloc->extents, node) {
		qcow_refblock_put(image, e->block);
		kfree(e);
	}
	err = find_end(image, &alloc->end);
	return err ? err : cut_tail(image);
}
