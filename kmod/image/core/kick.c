// SPDX-License-Identifier: GPL-2.0
/* Start a commit: at once, or when the timer expires. */
#include "image/core/kick.h"
#include "image/core/types.h"

#define COMMIT_INTERVAL	(5 * HZ)

/* If more than half of the cache is dirty, do not wait for the timer. */
void qcow_commit_soon(struct qcow_image *image)
{
	if (READ_ONCE(image->cache.nr_dirty) > image->cache.limit / 2)
		queue_work(image->commit.wq, &image->commit.work);
	else if (!delayed_work_pending(&image->commit.timer))
		queue_delayed_work(image->commit.wq, &image->commit.timer,
				   COMMIT_INTERVAL);
}

void qcow_commit_hurry(struct qcow_image *image)
{
	queue_work(image->commit.wq, &image->commit.work);
}
