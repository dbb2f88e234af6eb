// SPDX-License-Identifier: GPL-2.0
/*
 * Fill a whole disk with what shows through from its backing file, so that
 * another file can back it.
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "file/reason.h"
#include "image/change/check.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/io/cmd.h"

/* Of a command; who asks for more may be interrupted in between. */
#define FILL_BYTES	SZ_4M

/* Its snapshots show the backing file as well, and get nothing of it. */
static int fill_check(const struct qcow_view *view, struct qcow_reason *why)
{
	const struct qcow_image *image = view->image;
	int err = qcow_change_check(view, why);

	if (err || !image->header.nb_snapshots)
		return err;
	return qcow_refuse(why, -EBUSY,
			   "%s: has snapshots, which would show something else over another backing file; delete them first",
			   image->path);
}

/* Whole clusters, as far as the disk goes. */
int qcow_view_fill(struct qcow_view *view, u64 pos, u64 len, u64 *changes,
		   struct qcow_reason *why)
{
	u64 cluster = 1ULL << view->image->geo.cluster_bits, end;
	int err = fill_check(view, why);

	if (err)
		return err;
	if (!view->image->sealed) {
		WRITE_ONCE(view->image->sealed, true);
		/* who holds a slice's lock may not have seen it */
		synchronize_rcu();
	}
	*changes = view->image->changes;
	pos = min(pos, view->size);
	end = pos + min(len, view->size - pos);
	if (end < view->size)
		end = min(round_up(end, cluster), view->size);
	for (pos = round_down(pos, cluster); !err && pos < end; pos += len) {
		len = min_t(u64, end - pos, FILL_BYTES);
		err = fatal_signal_pending(current) ? -EINTR :
		      qcow_cmd_wait(view, QCOW_OP_FILL, pos, len);
		cond_resched();
	}
	return err;
}
