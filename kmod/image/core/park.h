/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A command waits for something, is woken, and ends.  Its count of @pending
 * says how many still have it: see struct qcow_cmd.
 */
#ifndef QCOW_IMAGE_CORE_PARK_H
#define QCOW_IMAGE_CORE_PARK_H

#include "image/core/interface.h"

enum { QCOW_TODO_DISPATCH };	/* bits of qcow_cmd.todo */

/** qcow_cmd_put - drop one of @cmd->pending; the last one ends the command */
void qcow_cmd_put(struct qcow_cmd *cmd);

/** qcow_cmd_set_error - the first error of a command is its result */
void qcow_cmd_set_error(struct qcow_cmd *cmd, int error);

/** qcow_cmd_queue_work - run the work item, for a reason that was noted
 *
 * @cmd->pending was counted up before the reason was noted.
 */
void qcow_cmd_queue_work(struct qcow_cmd *cmd);

/** qcow_cmd_to_worker - the work item goes on with the dispatch */
void qcow_cmd_to_worker(struct qcow_cmd *cmd);

/** qcow_cmd_unpark - something that the command waited for is there */
void qcow_cmd_unpark(struct qcow_cmd *cmd);

/** qcow_cmd_end - a command that was parked is over: 0, or an error */
void qcow_cmd_end(struct qcow_cmd *cmd, int error);

#endif /* QCOW_IMAGE_CORE_PARK_H */
