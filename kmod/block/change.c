// SPDX-License-Identifier: GPL-2.0
/*
 * Structural changes of a device in use.  What can be done meanwhile is done
 * first.  For a snapshot, file systems on the device are frozen, so that the
 * snapshot holds them whole.  Then the queue is frozen, the image is changed,
 * and everything continues.
 */
#include <linux/blkdev.h>
#include <linux/ktime.h>
#include <linux/mm.h>

#include "block/device.h"
#include "block/freeze.h"

/*
 * Called with the queue frozen.  If the disk becomes smaller, its new capacity
 * is set before requests continue.
 */
static int change_at_rest(struct qcow_device *dev, struct qcow_change *change,
			  struct qcow_reason *why)
{
	struct gendisk *disk = dev->disk;
	unsigned int noio = memalloc_noio_save();
	sector_t sectors;
	int err;

	err = qcow_change_run(dev->view, change, why);
	sectors = qcow_view_size(dev->view) >> SECTOR_SHIFT;
	if (!err && sectors != get_capacity(disk))
		set_capacity_and_notify(disk, sectors);
	memalloc_noio_restore(noio);
	return err;
}

/*
 * A task that needs memory for the change would wait for the swap device, which
 * waits for the end of the change.  Stopping a merge is never refused.
 */
static int refuse_swap(const struct qcow_device *dev,
		       const struct qcow_change *change,
		       struct qcow_reason *why)
{
	if (!READ_ONCE(dev->swapped) || change->op == QCOW_CHANGE_MERGE_STOP)
		return 0;
	return qcow_refuse(why, -EBUSY, "qcow%u: swap lies on it", dev->number);
}

/*
 * The change waits for the file system below while the queue is frozen.
 * Lockdep cannot tell the locks of that file system from those of a file system
 * of the same type above the device, and those are held while a request is
 * made.  So lockdep is not told that this task froze the queue.
 */
static int change_frozen(struct qcow_device *dev, struct qcow_change *change,
			 u64 *pause_ns, struct qcow_reason *why)
{
	struct request_queue *q = dev->disk->queue;
	u64 begin = ktime_get_ns();
	int err;

	blk_freeze_queue_start_non_owner(q);
	blk_mq_freeze_queue_wait(q);
	err = refuse_swap(dev, change, why);
	if (!err)
		err = change_at_rest(dev, change, why);
	blk_mq_unfreeze_queue_non_owner(q);
	*pause_ns = ktime_get_ns() - begin;
	return err;
}

static int change_locked(struct qcow_device *dev, struct qcow_change *change,
			 u64 *pause_ns, struct qcow_reason *why)
{
	struct qcow_freeze *freeze;
	u64 begin = ktime_get_ns();
	bool stops;
	int err;

	if (change->op != QCOW_CHANGE_SNAPSHOT_CREATE)
		return change_frozen(dev, change, pause_ns, why);
	freeze = qcow_freeze(dev, change, why);
	if (IS_ERR(freeze))
		return PTR_ERR(freeze);
	/* what the freeze has written, and what others wrote in that time */
	stops = qcow_freeze_stops(freeze);
	err = qcow_change_catch_up(dev->view, change, why);
	if (!err)
		err = change_frozen(dev, change, pause_ns, why);
	qcow_thaw(freeze);
	if (stops)
		*pause_ns = ktime_get_ns() - begin;
	return err;
}

/* Return true if the change replaces content that an opener may be using. */
static bool takes_away(const struct qcow_change *change)
{
	return change->op == QCOW_CHANGE_SNAPSHOT_APPLY ||
	       change->op == QCOW_CHANGE_EMPTY;
}

/* Drop pages of the disk's page cache whose content the disk no longer has. */
static void forget_pages(struct gendisk *disk, sector_t old,
			 const struct qcow_change *change)
{
	sector_t sectors = get_capacity(disk);

	if (takes_away(change))
		invalidate_bdev(disk->part0);
	/* otherwise the old content would reappear when the disk grows */
	if (sectors < old)
		truncate_inode_pages(qcow_bdev_mapping(disk->part0),
				     (loff_t)sectors << SECTOR_SHIFT);
}

/*
 * A file system uses pages beyond the new end of a disk that becomes smaller,
 * and they are dropped.  So nothing may hold the disk or a partition of it, a
 * mount or a mapping for example, from before the change until it is over.  A
 * program that has the disk open without holding it is told no more than the
 * programs of any other disk are.
 */
static int hold_to_shrink(struct qcow_device *dev,
			  const struct qcow_change *change, bool *held,
			  struct qcow_reason *why)
{
	*held = change->op == QCOW_CHANGE_RESIZE &&
		change->size < qcow_view_size(dev->view);
	if (!*held || !bd_prepare_to_claim(dev->disk->part0, dev, NULL))
		return 0;
	*held = false;
	return qcow_refuse(why, -EBUSY,
			   "qcow%u: cannot become smaller while it is mounted or otherwise held",
			   dev->number);
}

static void unhold(struct qcow_device *dev, bool held)
{
	if (held)
		bd_abort_claiming(dev->disk->part0, dev);
}

/*
 * The disk is not what it was: let programs know, udev first of all, when they
 * can open it.  The kernel looks for partitions when one of them does.
 */
static void note_changed(struct qcow_device *dev,
			 const struct qcow_change *change)
{
	if (change->op == QCOW_CHANGE_SNAPSHOT_CREATE ||
	    change->op == QCOW_CHANGE_SNAPSHOT_DELETE ||
	    change->op == QCOW_CHANGE_MERGE_BEGIN)
		return;
	dev->changed = true;
	if (takes_away(change) && !dev->no_partscan)
		set_bit(GD_NEED_PART_SCAN, &dev->disk->state);
}

int qcow_device_claim(struct qcow_device *dev, const struct qcow_change *change,
		      bool force, struct qcow_reason *why)
{
	struct gendisk *disk = dev->disk;
	int err = 0;

	mutex_lock(&disk->open_mutex);
	if (dev->state == QCOW_STATE_DEAD)
		err = -ENXIO;
	else if (dev->read_only)
		/* the image may be writable, as it was before for another */
		err = qcow_refuse(why, -EROFS,
				  "qcow%u: is attached read-only", dev->number);
	else if (dev->changing)
		err = qcow_refuse(why, -EBUSY,
				  "qcow%u: is being changed already",
				  dev->number);
	else if (refuse_swap(dev, change, why))
		err = -EBUSY;
	else if (takes_away(change) && disk_openers(disk) && !force)
		err = qcow_refuse(why, -EBUSY, "qcow%u: is in use",
				  dev->number);
	else
		dev->changing = true;
	/* the device cannot be opened until it has its new content */
	if (!err && takes_away(change) && !force)
		dev->shut = true;
	mutex_unlock(&disk->open_mutex);
	return err;
}

void qcow_device_unclaim(struct qcow_device *dev)
{
	bool changed = dev->changed;

	dev->changed = false;
	mutex_lock(&dev->disk->open_mutex);
	dev->changing = false;
	dev->shut = false;
	/* a lazy detach may have been waiting for the end of the change */
	qcow_device_idle(dev);
	mutex_unlock(&dev->disk->open_mutex);
	if (changed)
		kobject_uevent(&disk_to_dev(dev->disk)->kobj, KOBJ_CHANGE);
}

int qcow_device_change_claimed(struct qcow_device *dev,
			       struct qcow_change *change, u64 *pause_ns,
			       struct qcow_reason *why)
{
	unsigned int layers = qcow_view_layers(dev->view);
	sector_t old = get_capacity(dev->disk);
	int err;

	change->unit = dev->sector_size;
	err = qcow_change_lock(dev->view, change);
	if (err)
		return err;
	err = qcow_change_open(dev->view, change, why);
	if (!err) {
		err = qcow_change_prepare(dev->view, change, why);
		if (!err)
			err = change_locked(dev, change, pause_ns, why);
		qcow_sysfs_chain_changed(dev, layers);
		qcow_change_close(dev->view, change);
	}
	qcow_change_unlock(dev->view);
	qcow_change_release(dev->view, change);
	if (err)
		return err;
	forget_pages(dev->disk, old, change);
	note_changed(dev, change);
	return 0;
}

int qcow_device_change(unsigned int number, struct qcow_change *change,
		       bool force, u64 *pause_ns, struct qcow_reason *why)
{
	struct qcow_device *dev = qcow_device_get(number);
	bool held = false;
	int err;

	if (!dev)
		return -ENXIO;
	err = qcow_device_claim(dev, change, force, why);
	if (err)
		goto put;
	err = hold_to_shrink(dev, change, &held, why);
	if (!err)
		err = qcow_device_change_claimed(dev, change, pause_ns, why);
	unhold(dev, held);
	qcow_device_unclaim(dev);
put:
	put_device(disk_to_dev(dev->disk));
	return err;
}
