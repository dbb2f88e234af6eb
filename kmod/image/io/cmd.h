/* SPDX-License-Identifier: GPL-2.0 */
/* Commands that the driver sends to an image itself, and waits for. */
#ifndef QCOW_IMAGE_IO_CMD_H
#define QCOW_IMAGE_IO_CMD_H

#include "image/core/types.h"

/**
 * qcow_cmd_run - a command whose "in" members are those of @like; @done is not
 *
 * As a request would, whether or not requests are let in.  Waits for it.
 */
int qcow_cmd_run(const struct qcow_cmd *like);

/** qcow_cmd_wait - one to a writable qcow2 image, that has no memory */
int qcow_cmd_wait(struct qcow_view *view, enum qcow_op op, u64 pos, u32 len);

#endif /* QCOW_IMAGE_IO_CMD_H */
