// SPDX-License-Identifier: GPL-2.0
/* Each command holds the epoch in which it began, until its I/O is over. */
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
	/* the current one is not killed before it is replaced */
	do {
		epoch = rcu_dereference(image->commit.epoch);
	} while (!percpu_ref_tryget_live_rcu(&epoch->ref));
	rcu_read_unlock();
	/* an entry that is read from here on was not given up before it began */
	smp_rmb();
	return epoch;
}

void qcow_epoch_leave(struct qcow_epoch *epoch)
{
	percpu_ref_put(&epoch->ref);
}
