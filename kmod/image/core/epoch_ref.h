/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Enter and leave epochs.  Each command holds the epoch in which it began.
 * Clusters that were freed in an epoch are not allocated again before all its
 * commands have left it.
 */
#ifndef QCOW_IMAGE_CORE_EPOCH_REF_H
#define QCOW_IMAGE_CORE_EPOCH_REF_H

#include <linux/percpu-refcount.h>
#include <linux/rcupdate.h>

#include "file/record.h"
#include "image/core/types.h"

/**
 * qcow_epoch_enter - enter the current epoch, before a mapping is looked up
 *
 * Context: any.
 * Return: the epoch, for qcow_epoch_leave().
 */
static inline struct qcow_epoch *qcow_epoch_enter(struct qcow_image *image)
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

/** qcow_epoch_leave - the I/O on the mapping is over; any context */
static inline void qcow_epoch_leave(struct qcow_epoch *epoch)
{
	percpu_ref_put(&epoch->ref);
}

#endif /* QCOW_IMAGE_CORE_EPOCH_REF_H */
