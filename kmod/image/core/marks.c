// SPDX-License-Identifier: GPL-2.0
/*
 * Marks of a merge: while an image is merged into its backing file, each
 * command to the image marks the bytes that it changed.
 */
#include <linux/bitops.h>

#include "image/core/epoch_ref.h"
#include "image/core/kick.h"
#include "image/core/marks.h"
#include "image/core/types.h"

void qcow_merge_enter(struct qcow_cmd *cmd)
{
	struct qcow_image *base = cmd->view->image->merge->base;

	cmd->below = qcow_has_commits(base) ? qcow_epoch_enter(base) : NULL;
}

void qcow_merge_mark(struct qcow_merge_state *merge, u64 pos, u64 len)
{
	unsigned long i = pos >> merge->bits;

	for (; i <= (pos + len - 1) >> merge->bits; i++)
		set_bit(i, merge->dirty);
}

void qcow_merge_leave(struct qcow_cmd *cmd)
{
	if (cmd->op != QCOW_OP_READ && cmd->len)
		qcow_merge_mark(cmd->view->image->merge, cmd->pos, cmd->len);
	if (cmd->below)
		qcow_epoch_leave(cmd->below);
}
