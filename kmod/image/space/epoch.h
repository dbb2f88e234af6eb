/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Freed clusters wait in their epoch until nobody can still read or write
 * them.
 */
#ifndef QCOW_IMAGE_SPACE_EPOCH_H
#define QCOW_IMAGE_SPACE_EPOCH_H

#include "image/core/types.h"

/** qcow_epoch_alloc - an epoch that nobody is in */
struct qcow_epoch *qcow_epoch_alloc(struct qcow_image *image);

/** qcow_epoch_close - begin another one, if there is something to release
 *
 * Return: the closed one, to be killed when the commit is durable, or NULL.
 */
struct qcow_epoch *qcow_epoch_close(struct qcow_image *image);

/** qcow_epoch_has_freed - is there something to release in the current one? */
bool qcow_epoch_has_freed(struct qcow_image *image);

/**
 * qcow_epoch_free - nothing in memory refers to these clusters any more
 *
 * One reference to each is dropped when that is durable and who might still
 * read or write there is through.
 *
 * Context: a worker.
 */
int qcow_epoch_free(struct qcow_image *image, u64 first, u32 count);

#endif /* QCOW_IMAGE_SPACE_EPOCH_H */
