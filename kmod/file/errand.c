// SPDX-License-Identifier: GPL-2.0
/* Do I/O on a file in the calling task, or in a worker. */
#include <linux/sched/mm.h>

#include "file/errand.h"
#include "file/task.h"

/*
 * The queue has a rescuer: requests may wait until the caller's change is over,
 * and what they would write may be all the memory that could be freed.
 */
static struct workqueue_struct *errand_wq;

static void errand_work(struct work_struct *work)
{
	struct qcow_errand *errand = container_of(work, struct qcow_errand,
						  work);
	unsigned int noio = memalloc_noio_save();

	errand->result = errand->run(errand);
	memalloc_noio_restore(noio);
}

static int run_in_worker(struct qcow_errand *errand)
{
	INIT_WORK_ONSTACK(&errand->work, errand_work);
	queue_work(errand_wq, &errand->work);
	flush_work(&errand->work);
	destroy_work_on_stack(&errand->work);
	return errand->result;
}

int qcow_errand_run(struct qcow_errand *errand, bool grows)
{
	int err;

	if (unlikely(grows && qcow_task_limited()))
		return run_in_worker(errand);
	err = errand->run(errand);
	if (unlikely(err == -EINTR || err == -ERESTARTSYS))
		err = run_in_worker(errand);
	return err;
}

int qcow_errand_init(void)
{
	errand_wq = alloc_workqueue("qcow-errand",
				    WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return errand_wq ? 0 : -ENOMEM;
}

void qcow_errand_exit(void)
{
	destroy_workqueue(errand_wq);
}
