// SPDX-License-Identifier: GPL-2.0
/*
 * The attributes in /sys/block/qcowN/qcow/, qcow_chain/ and qcow_statistics/,
 * one value a file.  The folders are groups of the disk, so that they are
 * complete when the disk is announced.  A group cannot lie within another one.
 */
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
VIEW_ATTR(features, qcow_view_show_features);
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
	&dev_attr_features.attr,
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

/*
 * What there is to say of a layer of the chain: layerN_format and so on, where N
 * is 0 for the top one.  There are attributes for the deepest chain that can be.
 * The folder has those of the layers that there are, also after a change.
 */
struct layer_attribute {
	struct device_attribute attr;
	unsigned int layer;
	char name[20];
};

#define LAYER_SHOW(what)						\
static ssize_t layer_##what##_show(struct device *d,			\
				   struct device_attribute *a,		\
				   char *page)				\
{									\
	struct layer_attribute *l = container_of(a,			\
						 struct layer_attribute,\
						 attr);			\
									\
	return qcow_view_show_layer_##what(to_qcow(d)->view, l->layer,	\
					   page);			\
}

LAYER_SHOW(format)
LAYER_SHOW(direct_io)
LAYER_SHOW(file)

static const struct {
	const char *name;
	ssize_t (*show)(struct device *d, struct device_attribute *a,
			char *page);
} layer_kinds[] = {
	{ "format", layer_format_show },
	{ "direct_io", layer_direct_io_show },
	{ "file", layer_file_show },
};

#define LAYER_KINDS	ARRAY_SIZE(layer_kinds)
#define LAYER_ATTRS	(QCOW_MAX_LAYERS * LAYER_KINDS)

static struct layer_attribute layer_attributes[LAYER_ATTRS];
static struct attribute *layer_attrs[LAYER_ATTRS + 1];

static umode_t layer_is_visible(struct kobject *kobj, struct attribute *a,
				int n)
{
	struct qcow_device *dev = to_qcow(kobj_to_dev(kobj));

	return n < qcow_view_layers(dev->view) * LAYER_KINDS ? a->mode : 0;
}

static const struct attribute_group layer_group = {
	.name = "qcow_chain",
	.attrs = layer_attrs,
	.is_visible = layer_is_visible,
};

void qcow_sysfs_init(void)
{
	struct layer_attribute *l;
	unsigned int i, kind;

	for (i = 0; i < LAYER_ATTRS; i++) {
		l = &layer_attributes[i];
		kind = i % LAYER_KINDS;
		l->layer = i / LAYER_KINDS;
		snprintf(l->name, sizeof(l->name), "layer%u_%s", l->layer,
			 layer_kinds[kind].name);
		l->attr.attr.name = l->name;
		l->attr.attr.mode = 0444;
		l->attr.show = layer_kinds[kind].show;
		layer_attrs[i] = &l->attr.attr;
	}
}

void qcow_sysfs_chain_changed(struct qcow_device *dev, unsigned int before)
{
	struct kobject *kobj = &disk_to_dev(dev->disk)->kobj;
	unsigned int now = qcow_view_layers(dev->view) * LAYER_KINDS;
	unsigned int i = before * LAYER_KINDS;
	int err = 0;

	while (i > now)
		sysfs_remove_file_from_group(kobj, layer_attrs[--i],
					     layer_group.name);
	while (i < now && !err)
		err = sysfs_add_file_to_group(kobj, layer_attrs[i++],
					      layer_group.name);
	if (err)
		pr_warn("qcow%u: qcow_chain in sysfs is not complete: %d\n",
			dev->number, err);
}

static ssize_t statistic_show(struct device *d, struct device_attribute *a,
			      char *page)
{
	return qcow_view_show_statistic(to_qcow(d)->view, a->attr.name, page);
}

#define STATISTIC(name)							\
static struct device_attribute statistic_##name =			\
	__ATTR(name, 0444, statistic_show, NULL)

STATISTIC(slices);
STATISTIC(slice_bytes);
STATISTIC(dirty_slices);
STATISTIC(reserve);
STATISTIC(quarantine);
STATISTIC(slice_hits);
STATISTIC(slice_misses);
STATISTIC(slice_evictions);
STATISTIC(inflations);
STATISTIC(inflate_hits);
STATISTIC(worker_dispatches);
STATISTIC(allocations);
STATISTIC(tables);
STATISTIC(copies);
STATISTIC(releases);
STATISTIC(commits);
STATISTIC(throttled);

static struct attribute *statistic_attrs[] = {
	&statistic_slices.attr,
	&statistic_slice_bytes.attr,
	&statistic_dirty_slices.attr,
	&statistic_reserve.attr,
	&statistic_quarantine.attr,
	&statistic_slice_hits.attr,
	&statistic_slice_misses.attr,
	&statistic_slice_evictions.attr,
	&statistic_inflations.attr,
	&statistic_inflate_hits.attr,
	&statistic_worker_dispatches.attr,
	&statistic_allocations.attr,
	&statistic_tables.attr,
	&statistic_copies.attr,
	&statistic_releases.attr,
	&statistic_commits.attr,
	&statistic_throttled.attr,
	NULL
};

static umode_t statistic_is_visible(struct kobject *kobj, struct attribute *a,
				    int n)
{
	struct qcow_device *dev = to_qcow(kobj_to_dev(kobj));

	return qcow_view_has_statistic(dev->view, a->name) ? a->mode : 0;
}

static const struct attribute_group statistic_group = {
	.name = "qcow_statistics",
	.attrs = statistic_attrs,
	.is_visible = statistic_is_visible,
};

const struct attribute_group *qcow_device_groups[] = {
	&device_group,
	&layer_group,
	&statistic_group,
	NULL
};
