/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Each command holds the epoch in which it began.  Clusters that were freed in
 * an epoch are not given out again before all commands have left it.
 */
#ifndef QCOW_IMAGE_CORE_EPOCH_REF_H
#define QCOW_IMAGE_CORE_EPOCH_REF_H

#include "image/core/types.h"

/** qcow_epoch_enter - before a mapping is looked up; qcow_epoch_leave() after
 * the I/O on it is over.  Any context.
 */
struct qcow_epoch *qcow_epoch_enter(struct qcow_image *image);
void qcow_epoch_leave(struct qcow_epoch *epoch);

#endif /* QCOW_IMAGE_CORE_EPOCH_REF_H */
