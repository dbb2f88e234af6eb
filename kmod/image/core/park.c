// SPDX-License-Identifier: GPL-2.0
/* Count the users of a command, wake parked commands, and end commands. */
#include "image/core/epoch_ref.h"
#include "image/core/marks.h"
#include "image/core/park.h"
#include "image/core/types.h"

void qcow_cmd_over(struct qcow_cmd *cmd)
{
	if (cmd->epoch) {
		if (unlikely(cmd->view->image->merge))
			qcow_merge_leave(cmd);
		qcow_epoch_leave(cmd->epoch);
	}
	cmd->done(cmd);
}

void qcow_cmd_set_error(struct qcow_cmd *cmd, int error)
{
	if (!READ_ONCE(cmd->error))
		WRITE_ONCE(cmd->error, error);
}

/*
 * The work item may run once more than there is work to do, and the command
 * must not end while it is queued or running: so it holds a count of @pending.
 * The caller took that count.  If the work item is queued already, it has one.
 */
void qcow_cmd_queue_work(struct qcow_cmd *cmd)
{
	if (!queue_work(cmd->wq, &cmd->work))
		qcow_cmd_put(cmd);
}

void qcow_cmd_to_worker(struct qcow_cmd *cmd)
{
	atomic_inc(&cmd->pending);
	set_bit(QCOW_TODO_DISPATCH, &cmd->todo);
	qcow_cmd_queue_work(cmd);
}

void qcow_cmd_unpark(struct qcow_cmd *cmd)
{
	qcow_cmd_to_worker(cmd);
}

void qcow_cmd_end(struct qcow_cmd *cmd, int error)
{
	qcow_cmd_set_error(cmd, error);
	qcow_cmd_put(cmd);
}
