/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The index of a writable image's metadata: where it lies.  With it no guest
 * data is written over metadata, even if a malformed table leads there.
 */
#ifndef QCOW_IMAGE_SPACE_METADATA_H
#define QCOW_IMAGE_SPACE_METADATA_H

#include <linux/types.h>

struct qcow_image;
struct qcow_reason;

/** struct qcow_metadata - neighbouring clusters of metadata */
struct qcow_metadata;

/**
 * qcow_metadata_init - note the structures that the header and L1 lead to
 * @why: set if the image is refused
 *
 * The L2 tables of snapshots are not noted: to read the L1 tables of snapshots
 * would take too long.
 *
 * Context: may sleep.
 * Return: 0; -EUCLEAN if two structures claim one cluster; -EINTR if a fatal
 * signal came; or another error.
 */
int qcow_metadata_init(struct qcow_image *image, struct qcow_reason *why);
void qcow_metadata_destroy(struct qcow_image *image);

/**
 * qcow_metadata_alloc - allocate memory for qcow_metadata_add()
 *
 * If the caller does not use it, kfree() frees it.
 */
struct qcow_metadata *qcow_metadata_alloc(gfp_t gfp);

/**
 * qcow_metadata_add - note 1 to 2^17 clusters from @first on as metadata
 * @m: from qcow_metadata_alloc(); the index takes it over
 *
 * Return: NULL; or @m, for the caller to free, if one of the clusters was noted
 * already.
 */
struct qcow_metadata *qcow_metadata_add(struct qcow_image *image,
					struct qcow_metadata *m, u64 first,
					u64 count);
/** qcow_metadata_remove - remove the note that covers cluster @first */
void qcow_metadata_remove(struct qcow_image *image, u64 first);

/**
 * qcow_metadata_find - find the first metadata in a range of clusters
 * @first: number of the first cluster of the range
 * @count: clusters of the range
 * @at:	   set to the number of the first cluster that was noted with the first
 *	   one of the range that holds metadata; may lie before the range
 * @n:	   set to the number of clusters that were noted together from there on
 *
 * Return: true if there is metadata.
 */
bool qcow_metadata_find(struct qcow_image *image, u64 first, u64 count,
			u64 *at, u64 *n);

/** qcow_is_metadata - does one of @count clusters from @first hold metadata? */
bool qcow_is_metadata(struct qcow_image *image, u64 first, u64 count);

/** qcow_metadata_end - the number of the last noted cluster, plus one; or 0 */
u64 qcow_metadata_end(struct qcow_image *image);

#endif /* QCOW_IMAGE_SPACE_METADATA_H */
