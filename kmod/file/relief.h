/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For when memory is short: bios for the level below though those above have
 * taken the last, and the pages that are kept for who frees some.
 */
#ifndef QCOW_FILE_RELIEF_H
#define QCOW_FILE_RELIEF_H

#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

/* Private: for the functions below. */
DECLARE_PER_CPU(long, qcow_relief_users);
void qcow_relief_watch(void);

/* A device of ours was swapped to. */
extern bool qcow_relief_swapping;

/**
 * qcow_relief_begin - something begins that may wait for a bio
 *
 * Takes no lock and no memory.  Any context.
 */
static inline void qcow_relief_begin(void)
{
	this_cpu_inc(qcow_relief_users);
	qcow_relief_watch();
}

/** qcow_relief_end - it is over; any context */
static inline void qcow_relief_end(void)
{
	this_cpu_dec(qcow_relief_users);
}

/**
 * qcow_reserve_enter - may the task take from the reserve, or may it not?
 *
 * If it may, it does not reclaim by itself: what finds nothing fails.  So this
 * is for our own allocations only.  File systems have some that may not fail,
 * and others, of their journals, that should not.
 *
 * Return: for qcow_reserve_leave().
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
 * qcow_urgent_enter - for a file system's allocations, while we are swapped to
 *
 * What it takes to be given room, or to end a transaction, is little, and all
 * that would free memory may wait for it.  A task of a real-time class may
 * take half of the reserve, and otherwise reclaims and waits as any other.
 * Context: a worker.
 *
 * Return: for qcow_urgent_leave().
 */
int qcow_urgent_enter(void);
void qcow_urgent_leave(int nice);

int qcow_relief_init(void);
void qcow_relief_exit(void);

#endif /* QCOW_FILE_RELIEF_H */
