// SPDX-License-Identifier: GPL-2.0
/*
 * Copy into an image what shows through from its backing file, so that another
 * file can back it.
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "file/reason.h"
#include "image/change/check.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/io/cmd.h"

/*
 * Bytes that one command fills.  Between two commands the caller can be
 * interrupted.
 */
#define FILL_BYTES	SZ_4M

/*
 * Refuse an image with snapshots: they show the backing file as well, and a
 * fill copies nothing into them.
 */
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

/* Fill whole clusters, up to the end of the disk. */
int qcow_view_fill(struct qcow_view *view, u64 pos, u64 len, u64 *changes,
		   struct qcow_reason *why)
{
	u64 cluster = 1ULL << view->image->geo.cluster_bits, end;
	int err = fill_check(view, why);

	if (err)
		return err;
	if (!view->image->sealed) {
		WRITE_ONCE(view->image->sealed, true);
		/*
		 * wait for writers that hold a slice's lock and may have read
		 * the old value of @sealed
		 */
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
