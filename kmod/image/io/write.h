/* SPDX-License-Identifier: GPL-2.0 */
/* Prepare a run that cannot be written as it is. */
#ifndef QCOW_IMAGE_IO_WRITE_H
#define QCOW_IMAGE_IO_WRITE_H

#include "image/core/types.h"
#include "image/map/run.h"

/**
 * qcow_write_prepare - do what @run needs before it can be written
 *
 * Return: 0, look again; -EIOCBQUEUED, the command is parked; -EAGAIN, only
 * with @nowait; 1, the run was written; or an error.
 */
int qcow_write_prepare(struct qcow_cmd *cmd, struct qcow_run *run,
		       bool nowait);

#endif /* QCOW_IMAGE_IO_WRITE_H */
