/* SPDX-License-Identifier: GPL-2.0 */
/* Commands that the driver itself submits to an image, and waits for. */
#ifndef QCOW_IMAGE_IO_CMD_H
#define QCOW_IMAGE_IO_CMD_H

#include "image/core/types.h"

/**
 * qcow_cmd_run - submit a command as a request would, and wait for it
 * @like: its "in" members are used, but not @done
 *
 * It runs even while requests to the device are held back.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int qcow_cmd_run(const struct qcow_cmd *like);

/**
 * qcow_cmd_wait - submit a command without memory, and wait for it
 * @view: a view of a writable qcow2 image
 * @pos:  guest offset, bytes
 * @len:  bytes
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int qcow_cmd_wait(struct qcow_view *view, enum qcow_op op, u64 pos, u32 len);

#endif /* QCOW_IMAGE_IO_CMD_H */
