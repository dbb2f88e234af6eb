/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Submit I/O to a file system from inside the block submission of another task.
 *
 * ->queue_rq() runs in any task that submits a bio or flushes a plug.  That
 * task may be in the middle of anything: a transaction of a file system that
 * lies on our device, a bio list of a stacking driver, direct reclaim.  The
 * file system below must not see three members of the task:
 *
 *  journal_info  ext4 takes a handle that it finds there for its own, and btrfs
 *		  adopts a foreign one.  jbd2 then stops in a BUG.
 *  bio_list	  While it is set, a bio that is submitted is parked there until
 *		  the outer submit_bio() returns.  A second bio may then wait
 *		  for the mempool element that only the first one can free.
 *  plug	  Requests that the lower queue adds would mix with the requests
 *		  that are being issued from the plug right now.  PF_BLOCK_TS
 *		  tells the scheduler that there is a plug which holds a time.
 *
 * qcow_task_enter() puts them aside and qcow_task_leave() restores them.
 * Where that is not enough, a worker does the I/O in a task of its own.  Too
 * little stack is one such case: file system, block layer, this driver, file
 * system and block layer fit in 16 KiB together, but only if the first two did
 * not use more than their share.  The check of the stack also ends the
 * recursion of images that lie on images.
 */
#ifndef QCOW_FILE_TASK_H
#define QCOW_FILE_TASK_H

#include <linux/bio.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>

/*
 * A submission below us may use half of the stack.  The way to the device needs
 * less, but if all bios of a write have ended before the submission returns,
 * the file system ends the write in this task, and that may take a transaction.
 * `make check-stack` measures what is left.
 */
#define QCOW_TASK_STACK_NEEDED	(THREAD_SIZE / 2)

/** struct qcow_task - what qcow_task_enter() put aside of the current task */
struct qcow_task {
	void *journal_info;
	struct bio_list *bio_list;
	struct blk_plug *plug;
	unsigned int plug_has_time;
	unsigned int noio;
};

static inline bool qcow_task_has_stack(void)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0);
	unsigned long end = (unsigned long)task_stack_page(current);

	return here - end >= QCOW_TASK_STACK_NEEDED &&
	       here - end < THREAD_SIZE;
}

static inline bool qcow_task_bios_parked(void)
{
	struct bio_list *list = current->bio_list;

	/* [0]: bios of this level; [1]: bios of the levels above */
	return list && !(bio_list_empty(&list[0]) && bio_list_empty(&list[1]));
}

/*
 * May the task write files up to a limited length only?  File systems apply the
 * limit to offsets of the image file, with which the task has nothing to do, and
 * send the task SIGXFSZ.  Such a task must not write to the file itself.
 */
static inline bool qcow_task_limited(void)
{
	return rlimit(RLIMIT_FSIZE) != RLIM_INFINITY;
}

/**
 * qcow_task_enter - prepare the current task for I/O on a file system
 * @task:  what is put aside, for qcow_task_leave()
 * @write: the I/O is a write
 *
 * Return: true, and qcow_task_leave() is due; or false, nothing was changed,
 * and a worker has to do the I/O.
 */
static inline bool qcow_task_enter(struct qcow_task *task, bool write)
{
	if (unlikely((current->flags & PF_MEMALLOC) ||
		     qcow_task_bios_parked() || !qcow_task_has_stack()))
		return false;
	if (write && unlikely(qcow_task_limited()))
		return false;
	task->journal_info = current->journal_info;
	task->bio_list = current->bio_list;
	task->plug = current->plug;
	task->plug_has_time = current->flags & PF_BLOCK_TS;
	current->flags &= ~PF_BLOCK_TS;
	/*
	 * A compiler barrier against preemption: the scheduler must not see
	 * the flag without the plug.
	 */
	barrier();
	current->plug = NULL;
	current->journal_info = NULL;
	current->bio_list = NULL;
	task->noio = memalloc_noio_save();
	return true;
}

static inline void qcow_task_leave(const struct qcow_task *task)
{
	memalloc_noio_restore(task->noio);
	current->bio_list = task->bio_list;
	current->journal_info = task->journal_info;
	current->plug = task->plug;
	barrier();	/* as in qcow_task_enter(): the plug first */
	current->flags |= task->plug_has_time;
}

#endif /* QCOW_FILE_TASK_H */
