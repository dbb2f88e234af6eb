/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keep I/O going when memory is short: give the level below more bios when the
 * levels above hold all of them, and let tasks that free memory use the reserve
 * of pages.
 */
#ifndef QCOW_FILE_RELIEF_H
#define QCOW_FILE_RELIEF_H

#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

/* Private to the inline functions below. */
DECLARE_PER_CPU(long, qcow_relief_users);
extern struct delayed_work qcow_relief_watch;
void qcow_relief_start_watch(void);

/* A device of this driver was swapped to. */
extern bool qcow_relief_swapping;

/**
 * qcow_relief_begin - the caller begins something that may wait for a bio
 *
 * Takes no lock and no memory.
 *
 * Context: any.
 */
static inline void qcow_relief_begin(void)
{
	this_cpu_inc(qcow_relief_users);
	if (unlikely(!delayed_work_pending(&qcow_relief_watch)))
		qcow_relief_start_watch();
}

/** qcow_relief_end - what qcow_relief_begin() announced is over; any context */
static inline void qcow_relief_end(void)
{
	this_cpu_dec(qcow_relief_users);
}

/**
 * qcow_reserve_enter - allow or forbid the task to allocate from the reserve
 * @may: allow it
 *
 * A task that may use the reserve does not reclaim memory: an allocation that
 * finds nothing fails.  So only our own allocations are made with @may.  File
 * systems have allocations that must not fail, and their journals have others
 * that should not.
 *
 * Return: the flags for qcow_reserve_leave().
 */
static inline unsigned int qcow_reserve_enter(bool may)
{
	unsigned int flags = current->flags;

	if (unlikely(may))
		current->flags |= PF_MEMALLOC;
	else
		current->flags &= ~PF_MEMALLOC;
	return flags;
}

static inline void qcow_reserve_leave(unsigned int flags)
{
	current_restore_flags(flags, PF_MEMALLOC);
}

/**
 * qcow_urgent_enter - favour the allocations of a file system while we swap
 *
 * If a device of this driver was swapped to, everything that would free memory
 * may wait for the file system below.  It needs only little memory to allocate
 * blocks or to end a transaction.  So the task gets a real-time class: it may
 * take half of the reserve, and otherwise it reclaims and waits as any other.
 *
 * Context: a worker.
 * Return: for qcow_urgent_leave().
 */
int qcow_urgent_enter(void);
/** qcow_urgent_leave - undo qcow_urgent_enter(), which returned @nice */
void qcow_urgent_leave(int nice);

int qcow_relief_init(void);
void qcow_relief_exit(void);

#endif /* QCOW_FILE_RELIEF_H */
