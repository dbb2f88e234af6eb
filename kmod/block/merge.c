// SPDX-License-Identifier: GPL-2.0
/*
 * Merge the image of a device in use into its backing file.  The device is
 * claimed from the beginning to the end of the merge.  When the control file
 * through which the merge began is closed, the merge is stopped: so it ends
 * whatever happens to the process that began it.
 */
#include <linux/blkdev.h>

#include "block/device.h"

static int begin_claimed(struct qcow_device *dev,
			 const struct qcow_control *ctl,
			 const struct qcow_layer_files *layers,
			 unsigned int nr, struct file **holds, u64 *pause_ns,
			 struct qcow_reason *why)
{
	struct qcow_change change = { .op = QCOW_CHANGE_MERGE_BEGIN };
	int err;

	mutex_lock(&dev->merge_lock);
	err = qcow_device_change_backing(dev, &change, layers, nr, pause_ns,
					 why);
	if (!err) {
		memcpy(dev->merge_holds, holds, sizeof(dev->merge_holds));
		WRITE_ONCE(dev->merger, ctl);
	}
	mutex_unlock(&dev->merge_lock);
	return err;
}

int qcow_device_merge_begin(unsigned int number, const struct qcow_control *ctl,
			    const struct qcow_layer_files *layers,
			    unsigned int nr, struct file **holds, u64 *pause_ns,
			    struct qcow_reason *why)
{
	static const struct qcow_change change = {
		.op = QCOW_CHANGE_MERGE_BEGIN,
	};
	struct qcow_device *dev = qcow_device_get(number);
	int err;

	if (!dev)
		return -ENXIO;
	err = qcow_device_claim(dev, &change, false, why);
	if (!err) {
		err = begin_claimed(dev, ctl, layers, nr, holds, pause_ns,
				    why);
		if (err)
			qcow_device_unclaim(dev);
	}
	put_device(disk_to_dev(dev->disk));
	return err;
}

/* Return the device with its merge_lock held; put_merged() undoes both. */
static struct qcow_device *get_merged(unsigned int number,
				      const struct qcow_control *ctl)
{
	struct qcow_device *dev = qcow_device_get(number);

	if (!dev)
		return ERR_PTR(-ENXIO);
	mutex_lock(&dev->merge_lock);
	if (dev->merger == ctl)
		return dev;
	mutex_unlock(&dev->merge_lock);
	put_device(disk_to_dev(dev->disk));
	return ERR_PTR(-ENOENT);
}


static void put_merged(struct qcow_device *dev)
{
	bool over = dev->merger && !qcow_view_merging(dev->view);
	struct file *holds[QCOW_MERGE_HOLDS] = { };
	unsigned int i;

	if (over) {
		memcpy(holds, dev->merge_holds, sizeof(holds));
		memset(dev->merge_holds, 0, sizeof(dev->merge_holds));
		WRITE_ONCE(dev->merger, NULL);
	}
	mutex_unlock(&dev->merge_lock);
	for (i = 0; i < QCOW_MERGE_HOLDS; i++)
		if (holds[i])
			qcow_fput(holds[i]);
	if (over)
		qcow_device_unclaim(dev);
	put_device(disk_to_dev(dev->disk));
}

int qcow_device_merge_step(unsigned int number, const struct qcow_control *ctl,
			   u64 *left, struct qcow_reason *why)
{
	struct qcow_device *dev = get_merged(number, ctl);
	int err;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = qcow_view_merge(dev->view, left, why);
	put_merged(dev);
	return err;
}

int qcow_device_merge_end(unsigned int number, const struct qcow_control *ctl,
			  bool keep, u64 *pause_ns, struct qcow_reason *why)
{
	struct qcow_change change = {
		.op = QCOW_CHANGE_MERGE_END, .keep = keep,
	};
	struct qcow_device *dev = get_merged(number, ctl);
	int err;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = qcow_device_change_claimed(dev, &change, pause_ns, why);
	put_merged(dev);
	return err;
}

static int stop(struct qcow_device *dev, u64 *pause_ns,
		struct qcow_reason *why)
{
	struct qcow_change change = { .op = QCOW_CHANGE_MERGE_STOP };

	qcow_view_merge_calm(dev->view);
	return qcow_device_change_claimed(dev, &change, pause_ns, why);
}

int qcow_device_merge_stop(unsigned int number, const struct qcow_control *ctl,
			   u64 *pause_ns, struct qcow_reason *why)
{
	struct qcow_device *dev = get_merged(number, ctl);
	int err;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = stop(dev, pause_ns, why);
	put_merged(dev);
	return err;
}

void qcow_device_merge_orphans(const struct qcow_control *ctl)
{
	struct qcow_device *dev;
	u64 pause_ns;

	while ((dev = qcow_device_merged_by(ctl))) {
		struct qcow_reason why = { };

		mutex_lock(&dev->merge_lock);
		if (stop(dev, &pause_ns, &why))
			pr_err("qcow%u: %s\n", dev->number, why.text);
		put_merged(dev);
	}
}
