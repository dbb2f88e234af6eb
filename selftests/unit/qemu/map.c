// SPDX-License-Identifier: GPL-2.0
/*
 * What "qemu-img map --output=json" says of an image without a backing file:
 * start, length, present, zero, data, offset, a line for each extent.
 */
#include <stdio.h>

#include "inspect.h"

struct extent {
	u64 start;
	u64 length;
	bool present;
	bool zero;
	bool data;
	bool has_offset;
	u64 offset;
};

static const char *truth(bool b)
{
	return b ? "true" : "false";
}

static void print_extent(const struct extent *e)
{
	if (!e->length)
		return;
	printf("start:%llu,length:%llu,present:%s,zero:%s,data:%s",
	       e->start, e->length, truth(e->present), truth(e->zero),
	       truth(e->data));
	if (e->has_offset)
		printf(",offset:%llu", e->offset);
	putchar('\n');
}

static bool continues(const struct extent *a, const struct extent *b)
{
	return a->present == b->present && a->zero == b->zero &&
	       a->data == b->data && a->has_offset == b->has_offset &&
	       (!a->has_offset || a->offset + a->length == b->offset);
}

static void append(struct extent *all, const struct extent *e)
{
	if (all->length && continues(all, e)) {
		all->length += e->length;
		return;
	}
	print_extent(all);
	*all = *e;
}

static struct extent extent_of(enum qcow2_cluster_type cluster,
			       enum qcow2_cluster_type type)
{
	return (struct extent){
		.present = type != QCOW2_CLUSTER_UNALLOCATED,
		.zero = type == QCOW2_CLUSTER_UNALLOCATED ||
			type == QCOW2_CLUSTER_ZERO_PLAIN ||
			type == QCOW2_CLUSTER_ZERO_ALLOC,
		.data = type == QCOW2_CLUSTER_NORMAL ||
			type == QCOW2_CLUSTER_COMPRESSED,
		.has_offset = cluster == QCOW2_CLUSTER_NORMAL ||
			      cluster == QCOW2_CLUSTER_ZERO_ALLOC,
	};
}

/* A cluster without subclusters is one run. */
static void map_cluster(const struct image *img, struct extent *all, u64 guest,
			const struct qcow2_l2_entry *entry)
{
	enum qcow2_cluster_type cluster, type;
	unsigned int sc = 0, n = QCOW2_SUBCLUSTERS;
	u64 size = img->h.size & ~511ULL, unit;
	struct extent e;

	cluster = qcow2_cluster_type(&img->geo, entry->entry);
	type = cluster;
	for (; sc < QCOW2_SUBCLUSTERS; sc += n) {
		unit = (1ULL << img->geo.cluster_bits) / QCOW2_SUBCLUSTERS;
		if (img->geo.extended_l2) {
			type = qcow2_subcluster_type(cluster, entry->bitmap,
						     sc);
			n = qcow2_subcluster_run(cluster, entry->bitmap, sc);
		}
		e = extent_of(cluster, type);
		e.start = guest + sc * unit;
		e.length = n * unit;
		e.offset = (entry->entry & QCOW2_L2E_OFFSET_MASK) + sc * unit;
		if (e.start >= size)
			return;
		if (e.length > size - e.start)
			e.length = size - e.start;
		append(all, &e);
	}
}

static void map_l2(const struct image *img, struct extent *all, u64 l1_index)
{
	u64 l1_entry = image_word(img, img->h.l1_table_offset, l1_index);
	u64 table = l1_entry & QCOW2_L1E_OFFSET_MASK;
	struct qcow2_l2_entry entry = { 0, 0 };
	struct qcow_fault fault = {};
	u64 i, guest;

	accept(qcow2_l1_entry_check(&img->geo, l1_index, l1_entry, &fault),
	       &fault);
	for (i = 0; i < 1ULL << img->geo.l2_bits; i++) {
		guest = ((l1_index << img->geo.l2_bits) + i) <<
			img->geo.cluster_bits;
		if (guest >= img->h.size)
			return;
		if (table)
			entry = image_l2_entry(img, table, i, guest);
		map_cluster(img, all, guest, &entry);
	}
}

void print_map(struct image *img)
{
	u64 n = qcow2_l1_entries(&img->geo, img->h.size), i;
	struct extent all = {};

	for (i = 0; i < n; i++)
		map_l2(img, &all, i);
	print_extent(&all);
}
