/* SPDX-License-Identifier: GPL-2.0 */
/* Prepare runs that may not be written in place. */
#ifndef QCOW_IMAGE_IO_WRITE_H
#define QCOW_IMAGE_IO_WRITE_H

#include "image/core/types.h"
#include "image/map/run.h"

/**
 * qcow_write_prepare - do what @run needs before it can be written
 * @nowait: the caller is not a worker and must not sleep
 *
 * Return: 0 if the caller must look the run up again; 1 if the run was written;
 * -EIOCBQUEUED if the command is parked; -EAGAIN, only with @nowait, if a
 * worker has to do it; or a negative errno.
 */
int qcow_write_prepare(struct qcow_cmd *cmd, struct qcow_run *run,
		       bool nowait);

#endif /* QCOW_IMAGE_IO_WRITE_H */
