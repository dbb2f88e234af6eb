// SPDX-License-Identifier: GPL-2.0
/*
 * Add bios to the kernel's pool when I/O below one of our devices waits for
 * them.
 *
 * A swap area or a file system on one of our devices takes its bios from
 * fs_bio_set.  The file system below, which carries them out, takes its bios
 * from the same pool.  When memory is short, only the reserve of that pool is
 * left, and the reserve guarantees progress for one level only.  Once the
 * levels above hold all of it, the file system below waits for a bio that is
 * freed only when the file system has written: a deadlock.
 *
 * We cannot give the file system below a pool of its own.  But its work for us
 * is what frees memory.  So while I/O is in flight, and a task waits for the
 * pool, and the pool is empty, we add elements to the pool.  They are allocated
 * from the memory that is reserved for tasks that free memory.  The levels
 * above may get these elements instead, but only until all their requests are
 * taken; then they wait for those requests and no longer for the pool.  When
 * such a bio is freed, its element returns to the allocator, because the pool
 * keeps no more elements than it needs.
 *
 * A task that waits for the pool cannot ask for elements.  Therefore a work
 * item looks ten times a second while I/O is in flight, and at each tick for a
 * while after elements were needed.
 */
#include <linux/bio.h>
#include <linux/delay.h>
#include <linux/mempool.h>
#include <linux/module.h>
#include <linux/sched/prio.h>

#include "file/relief.h"

#define INTERVAL	(HZ / 10)

/* After elements were needed: so many looks, one at each tick. */
#define KEEN		(2 * HZ)

/*
 * Elements that one look adds at most.  The work item pauses after each one, so
 * that the waiting tasks have time to take it.
 */
#define DONATIONS	64
#define PAUSE_US	50

/*
 * An increment on another CPU may not be visible to the first look.  So the
 * work item stops only after so many looks without users.
 */
#define IDLE_LOOKS	2

bool qcow_relief_swapping;
DEFINE_PER_CPU(long, qcow_relief_users);
static void relief_work(struct work_struct *work);
DECLARE_DELAYED_WORK(qcow_relief_watch, relief_work);
static struct workqueue_struct *relief_wq;
static unsigned int keen, idle;
static unsigned long donations;
module_param(donations, ulong, 0444);
MODULE_PARM_DESC(donations, "Bios that were added to the kernel's pool when memory was short");

void qcow_relief_start_watch(void)
{
	queue_delayed_work(relief_wq, &qcow_relief_watch, INTERVAL);
}

int qcow_urgent_enter(void)
{
	int nice = task_nice(current);

	if (!READ_ONCE(qcow_relief_swapping))
		return MAX_NICE + 1;
	sched_set_fifo_low(current);
	return nice;
}

void qcow_urgent_leave(int nice)
{
	if (nice <= MAX_NICE)
		sched_set_normal(current, nice);
}

static long users(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(qcow_relief_users, cpu));
	return sum;
}

/* mempool_free() returns an element to the allocator if the pool is full. */
static bool donate(mempool_t *pool)
{
	void *element;

	/* no barrier: the next look sees a task that begins to wait now */
	if (READ_ONCE(pool->curr_nr) || !waitqueue_active(&pool->wait))
		return false;
	element = pool->alloc(GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN,
			      pool->pool_data);
	if (!element)
		return false;
	mempool_free(element, pool);
	donations++;
	return true;
}

static bool donate_all(void)
{
	bool bio = donate(&fs_bio_set.bio_pool);
	bool bvec = donate(&fs_bio_set.bvec_pool);

	return bio || bvec;
}

static void relief_work(struct work_struct *work)
{
	unsigned int n = 0;

	while (n < DONATIONS && donate_all()) {
		usleep_range(PAUSE_US, 2 * PAUSE_US);
		n++;
	}
	if (n)
		keen = KEEN;
	else if (keen)
		keen--;
	idle = users() ? 0 : idle + 1;
	if (idle < IDLE_LOOKS)
		queue_delayed_work(relief_wq, &qcow_relief_watch,
				   keen ? 1 : INTERVAL);
}

int qcow_relief_init(void)
{
	relief_wq = alloc_workqueue("qcow-relief",
				    WQ_MEM_RECLAIM | WQ_HIGHPRI | WQ_PERCPU, 1);
	return relief_wq ? 0 : -ENOMEM;
}

void qcow_relief_exit(void)
{
	cancel_delayed_work_sync(&qcow_relief_watch);
	destroy_workqueue(relief_wq);
}
