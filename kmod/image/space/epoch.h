/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Freed clusters wait in their epoch until no command can still read or write
 * them.
 */
#ifndef QCOW_IMAGE_SPACE_EPOCH_H
#define QCOW_IMAGE_SPACE_EPOCH_H

#include "image/core/types.h"

/** qcow_epoch_alloc - an epoch that no command is in, or NULL without memory */
struct qcow_epoch *qcow_epoch_alloc(struct qcow_image *image);

/**
 * qcow_epoch_close - if the current epoch has freed clusters, begin another
 *
 * Context: the commit; may sleep.
 * Return: the closed epoch, whose @ref the caller kills when the commit is
 * durable; or NULL if there is nothing to release, or no memory.
 */
struct qcow_epoch *qcow_epoch_close(struct qcow_image *image);

/** qcow_epoch_has_freed - has the current epoch freed clusters? */
bool qcow_epoch_has_freed(struct qcow_image *image);

/**
 * qcow_epoch_free - free clusters that nothing in memory refers to any more
 * @first: number of the first cluster
 * @count: how many
 *
 * Each cluster loses a reference when two things hold: the change that freed
 * it is durable, and all commands that may still read or write there are over.
 *
 * Context: a worker.
 * Return: 0.
 */
int qcow_epoch_free(struct qcow_image *image, u64 first, u32 count);

#endif /* QCOW_IMAGE_SPACE_EPOCH_H */
