/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clusters to be had: all of them read zeros, durably, and are counted by
 * refcount blocks that the durable refcount table leads to.
 */
#ifndef QCOW_IMAGE_ALLOC_H
#define QCOW_IMAGE_ALLOC_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct qcow_cmd;
struct qcow_image;

/**
 * struct qcow_alloc - what an image has to give
 * @lock:	guards @extents, @clusters, @waiters, @refilling and @error
 * @extents:	runs of fresh clusters, each of one refcount block
 * @clusters:	in them
 * @waiters:	commands parked until there is something
 * @refilling:	the work item is queued or running
 * @error:	of the last refill, for those who wait
 * @end:	first cluster beyond the file; refill's own
 * @step:	clusters that the next refill adds; doubles
 */
struct qcow_alloc {
	spinlock_t lock;
	struct list_head extents;
	u64 clusters;
	struct list_head waiters;
	bool refilling;
	int error;
	u64 end;
	u64 step;
	struct work_struct refill;
};

/** qcow_alloc_init - cut off what nobody uses behind the last used cluster */
int qcow_alloc_init(struct qcow_image *image);

/** qcow_alloc_destroy - give unused clusters at the end of the file back */
int qcow_alloc_destroy(struct qcow_image *image);

/**
 * qcow_alloc_take - take up to @want neighbouring clusters, refcount 1 each
 * @first: the first one's number
 *
 * Context: task; takes no memory and does not sleep.
 * Return: how many, 0 where there are none at hand.
 */
u32 qcow_alloc_take(struct qcow_image *image, u32 want, u64 *first);

/**
 * qcow_alloc_wait - park a command until there are clusters
 *
 * Return: -EIOCBQUEUED; or 0 where there are some now; or why there will be
 * none, -ENOSPC for example.
 */
int qcow_alloc_wait(struct qcow_image *image, struct qcow_cmd *cmd);

/**
 * qcow_alloc_give - clusters that read zeros, durably, and have refcount 0
 *
 * Context: a worker.
 */
int qcow_alloc_give(struct qcow_image *image, u64 first, u32 count);

#endif /* QCOW_IMAGE_ALLOC_H */
