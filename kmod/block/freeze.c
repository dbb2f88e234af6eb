// SPDX-License-Identifier: GPL-2.0
/*
 * Freeze the file systems on a device, for a snapshot that holds them whole.
 *
 * A file system cannot be frozen while a task writes to it, and a task may write
 * for ever: if a page of what it writes comes from somebody who does not answer,
 * for example.  A freeze that has begun cannot be called off either.  So a work
 * item freezes, and the caller waits for it only so long.  If the caller has
 * gone by then, the work item thaws what it has frozen as soon as it can.
 */
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "block/device.h"
#include "block/freeze.h"

enum { WAITED_FOR, GIVEN_UP, OVER };

/**
 * struct qcow_freeze - block devices, the disk or its partitions, under freeze
 * @dev:   the device, with a reference to its disk
 * @nr:    how many are frozen
 * @bdevs: the frozen ones, with a reference to each
 * @err:   0 or the error of the freeze, once it is @done
 * @state: WAITED_FOR until the caller gives up or the freeze is over
 * @done:  the freeze is over
 * @work:  freezes
 */
struct qcow_freeze {
	struct qcow_device *dev;
	unsigned int nr;
	struct block_device **bdevs;
	int err;
	atomic_t state;
	struct completion done;
	struct work_struct work;
};

static struct workqueue_struct *freeze_wq;

static void thaw_all(struct qcow_freeze *f)
{
	while (f->nr) {
		struct block_device *bdev = f->bdevs[--f->nr];

		bdev_thaw(bdev);
		put_device(&bdev->bd_device);
	}
}

/* Only what holds a block device, as a mounted file system does, is frozen. */
bool qcow_freeze_stops(const struct qcow_freeze *f)
{
	unsigned int i;

	for (i = 0; i < f->nr; i++)
		if (READ_ONCE(f->bdevs[i]->bd_holder))
			return true;
	return false;
}

/* Take references to the block devices that the disk has now. */
static int collect(struct gendisk *disk, struct block_device ***bdevs)
{
	struct block_device *part;
	unsigned long index;
	unsigned int room = 0, nr = 0;

	rcu_read_lock();
	xa_for_each(&disk->part_tbl, index, part)
		room++;
	rcu_read_unlock();
	*bdevs = kcalloc(room, sizeof(**bdevs), GFP_KERNEL);
	if (!*bdevs)
		return -ENOMEM;
	rcu_read_lock();
	xa_for_each(&disk->part_tbl, index, part)
		if (nr < room &&
		    kobject_get_unless_zero(&part->bd_device.kobj))
			(*bdevs)[nr++] = part;
	rcu_read_unlock();
	return nr;
}

/* A block device that is frozen already (-EBUSY) stays as it is. */
static int freeze_all(struct qcow_freeze *f)
{
	int all = collect(f->dev->disk, &f->bdevs), err = min(all, 0), i;

	for (i = 0; i < all; i++) {
		struct block_device *bdev = f->bdevs[i];
		int ret = err ? err : bdev_freeze(bdev);

		if (!ret) {
			f->bdevs[f->nr++] = bdev;
			continue;
		}
		put_device(&bdev->bd_device);
		if (ret != -EBUSY)
			err = ret;
	}
	if (err)
		thaw_all(f);
	return err;
}

static void freeze_free(struct qcow_freeze *f)
{
	struct gendisk *disk = f->dev->disk;

	kfree(f->bdevs);
	kfree(f);
	put_device(disk_to_dev(disk));
	module_put(THIS_MODULE);
}

static void freeze_work(struct work_struct *work)
{
	struct qcow_freeze *f = container_of(work, struct qcow_freeze, work);

	f->err = freeze_all(f);
	if (atomic_cmpxchg(&f->state, WAITED_FOR, OVER) == WAITED_FOR) {
		complete(&f->done);
		return;
	}
	thaw_all(f);
	WRITE_ONCE(f->dev->freezing, false);
	freeze_free(f);
}

static struct qcow_freeze *freeze_alloc(struct qcow_device *dev)
{
	struct qcow_freeze *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return NULL;
	f->dev = dev;
	atomic_set(&f->state, WAITED_FOR);
	init_completion(&f->done);
	INIT_WORK(&f->work, freeze_work);
	get_device(disk_to_dev(dev->disk));
	__module_get(THIS_MODULE);
	return f;
}

/* Return: an error, or 0 if the freeze is over after all. */
static int give_up(struct qcow_device *dev, struct qcow_freeze *f, long left,
		   unsigned int timeout_ms, struct qcow_reason *why)
{
	WRITE_ONCE(dev->freezing, true);
	if (atomic_cmpxchg(&f->state, WAITED_FOR, GIVEN_UP) == OVER) {
		WRITE_ONCE(dev->freezing, false);
		/* the work item still uses @f until it has completed it */
		wait_for_completion(&f->done);
		return 0;
	}
	if (left < 0)
		return -EINTR;
	return qcow_refuse(why, -ETIMEDOUT,
			   "qcow%u: a file system on it could not be frozen in %u ms: somebody who writes to it does not get on",
			   dev->number, timeout_ms);
}

struct qcow_freeze *qcow_freeze(struct qcow_device *dev,
				unsigned int timeout_ms,
				struct qcow_reason *why)
{
	struct qcow_freeze *f;
	long left;
	int err;

	if (READ_ONCE(dev->freezing))
		return ERR_PTR(qcow_refuse(why, -EBUSY,
				"qcow%u: an earlier attempt to freeze a file system on it is not over",
				dev->number));
	f = freeze_alloc(dev);
	if (!f)
		return ERR_PTR(-ENOMEM);
	queue_work(freeze_wq, &f->work);
	left = wait_for_completion_killable_timeout(&f->done,
					msecs_to_jiffies(timeout_ms));
	if (left <= 0) {
		err = give_up(dev, f, left, timeout_ms, why);
		if (err)
			return ERR_PTR(err);
	}
	err = f->err;
	if (!err)
		return f;
	freeze_free(f);
	return ERR_PTR(qcow_refuse(why, err,
				   "qcow%u: a file system on it cannot be frozen (%d)",
				   dev->number, err));
}

void qcow_thaw(struct qcow_freeze *f)
{
	thaw_all(f);
	freeze_free(f);
}

int qcow_freeze_init(void)
{
	freeze_wq = alloc_workqueue("qcow-freeze", WQ_UNBOUND, 0);
	return freeze_wq ? 0 : -ENOMEM;
}

void qcow_freeze_exit(void)
{
	destroy_workqueue(freeze_wq);
}
