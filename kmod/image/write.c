// SPDX-License-Identifier: GPL-2.0
/*
 * Writing to the active disk of a qcow2 image: which clusters may be written
 * where they are, and what has to happen to the others first.
 */
#include <linux/slab.h>

#include "image/internal.h"

static bool in_place(u64 entry)
{
	return (entry & QCOW2_OFLAG_COPIED) && (entry & QCOW2_L2E_OFFSET_MASK) &&
	       !(entry & (QCOW2_OFLAG_COMPRESSED | QCOW2_OFLAG_ZERO));
}

static bool has_backing_data(const struct qcow_image *image, u64 guest_offset)
{
	return image->backing && guest_offset < image->backing->active.size;
}

static enum qcow_run_type classify(const struct qcow_image *image, u64 entry,
				   u64 guest_offset)
{
	switch (qcow2_cluster_type(&image->geo, entry)) {
	case QCOW2_CLUSTER_NORMAL:
		return entry & QCOW2_OFLAG_COPIED ? QCOW_RUN_DATA :
						    QCOW_RUN_COPY;
	case QCOW2_CLUSTER_UNALLOCATED:
		return has_backing_data(image, guest_offset) ?
			QCOW_RUN_COPY : QCOW_RUN_FRESH;
	case QCOW2_CLUSTER_ZERO_PLAIN:
		return QCOW_RUN_FRESH;
	default:
		return QCOW_RUN_COPY;
	}
}

/* Neighbours of one kind, up to @len; clusters in place must be in a row. */
static int map_slice_write(struct qcow_view *view,
			   const struct qcow_slice *slice, u64 pos, u32 len,
			   struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	u8 bits = image->geo.cluster_bits;
	u32 entries = 1U << image->cache.entry_bits, size = 1U << bits;
	u32 index = (pos >> bits) & (entries - 1);
	u64 start = round_down(pos, (u64)size);
	struct qcow2_l2_entry e = { .entry = READ_ONCE(slice->entries[index]) };
	struct qcow_fault fault;

	if (qcow2_l2_entry_check(&image->geo, start, &e, &fault))
		return qcow_image_corrupt(image, &fault);
	run->type = classify(image, e.entry, start);
	run->image = image;
	run->file = image->file;
	run->host = (e.entry & QCOW2_L2E_OFFSET_MASK) + (pos - start);
	run->len = size - (pos - start);
	while (run->type != QCOW_RUN_COPY && run->len < len &&
	       ++index < entries) {
		start += size;
		e.entry = READ_ONCE(slice->entries[index]);
		if (classify(image, e.entry, start) != run->type ||
		    qcow2_l2_entry_check(&image->geo, start, &e, &fault))
			break;
		if (run->type == QCOW_RUN_DATA &&
		    (e.entry & QCOW2_L2E_OFFSET_MASK) != run->host + run->len)
			break;
		run->len += size;
	}
	run->len = min(run->len, len);
	return 0;
}

int qcow_qcow2_map_write(struct qcow_view *view, u64 pos, u32 len,
			 struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	u64 cluster = pos >> image->geo.cluster_bits;
	u64 l1_index = cluster >> image->geo.l2_bits;
	u64 l1_entry = READ_ONCE(view->l1_table[l1_index]);
	struct qcow_slice *slice;
	struct qcow_fault fault;
	int ret = 0;

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
	rcu_read_lock();
	slice = qcow_cache_find(view, cluster >> image->cache.entry_bits);
	if (slice) {
		ret = map_slice_write(view, slice, pos, len, run);
	} else {
		run->missing = view;
		run->slice = cluster >> image->cache.entry_bits;
		ret = -EAGAIN;
	}
	rcu_read_unlock();
	return ret;
}

/* A table that reads zeros, durably, needs no writing before it is linked. */
static int new_table(struct qcow_cmd *cmd, u64 l1_index)
{
	struct qcow_image *image = cmd->view->image;
	u64 *entry = &image->active.l1_table[l1_index], fresh;
	u32 got = 1;

	spin_lock(&image->cow.lock);
	if (!*entry) {
		got = qcow_alloc_take(image, 1, &fresh);
		if (got)
			WRITE_ONCE(*entry,
				   (fresh << image->geo.cluster_bits) |
				   QCOW2_OFLAG_COPIED);
	}
	spin_unlock(&image->cow.lock);
	if (!got)
		return qcow_alloc_wait(image, cmd);
	qcow_commit_l1(image, l1_index);
	qcow_commit_soon(image);
	return 0;
}

/* Entries from @index on that want a fresh cluster, at most @max. */
static u32 count_fresh(const struct qcow_image *image,
		       const struct qcow_slice *slice, u32 index,
		       u64 guest_offset, u32 max)
{
	u32 n;

	for (n = 0; n < max; n++)
		if (classify(image, slice->entries[index + n], guest_offset +
			     ((u64)n << image->geo.cluster_bits)) !=
		    QCOW_RUN_FRESH)
			break;
	return n;
}

/*
 * Fresh clusters are linked before there is data in them: what they read until
 * then, and after a crash, is what the guest's clusters read before.
 */
static int link_fresh(struct qcow_cmd *cmd, const struct qcow_run *run)
{
	struct qcow_image *image = cmd->view->image;
	u8 bits = image->geo.cluster_bits;
	u64 pos = cmd->pos + cmd->dispatched, cluster = pos >> bits, first;
	u32 index = cluster & ((1U << image->cache.entry_bits) - 1);
	u32 want = ((pos + run->len - 1) >> bits) - cluster + 1, got = 0, i;
	struct qcow_slice *slice;

	slice = qcow_slice_lock(cmd->view, cluster >> image->cache.entry_bits);
	if (!slice)
		return 0;
	want = count_fresh(image, slice, index, cluster << bits, want);
	if (want)
		got = qcow_alloc_take(image, want, &first);
	for (i = 0; i < got; i++)
		WRITE_ONCE(slice->entries[index + i],
			   ((first + i) << bits) | QCOW2_OFLAG_COPIED);
	qcow_slice_unlock(slice);
	if (want && !got)
		return qcow_alloc_wait(image, cmd);
	qcow_commit_soon(image);
	return 0;
}

int qcow_write_prepare(struct qcow_cmd *cmd, const struct qcow_run *run,
		       bool nowait)
{
	if (READ_ONCE(cmd->view->image->commit.error))
		return -EIO;
	switch (run->type) {
	case QCOW_RUN_FRESH:
		return link_fresh(cmd, run);
	case QCOW_RUN_NO_TABLE:
		return new_table(cmd, run->host);
	case QCOW_RUN_SHARED_TABLE:
		return nowait ? -EAGAIN : qcow_cow_table(cmd, run->host);
	case QCOW_RUN_COPY:
		return nowait ? -EAGAIN : qcow_cow_write(cmd, run);
	default:
		return -EIO;
	}
}

/* One whole cluster less; 0 where there was nothing to do or look again. */
static int discard_cluster(struct qcow_image *image, u64 cluster)
{
	u32 index = cluster & ((1U << image->cache.entry_bits) - 1);
	bool backed = has_backing_data(image, cluster << image->geo.cluster_bits);
	u64 old, gone = backed ? QCOW2_OFLAG_ZERO : 0;
	struct qcow_slice *slice;

	/* version 2 has no way to say that the backing file is hidden */
	if (backed && image->geo.version < 3)
		return 0;
	slice = qcow_slice_lock(&image->active,
				cluster >> image->cache.entry_bits);
	if (!slice)
		return 0;
	old = slice->entries[index];
	if (!in_place(old))
		old = 0;
	else
		WRITE_ONCE(slice->entries[index], gone);
	qcow_slice_unlock(slice);
	if (!old)
		return 0;
	return qcow_commit_free(image, (old & QCOW2_L2E_OFFSET_MASK) >>
				image->geo.cluster_bits, 1);
}

int qcow_qcow2_discard(struct qcow_image *image, u64 pos, u32 len)
{
	u8 bits = image->geo.cluster_bits;
	u64 cluster = (pos + (1U << bits) - 1) >> bits;
	u64 end = (pos + len) >> bits;
	int err = 0;

	for (; !err && cluster < end; cluster++)
		err = discard_cluster(image, cluster);
	return err;
}

/*
 * Before the first write of any kind: bitmaps that will be stale and features
 * that nobody here maintains lose their bits, durably.
 */
static int clear_autoclear(struct qcow_image *image)
{
	u64 keep = image->header.autoclear_features &
		   QCOW2_AUTOCLEAR_DATA_FILE_RAW;
	u32 unit = max(image->file->align, 512U);
	void *buf;
	int err;

	if (image->header.version < 3 ||
	    image->header.autoclear_features == keep)
		return 0;
	buf = kmalloc(unit, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = qcow_file_read(image->file, buf, unit, 0);
	if (!err) {
		qcow2_header_set_autoclear(buf, keep);
		err = qcow_file_write(image->file, buf, unit, 0);
	}
	if (!err)
		err = qcow_file_sync(image->file);
	if (!err)
		image->header.autoclear_features = keep;
	kfree(buf);
	return err;
}

int qcow_write_init(struct qcow_image *image, struct qcow_reason *why)
{
	int err = -ENOMEM;

	qcow_cow_init(image);
	image->wq = alloc_workqueue("qcow-image",
				    WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!image->wq)
		return -ENOMEM;
	err = qcow_refs_init(image);
	if (err)
		goto destroy_wq;
	err = qcow_alloc_init(image);
	if (err)
		goto destroy_refs;
	err = qcow_commit_init(image);
	if (err)
		goto destroy_refs;
	err = clear_autoclear(image);
	if (!err)
		return 0;
	qcow_commit_destroy(image);
destroy_refs:
	qcow_refs_destroy(image);
destroy_wq:
	destroy_workqueue(image->wq);
	return qcow_refuse(why, err, "%s: cannot be prepared for writing (%d)",
			   image->path, err);
}

int qcow_write_destroy(struct qcow_image *image)
{
	int err = qcow_commit_destroy(image);
	int err2;

	flush_work(&image->alloc.refill);
	err2 = err ? 0 : qcow_alloc_destroy(image);
	qcow_refs_destroy(image);
	destroy_workqueue(image->wq);
	return err ? err : err2;
}
