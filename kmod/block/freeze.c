// SPDX-License-Identifier: GPL-2.0
/*
 * Freeze the file systems on a device, for a snapshot that holds them whole.
 *
 * The caller names what lies on the disk through other block devices, as
 * logical volumes and decrypted disks do, and file systems that their block
 * devices do not lead to.  These are frozen first, in the order that the caller
 * gives, and then the disk and its partitions: while what is above goes on, it
 * writes to what is below.
 *
 * To freeze a block device is to freeze the file system that is mounted from
 * it, in whichever mount namespace, and to write its page cache.
 *
 * A file system cannot be frozen while a task writes to it, and a task may write
 * for ever: if a page of what it writes comes from somebody who does not answer,
 * for example.  A freeze that has begun cannot be called off either.  So a work
 * item freezes, and the caller waits for it only so long.  If the caller has
 * gone by then, the work item thaws what it has frozen as soon as it can.
 */
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "block/device.h"
#include "block/freeze.h"

enum { WAITED_FOR, GIVEN_UP, OVER };

/* Several may freeze a file system; it goes on when all have thawed it. */
#define FREEZER		(FREEZE_HOLDER_KERNEL | FREEZE_MAY_NEST)

/**
 * struct target - what is to be frozen, or is
 * @bdev: a block device, or NULL
 * @sb:   without @bdev, a file system
 * @file: from the caller, with a reference: on @sb, or @bdev opened; NULL for
 *	  the disk and its partitions, then there is a reference to @bdev
 */
struct target {
	struct block_device *bdev;
	struct super_block *sb;
	struct file *file;
};

/**
 * struct qcow_freeze - what lies on a disk, under freeze
 * @dev:     the device, with a reference to its disk
 * @nr:      how many of @targets are frozen; they are the first ones
 * @end:     behind the last of @targets
 * @targets: first frozen first
 * @failed:  name of the target that could not be frozen, once it is @done
 * @err:     0 or the error of the freeze, once it is @done
 * @state:   WAITED_FOR until the caller gives up or the freeze is over
 * @done:    the freeze is over
 * @work:    freezes
 */
struct qcow_freeze {
	struct qcow_device *dev;
	unsigned int nr;
	unsigned int end;
	struct target *targets;
	char failed[32];
	int err;
	atomic_t state;
	struct completion done;
	struct work_struct work;
};

static struct workqueue_struct *freeze_wq;

static void target_put(struct target *t)
{
	if (t->file)
		fput(t->file);
	else
		put_device(&t->bdev->bd_device);
}

/* As FIFREEZE does it. */
static int super_freeze(struct super_block *sb)
{
	if (sb->s_op->freeze_super)
		return sb->s_op->freeze_super(sb, FREEZER, NULL);
	if (!sb->s_op->freeze_fs)
		return -EOPNOTSUPP;
	return freeze_super(sb, FREEZER, NULL);
}

static void super_thaw(struct super_block *sb)
{
	if (sb->s_op->thaw_super)
		sb->s_op->thaw_super(sb, FREEZER, NULL);
	else
		thaw_super(sb, FREEZER, NULL);
}

static int target_freeze(struct target *t)
{
	return t->bdev ? bdev_freeze(t->bdev) : super_freeze(t->sb);
}

static void target_thaw(struct target *t)
{
	if (t->bdev)
		bdev_thaw(t->bdev);
	else
		super_thaw(t->sb);
}

/* --- What is to be frozen --- */

static void add_above(struct qcow_freeze *f, const struct qcow_change *change)
{
	unsigned int i;

	for (i = 0; i < change->nr_above; i++) {
		struct file *file = get_file(change->above[i]);
		struct inode *inode = file->f_mapping->host;
		struct target *t = &f->targets[f->end++];

		t->file = file;
		if (S_ISBLK(inode->i_mode))
			t->bdev = I_BDEV(inode);
		else
			t->sb = file_inode(file)->i_sb;
	}
}

static unsigned int count_own(struct gendisk *disk)
{
	struct block_device *part;
	unsigned long index;
	unsigned int nr = 0;

	rcu_read_lock();
	xa_for_each(&disk->part_tbl, index, part)
		nr++;
	rcu_read_unlock();
	return nr;
}

/* Take references to at most @room block devices that the disk has now. */
static void add_own(struct qcow_freeze *f, unsigned int room)
{
	struct block_device *part;
	unsigned long index;

	rcu_read_lock();
	xa_for_each(&f->dev->disk->part_tbl, index, part)
		if (room && kobject_get_unless_zero(&part->bd_device.kobj)) {
			f->targets[f->end++].bdev = part;
			room--;
		}
	rcu_read_unlock();
}

static int collect(struct qcow_freeze *f, const struct qcow_change *change)
{
	unsigned int own = count_own(f->dev->disk);

	f->targets = kvcalloc(change->nr_above + own, sizeof(*f->targets),
			      GFP_KERNEL);
	if (!f->targets)
		return -ENOMEM;
	add_above(f, change);
	add_own(f, own);
	return 0;
}

/*
 * The image is written while all is frozen.  Its files do not change, as the
 * caller has claimed the device.
 */
static bool holds_image(const struct qcow_device *dev, const struct target *t)
{
	unsigned int i;

	for (i = 0; i < dev->files.nr_own; i++) {
		const struct file *file = qcow_files_get_file(&dev->files, i);
		const struct super_block *sb = file_inode(file)->i_sb;

		if (t->bdev ? sb->s_bdev == t->bdev : sb == t->sb)
			return true;
	}
	return false;
}

static int check_targets(const struct qcow_freeze *f, struct qcow_reason *why)
{
	unsigned int i;

	for (i = 0; i < f->end; i++)
		if (holds_image(f->dev, &f->targets[i]))
			return qcow_refuse(why, -ELOOP,
					   "qcow%u: its own image lies on it",
					   f->dev->number);
	return 0;
}

/* --- The freeze --- */

/* Only what holds a block device, as a mounted file system does, is frozen. */
bool qcow_freeze_stops(const struct qcow_freeze *f)
{
	unsigned int i;

	for (i = 0; i < f->nr; i++)
		if (f->targets[i].sb || READ_ONCE(f->targets[i].bdev->bd_holder))
			return true;
	return false;
}

static void thaw_all(struct qcow_freeze *f)
{
	while (f->nr) {
		struct target *t = &f->targets[--f->nr];

		target_thaw(t);
		target_put(t);
	}
}

static void name_failed(struct qcow_freeze *f, const struct target *t)
{
	if (t->bdev)
		snprintf(f->failed, sizeof(f->failed), "%pg", t->bdev);
	else
		strscpy(f->failed, t->sb->s_id, sizeof(f->failed));
}

/*
 * What is frozen already (-EBUSY) stays as it is.  Afterwards @targets are what
 * was frozen by this, and nothing else.
 */
static int freeze_all(struct qcow_freeze *f)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < f->end; i++) {
		struct target t = f->targets[i];
		int ret = err ? err : target_freeze(&t);

		if (!ret) {
			f->targets[f->nr++] = t;
			continue;
		}
		if (!err && ret != -EBUSY) {
			name_failed(f, &t);
			err = ret;
		}
		target_put(&t);
	}
	f->end = 0;
	if (err)
		thaw_all(f);
	return err;
}

static void freeze_free(struct qcow_freeze *f)
{
	struct gendisk *disk = f->dev->disk;

	while (f->end)
		target_put(&f->targets[--f->end]);
	kvfree(f->targets);
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

static struct qcow_freeze *freeze_alloc(struct qcow_device *dev,
					const struct qcow_change *change,
					struct qcow_reason *why)
{
	struct qcow_freeze *f = kzalloc(sizeof(*f), GFP_KERNEL);
	int err;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->dev = dev;
	atomic_set(&f->state, WAITED_FOR);
	init_completion(&f->done);
	INIT_WORK(&f->work, freeze_work);
	get_device(disk_to_dev(dev->disk));
	__module_get(THIS_MODULE);
	err = collect(f, change);
	if (!err)
		err = check_targets(f, why);
	if (!err)
		return f;
	freeze_free(f);
	return ERR_PTR(err);
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
				const struct qcow_change *change,
				struct qcow_reason *why)
{
	unsigned int timeout_ms = change->freeze_timeout_ms;
	struct qcow_freeze *f;
	long left;
	int err;

	if (READ_ONCE(dev->freezing))
		return ERR_PTR(qcow_refuse(why, -EBUSY,
				"qcow%u: an earlier attempt to freeze a file system on it is not over",
				dev->number));
	f = freeze_alloc(dev, change, why);
	if (IS_ERR(f))
		return f;
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
	qcow_refuse(why, err,
		    "qcow%u: the file system on %s cannot be frozen (%d)",
		    dev->number, f->failed, err);
	freeze_free(f);
	return ERR_PTR(err);
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
