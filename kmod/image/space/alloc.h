/* SPDX-License-Identifier: GPL-2.0 */
/* Clusters to be had: all of them read zeros. */
#ifndef QCOW_IMAGE_ALLOC_H
#define QCOW_IMAGE_ALLOC_H

#include <linux/types.h>

struct qcow_cmd;
struct qcow_image;

/** qcow_alloc_init - cut off what nobody uses behind the last used cluster */
int qcow_alloc_init(struct qcow_image *image);

/** qcow_alloc_destroy - @cut: the unused end of the file, off */
int qcow_alloc_destroy(struct qcow_image *image, bool cut);

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
 * qcow_alloc_found - a refcount block comes by for the first time
 * @block: as it lies in the file
 *
 * What is free in it was free at attach.  Context: qcow_refs.mutex is held.
 */
void qcow_alloc_found(struct qcow_image *image, const void *block,
		      unsigned long index);

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

#endif /* QCOW_IMAGE_ALLOC_H */
