/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Enter and leave epochs.  Each command holds the epoch in which it began.
 * Clusters that were freed in an epoch are not allocated again before all its
 * commands have left it.
 */
#ifndef QCOW_IMAGE_CORE_EPOCH_REF_H
#define QCOW_IMAGE_CORE_EPOCH_REF_H

#include "image/core/types.h"

/**
 * qcow_epoch_enter - enter the current epoch, before a mapping is looked up
 *
 * Context: any.
 * Return: the epoch, for qcow_epoch_leave().
 */
struct qcow_epoch *qcow_epoch_enter(struct qcow_image *image);
/** qcow_epoch_leave - the I/O on the mapping is over; any context */
void qcow_epoch_leave(struct qcow_epoch *epoch);

#endif /* QCOW_IMAGE_CORE_EPOCH_REF_H */
