/* SPDX-License-Identifier: GPL-2.0 */
/* Commits: how changed metadata gets to the disk, and freed clusters back. */
#ifndef QCOW_IMAGE_COMMIT_H
#define QCOW_IMAGE_COMMIT_H

#include <linux/list.h>
#include <linux/percpu-refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct qcow_cmd;
struct qcow_file;
struct qcow_image;

/**
 * struct qcow_epoch - I/O that began between two commits
 * @ref:	each command under way has one, and the epoch before this one
 * @freed:	clusters whose last reference went in it: struct freed
 * @clusters:	how many there are in that list
 * @next:	the epoch after it, which is held until this one is over
 */
struct qcow_epoch {
	struct percpu_ref ref;
	struct qcow_image *image;
	struct list_head freed;
	u64 clusters;
	struct qcow_epoch *next;
	struct work_struct work;
	struct rcu_head rcu;
};

/**
 * struct qcow_commit - an image's commits
 * @wq:		ordered: one at a time
 * @lock:	guards the lists, @quarantine and @error
 * @epoch:	the current one; read under RCU
 * @waiters:	commands that asked since the last commit began
 * @throttled:	commands that may go on when less is dirty
 * @running:	a commit is
 * @result:	of the last one
 * @closed:	the epoch that the commit under way, or the next one after one
 *		that failed, will release
 * @l1_dirty:	a bit for each unit of the L1 table that has to be written
 * @l1_units:	those that the commit under way writes, from
 * @l1_copy:	a copy of them
 * @quarantine:	clusters that were freed and are not released yet, of all epochs
 * @error:	of the commit that failed; nothing is allocated or released
 *		after it, and every flush fails
 * @failed:	what has
 */
struct qcow_commit {
	struct workqueue_struct *wq;
	spinlock_t lock;
	struct qcow_epoch __rcu *epoch;
	struct list_head waiters;
	struct list_head throttled;
	bool running;
	int result;
	struct qcow_epoch *closed;
	unsigned long *l1_dirty;
	unsigned long *l1_units;
	u64 *l1_copy;
	u64 quarantine;
	int error;
	const char *failed;
	atomic_t epochs;
	wait_queue_head_t idle;
	struct work_struct work;
	struct delayed_work timer;
};

int qcow_commit_init(struct qcow_image *image);

/**
 * qcow_commit_destroy - the last commits; no command is under way
 *
 * Return: 0 if all that was written is durable.
 */
int qcow_commit_destroy(struct qcow_image *image);

/** qcow_commit_set_l1 - for an L1 table of @l1_size entries, none dirty */
int qcow_commit_set_l1(struct qcow_image *image, u32 l1_size);

/** qcow_commit_hurry - one that begins soon, whatever there is to do for it */
void qcow_commit_hurry(struct qcow_image *image);

/** qcow_commit_run - a commit that begins now; wait for it.  Return: its result */
int qcow_commit_run(struct qcow_image *image);

/**
 * qcow_commit_quiesce - all of the image is durable, and nothing to release
 *
 * Context: no command is under way on the active disk, and none will be.
 * Return: 0, or why not.
 */
int qcow_commit_quiesce(struct qcow_image *image);

/** qcow_commit_wait - park a FLUSH until a commit that begins now is durable */
void qcow_commit_wait(struct qcow_image *image, struct qcow_cmd *cmd);

/** qcow_commit_idle - are all mappings durable, and no commit under way? */
bool qcow_commit_idle(struct qcow_image *image);

/**
 * qcow_commit_throttle - park a command that would make more dirty, if need be
 *
 * Return: true, it is parked and no longer the caller's.
 */
bool qcow_commit_throttle(struct qcow_image *image, struct qcow_cmd *cmd);

/** qcow_commit_fail - stop allocating, and fail every flush from now on */
void qcow_commit_fail(struct qcow_image *image, const char *what, int err);

/**
 * qcow_commit_sync - sync a file; where that fails, so does the image
 *
 * The kernel tells of a writeback that failed in one sync only: the next one
 * would promise what is not true.
 */
int qcow_commit_sync(struct qcow_image *image, struct qcow_file *file);

/** qcow_commit_soon - something became dirty: see that the timer runs */
void qcow_commit_soon(struct qcow_image *image);

/** qcow_epoch_enter - before a mapping is looked up; qcow_epoch_leave() after
 * the I/O on it is over.  Any context.
 */
struct qcow_epoch *qcow_epoch_enter(struct qcow_image *image);
void qcow_epoch_leave(struct qcow_epoch *epoch);

/**
 * qcow_commit_free - nothing in memory refers to these clusters any more
 *
 * One reference to each is dropped when that is durable and who might still
 * read or write there is through.
 *
 * Context: a worker.
 */
int qcow_commit_free(struct qcow_image *image, u64 first, u32 count);

/**
 * qcow_commit_l1 - change an entry of the active L1 table
 *
 * Whoever sees it and asks for a commit then has it in that commit.
 *
 * Context: @image->cow.lock is held.
 */
void qcow_commit_l1(struct qcow_image *image, u64 index, u64 entry);

#endif /* QCOW_IMAGE_COMMIT_H */
