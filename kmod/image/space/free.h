/* SPDX-License-Identifier: GPL-2.0 */
/* Runs of free clusters, as refcount blocks tell of them. */
#ifndef QCOW_IMAGE_SPACE_FREE_H
#define QCOW_IMAGE_SPACE_FREE_H

#include "image/core/types.h"

struct qcow_refblock;

/**
 * struct qcow_extent - fresh clusters of one refcount block
 * @node: in the list of them
 * @first: cluster
 * @count: of clusters
 * @block: that counts them, pinned
 */
struct qcow_extent {
	struct list_head node;
	u64 first;
	u64 count;
	struct qcow_refblock *block;
};

/** qcow_extent_alloc - @block: that counts them, pinned, or NULL */
struct qcow_extent *qcow_extent_alloc(struct qcow_image *image, u64 first,
				      u64 count, struct qcow_refblock *block);

/**
 * qcow_alloc_found - a refcount block comes by for the first time
 * @block: as it lies in the file
 *
 * What is free in it was free at attach.  Context: qcow_refs.mutex is held.
 */
void qcow_alloc_found(struct qcow_image *image, const void *block,
		      unsigned long index);

#endif /* QCOW_IMAGE_SPACE_FREE_H */
