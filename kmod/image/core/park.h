/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Wake commands that are parked, and end commands.  A command ends when its
 * count @pending drops to zero: see struct qcow_cmd.
 */
#ifndef QCOW_IMAGE_CORE_PARK_H
#define QCOW_IMAGE_CORE_PARK_H

#include "image/core/interface.h"

enum { QCOW_TODO_DISPATCH };	/* bits of qcow_cmd.todo */

/* Private to qcow_cmd_put(). */
void qcow_cmd_over(struct qcow_cmd *cmd);

/**
 * qcow_cmd_put - drop a count of @cmd->pending; the last one ends the command
 *
 * Context: any.
 */
static inline void qcow_cmd_put(struct qcow_cmd *cmd)
{
	if (atomic_dec_and_test(&cmd->pending))
		qcow_cmd_over(cmd);
}

/** qcow_cmd_set_error - set the command's result, unless it has an error */
void qcow_cmd_set_error(struct qcow_cmd *cmd, int error);

/**
 * qcow_cmd_queue_work - queue the command's work item
 *
 * The caller first took a count of @cmd->pending, and then noted in @cmd->todo
 * or @cmd->resume what the work item has to do.
 */
void qcow_cmd_queue_work(struct qcow_cmd *cmd);

/** qcow_cmd_to_worker - have the work item go on with the dispatch */
void qcow_cmd_to_worker(struct qcow_cmd *cmd);

/** qcow_cmd_unpark - what a parked command waited for is there: go on */
void qcow_cmd_unpark(struct qcow_cmd *cmd);

/** qcow_cmd_end - end a parked command; @error: 0 or a negative errno */
void qcow_cmd_end(struct qcow_cmd *cmd, int error);

#endif /* QCOW_IMAGE_CORE_PARK_H */
