// SPDX-License-Identifier: GPL-2.0
/* Look up in the tables of a qcow2 image what a read finds at a place. */
#include <linux/kernel.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/l2.h"
#include "image/core/health.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/map/cache.h"
#include "image/map/lookup.h"
#include "image/map/run.h"
#include "image/map/slice.h"

static const enum qcow_run_type run_types[] = {
	[QCOW2_CLUSTER_UNALLOCATED]	= QCOW_RUN_BACKING,
	[QCOW2_CLUSTER_ZERO_PLAIN]	= QCOW_RUN_ZERO,
	[QCOW2_CLUSTER_ZERO_ALLOC]	= QCOW_RUN_ZERO,
	[QCOW2_CLUSTER_NORMAL]		= QCOW_RUN_DATA,
	[QCOW2_CLUSTER_COMPRESSED]	= QCOW_RUN_COMPRESSED,
};

/*
 * Look up the run at @offset in one cluster, up to the cluster's end at most.
 * @offset: bytes from the cluster's start
 */
static int map_entry(struct qcow_image *image, const struct qcow2_l2_entry *e,
		     u64 guest_offset, u32 offset, struct qcow_run *run)
{
	const struct qcow2_geometry *geo = &image->geo;
	enum qcow2_cluster_type type = qcow2_cluster_type(geo, e->entry);
	struct qcow_fault fault;
	u32 end = 1U << geo->cluster_bits;
	unsigned int sc;

	if (qcow2_l2_entry_check(geo, guest_offset, e, &fault))
		return qcow_image_corrupt(image, &fault);
	run->image = image;
	if (geo->extended_l2 && type != QCOW2_CLUSTER_COMPRESSED) {
		sc = offset >> geo->subcluster_bits;
		end = (sc + qcow2_subcluster_run(type, e->bitmap, sc)) <<
		      geo->subcluster_bits;
		type = qcow2_subcluster_type(type, e->bitmap, sc);
	}
	run->type = run_types[type];
	run->len = end - offset;
	if (run->type == QCOW_RUN_DATA) {
		run->file = image->data_file;
		run->host = (e->entry & QCOW2_L2E_OFFSET_MASK) + offset;
	} else if (run->type == QCOW_RUN_COMPRESSED) {
		qcow2_compressed_decode(geo, e->entry, &run->compressed);
		run->offset = offset;
	}
	return 0;
}

static bool run_continues(const struct qcow_run *run,
			  const struct qcow_run *next)
{
	if (run->type != next->type || run->type == QCOW_RUN_COMPRESSED)
		return false;
	return run->type != QCOW_RUN_DATA ||
	       run->host + run->len == next->host;
}

/* Look up an entry of any kind, and add neighbours of the same kind. */
static noinline int map_slice(struct qcow_view *view,
			      const struct qcow_slice *slice, u64 pos, u32 len,
			      struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	u8 bits = image->geo.cluster_bits;
	u32 entries = 1U << image->entry_bits;
	u32 index = (pos >> bits) & (entries - 1);
	u64 guest_offset = round_down(pos, 1ULL << bits);
	struct qcow2_l2_entry e = qcow_slice_entry(&image->geo, slice, index);
	struct qcow_run next;
	int err;

	err = map_entry(image, &e, guest_offset, pos - guest_offset, run);
	if (err)
		return err;
	while (run->len < len && ++index < entries &&
	       IS_ALIGNED(pos + run->len, 1ULL << bits)) {
		guest_offset += 1ULL << bits;
		e = qcow_slice_entry(&image->geo, slice, index);
		/* a malformed neighbour is reported by a lookup at its place */
		if (qcow2_l2_entry_check(&image->geo, guest_offset, &e,
					 &(struct qcow_fault){ }) ||
		    map_entry(image, &e, guest_offset, 0, &next) ||
		    !run_continues(run, &next))
			break;
		run->len += next.len;
	}
	run->len = min(run->len, len);
	return 0;
}

/* The slice is not resident: there is no L2 table, or it has to be read. */
static noinline int map_no_slice(struct qcow_view *view, unsigned long number,
				 u64 pos, u32 len, struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	u8 bits = image->geo.l2_bits + image->geo.cluster_bits;
	u64 index = pos >> bits;
	u64 entry = READ_ONCE(view->l1_table[index]);
	struct qcow_fault fault;

	if (qcow2_l1_entry_check(&image->geo, index, entry, &fault))
		return qcow_image_corrupt(image, &fault);
	if (entry & QCOW2_L1E_OFFSET_MASK) {
		run->missing = view;
		run->slice = number;
		return -EAGAIN;
	}
	run->type = QCOW_RUN_BACKING;
	run->len = min_t(u64, len, ((index + 1) << bits) - pos);
	return 0;
}

int qcow_qcow2_map(struct qcow_view *view, u64 pos, u32 len,
		   struct qcow_run *run)
{
	unsigned long number = pos >> view->image->cache.disk_shift;
	struct qcow_slice *slice;
	int ret;

	rcu_read_lock();
	slice = qcow_cache_find(view, number);
	if (slice) {
		qcow_stat_inc(view->image, slice_hits);
		ret = map_slice(view, slice, pos, len, run);
	} else {
		ret = map_no_slice(view, number, pos, len, run);
	}
	rcu_read_unlock();
	return ret;
}

int qcow_qcow2_map_sync(struct qcow_view *view, u64 pos, u32 len,
			struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	u32 size = 1U << image->cache.slice_bits;
	struct qcow_slice slice = { .view = view };
	int err = qcow_qcow2_map(view, pos, len, run);

	if (err != -EAGAIN)
		return err;
	slice.number = run->slice;
	spin_lock_init(&slice.lock);
	seqcount_spinlock_init(&slice.seq, &slice.lock);
	slice.entries = kmalloc(size, GFP_NOIO);
	if (!slice.entries)
		return -ENOMEM;
	err = qcow_file_read(image->file, slice.entries, size,
			     qcow_slice_host(&slice));
	if (!err) {
		qcow2_be64_decode(slice.entries, slice.entries,
				  size / sizeof(u64));
		err = map_slice(view, &slice, pos, len, run);
	}
	kfree(slice.entries);
	return err;
}
