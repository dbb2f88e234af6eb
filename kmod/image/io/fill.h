/* SPDX-License-Identifier: GPL-2.0 */
/* Fill: give an image its own copy of what its backing file shows. */
#ifndef QCOW_IMAGE_IO_FILL_H
#define QCOW_IMAGE_IO_FILL_H

#include "image/core/types.h"
#include "image/map/run.h"

/** qcow_fill - as qcow_erase(), for QCOW_OP_FILL.  Context: a worker. */
int qcow_fill(struct qcow_cmd *cmd, struct qcow_run *run);

#endif /* QCOW_IMAGE_IO_FILL_H */
