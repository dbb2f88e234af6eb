// SPDX-License-Identifier: GPL-2.0
/*
 * Release freed clusters.
 *
 * A freed cluster waits in the epoch in which it was freed.  When a commit has
 * closed the epoch and is durable, and all commands have left the epoch, its
 * clusters lose a reference each.  Those without a reference left are punched
 * and given back to the reserve.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "file/record.h"
#include "image/core/health.h"
#include "image/core/kick.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/space/alloc.h"
#include "image/space/epoch.h"
#include "image/space/metadata.h"
#include "image/space/refs.h"

/** struct freed - neighbouring clusters that are to lose a reference each */
struct freed {
	struct list_head node;
	u64 first;
	u32 count;
};

static void epoch_work(struct work_struct *work);

static void epoch_released(struct percpu_ref *ref)
{
	struct qcow_epoch *epoch = container_of(ref, struct qcow_epoch, ref);

	queue_work(epoch->image->upkeep, &epoch->work);
}

struct qcow_epoch *qcow_epoch_alloc(struct qcow_image *image)
{
	struct qcow_epoch *epoch = kzalloc(sizeof(*epoch), GFP_NOIO);

	if (!epoch)
		return NULL;
	if (percpu_ref_init(&epoch->ref, epoch_released, 0, GFP_NOIO)) {
		kfree(epoch);
		return NULL;
	}
	epoch->image = image;
	INIT_LIST_HEAD(&epoch->freed);
	INIT_WORK(&epoch->work, epoch_work);
	atomic_inc(&image->commit.epochs);
	return epoch;
}

/* If the clusters follow those that were freed last, extend these. */
static bool extend_last(struct list_head *list, u64 first, u32 count)
{
	struct freed *last;

	if (list_empty(list))
		return false;
	last = list_last_entry(list, struct freed, node);
	if (last->first + last->count != first || last->count > S32_MAX)
		return false;
	last->count += count;
	return true;
}

static struct freed *freed_alloc(u64 first, u32 count)
{
	struct freed *f = kmalloc(sizeof(*f), GFP_NOIO | __GFP_NOFAIL);

	f->first = first;
	f->count = count;
	return f;
}

int qcow_epoch_free(struct qcow_image *image, u64 first, u32 count)
{
	struct qcow_commit *commit = &image->commit;
	struct freed *f = freed_alloc(first, count);
	struct qcow_epoch *epoch;

	if (qcow_rule_broken(QCOW_RULE_RELEASE)) {
		kfree(f);
		for (; count--; first++)
			if (!qcow_refs_drop(image, first))
				qcow_alloc_give(image, first, 1);
		return 0;
	}
	spin_lock(&commit->lock);
	epoch = rcu_dereference_protected(commit->epoch,
					  lockdep_is_held(&commit->lock));
	if (!extend_last(&epoch->freed, first, count)) {
		list_add_tail(&f->node, &epoch->freed);
		f = NULL;
	}
	epoch->clusters += count;
	commit->quarantine += count;
	spin_unlock(&commit->lock);
	kfree(f);
	qcow_commit_soon(image);
	return 0;
}

/*
 * Drop a reference to each cluster, and collect the clusters without any in
 * @unused, to be punched.  If memory runs out, a cluster stays counted: that
 * is a leak and no damage.
 */
static int release_freed(struct qcow_image *image, struct freed *f,
			 struct list_head *unused)
{
	u64 first = f->first;
	u32 count = f->count;
	long left;

	for (; count; count--, first++) {
		cond_resched();
		left = qcow_refs_drop(image, first);
		if (left == -ENOMEM)
			continue;
		if (left < 0)
			return left;
		qcow_stat_inc(image, releases);
		if (!left)
			qcow_metadata_remove(image, first);
		if (left || extend_last(unused, first, 1))
			continue;
		list_add_tail(&freed_alloc(first, 1)->node, unused);
	}
	return 0;
}

/*
 * If the file system below does not punch a range, its clusters are not
 * allocated again before the next attach.  That is no damage.
 */
static void punch_unused(struct qcow_image *image, struct list_head *unused)
{
	u8 bits = image->geo.cluster_bits;
	struct freed *f, *next;

	list_for_each_entry_safe(f, next, unused, node) {
		if (qcow_rule_broken(QCOW_RULE_PUNCH) ||
		    !qcow_file_zero(image->file, f->first << bits,
				    (u64)f->count << bits, true))
			continue;
		list_del(&f->node);
		kfree(f);
	}
}

static void free_list(struct list_head *list)
{
	struct freed *f, *next;

	list_for_each_entry_safe(f, next, list, node)
		kfree(f);
}

/*
 * Give clusters that read zeros and that nothing leads to back to the reserve.
 * If memory runs out, some are not allocated again before the next attach.
 */
static int give_back(struct qcow_image *image, struct list_head *unused)
{
	struct freed *f;
	int err;

	list_for_each_entry(f, unused, node) {
		err = qcow_alloc_give(image, f->first, f->count);
		if (err && err != -ENOMEM)
			return err;
	}
	return 0;
}

/* Runs when all I/O of this epoch, and of those before it, has ended. */
static void epoch_work(struct work_struct *work)
{
	struct qcow_epoch *epoch =
		container_of(work, struct qcow_epoch, work);
	struct qcow_image *image = epoch->image;
	struct qcow_commit *commit = &image->commit;
	unsigned int noio = memalloc_noio_save();
	struct freed *f, *next;
	LIST_HEAD(unused);
	int err = READ_ONCE(image->health.error);

	qcow_record_step(QCOW_STEP_RELEASE);
	list_for_each_entry_safe(f, next, &epoch->freed, node) {
		if (!err)
			err = release_freed(image, f, &unused);
		kfree(f);
	}
	if (!err) {
		punch_unused(image, &unused);
		err = give_back(image, &unused);
	}
	if (err)
		qcow_health_fail(image, "releasing clusters", err);
	free_list(&unused);
	spin_lock(&commit->lock);
	commit->quarantine -= epoch->clusters;
	spin_unlock(&commit->lock);
	if (epoch->next)
		percpu_ref_put(&epoch->next->ref);
	percpu_ref_exit(&epoch->ref);
	kfree_rcu(epoch, rcu);
	qcow_commit_soon(image);
	atomic_dec(&commit->epochs);
	wake_up_all(&commit->idle);
	memalloc_noio_restore(noio);
}

struct qcow_epoch *qcow_epoch_close(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;
	struct qcow_epoch *old, *new;
	bool empty;

	spin_lock(&commit->lock);
	old = rcu_dereference_protected(commit->epoch,
					lockdep_is_held(&commit->lock));
	/* qcow_commit_destroy() takes the epoch off before the last commit */
	empty = !old || list_empty(&old->freed);
	spin_unlock(&commit->lock);
	if (empty)
		return NULL;
	new = qcow_epoch_alloc(image);
	if (!new)
		return NULL;	/* a later commit closes and releases it */
	percpu_ref_get(&new->ref);
	old->next = new;
	spin_lock(&commit->lock);
	/* a release; pairs with the smp_rmb() in qcow_epoch_enter() */
	rcu_assign_pointer(commit->epoch, new);
	spin_unlock(&commit->lock);
	return old;
}

bool qcow_epoch_has_freed(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;
	const struct qcow_epoch *epoch;
	bool any;

	spin_lock(&commit->lock);
	epoch = rcu_dereference_protected(commit->epoch,
					  lockdep_is_held(&commit->lock));
	any = !list_empty(&epoch->freed);
	spin_unlock(&commit->lock);
	return any;
}
