// SPDX-License-Identifier: GPL-2.0
/*
 * Look up in the tables of a qcow2 image what a write finds at a place:
 * clusters that may be written in place, or what has to be done first.
 */
#include "format/fault.h"
#include "format/header.h"
#include "format/l2.h"
#include "image/core/health.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/map/cache.h"
#include "image/map/lookup_write.h"
#include "image/map/run.h"
#include "image/map/slice.h"

bool qcow_has_backing_data(const struct qcow_image *image, u64 guest_offset)
{
	/*
	 * Pairs with synchronize_rcu() in qcow_view_fill(), which sets @sealed:
	 * no task that saw the old value still holds a slice's lock after it.
	 */
	if (READ_ONCE(image->sealed))
		return true;
	return image->backing && guest_offset < image->backing->active.size;
}

/*
 * The cluster is not allocated: it reads zeros, or from the backing file.
 * @zero: it reads zeros, whatever the backing file has
 */
static enum qcow_run_type classify_absent(const struct qcow_image *image,
					  bool zero, u64 guest_offset)
{
	/* at this place an external data file may have any bytes */
	if (image->geo.external_data)
		return QCOW_RUN_COPY;
	if (!zero && qcow_has_backing_data(image, guest_offset))
		return QCOW_RUN_COPY;
	return QCOW_RUN_FRESH;
}

/*
 * Extended L2: classify the subcluster at @offset, and cut *@len to the
 * subclusters of the same kind that follow it.
 */
static enum qcow_run_type classify_subcluster(const struct qcow_image *image,
					      const struct qcow2_l2_entry *e,
					      u64 guest_offset, u32 offset,
					      u32 *len)
{
	u8 bits = image->geo.subcluster_bits;
	u32 alloc = QCOW2_L2_BITMAP_ALLOC(e->bitmap), run;
	unsigned int sc = offset >> bits;
	bool in_place;

	if (!(e->entry & QCOW2_OFLAG_COPIED))
		return QCOW_RUN_COPY;
	in_place = alloc >> sc & 1;
	run = (in_place ? ~alloc : alloc) >> sc;
	if (run)
		*len = ((sc + __ffs(run)) << bits) - offset;
	return in_place ? QCOW_RUN_DATA : QCOW_RUN_COPY;
}

void qcow_classify(const struct qcow_image *image,
		   const struct qcow2_l2_entry *e, u64 guest_offset,
		   u32 offset, struct qcow_run *run)
{
	const struct qcow2_geometry *geo = &image->geo;

	run->len = (1U << geo->cluster_bits) - offset;
	run->host = (e->entry & QCOW2_L2E_OFFSET_MASK) + offset;
	switch (qcow2_cluster_type(geo, e->entry)) {
	case QCOW2_CLUSTER_NORMAL:
		if (geo->extended_l2)
			run->type = classify_subcluster(image, e, guest_offset,
							offset, &run->len);
		else
			run->type = e->entry & QCOW2_OFLAG_COPIED ?
				    QCOW_RUN_DATA : QCOW_RUN_COPY;
		break;
	case QCOW2_CLUSTER_UNALLOCATED:
		run->type = classify_absent(image, !~QCOW2_L2_BITMAP_ZERO(e->bitmap),
					    guest_offset);
		break;
	case QCOW2_CLUSTER_ZERO_PLAIN:
		run->type = classify_absent(image, true, guest_offset);
		break;
	default:
		run->type = QCOW_RUN_COPY;
	}
}

/*
 * Add neighbours of the same kind, up to @len.  Clusters that are written in
 * place must be contiguous in the file.
 */
static int map_slice_write(struct qcow_image *image,
			   const struct qcow_slice *slice, u64 pos, u32 len,
			   struct qcow_run *run)
{
	u32 entries = 1U << image->entry_bits;
	u32 size = 1U << image->geo.cluster_bits;
	u32 index = (pos >> image->geo.cluster_bits) & (entries - 1);
	u64 start = round_down(pos, (u64)size);
	struct qcow2_l2_entry e = qcow_slice_entry(&image->geo, slice, index);
	struct qcow_run next = { .len = size };
	struct qcow_fault fault;

	if (qcow2_l2_entry_check(&image->geo, start, &e, &fault))
		return qcow_image_corrupt(image, &fault);
	run->image = image;
	qcow_classify(image, &e, start, pos - start, run);
	run->file = image->data_file;
	while (run->type != QCOW_RUN_COPY && run->len < len &&
	       next.len == size && IS_ALIGNED(pos + run->len, size) &&
	       ++index < entries) {
		start += size;
		e = qcow_slice_entry(&image->geo, slice, index);
		qcow_classify(image, &e, start, 0, &next);
		if (next.type != run->type ||
		    qcow2_l2_entry_check(&image->geo, start, &e, &fault) ||
		    (run->type == QCOW_RUN_DATA &&
		     next.host != run->host + run->len))
			break;
		run->len += next.len;
	}
	run->len = min(run->len, len);
	return 0;
}

/*
 * The slice is not resident, or may not be written through.  In a table that a
 * snapshot shares the COPIED flags need not be verified: the table is copied
 * first, and the copy has none.
 */
static int map_unwritable(struct qcow_view *view, u64 pos,
			  const struct qcow_slice *slice, struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	u64 cluster = pos >> image->geo.cluster_bits;
	u64 l1_index = cluster >> image->geo.l2_bits;
	u64 l1_entry = READ_ONCE(view->l1_table[l1_index]);
	struct qcow_fault fault;

	run->len = 0;
	run->host = l1_index;
	if (!(l1_entry & QCOW2_L1E_OFFSET_MASK)) {
		run->type = QCOW_RUN_NO_TABLE;
		return 0;
	}
	if (qcow2_l1_entry_check(&image->geo, l1_index, l1_entry, &fault))
		return qcow_image_corrupt(image, &fault);
	if (!(l1_entry & QCOW2_OFLAG_COPIED)) {
		run->type = QCOW_RUN_SHARED_TABLE;
		return 0;
	}
	run->type = QCOW_RUN_UNVERIFIED;
	/* pairs with slice_publish() */
	if (slice && smp_load_acquire(&slice->ready))
		return 0;
	run->missing = view;
	run->slice = cluster >> image->entry_bits;
	return -EAGAIN;
}

int qcow_qcow2_map_write(struct qcow_view *view, u64 pos, u32 len,
			 struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	struct qcow_slice *slice;
	int ret;

	rcu_read_lock();
	slice = qcow_cache_seek(view, pos >> image->cache.disk_shift);
	/* pairs with qcow_slice_set_writable() and slice_publish() */
	if (unlikely(!slice || !smp_load_acquire(&slice->writable))) {
		ret = map_unwritable(view, pos, slice, run);
	} else {
		qcow_slice_use(image, slice);
		ret = map_slice_write(image, slice, pos, len, run);
	}
	rcu_read_unlock();
	return ret;
}
