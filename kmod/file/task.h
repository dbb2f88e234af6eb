/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Submitting to a file system from inside another task's block submission.
 *
 * ->queue_rq() runs in whatever task submits or flushes a plug, with whatever
 * that task is in the middle of: a transaction of a file system that lies on
 * our device, a bio list of a stacking driver, direct reclaim.  The file
 * system below must not see any of it:
 *
 *  journal_info  ext4 takes a handle it finds there for its own, btrfs adopts
 *		  a foreign one; jbd2 then stops in a BUG.
 *  bio_list	  a bio submitted while it is set is parked until the outer
 *		  submit_bio() returns; a second one may then wait for the
 *		  mempool element that only the first can free.
 *  plug	  requests that the lower queue adds would mix with those that
 *		  are being issued from it right now.  PF_BLOCK_TS says that
 *		  there is one with a time in it, and the scheduler believes it.
 *
 * They are put aside and restored.  Where that does not help, a worker does
 * the work in a task of its own.  One such case is the stack: file system,
 * block layer, this driver, file system, block layer do fit in 16 KiB, but
 * only if the first half did not use up more than its share.  That check also
 * ends the recursion of images on images.
 */
#ifndef QCOW_FILE_TASK_H
#define QCOW_FILE_TASK_H

#include <linux/bio.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>

/*
 * What a submission below us may use: half of the stack.  More than the way to
 * the device lies there: where all bios of a write have ended by the time it
 * returns, the file system ends the write in this task, which may take a
 * transaction.  `make check-stack` measures what is left.
 */
#define QCOW_TASK_STACK_NEEDED	(THREAD_SIZE / 2)

/** struct qcow_task - what was put aside of the current task */
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

	/* [0] what this level submitted, [1] what the levels above did */
	return list && !(bio_list_empty(&list[0]) && bio_list_empty(&list[1]));
}

/**
 * qcow_task_enter - may the current task submit to a file system here?
 * @task:  what is put aside, for qcow_task_leave()
 * @write: it would write
 *
 * RLIMIT_FSIZE would be applied to offsets of the image file, which are
 * not the task's affair, and kill it by SIGXFSZ.
 *
 * Return: true; false where a worker has to do it, and nothing was changed.
 */
static inline bool qcow_task_enter(struct qcow_task *task, bool write)
{
	if (unlikely((current->flags & PF_MEMALLOC) ||
		     qcow_task_bios_parked() || !qcow_task_has_stack()))
		return false;
	if (write && unlikely(rlimit(RLIMIT_FSIZE) != RLIM_INFINITY))
		return false;
	task->journal_info = current->journal_info;
	task->bio_list = current->bio_list;
	task->plug = current->plug;
	task->plug_has_time = current->flags & PF_BLOCK_TS;
	current->flags &= ~PF_BLOCK_TS;
	barrier();	/* never the flag without the plug, should we be preempted */
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
	barrier();	/* as above */
	current->flags |= task->plug_has_time;
}

#endif /* QCOW_FILE_TASK_H */
