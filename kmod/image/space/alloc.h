/* SPDX-License-Identifier: GPL-2.0 */
/* Allocate clusters from the reserve, in which all clusters read zeros. */
#ifndef QCOW_IMAGE_SPACE_ALLOC_H
#define QCOW_IMAGE_SPACE_ALLOC_H

#include <linux/types.h>

struct qcow_cmd;
struct qcow_extent;
struct qcow_image;

/**
 * qcow_alloc_take - take up to @want neighbouring clusters, refcount 1 each
 * @first: set to the number of the first one
 *
 * Context: process context; does not allocate memory and does not sleep.
 * Return: how many clusters were taken; 0 if the reserve is empty.
 */
u32 qcow_alloc_take(struct qcow_image *image, u32 want, u64 *first);

/**
 * qcow_alloc_wait - park a command until the reserve has clusters
 *
 * If the refill fails, the command ends with its error, -ENOSPC for example.
 *
 * Return: -EIOCBQUEUED if the command is parked; 0 if there are clusters now.
 */
int qcow_alloc_wait(struct qcow_image *image, struct qcow_cmd *cmd);

/**
 * qcow_alloc_give - put clusters into the reserve
 * @first: number of the first one; all read zeros and have refcount 0
 * @count: how many
 *
 * Context: a worker.
 * Return: 0 or a negative errno; then some of them are not in the reserve.
 */
int qcow_alloc_give(struct qcow_image *image, u64 first, u32 count);

/**
 * qcow_alloc_stop - wait for a running refill; the next allocation starts one
 *
 * Context: may sleep; no task allocates meanwhile.
 */
void qcow_alloc_stop(struct qcow_image *image);

/**
 * qcow_alloc_withdraw - empty the reserve, so that it pins no refcount block
 *
 * Its clusters are noted as free ones, which the next refills find again.
 *
 * Context: may sleep; called after qcow_alloc_stop().
 */
void qcow_alloc_withdraw(struct qcow_image *image);

/**
 * qcow_alloc_cut_found - move the end before free clusters that lie at the end
 *
 * Some of these may hold old data, so the caller cuts the file at the new end.
 *
 * Context: detach; called after qcow_alloc_withdraw().
 */
void qcow_alloc_cut_found(struct qcow_image *image);

/**
 * qcow_alloc_add - put an extent of fresh clusters into the reserve
 * @first: take it before others, as it lies inside the file
 */
void qcow_alloc_add(struct qcow_image *image, struct qcow_extent *e,
		    bool first);

/** qcow_alloc_drop_emptied - unpin the refcount blocks of used-up extents */
void qcow_alloc_drop_emptied(struct qcow_image *image);

#endif /* QCOW_IMAGE_SPACE_ALLOC_H */
