// SPDX-License-Identifier: GPL-2.0
/*
 * A swap, or a file system, on one of our devices takes its bios from
 * fs_bio_set, and so does the file system below that carries them out.  When
 * memory is short, that pool's reserve alone is left, and it is promised to one
 * level only: once the levels above hold all of it, the file system below waits
 * for a bio that comes back when it has written, and nothing moves any more.
 *
 * We cannot give the file system below a pool of its own.  But what it does for
 * us frees memory, if anything does; so while it is at it, and somebody waits
 * for the pool while that is empty, elements are added to it, out of the
 * memory that is kept for those who free some.  The levels above may get them
 * instead, but only until all their requests are taken; then they wait for
 * those, and no longer for the pool.  Each element returns to the allocator
 * when its bio is freed, for the pool keeps no more than it needs.
 *
 * Nobody who waits there can ask for it, therefore somebody looks ten times a
 * second while there is I/O under way, and every tick after it was needed.
 */
#include <linux/bio.h>
#include <linux/delay.h>
#include <linux/mempool.h>
#include <linux/module.h>
#include <linux/sched/prio.h>

#include "file/relief.h"

#define INTERVAL	(HZ / 10)

/* So often more it looks each tick. */
#define KEEN		(2 * HZ)

/* In one go; between any two those who wait have time to take the first. */
#define DONATIONS	64
#define PAUSE_US	50

/* An inc that was made while the work began may not be seen at once. */
#define IDLE_LOOKS	2

bool qcow_relief_swapping;
DEFINE_PER_CPU(long, qcow_relief_users);
static void relief_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(relief, relief_work);
static struct workqueue_struct *relief_wq;
static unsigned int keen, idle;
static unsigned long donations;
module_param(donations, ulong, 0444);
MODULE_PARM_DESC(donations, "Bios that were added to the kernel's pool when memory was short");

void qcow_relief_watch(void)
{
	if (unlikely(!delayed_work_pending(&relief)))
		queue_delayed_work(relief_wq, &relief, INTERVAL);
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

/* An element too many goes back to the allocator in mempool_free(). */
static bool donate(mempool_t *pool)
{
	void *element;

	/* without a barrier: who is about to wait is seen the next time */
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
		queue_delayed_work(relief_wq, &relief, keen ? 1 : INTERVAL);
}

int qcow_relief_init(void)
{
	relief_wq = alloc_workqueue("qcow-relief",
				    WQ_MEM_RECLAIM | WQ_HIGHPRI | WQ_PERCPU, 1);
	return relief_wq ? 0 : -ENOMEM;
}

void qcow_relief_exit(void)
{
	cancel_delayed_work_sync(&relief);
	destroy_workqueue(relief_wq);
}
