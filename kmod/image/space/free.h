/* SPDX-License-Identifier: GPL-2.0 */
/* Extents: runs of free clusters that one refcount block counts. */
#ifndef QCOW_IMAGE_SPACE_FREE_H
#define QCOW_IMAGE_SPACE_FREE_H

#include "image/core/types.h"

struct qcow_refblock;

/**
 * struct qcow_extent - a run of clusters that one refcount block counts
 * @node:  in a list of qcow_alloc, or in qcow_refs.found
 * @first: number of the first cluster
 * @count: how many clusters
 * @block: the refcount block, pinned; NULL in qcow_refs.found
 */
struct qcow_extent {
	struct list_head node;
	u64 first;
	u64 count;
	struct qcow_refblock *block;
};

/**
 * qcow_extent_alloc - allocate an extent; NULL without memory
 * @block: the refcount block, which the caller has pinned for it, or NULL
 */
struct qcow_extent *qcow_extent_alloc(struct qcow_image *image, u64 first,
				      u64 count, struct qcow_refblock *block);

/**
 * qcow_alloc_found - note the free clusters of a block that was read first now
 * @block: the block as it lies in the file
 * @index: of the block in the refcount table
 *
 * Clusters that are free in the block were free at attach, too: a refcount
 * changes only in a block that is in memory.
 *
 * Context: the caller holds qcow_refs.mutex.
 */
void qcow_alloc_found(struct qcow_image *image, const void *block,
		      unsigned long index);

#endif /* QCOW_IMAGE_SPACE_FREE_H */
