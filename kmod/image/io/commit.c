// SPDX-License-Identifier: GPL-2.0
/*
 * Commits: write the metadata that changed in memory to the image file, in an
 * order that survives a power cut.
 *
 * Everyday writes change metadata in memory only: L2 slices, the L1 table and
 * refcount blocks.  A commit writes these changes to the file.  At any instant
 * the file is an image that needs no repair; a crash can only leave leaked
 * clusters behind, which are counted and not used.  The steps of a commit:
 *
 *  1. Close the epoch.  Clusters that were freed in it are released by this
 *     commit, and clusters that are freed later by the next one.  Then copy
 *     what is dirty, parents before children: the L1 table, then L2 slices,
 *     then refcounts.  Writers go the other way: they dirty a child before its
 *     parent, raise a refcount before they write the entry that needs it, and
 *     change an entry before they free its old cluster.  So no copy refers to
 *     something that was not copied.
 *  2. Write the refcount blocks.
 *  3. Sync.  Now the data that the new entries lead to is durable, and so are
 *     the refcounts of all clusters that these entries name.
 *  4. Write the L2 slices and the L1 entries, in any order.  A table that L1
 *     names for the first time read zeros when it was allocated, or is a whole
 *     copy of another table.  Step 3 made that durable.
 *  5. Sync.  Commands that waited for the commit end here.
 *  6. When all I/O that began before the epoch was closed has ended, decrement
 *     the refcounts of the freed clusters in memory, punch the clusters, and
 *     give them back to the reserve.
 *
 * So the reserve has one kind of cluster only: clusters that read zeros.  If
 * freed clusters came back as they were, a partial write would have to fill
 * such a cluster first and link it afterwards.
 *
 * Neither a punch nor an extension of the file is synced before the cluster is
 * given out.  No durable entry leads to the cluster, and an entry that will
 * lead to it becomes durable in a step 4, after a step 3 that began when the
 * punch had ended.  Until then the cluster may contain anything.  For the same
 * reason an entry of the refcount table needs no sync of its own.  The block
 * that the entry names needs one before the entry is written: without it, the
 * durable table might lead to a block that does not count itself.
 *
 * An image may allow lazy refcounts; the driver makes no use of that.  Its
 * refcounts are exact at every instant, and it never sets the dirty bit.
 *
 * If a commit runs out of space or memory, the commands that waited for it
 * fail.  (A file system that copies on write needs space even to write in
 * place.)  What the commit did not write is dirty again, what it would have
 * released stays, and the next commit does all of that.  After any other
 * error, and after a sync that failed for whatever reason, nothing is released
 * or allocated any more, and every flush fails: the kernel reports a failed
 * writeback only once.
 */
#include <linux/delay.h>
#include <linux/sched/mm.h>

#include "file/record.h"
#include "image/core/health.h"
#include "image/core/park.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/io/commit.h"
#include "image/map/cache.h"
#include "image/map/l1.h"
#include "image/space/epoch.h"
#include "image/space/refs.h"

#define RETRY_INTERVAL	(HZ / 2)

/* See qcow_commit_calm(). */
#define CALM_SLICES	32UL

/* The last commit is tried so many times if it runs out of memory. */
#define LAST_TRIES	20
#define LAST_DELAY_MS	20

/**
 * struct round - one round of a commit: a part of it that is written at once
 * @slices: L2 slices whose copies this round writes
 * @left:   number of dirty slices that this commit still has to copy
 */
struct round {
	struct list_head slices;
	unsigned long left;
};

/* The round failed: what it copied is dirty again. */
static void undo_round(struct qcow_image *image, struct round *r)
{
	qcow_l1_undo_copy(image);
	qcow_cache_written(image, &r->slices, false);
}

static int sync_files(struct qcow_image *image)
{
	int err = 0;

	if (image->data_file != image->file)
		err = qcow_health_sync(image, image->data_file);
	return err ? err : qcow_health_sync(image, image->file);
}

static int write_mappings(struct qcow_image *image, struct round *r)
{
	int err;

	qcow_record_step(QCOW_STEP_MAPPINGS);
	err = qcow_cache_write(image, &r->slices);
	return err ? err : qcow_l1_write(image);
}

static int make_reachable(struct qcow_image *image, struct round *r)
{
	int err;

	if (qcow_rule_broken(QCOW_RULE_ORDER)) {
		err = write_mappings(image, r);
		if (err)
			return err;
	}
	qcow_record_step(QCOW_STEP_REFCOUNTS);
	err = qcow_refs_write(image);
	if (err || qcow_rule_broken(QCOW_RULE_FIRST_SYNC))
		return err;
	qcow_record_step(QCOW_STEP_FIRST_SYNC);
	return sync_files(image);
}

static int commit_round(struct qcow_image *image, struct round *r)
{
	int err;

	qcow_record_step(QCOW_STEP_COPY);
	qcow_l1_copy(image);
	qcow_cache_copy_dirty(image, &r->slices, &r->left);
	err = make_reachable(image, r);
	if (err || (list_empty(&r->slices) && !qcow_l1_has_copy(image)))
		return err;
	err = write_mappings(image, r);
	if (err || qcow_rule_broken(QCOW_RULE_FLUSH))
		return err;
	qcow_record_step(QCOW_STEP_SECOND_SYNC);
	return sync_files(image);
}

/* After such an error a later commit may succeed, and nothing is damaged. */
static bool may_pass(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -ENOMEM;
}

/*
 * If the memory for copies does not suffice for all that is dirty, a commit
 * takes several rounds.  After each round the file is a sound image.
 */
static int commit_rounds(struct qcow_image *image)
{
	struct round r = { .left = READ_ONCE(image->cache.nr_dirty) };
	int err;

	INIT_LIST_HEAD(&r.slices);
	do {
		err = commit_round(image, &r);
		if (err)
			undo_round(image, &r);
		else
			qcow_cache_written(image, &r.slices, true);
	} while (!err && r.left);
	qcow_record_step(QCOW_STEP_NONE);
	return err;
}

/*
 * The epoch that is closed at the beginning is released after the last round.
 * percpu_ref_kill() drops its first reference; when the last command has left
 * the epoch, epoch_work() in space/epoch.c runs.
 */
static int commit_once(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;
	int err;

	if (image->health.error)
		return -EIO;
	qcow_stat_inc(image, commits);
	if (!commit->closed)
		commit->closed = qcow_epoch_close(image);
	err = commit_rounds(image);
	if (err && !may_pass(err))
		qcow_health_fail(image, "a commit", err);
	if (err && !image->health.error)
		return err;
	if (commit->closed)
		percpu_ref_kill(&commit->closed->ref);
	commit->closed = NULL;
	return err ? -EIO : 0;
}

/*
 * If the commit failed, nothing became clean: commands that wait for less
 * dirty metadata fail, too.
 */
static void go_on(struct list_head *throttled, int err)
{
	struct qcow_cmd *cmd, *next;

	list_for_each_entry_safe(cmd, next, throttled, node) {
		if (err)
			qcow_cmd_end(cmd, err);
		else
			qcow_cmd_unpark(cmd);
	}
}

static void commit_work(struct work_struct *work)
{
	struct qcow_image *image =
		container_of(work, struct qcow_image, commit.work);
	struct qcow_commit *commit = &image->commit;
	unsigned int noio = memalloc_noio_save();
	struct qcow_cmd *cmd, *next;
	LIST_HEAD(waiters);
	LIST_HEAD(throttled);
	bool was_calm;
	int err;

	spin_lock(&commit->lock);
	commit->running = true;
	list_splice_init(&commit->waiters, &waiters);
	spin_unlock(&commit->lock);
	err = commit_once(image);
	spin_lock(&commit->lock);
	commit->running = false;
	commit->result = err;
	list_splice_init(&commit->throttled, &throttled);
	/* a command that waits only for the sake of a change does not fail */
	was_calm = READ_ONCE(commit->calm);
	if (err)
		WRITE_ONCE(commit->calm, false);
	spin_unlock(&commit->lock);
	/* retry after a while: at once it would most likely fail again */
	if (err && !image->health.error)
		queue_delayed_work(commit->wq, &commit->timer, RETRY_INTERVAL);
	go_on(&throttled, err && !was_calm ? err : 0);
	list_for_each_entry_safe(cmd, next, &waiters, node)
		qcow_cmd_end(cmd, err);
	memalloc_noio_restore(noio);
}

static bool is_dirty(struct qcow_image *image)
{
	return READ_ONCE(image->cache.nr_dirty) ||
	       !list_empty(&image->refs.dirty) ||
	       qcow_l1_is_dirty(image);
}

bool qcow_commit_idle(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;
	bool idle;

	/* a commit that fails makes all dirty again before it ends @running */
	spin_lock(&commit->lock);
	idle = !commit->running && !READ_ONCE(image->health.error) &&
	       !is_dirty(image);
	spin_unlock(&commit->lock);
	return idle;
}

/*
 * Up to half of the cache may be dirty until the timer starts a commit.  If
 * more is dirty, a commit starts at once, and if more than three quarters are,
 * writers wait for it.  Shortly before requests are held back for a structural
 * change they wait much earlier, so that the last commit has little to write.
 */
static unsigned long most_dirty(const struct qcow_image *image)
{
	unsigned long most = image->cache.limit - image->cache.limit / 4;

	return READ_ONCE(image->commit.calm) ? min(most, CALM_SLICES) : most;
}

bool qcow_commit_throttle(struct qcow_image *image, struct qcow_cmd *cmd)
{
	struct qcow_commit *commit = &image->commit;
	bool parked = false;

	if (likely(READ_ONCE(image->cache.nr_dirty) <= most_dirty(image)))
		return false;
	spin_lock(&commit->lock);
	/* after an error that stays, nothing becomes clean: do not wait */
	if (!READ_ONCE(image->health.error)) {
		list_add_tail(&cmd->node, &commit->throttled);
		parked = true;
	}
	spin_unlock(&commit->lock);
	if (parked) {
		qcow_stat_inc(image, throttled);
		queue_work(commit->wq, &commit->work);
	}
	return parked;
}

static void commit_timer(struct work_struct *work)
{
	struct qcow_image *image =
		container_of(work, struct qcow_image, commit.timer.work);

	if (is_dirty(image))
		queue_work(image->commit.wq, &image->commit.work);
}

void qcow_commit_wait(struct qcow_image *image, struct qcow_cmd *cmd)
{
	struct qcow_commit *commit = &image->commit;

	spin_lock(&commit->lock);
	list_add_tail(&cmd->node, &commit->waiters);
	spin_unlock(&commit->lock);
	queue_work(commit->wq, &commit->work);
}

int qcow_commit_init(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;
	struct qcow_epoch *epoch;

	INIT_LIST_HEAD(&commit->waiters);
	INIT_LIST_HEAD(&commit->throttled);
	INIT_WORK(&commit->work, commit_work);
	INIT_DELAYED_WORK(&commit->timer, commit_timer);
	init_waitqueue_head(&commit->idle);
	atomic_set(&commit->epochs, 0);
	if (qcow_l1_resize(image, image->active.l1_size))
		return -ENOMEM;
	epoch = qcow_epoch_alloc(image);
	if (!epoch) {
		qcow_l1_free(&image->l1);
		return -ENOMEM;
	}
	RCU_INIT_POINTER(commit->epoch, epoch);
	commit->wq = image->upkeep;
	return 0;
}

/* Run a commit that begins now, and wait for it.  The timer is idle then. */
static int commit_now(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;

	cancel_delayed_work_sync(&commit->timer);
	queue_work(commit->wq, &commit->work);
	flush_work(&commit->work);
	cancel_delayed_work_sync(&commit->timer);
	return commit->result;
}

int qcow_commit_run(struct qcow_image *image)
{
	queue_work(image->commit.wq, &image->commit.work);
	flush_work(&image->commit.work);
	return image->commit.result;
}

void qcow_commit_calm(struct qcow_image *image, bool calm)
{
	WRITE_ONCE(image->commit.calm, calm);
}

int qcow_commit_drain(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;
	int err = qcow_commit_run(image);

	if (err)
		return err;
	/* the current epoch, and the one before it, which may be in use */
	return wait_event_killable(commit->idle,
				   atomic_read(&commit->epochs) <= 2 ||
				   READ_ONCE(image->health.error)) ? -EINTR : 0;
}

int qcow_commit_quiesce(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;
	int err;

	do {
		err = commit_now(image);
		if (err || image->health.error)
			return err ? err : -EIO;
		/* only the current epoch is left: all others are released */
		wait_event(commit->idle, atomic_read(&commit->epochs) == 1);
	} while (!qcow_commit_idle(image) || qcow_epoch_has_freed(image));
	cancel_delayed_work_sync(&commit->timer);
	return image->health.error ? -EIO : 0;
}

/*
 * No later commit can write what this one does not: if it runs out of memory,
 * try again before that counts as a failure.
 */
static void last_commit(struct qcow_image *image)
{
	unsigned int tries = LAST_TRIES;
	int err;

	while ((err = commit_now(image)) == -ENOMEM && --tries)
		msleep(LAST_DELAY_MS);
	if (err)
		qcow_health_fail(image, "the last commit", err);
}

/*
 * The first commit makes all changes durable.  Then the last epochs are
 * released, which changes refcounts, and the second commit writes these.
 */
int qcow_commit_destroy(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;
	struct qcow_epoch *closed, *last;

	last_commit(image);
	/*
	 * A release may start a commit.  Take the epochs off first, so that
	 * this commit does not close or kill them a second time.
	 */
	spin_lock(&commit->lock);
	closed = commit->closed;
	commit->closed = NULL;
	last = rcu_dereference_protected(commit->epoch,
					 lockdep_is_held(&commit->lock));
	RCU_INIT_POINTER(commit->epoch, NULL);
	spin_unlock(&commit->lock);
	if (closed)
		percpu_ref_kill(&closed->ref);
	percpu_ref_kill(&last->ref);
	wait_event(commit->idle, !atomic_read(&commit->epochs));
	last_commit(image);
	/* after a failure the timer may have started another one */
	cancel_work_sync(&commit->work);
	commit->wq = NULL;
	qcow_l1_free(&image->l1);
	return image->health.error;
}
