/* SPDX-License-Identifier: GPL-2.0 */
/* Discard a run of a command, or write zeroes to it. */
#ifndef QCOW_IMAGE_IO_ERASE_H
#define QCOW_IMAGE_IO_ERASE_H

#include "image/core/types.h"
#include "image/map/run.h"

/** qcow_erase - see qcow_image_ops.erase.  Context: a worker. */
int qcow_erase(struct qcow_cmd *cmd, struct qcow_run *run);

#endif /* QCOW_IMAGE_IO_ERASE_H */
