// SPDX-License-Identifier: GPL-2.0
/* The attributes in /sys/block/qcowN/qcow/, one value a file. */
#include <linux/blkdev.h>
#include <linux/device.h>
#include <linux/sysfs.h>

#include "block/device.h"

static struct qcow_device *to_qcow(struct device *d)
{
	return dev_to_disk(d)->private_data;
}

static const char *const state_names[] = {
	[QCOW_STATE_LIVE]	= "live",
	[QCOW_STATE_DEGRADED]	= "degraded",
	[QCOW_STATE_READ_ONLY]	= "read-only",
	[QCOW_STATE_DEAD]	= "dead",
};

static const char *state_name(const struct qcow_device *dev)
{
	unsigned int state = READ_ONCE(dev->state);

	if (state == QCOW_STATE_LIVE && qcow_view_degraded(dev->view))
		state = QCOW_STATE_DEGRADED;
	return state_names[state];
}

/* An attribute that a function of the image prints. */
#define VIEW_ATTR(attr, show)						\
static ssize_t attr##_show(struct device *d,				\
			   struct device_attribute *a, char *page)	\
{									\
	return show(to_qcow(d)->view, page);				\
}									\
static DEVICE_ATTR_RO(attr)

/* An attribute that is one value of the device or of its view. */
#define VALUE_ATTR(attr, format, value)					\
static ssize_t attr##_show(struct device *d,				\
			   struct device_attribute *a, char *page)	\
{									\
	struct qcow_device *dev = to_qcow(d);				\
									\
	return sysfs_emit(page, format "\n", value);			\
}									\
static DEVICE_ATTR_RO(attr)

VIEW_ATTR(backing_file, qcow_view_show_path);
VIEW_ATTR(data_file, qcow_view_show_data_path);
VIEW_ATTR(snapshot, qcow_view_show_snapshot);
VIEW_ATTR(chain, qcow_view_show_chain);
VIEW_ATTR(features, qcow_view_show_features);
VIEW_ATTR(statistics, qcow_view_show_statistics);
VIEW_ATTR(failure, qcow_view_show_failure);
VALUE_ATTR(format, "%s", qcow_view_format(dev->view));
VALUE_ATTR(cluster_size, "%u", qcow_view_cluster_size(dev->view));
VALUE_ATTR(layers, "%u", qcow_view_layers(dev->view));
VALUE_ATTR(offset, "%llu", qcow_view_offset(dev->view));
VALUE_ATTR(direct_io, "%d", qcow_view_direct(dev->view));
VALUE_ATTR(state, "%s", state_name(dev));
VALUE_ATTR(name, "%s", dev->name);
VALUE_ATTR(lazy, "%d", dev->lazy);

static struct attribute *device_attrs[] = {
	&dev_attr_backing_file.attr,
	&dev_attr_data_file.attr,
	&dev_attr_snapshot.attr,
	&dev_attr_chain.attr,
	&dev_attr_features.attr,
	&dev_attr_statistics.attr,
	&dev_attr_format.attr,
	&dev_attr_cluster_size.attr,
	&dev_attr_layers.attr,
	&dev_attr_offset.attr,
	&dev_attr_direct_io.attr,
	&dev_attr_state.attr,
	&dev_attr_failure.attr,
	&dev_attr_name.attr,
	&dev_attr_lazy.attr,
	NULL
};

static const struct attribute_group device_group = {
	.name = "qcow",
	.attrs = device_attrs,
};

const struct attribute_group *qcow_device_groups[] = {
	&device_group,
	NULL
};
