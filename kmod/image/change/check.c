// SPDX-License-Identifier: GPL-2.0
/*
 * Decide whether an image may be changed, and say in words why not or what
 * went wrong.
 */
#include "file/reason.h"
#include "image/change/check.h"
#include "image/core/types.h"
#include "image/open/formats.h"

int qcow_change_check(const struct qcow_view *view, struct qcow_reason *why)
{
	const struct qcow_image *image = view->image;

	if (image->ops->format != qcow_qcow2_ops.format)
		return qcow_refuse(why, -EOPNOTSUPP, "%s is %s, not qcow2",
				   image->path, image->ops->name);
	if (!image->writable || view != &image->active)
		return qcow_refuse(why, -EROFS, "%s: is attached read-only",
				   image->path);
	return 0;
}

int qcow_change_check_op(const struct qcow_view *view, enum qcow_change_op op,
			 struct qcow_reason *why)
{
	const struct qcow_image *image = view->image;
	int err = qcow_change_check(view, why);

	if (err)
		return err;
	if (image->geo.external_data && op != QCOW_CHANGE_REBASE &&
	    op != QCOW_CHANGE_MERGE_STOP)
		return qcow_refuse(why, -EOPNOTSUPP,
				   "%s: has an external data file, which knows no other size and no snapshots",
				   image->path);
	return 0;
}

int qcow_change_check_health(const struct qcow_image *image,
			     struct qcow_reason *why)
{
	/* pairs with smp_store_release() in qcow_health_fail() */
	if (smp_load_acquire(&image->health.error))
		return qcow_refuse(why, -EIO,
				   "%s: cannot be changed since %s failed; detach it first",
				   image->path, image->health.failed);
	return 0;
}

int qcow_change_result(const struct qcow_image *image, int err,
		       struct qcow_reason *why)
{
	if (err == -ENOSPC || err == -EDQUOT)
		return qcow_refuse(why, err, "%s: there is no room for its new tables",
				   image->path);
	return err ? qcow_refuse(why, err, "%s: could not be changed (%d)",
				 image->path, err) : 0;
}
