// SPDX-License-Identifier: GPL-2.0
/* Give a device in use another backing file, and fill its image before that. */
#include <linux/blkdev.h>

#include "block/device.h"

int qcow_device_fill(unsigned int number, u64 start, u64 length, u64 *changes,
		     struct qcow_reason *why)
{
	static const struct qcow_change change = { .op = QCOW_CHANGE_REBASE };
	struct qcow_device *dev = qcow_device_get(number);
	int err;

	if (!dev)
		return -ENXIO;
	err = qcow_device_claim(dev, &change, false, why);
	if (!err) {
		err = qcow_view_fill(dev->view, start, length, changes,
				     why);
		qcow_device_unclaim(dev);
	}
	put_device(disk_to_dev(dev->disk));
	return err;
}

/*
 * A layer that lies on the device itself is refused: a request would wait for
 * itself, and the device could never be detached.
 */
static int check_layers(const struct qcow_device *dev,
			const struct qcow_layer_files *layers, unsigned int nr,
			struct qcow_reason *why)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (qcow_file_depends_on(layers[i].file, dev) ||
		    (layers[i].data_file &&
		     qcow_file_depends_on(layers[i].data_file, dev)))
			return qcow_refuse(why, -ELOOP,
					   "layer %u lies on qcow%u itself", i,
					   dev->number);
	return 0;
}

int qcow_device_change_backing(struct qcow_device *dev,
			       struct qcow_change *change,
			       const struct qcow_layer_files *layers,
			       unsigned int nr, u64 *pause_ns,
			       struct qcow_reason *why)
{
	const struct qcow_open open = {
		.layers = layers, .nr_layers = nr, .number = dev->number,
		.dio = dev->dio,
		.sector_size = dev->sector_size,
	};
	struct qcow_files files = { };
	int err = qcow_files_get_others(&files, &dev->files, layers, nr);

	if (err)
		return err;
	qcow_device_announce_files(dev, &files);
	change->backing = &open;
	err = check_layers(dev, layers, nr, why);
	if (!err)
		err = qcow_device_change_claimed(dev, change, pause_ns, why);
	if (!err)
		qcow_device_swap_files(dev, &files);
	else
		qcow_device_announce_files(dev, NULL);
	qcow_files_put(&files);
	return err;
}

int qcow_device_rebase(unsigned int number, struct qcow_change *change,
		       const struct qcow_layer_files *layers, unsigned int nr,
		       u64 *pause_ns, struct qcow_reason *why)
{
	struct qcow_device *dev = qcow_device_get(number);
	int err;

	if (!dev)
		return -ENXIO;
	err = qcow_device_claim(dev, change, false, why);
	if (!err) {
		err = qcow_device_change_backing(dev, change, layers, nr,
						 pause_ns, why);
		qcow_device_unclaim(dev);
	}
	put_device(disk_to_dev(dev->disk));
	return err;
}
