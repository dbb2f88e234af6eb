/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a writable image's metadata lies, so that no guest data is written
 * there, whatever a table says.
 */
#ifndef QCOW_IMAGE_SPACE_METADATA_H
#define QCOW_IMAGE_SPACE_METADATA_H

#include <linux/types.h>

struct qcow_image;
struct qcow_reason;

/** struct qcow_metadata - neighbouring clusters of metadata */
struct qcow_metadata;

/**
 * qcow_metadata_init - note what the header and the L1 table lead to
 *
 * The L2 tables of snapshots are not: reading their L1 tables costs too much.
 *
 * Return: 0; -EUCLEAN: two structures claim one cluster; or another error.
 */
int qcow_metadata_init(struct qcow_image *image, struct qcow_reason *why);
void qcow_metadata_destroy(struct qcow_image *image);

/** qcow_metadata_alloc - memory for qcow_metadata_add(); kfree() if unused */
struct qcow_metadata *qcow_metadata_alloc(gfp_t gfp);

/**
 * qcow_metadata_add - clusters that hold metadata from now on
 * @m: is used up
 *
 * Return: NULL, or @m where one of the clusters was noted already.
 */
struct qcow_metadata *qcow_metadata_add(struct qcow_image *image,
					struct qcow_metadata *m, u64 first,
					u64 count);
/** qcow_metadata_remove - what qcow_metadata_add() noted from @first on */
void qcow_metadata_remove(struct qcow_image *image, u64 first);

/** qcow_metadata_remove_all - each that has one of @clusters, of @size bits
 *
 * It costs what there is of metadata, however many clusters these are.
 */
void qcow_metadata_remove_all(struct qcow_image *image,
			      const unsigned long *clusters, u64 size);

/** qcow_is_metadata - does one of these clusters hold metadata? */
bool qcow_is_metadata(struct qcow_image *image, u64 first, u64 count);

/** qcow_metadata_end - the last cluster of metadata, plus one */
u64 qcow_metadata_end(struct qcow_image *image);

#endif /* QCOW_IMAGE_SPACE_METADATA_H */
