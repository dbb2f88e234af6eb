// SPDX-License-Identifier: GPL-2.0
/*
 * Enter and leave epochs: each command holds a reference to the epoch in which
 * it began, until its I/O is over.
 */
#include <linux/rcupdate.h>

#include "file/record.h"
#include "image/core/epoch_ref.h"
#include "image/core/types.h"

struct qcow_epoch *qcow_epoch_enter(struct qcow_image *image)
{
	struct qcow_epoch *epoch;

	if (qcow_rule_broken(QCOW_RULE_EPOCH))
		return NULL;

	rcu_read_lock();
	/* an epoch is killed only after another one has replaced it */
	do {
		epoch = rcu_dereference(image->commit.epoch);
	} while (!percpu_ref_tryget_live_rcu(&epoch->ref));
	rcu_read_unlock();
	/*
	 * Read mappings only after the epoch.  Then an entry that was changed
	 * before this epoch began is seen as changed, and its old clusters,
	 * which an earlier epoch releases, are not used.  Pairs with
	 * rcu_assign_pointer() in qcow_epoch_close().
	 */
	smp_rmb();
	return epoch;
}

void qcow_epoch_leave(struct qcow_epoch *epoch)
{
	percpu_ref_put(&epoch->ref);
}
