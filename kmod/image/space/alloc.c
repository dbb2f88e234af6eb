// SPDX-License-Identifier: GPL-2.0
/*
 * Allocate clusters: the reserve of fresh clusters.
 *
 * A fresh cluster reads zeros, and the durable refcount table leads to the
 * refcount block that counts the cluster.
 *
 * A work item (refill.c) fills the reserve ahead of need, in growing steps.  As
 * long as there are clusters that were free when the image was attached, the
 * work item punches some of these; else it extends the file with unwritten
 * extents.  Freed clusters come back through qcow_alloc_give().
 *
 * A writer takes a cluster and raises its refcount in memory only.  So a crash
 * leaves zeros behind the last cluster in use, which no refcount counts.
 */
#include <linux/list_sort.h>
#include <linux/slab.h>

#include "file/record.h"
#include "format/refcount.h"
#include "image/core/types.h"
#include "image/space/alloc.h"
#include "image/space/free.h"
#include "image/space/refs.h"

u32 qcow_alloc_take(struct qcow_image *image, u32 want, u64 *first)
{
	struct qcow_alloc *alloc = &image->alloc;
	struct qcow_extent *e;
	u32 got = 0;

	spin_lock(&alloc->lock);
	e = list_first_entry_or_null(&alloc->extents, struct qcow_extent, node);
	if (e && e->count) {
		got = min_t(u64, want, e->count);
		*first = e->first;
		if (!qcow_rule_broken(QCOW_RULE_EXTENT))
			qcow_refs_set(image, e->block, e->first, got,
				      1);
		e->first += got;
		e->count -= got;
		alloc->clusters -= got;
		if (!e->count)
			list_move(&e->node, &alloc->emptied);
	}
	if (alloc->clusters < READ_ONCE(alloc->step) / 4 && !alloc->refilling &&
	    !alloc->error) {
		alloc->refilling = true;
		queue_work(image->upkeep, &alloc->refill);
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
			queue_work(image->upkeep, &alloc->refill);
		}
	}
	spin_unlock(&alloc->lock);
	return ret;
}

void qcow_alloc_add(struct qcow_image *image, struct qcow_extent *e, bool first)
{
	struct qcow_alloc *alloc = &image->alloc;

	spin_lock(&alloc->lock);
	if (first)
		list_add(&e->node, &alloc->extents);
	else
		list_add_tail(&e->node, &alloc->extents);
	alloc->clusters += e->count;
	alloc->error = 0;
	spin_unlock(&alloc->lock);
}

int qcow_alloc_give(struct qcow_image *image, u64 first, u32 count)
{
	u8 bits = qcow2_refcount_block_bits(&image->geo);

	while (count) {
		u32 n = min_t(u64, count, (1ULL << bits) -
			      (first & ((1ULL << bits) - 1)));
		struct qcow_refblock *b = qcow_refblock_get(image,
							    first >> bits);
		struct qcow_extent *e;

		if (IS_ERR_OR_NULL(b))
			return b ? PTR_ERR(b) : -EUCLEAN;
		e = qcow_extent_alloc(image, first, n, b);
		if (!e) {
			qcow_refblock_put(image, b);
			return -ENOMEM;
		}
		qcow_alloc_add(image, e, true);
		first += n;
		count -= n;
	}
	return 0;
}

void qcow_alloc_drop_emptied(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	struct qcow_extent *e, *next;
	LIST_HEAD(emptied);

	spin_lock(&alloc->lock);
	list_splice_init(&alloc->emptied, &emptied);
	spin_unlock(&alloc->lock);
	list_for_each_entry_safe(e, next, &emptied, node) {
		qcow_refblock_put(image, e->block);
		kfree(e);
	}
}

static int by_place(void *priv, const struct list_head *a,
		    const struct list_head *b)
{
	const struct qcow_extent *x = list_entry(a, struct qcow_extent, node);
	const struct qcow_extent *y = list_entry(b, struct qcow_extent, node);

	return x->first > y->first;
}

/* Sort the free extents, and move the file's end before those at the end. */
static void cut_extents(struct qcow_alloc *alloc, struct list_head *extents)
{
	struct qcow_extent *e, *previous;

	list_sort(NULL, extents, by_place);
	list_for_each_entry_safe_reverse(e, previous, extents, node) {
		if (e->first + e->count != alloc->end)
			break;
		alloc->end = e->first;
		list_del(&e->node);
		kfree(e);
	}
}

void qcow_alloc_stop(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;

	cancel_work_sync(&alloc->refill);
	spin_lock(&alloc->lock);
	alloc->refilling = false;
	spin_unlock(&alloc->lock);
}

void qcow_alloc_withdraw(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	struct qcow_extent *e;
	LIST_HEAD(extents);

	qcow_alloc_drop_emptied(image);
	spin_lock(&alloc->lock);
	alloc->clusters = 0;
	list_splice_init(&alloc->extents, &extents);
	spin_unlock(&alloc->lock);
	list_for_each_entry(e, &extents, node) {
		qcow_refblock_put(image, e->block);
		e->block = NULL;
	}
	cut_extents(alloc, &extents);
	mutex_lock(&image->refs.mutex);
	list_splice(&extents, &image->refs.found);
	mutex_unlock(&image->refs.mutex);
}

void qcow_alloc_cut_found(struct qcow_image *image)
{
	mutex_lock(&image->refs.mutex);
	cut_extents(&image->alloc, &image->refs.found);
	mutex_unlock(&image->refs.mutex);
}
