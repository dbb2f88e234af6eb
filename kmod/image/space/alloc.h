/* SPDX-License-Identifier: GPL-2.0 */
/* Clusters to be had: all of them read zeros. */
#ifndef QCOW_IMAGE_SPACE_ALLOC_H
#define QCOW_IMAGE_SPACE_ALLOC_H

#include <linux/types.h>

struct qcow_cmd;
struct qcow_extent;
struct qcow_image;

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
 * qcow_alloc_give - clusters that read zeros and have refcount 0
 *
 * Context: a worker.
 */
int qcow_alloc_give(struct qcow_image *image, u64 first, u32 count);

/** qcow_alloc_stop - no refill is under way; the next one allocation begins
 *
 * Context: nobody allocates.
 */
void qcow_alloc_stop(struct qcow_image *image);

/**
 * qcow_alloc_withdraw - nothing is at hand; what was is found again when needed
 *
 * No refcount block is pinned for it any more.  Context: qcow_alloc_stop().
 */
void qcow_alloc_withdraw(struct qcow_image *image);

/** qcow_alloc_add - more fresh clusters
 * @first: to be taken before others, as they are inside the file
 */
void qcow_alloc_add(struct qcow_image *image, struct qcow_extent *e,
		    bool first);

/** qcow_alloc_drop_emptied - let go of the blocks of what was used up */
void qcow_alloc_drop_emptied(struct qcow_image *image);

#endif /* QCOW_IMAGE_SPACE_ALLOC_H */
