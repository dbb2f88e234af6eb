// SPDX-License-Identifier: GPL-2.0
/*
 * Attach and detach devices.
 *
 * An attach reserves the number and the name, opens the chain and adds the
 * disk; on failure each step is undone in reverse.
 *
 * A detach is decided with the disk's open_mutex held, under which openers are
 * counted: so no task can open a device that is being detached.  The rest of
 * the detach is done without any lock, because del_gendisk() does I/O, as
 * add_disk() does.
 */
#include <linux/blkdev.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "block/device.h"

/* Guards the list of devices, their names, @live, @ctl, @files and @coming. */
static DEFINE_MUTEX(devices_mutex);
static LIST_HEAD(devices);
static DEFINE_IDA(numbers);
static struct workqueue_struct *detach_wq;

/*
 * The number of disks that are not freed yet.  An opener that came too late may
 * hold a disk long after its device, and with it the reference to the module,
 * is gone.
 */
static atomic_t disks;

/* Called with the disk's open_mutex held, or before the disk can be opened. */
static void set_state(struct qcow_device *dev, enum qcow_state state)
{
	if (state > dev->state)
		WRITE_ONCE(dev->state, state);
}

static int device_open(struct qcow_device *dev)
{
	if (dev->state == QCOW_STATE_DEAD)
		return -ENXIO;
	return dev->shut ? -EBUSY : 0;
}

/*
 * From here on the device cannot be opened, and queries wait until its files
 * are closed.
 */
static void leave(struct qcow_device *dev)
{
	lockdep_assert_held(&dev->disk->open_mutex);
	set_state(dev, QCOW_STATE_DEAD);
	qcow_files_leave(&dev->files);
}

/* The work item drops this reference. */
static void queue_detach(struct qcow_device *dev)
{
	get_device(disk_to_dev(dev->disk));
	queue_work(detach_wq, &dev->detach_work);
}

/* del_gendisk() takes open_mutex, which is held here: a work item detaches. */
void qcow_device_idle(struct qcow_device *dev)
{
	if (disk_openers(dev->disk))
		return;
	dev->swapped = false;
	if (!dev->lazy || dev->changing || dev->state == QCOW_STATE_DEAD)
		return;
	leave(dev);
	queue_detach(dev);
}

/* Since 6.5 these functions are given the disk. */
#ifdef HAVE_DISK_OPS_GENDISK
static int disk_open(struct gendisk *disk, blk_mode_t mode)
{
	return device_open(disk->private_data);
}

static void disk_release(struct gendisk *disk)
{
	qcow_device_idle(disk->private_data);
}
#else
static int disk_open(struct block_device *bdev, fmode_t mode)
{
	return device_open(bdev->bd_disk->private_data);
}

static void disk_release(struct gendisk *disk, fmode_t mode)
{
	qcow_device_idle(disk->private_data);
}
#endif

static void disk_free(struct gendisk *disk)
{
	kfree(disk->private_data);
	/*
	 * pairs with synchronize_rcu() in qcow_device_exit(), which waits until
	 * no CPU runs this function any more
	 */
	rcu_read_lock();
	if (atomic_dec_and_test(&disks))
		wake_up_var(&disks);
	rcu_read_unlock();
}

static const struct block_device_operations disk_ops = {
	.owner = THIS_MODULE,
	.open = disk_open,
	.release = disk_release,
	.free_disk = disk_free,
};

static struct qcow_device *find_device(unsigned int number)
{
	struct qcow_device *dev;

	lockdep_assert_held(&devices_mutex);
	list_for_each_entry(dev, &devices, node)
		if (dev->number == number)
			return dev;
	return NULL;
}

static bool name_taken(const char *name)
{
	struct qcow_device *dev;

	lockdep_assert_held(&devices_mutex);
	list_for_each_entry(dev, &devices, node)
		if (name[0] && !strcmp(dev->name, name))
			return true;
	return false;
}

/* Reserve a number and the name. */
static int register_device(struct qcow_device *dev, struct qcow_reason *why)
{
	int number = ida_alloc(&numbers, GFP_KERNEL);

	if (number < 0)
		return number;
	dev->number = number;
	mutex_lock(&devices_mutex);
	if (name_taken(dev->name)) {
		mutex_unlock(&devices_mutex);
		ida_free(&numbers, number);
		return qcow_refuse(why, -EEXIST, "the name '%s' is in use",
				   dev->name);
	}
	list_add_tail(&dev->node, &devices);
	mutex_unlock(&devices_mutex);
	return 0;
}

static void unregister_device(struct qcow_device *dev)
{
	mutex_lock(&devices_mutex);
	list_del_init(&dev->node);
	mutex_unlock(&devices_mutex);
}

static int open_view(struct qcow_device *dev, const struct qcow_attach *attach,
		     const struct qcow_layer_files *layers,
		     const char *snapshot, struct qcow_reason *why)
{
	struct qcow_open open = {
		.layers = layers,
		.nr_layers = attach->nr_layers,
		.disk = true,
		.number = dev->number,
		.write = !dev->read_only,
		.sector_size = dev->sector_size,
		.cache_size = attach->cache_size,
		.snapshot = snapshot,
		.snapshot_len = attach->snapshot_len,
	};
	struct qcow_view *view;
	u64 size;

	dev->dio = attach->flags & QCOW_ATTACH_DIO_ON ? QCOW_DIO_ON :
		   attach->flags & QCOW_ATTACH_DIO_OFF ? QCOW_DIO_OFF :
		   QCOW_DIO_AUTO;
	open.dio = dev->dio;
	view = qcow_chain_open(&open, why);
	if (IS_ERR(view))
		return PTR_ERR(view);
	size = qcow_view_size(view);
	if (!IS_ALIGNED(size, dev->sector_size)) {
		qcow_chain_close(view);
		return qcow_refuse(why, -EINVAL,
				   "the disk's %llu bytes are no multiple of the sector size %u",
				   size, dev->sector_size);
	}
	dev->view = view;
	return 0;
}

static int alloc_disk(struct qcow_device *dev, const struct qcow_attach *attach)
{
	struct gendisk *disk = qcow_queue_alloc_disk(dev);

	if (IS_ERR(disk))
		return PTR_ERR(disk);
	snprintf(disk->disk_name, DISK_NAME_LEN, QCOW_DISK_PREFIX "%u",
		 dev->number);
	disk->fops = &disk_ops;
	disk->private_data = dev;
	if (attach->flags & QCOW_ATTACH_NO_PARTSCAN)
		set_bit(GD_SUPPRESS_PART_SCAN, &disk->state);
	if (attach->flags & QCOW_ATTACH_HIDDEN)
		disk->flags |= GENHD_FL_HIDDEN;
	set_capacity(disk, qcow_view_size(dev->view) >> SECTOR_SHIFT);
	set_disk_ro(disk, dev->read_only);
	dev->disk = disk;
	return 0;
}

/*
 * Take a device apart that cannot be opened any more.
 *
 * Context: a kernel thread.  No signal reaches it, and files are closed when it
 * drops their last reference.
 */
static int destroy_device(struct qcow_device *dev)
{
	struct gendisk *disk = dev->disk;
	int err;

	unregister_device(dev);
	del_gendisk(disk);
	qcow_queue_exit(dev);
	err = qcow_chain_close(dev->view);
	if (err)
		pr_err("qcow%u: the last writes may be lost (%d)\n",
		       dev->number, err);
	qcow_files_left(&dev->files);
	ida_free(&numbers, dev->number);
	put_disk(disk);
	module_put(THIS_MODULE);
	return err;
}

/*
 * Return: 0: the caller detaches; -EINPROGRESS: the last opener will; or an
 * error.
 */
static int claim_for_detach(struct qcow_device *dev, bool lazy)
{
	int err = 0;

	mutex_lock(&dev->disk->open_mutex);
	if (dev->state == QCOW_STATE_DEAD) {
		err = -ENXIO;
	} else if (!disk_openers(dev->disk) && !dev->changing) {
		leave(dev);
	} else if (lazy) {
		dev->lazy = true;
		err = -EINPROGRESS;
	} else {
		err = -EBUSY;
	}
	mutex_unlock(&dev->disk->open_mutex);
	return err;
}

/*
 * The caller must hold a reference to the disk.  What the image lies on may be
 * stuck: after a fatal signal the caller has waited enough, and the detach goes
 * on without it.
 */
static int detach_device(struct qcow_device *dev, bool lazy)
{
	int err = claim_for_detach(dev, lazy);

	if (err)
		return err == -EINPROGRESS ? 0 : err;
	queue_detach(dev);
	if (wait_for_completion_killable(&dev->detached))
		return -EINTR;
	return dev->detach_error;
}

struct qcow_device *qcow_device_get(unsigned int number)
{
	struct qcow_device *dev;

	mutex_lock(&devices_mutex);
	dev = find_device(number);
	if (dev && !dev->live)
		dev = NULL;
	if (dev)
		get_device(disk_to_dev(dev->disk));
	mutex_unlock(&devices_mutex);
	return dev;
}

void qcow_device_announce_files(struct qcow_device *dev,
				const struct qcow_files *files)
{
	mutex_lock(&devices_mutex);
	dev->coming = files;
	mutex_unlock(&devices_mutex);
}

void qcow_device_swap_files(struct qcow_device *dev, struct qcow_files *files)
{
	mutex_lock(&devices_mutex);
	swap(dev->files, *files);
	dev->coming = NULL;
	mutex_unlock(&devices_mutex);
}

/*
 * Return the device whose disk, or a partition of it, the file lies on.  The
 * file keeps the disk open, and with it the device.
 */
static struct qcow_device *below(const struct file *file)
{
	struct inode *inode = file->f_mapping->host;
	struct block_device *bdev = S_ISBLK(inode->i_mode) ? I_BDEV(inode) :
				    inode->i_sb->s_bdev;
	struct qcow_device *dev;

	lockdep_assert_held(&devices_mutex);
	if (!bdev || bdev->bd_disk->fops != &disk_ops)
		return NULL;
	dev = bdev->bd_disk->private_data;
	/* while it is attached it can be opened before it is live */
	return list_empty(&dev->node) ? NULL : dev;
}

/* Add what the file lies on to the devices that are to be looked at. */
static void reach(const struct file *file, struct list_head *reached)
{
	struct qcow_device *dev = below(file);

	if (dev && list_empty(&dev->reached))
		list_add_tail(&dev->reached, reached);
}

static void reach_all(const struct qcow_files *files, struct list_head *reached)
{
	unsigned int i;

	for (i = 0; i < files->nr; i++)
		reach(qcow_files_get_file(files, i), reached);
}

/*
 * Devices lie on files of other devices, which lie on others again: each is
 * looked at once.  What a device may come to lie on counts: two changes at the
 * same time must not have two devices lie on each other.
 */
bool qcow_file_depends_on(const struct file *file,
			  const struct qcow_device *on)
{
	struct qcow_device *dev, *next;
	LIST_HEAD(reached);
	bool found = false;

	mutex_lock(&devices_mutex);
	reach(file, &reached);
	/* the list grows while it is walked */
	list_for_each_entry(dev, &reached, reached) {
		found |= dev == on;
		reach_all(&dev->files, &reached);
		if (dev->coming)
			reach_all(dev->coming, &reached);
	}
	list_for_each_entry_safe(dev, next, &reached, reached)
		list_del_init(&dev->reached);
	mutex_unlock(&devices_mutex);
	return found;
}

/*
 * Return true if a control file other than @ctl uses the device, which is
 * hidden and therefore has no opener.
 */
static bool is_anothers(const struct qcow_device *dev,
			const struct qcow_control *ctl)
{
	bool is;

	mutex_lock(&devices_mutex);
	is = dev->ctl && dev->ctl != ctl;
	mutex_unlock(&devices_mutex);
	return is;
}

int qcow_device_detach(unsigned int number, bool lazy,
		       const struct qcow_control *ctl)
{
	struct qcow_device *dev = qcow_device_get(number);
	struct gendisk *disk;
	int err;

	if (!dev)
		return -ENXIO;
	disk = dev->disk;
	err = is_anothers(dev, ctl) ? -EBUSY : detach_device(dev, lazy);
	put_device(disk_to_dev(disk));
	return err;
}

struct qcow_device *qcow_device_merged_by(const struct qcow_control *ctl)
{
	struct qcow_device *dev, *found = NULL;

	mutex_lock(&devices_mutex);
	list_for_each_entry(dev, &devices, node) {
		if (dev->live && READ_ONCE(dev->merger) == ctl) {
			found = dev;
			get_device(disk_to_dev(found->disk));
			break;
		}
	}
	mutex_unlock(&devices_mutex);
	return found;
}

/*
 * Take the next hidden device away from a control file that was closed.
 * Return it with a reference to its disk, or NULL.
 */
static struct qcow_device *orphan_hidden(const struct qcow_control *ctl)
{
	struct qcow_device *dev, *found = NULL;

	mutex_lock(&devices_mutex);
	list_for_each_entry(dev, &devices, node) {
		if (dev->live && dev->ctl == ctl) {
			found = dev;
			found->ctl = NULL;
			get_device(disk_to_dev(found->disk));
			break;
		}
	}
	mutex_unlock(&devices_mutex);
	return found;
}

void qcow_device_detach_hidden(const struct qcow_control *ctl)
{
	struct qcow_device *dev;
	struct gendisk *disk;

	while ((dev = orphan_hidden(ctl))) {
		disk = dev->disk;
		if (!claim_for_detach(dev, true))
			queue_detach(dev);
		put_device(disk_to_dev(disk));
	}
}

static void detach_work(struct work_struct *work)
{
	struct qcow_device *dev =
		container_of(work, struct qcow_device, detach_work);
	struct gendisk *disk = dev->disk;

	dev->detach_error = destroy_device(dev);
	complete_all(&dev->detached);
	put_device(disk_to_dev(disk));
}

static struct qcow_device *alloc_device(const struct qcow_attach *attach)
{
	struct qcow_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (!dev)
		return NULL;
	dev->read_only = attach->flags & QCOW_ATTACH_READ_ONLY;
	dev->no_discard = attach->flags & QCOW_ATTACH_NO_DISCARD;
	dev->no_partscan = attach->flags & (QCOW_ATTACH_NO_PARTSCAN |
					    QCOW_ATTACH_HIDDEN);
	dev->sector_size = attach->sector_size ?: SECTOR_SIZE;
	dev->state = dev->read_only ? QCOW_STATE_READ_ONLY : QCOW_STATE_LIVE;
	strscpy(dev->name, attach->name, sizeof(dev->name));
	INIT_WORK(&dev->detach_work, detach_work);
	init_completion(&dev->detached);
	INIT_LIST_HEAD(&dev->reached);
	mutex_init(&dev->merge_lock);
	return dev;
}

/*
 * Once @live is set, a detach can free the device: the caller must not use it
 * any more.
 */
static int add_device(struct qcow_device *dev, const struct qcow_attach *attach)
{
	int err;

	err = alloc_disk(dev, attach);
	if (err)
		return err;
	err = device_add_disk(NULL, dev->disk, qcow_device_groups);
	if (err) {
		put_disk(dev->disk);
		return err;
	}
	atomic_inc(&disks);
	/* only this scan was suppressed: BLKRRPART scans later */
	clear_bit(GD_SUPPRESS_PART_SCAN, &dev->disk->state);
	mutex_lock(&devices_mutex);
	dev->live = true;
	mutex_unlock(&devices_mutex);
	return 0;
}

int qcow_device_attach(struct qcow_attach *attach,
		       const struct qcow_layer_files *layers,
		       const char *snapshot, const struct qcow_control *ctl,
		       struct qcow_reason *why)
{
	struct qcow_device *dev = alloc_device(attach);
	int err;

	if (!dev)
		return -ENOMEM;
	if (attach->flags & QCOW_ATTACH_HIDDEN)
		dev->ctl = ctl;
	err = qcow_files_get(&dev->files, layers, attach->nr_layers);
	if (err)
		goto free_dev;
	err = register_device(dev, why);
	if (err)
		goto put_files;
	err = open_view(dev, attach, layers, snapshot, why);
	if (err)
		goto unregister;
	err = qcow_queue_init(dev);
	if (err)
		goto close_view;
	attach->number = dev->number;
	__module_get(THIS_MODULE);
	err = add_device(dev, attach);
	if (!err)
		return 0;

	module_put(THIS_MODULE);
	qcow_queue_exit(dev);
close_view:
	qcow_chain_close(dev->view);
unregister:
	unregister_device(dev);
	ida_free(&numbers, dev->number);
put_files:
	qcow_files_put(&dev->files);
free_dev:
	kfree(dev);
	return err;
}

unsigned int qcow_device_of(const struct inode *inode)
{
	unsigned int number = QCOW_NO_DEVICE;
	struct qcow_device *dev;

	mutex_lock(&devices_mutex);
	list_for_each_entry(dev, &devices, node) {
		if (dev->live && qcow_view_is_top_of(dev->view, inode)) {
			number = dev->number;
			break;
		}
	}
	mutex_unlock(&devices_mutex);
	return number;
}

int qcow_device_init(void)
{
	detach_wq = alloc_workqueue("qcow-detach", WQ_UNBOUND, 0);
	return detach_wq ? 0 : -ENOMEM;
}

void qcow_device_exit(void)
{
	destroy_workqueue(detach_wq);
	wait_var_event(&disks, !atomic_read(&disks));
	synchronize_rcu();
	ida_destroy(&numbers);
}
