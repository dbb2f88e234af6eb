// SPDX-License-Identifier: GPL-2.0
/*
 * Copy on write.
 *
 * Some clusters are never written in place: a cluster that a snapshot shares,
 * a compressed cluster, and a cluster whose data lies in the backing file.  A
 * worker reads the whole cluster, lays the new data over the old, writes the
 * result to a fresh cluster, and only then changes the L2 entry.  The old
 * cluster is released when the new entry is durable, so a crash before the
 * next commit leaves the old cluster in place.
 *
 * A cell for each guest cluster under copy keeps other writers away from that
 * cluster: their commands are parked on the cell.  When the copy is over, they
 * are woken and look the cluster up again.
 *
 * The same goes for an L2 table that a snapshot shares: the active disk gets a
 * copy of it before the first entry is changed.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/buf.h"
#include "file/file_io.h"
#include "file/record.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/l2.h"
#include "image/core/health.h"
#include "image/core/kick.h"
#include "image/core/park.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/io/cow.h"
#include "image/map/cache.h"
#include "image/map/entry.h"
#include "image/map/inflate.h"
#include "image/map/l1.h"
#include "image/map/lookup_write.h"
#include "image/map/map.h"
#include "image/map/run.h"
#include "image/map/slice.h"
#include "image/space/alloc.h"
#include "image/space/epoch.h"
#include "image/space/metadata.h"

/**
 * struct cell - a guest cluster under copy
 * @cluster: its number
 * @node:    in qcow_cow.cells
 * @waiters: commands parked until the copy is over
 */
struct cell {
	u64 cluster;
	struct hlist_node node;
	struct list_head waiters;
};

void qcow_cow_init(struct qcow_image *image)
{
	spin_lock_init(&image->cow.lock);
	hash_init(image->cow.cells);
	mutex_init(&image->cow.tables);
}

void qcow_cow_destroy(struct qcow_image *image)
{
	while (image->cow.nr_spare)
		kvfree(image->cow.spare[--image->cow.nr_spare]);
}

/* Memory for one cluster: a spare one if there is any. */
static void *buffer_get(struct qcow_image *image)
{
	struct qcow_cow *cow = &image->cow;
	void *buf = NULL;

	spin_lock(&cow->lock);
	if (cow->nr_spare)
		buf = cow->spare[--cow->nr_spare];
	spin_unlock(&cow->lock);
	return buf ? buf : kvmalloc(1UL << image->geo.cluster_bits, GFP_NOIO);
}

static void buffer_put(struct qcow_image *image, void *buf)
{
	struct qcow_cow *cow = &image->cow;
	u32 max = clamp(QCOW_COW_SPARE_BYTES >> image->geo.cluster_bits, 1U,
			(u32)QCOW_COW_SPARE);

	spin_lock(&cow->lock);
	if (cow->nr_spare < max) {
		cow->spare[cow->nr_spare++] = buf;
		buf = NULL;
	}
	spin_unlock(&cow->lock);
	kvfree(buf);
}

static struct cell *cell_find(struct qcow_cow *cow, u64 cluster)
{
	struct cell *c;

	hash_for_each_possible(cow->cells, c, node, cluster)
		if (c->cluster == cluster)
			return c;
	return NULL;
}

/*
 * Return: 0 if the caller now holds the cell; -EIOCBQUEUED if another task
 * holds one for this cluster and the command is parked on it.
 */
static int cell_enter(struct qcow_cow *cow, struct cell *c,
		      struct qcow_cmd *cmd)
{
	struct cell *other;

	INIT_LIST_HEAD(&c->waiters);
	spin_lock(&cow->lock);
	other = cell_find(cow, c->cluster);
	if (other)
		list_add_tail(&cmd->node, &other->waiters);
	else
		hash_add(cow->cells, &c->node, c->cluster);
	spin_unlock(&cow->lock);
	return other ? -EIOCBQUEUED : 0;
}

static void cell_leave(struct qcow_cow *cow, struct cell *c)
{
	struct qcow_cmd *cmd, *next;
	LIST_HEAD(waiters);

	spin_lock(&cow->lock);
	hash_del(&c->node);
	list_splice_init(&c->waiters, &waiters);
	spin_unlock(&cow->lock);
	list_for_each_entry_safe(cmd, next, &waiters, node)
		qcow_cmd_unpark(cmd);
}

static int read_run(const struct qcow_run *run, void *buf)
{
	switch (run->type) {
	case QCOW_RUN_DATA:
		return qcow_file_read(run->file, buf, run->len, run->host);
	case QCOW_RUN_COMPRESSED:
		return qcow_inflate_private(run->image, &run->compressed,
					    run->offset, run->len, buf);
	default:
		memset(buf, 0, run->len);
		return 0;
	}
}

/* Read through the chain, and wait for each piece. */
static int read_sync(struct qcow_view *view, u64 pos, u32 len, void *buf)
{
	struct qcow_run run;
	int err;

	while (len) {
		err = qcow_map_sync(view, pos, len, &run);
		if (!err)
			err = read_run(&run, buf);
		if (err)
			return err;
		pos += run.len;
		buf += run.len;
		len -= run.len;
	}
	return 0;
}

/*
 * Only entries with COPIED were verified.  Any other entry of a malformed
 * image may lead to metadata, which must not be freed.
 */
static int free_clusters(struct qcow_image *image, u64 guest, u64 first,
			 u32 count)
{
	struct qcow_fault fault = {
		.structure = "L2 entry", .problem = "leads to metadata",
		.where = guest, .value = first << image->geo.cluster_bits,
	};

	if (unlikely(qcow_is_metadata(image, first, count)))
		return qcow_image_corrupt(image, &fault);
	return qcow_epoch_free(image, first, count);
}

int qcow_free_entry(struct qcow_image *image, u64 guest, u64 entry)
{
	u8 bits = image->geo.cluster_bits;
	struct qcow2_compressed c;
	u64 first, last;

	if (image->geo.external_data)
		return 0;
	if (entry & QCOW2_OFLAG_COMPRESSED) {
		qcow2_compressed_decode(&image->geo, entry, &c);
		first = c.host_offset >> bits;
		last = (c.host_offset + c.length - 1) >> bits;
		qcow_inflate_forget(image, c.host_offset);
		return free_clusters(image, guest, first, last - first + 1);
	}
	entry &= QCOW2_L2E_OFFSET_MASK;
	return entry ? free_clusters(image, guest, entry >> bits, 1) : 0;
}

/* Read the entry as it is now.  Return: false if the slice is not resident. */
static bool entry_peek(struct qcow_view *view, u64 cluster,
		       struct qcow2_l2_entry *e)
{
	const struct qcow_image *image = view->image;
	struct qcow_slice *slice;

	rcu_read_lock();
	slice = qcow_cache_find(view, cluster >> image->entry_bits);
	if (slice)
		*e = qcow_slice_entry(&image->geo, slice, cluster &
				      ((1U << image->entry_bits) - 1));
	rcu_read_unlock();
	return slice;
}

/*
 * Replace the entry if it is still @old.
 *
 * Return: 1; 0 if the slice was evicted, or an erase changed the entry.
 */
static int entry_swap(struct qcow_view *view, u64 cluster,
		      const struct qcow2_l2_entry *old,
		      struct qcow2_l2_entry new)
{
	const struct qcow_image *image = view->image;
	const struct qcow2_geometry *geo = &image->geo;
	u32 index = cluster & ((1U << image->entry_bits) - 1);
	struct qcow2_l2_entry now;
	struct qcow_slice *slice;
	bool same;

	slice = qcow_slice_lock(view, cluster >> image->entry_bits);
	if (!slice)
		return 0;
	now = qcow_slice_entry(geo, slice, index);
	same = now.entry == old->entry && now.bitmap == old->bitmap;
	if (same)
		qcow_slice_set(geo, slice, index, new);
	qcow_slice_unlock(slice);
	return same;
}

/**
 * struct copy - a copy of a guest cluster, or of some of its subclusters
 * @cluster: number of the guest cluster
 * @at:	     where the command's bytes begin, in bytes from the cluster's start
 * @len:     number of the command's bytes
 * @from:    where the written range begins, bytes from the cluster's start; the
 *	     range has the command's bytes and old ones around them
 * @to:	     where the written range ends
 * @host:    offset of the host cluster that the range is written to, bytes
 * @fresh:   number of that host cluster if it was allocated for the copy, or 0
 * @bytes:   the new bytes; NULL: those of the command
 * @old:     the L2 entry before the copy
 * @new:     the L2 entry after it
 */
struct copy {
	u64 cluster;
	u32 at;
	u32 len;
	u32 from;
	u32 to;
	u64 host;
	u64 fresh;
	const void *bytes;
	struct qcow2_l2_entry old;
	struct qcow2_l2_entry new;
};

/*
 * Extended L2.  If the cluster moves to another host cluster, subclusters that
 * have data already are copied, too.  Else only the touched ones are written.
 */
static void plan_subclusters(const struct qcow2_geometry *geo, struct copy *c)
{
	enum qcow2_cluster_type type = qcow2_cluster_type(geo, c->old.entry);
	u8 bits = geo->subcluster_bits;
	u32 first = c->at >> bits, last = (c->at + c->len - 1) >> bits;
	u32 alloc = QCOW2_L2_BITMAP_ALLOC(c->old.bitmap);
	u32 zero = QCOW2_L2_BITMAP_ZERO(c->old.bitmap);
	u32 touched = (u32)GENMASK(last, first);

	if (type == QCOW2_CLUSTER_COMPRESSED) {
		alloc = U32_MAX;
	} else if (type == QCOW2_CLUSTER_UNALLOCATED || !c->fresh) {
		c->from = first << bits;
		c->to = (last + 1) << bits;
	}
	alloc |= touched;
	zero &= ~alloc;
	c->new.bitmap = (u64)zero << 32 | alloc;
}

/*
 * Has the guest cluster a host cluster that it may be written to?  In an
 * external data file it always has.  With extended L2 it may have one in which
 * not all subclusters are allocated.
 */
static bool has_place(const struct qcow2_geometry *geo, const struct copy *c)
{
	return geo->external_data ||
	       (geo->extended_l2 && (c->old.entry & QCOW2_OFLAG_COPIED) &&
		(c->old.entry & QCOW2_L2E_OFFSET_MASK) &&
		!(c->old.entry & QCOW2_OFLAG_COMPRESSED));
}

/* Return: 0, or -EBUSY if the reserve has no cluster now. */
static int plan_copy(struct qcow_image *image, struct copy *c)
{
	const struct qcow2_geometry *geo = &image->geo;

	c->from = 0;
	c->to = 1U << geo->cluster_bits;
	c->fresh = 0;
	if (!has_place(geo, c)) {
		if (!qcow_alloc_take(image, 1, &c->fresh))
			return -EBUSY;
		c->host = c->fresh << geo->cluster_bits;
	} else if (geo->external_data) {
		c->host = c->cluster << geo->cluster_bits;
	} else {
		c->host = c->old.entry & QCOW2_L2E_OFFSET_MASK;
	}
	c->new.entry = c->host | QCOW2_OFLAG_COPIED;
	c->new.bitmap = 0;
	if (geo->extended_l2)
		plan_subclusters(geo, c);
	return 0;
}

/* Put the range together: old bytes around those of the command. */
static int compose_copy(struct qcow_cmd *cmd, const struct copy *c, void *buf)
{
	u64 start = c->cluster << cmd->view->image->geo.cluster_bits;
	u32 end = c->at + c->len;
	int err;

	err = read_sync(cmd->view, start + c->from, c->at - c->from, buf);
	if (!err)
		err = read_sync(cmd->view, start + end, c->to - end,
				buf + (end - c->from));
	buf += c->at - c->from;
	if (err)
		return err;
	if (!c->bytes && cmd->op == QCOW_OP_WRITE)
		return qcow_buf_copy_out(&cmd->buf, buf, c->len);
	if (c->bytes)
		memcpy(buf, c->bytes, c->len);
	else
		memset(buf, 0, c->len);
	return 0;
}

static int write_copy(struct qcow_cmd *cmd, const struct copy *c)
{
	struct qcow_image *image = cmd->view->image;
	void *buf = buffer_get(image);
	int err;

	if (!buf)
		return -ENOMEM;
	err = compose_copy(cmd, c, buf);
	if (!err)
		err = qcow_file_write(image->data_file, buf, c->to - c->from,
				      c->host + c->from);
	buffer_put(image, buf);
	return err;
}

/*
 * Return: 1 if the copy is written and linked; 0 if the caller must look the
 * cluster up again; or a negative errno.
 */
static int copy_cluster(struct qcow_cmd *cmd, struct copy *c)
{
	struct qcow_image *image = cmd->view->image;
	int ret;

	if (qcow_rule_broken(QCOW_RULE_LINK)) {
		ret = entry_swap(cmd->view, c->cluster, &c->old, c->new);
		c->old = c->new;
	}
	ret = write_copy(cmd, c);
	if (ret)
		return ret;
	ret = entry_swap(cmd->view, c->cluster, &c->old, c->new);
	if (!ret)
		return 0;
	qcow_stat_inc(image, copies);
	if (c->fresh)
		ret = qcow_free_entry(image, c->cluster <<
				      image->geo.cluster_bits, c->old.entry);
	qcow_commit_soon(image);
	return ret < 0 ? ret : 1;
}

/* Return: as copy_cluster(); -EBUSY if there is no cluster to copy to. */
static int plan_and_copy(struct qcow_cmd *cmd, struct copy *c)
{
	struct qcow_image *image = cmd->view->image;
	int ret = plan_copy(image, c);

	if (ret)
		return ret;
	ret = copy_cluster(cmd, c);
	if (ret <= 0 && c->fresh)
		/* no entry leads to the cluster: release it as any other */
		qcow_epoch_free(image, c->fresh, 1);
	return ret;
}

/*
 * May an entry say that a range reads zeros?  With an external data file it
 * may not: if that file is to be readable as a raw image, it must hold the
 * zeros.
 */
static bool can_say_zero(const struct qcow2_geometry *geo)
{
	return geo->version >= 3 && !geo->external_data;
}

/* Have the entry say that what was unallocated in the range reads zeros. */
static int say_zero(struct qcow_cmd *cmd, struct copy *c)
{
	struct qcow_image *image = cmd->view->image;
	int ret;

	c->new = qcow_fill_zero(&image->geo, &c->old, c->at, c->len);
	ret = entry_swap(cmd->view, c->cluster, &c->old, c->new);
	qcow_commit_soon(image);
	return ret;
}

/*
 * Give the image its own copy of what shows through from the backing file, as
 * if the guest had written the same bytes.  For zeros the entry suffices.
 */
static int fill_in_cell(struct qcow_cmd *cmd, struct copy *c)
{
	struct qcow_image *image = cmd->view->image;
	void *buf;
	int ret;

	if (!qcow_fill_wanted(&image->geo, &c->old, c->at, c->len))
		return 1;
	buf = buffer_get(image);
	if (!buf)
		return -ENOMEM;
	c->bytes = buf;
	ret = read_sync(cmd->view, cmd->pos + cmd->dispatched, c->len, buf);
	if (!ret)
		ret = can_say_zero(&image->geo) && !memchr_inv(buf, 0, c->len) ?
		      say_zero(cmd, c) : plan_and_copy(cmd, c);
	buffer_put(image, buf);
	return ret;
}

/* Is this a run that is handled with the cell held? */
static bool is_for_cell(const struct qcow_cmd *cmd, const struct qcow_run *run)
{
	return run->type == QCOW_RUN_COPY ||
	       (cmd->op == QCOW_OP_FILL && run->type == QCOW_RUN_FRESH);
}

/*
 * The caller holds the cell.  Another task may have changed the cluster before
 * that, so look it up once more.
 */
static int copy_in_cell(struct qcow_cmd *cmd, struct qcow_run *run,
			u64 cluster)
{
	u32 size = 1U << cmd->view->image->geo.cluster_bits;
	u64 pos = cmd->pos + cmd->dispatched;
	struct copy c = { .cluster = cluster, .at = pos & (size - 1) };
	int ret;

	if (!entry_peek(cmd->view, cluster, &c.old))
		return 0;
	ret = qcow_qcow2_map_write(cmd->view, pos, run->len, run);
	if (ret == -EAGAIN || (!ret && !is_for_cell(cmd, run)))
		return 0;
	if (ret)
		return ret;
	run->len = min(run->len, size - c.at);
	c.len = run->len;
	return cmd->op == QCOW_OP_FILL ? fill_in_cell(cmd, &c) :
					 plan_and_copy(cmd, &c);
}

int qcow_cow_write(struct qcow_cmd *cmd, struct qcow_run *run)
{
	struct qcow_image *image = cmd->view->image;
	struct cell cell = {
		.cluster = (cmd->pos + cmd->dispatched) >>
			   image->geo.cluster_bits,
	};
	int ret;

	ret = cell_enter(&image->cow, &cell, cmd);
	if (ret)
		return ret;
	ret = copy_in_cell(cmd, run, cell.cluster);
	cell_leave(&image->cow, &cell);
	return ret == -EBUSY ? qcow_alloc_wait(image, cmd) : ret;
}

/*
 * Clear COPIED in resident slices of a table that a snapshot shares: they may
 * have been read while the table still counted as not shared.  The slices do
 * not become dirty by this, as the copy of the table in the file has the same
 * entries.
 */
static void strip_resident(struct qcow_image *image, u64 l1_index)
{
	u8 in_table = image->geo.l2_bits - image->entry_bits;
	u64 first = l1_index << in_table, n;
	struct qcow2_l2_entry e;
	struct qcow_slice *slice;
	u32 i;

	if (qcow_rule_broken(QCOW_RULE_COPIED))
		return;
	for (n = first; n < first + (1ULL << in_table); n++) {
		rcu_read_lock();
		slice = qcow_cache_find(&image->active, n);
		if (slice) {
			spin_lock(&slice->lock);
			for (i = 0; i < 1U << image->entry_bits; i++) {
				e = qcow_slice_entry(&image->geo, slice, i);
				if (!(e.entry & QCOW2_OFLAG_COPIED))
					continue;
				e.entry &= ~QCOW2_OFLAG_COPIED;
				qcow_slice_set(&image->geo, slice, i, e);
			}
			spin_unlock(&slice->lock);
		}
		rcu_read_unlock();
	}
}

/*
 * Copy the table without the COPIED flags of its entries, as the snapshot
 * shares their clusters, and have L1 point to the copy.
 */
static int copy_table(struct qcow_image *image, u64 l1_index, u64 old,
		      u64 fresh)
{
	u8 bits = image->geo.cluster_bits;
	size_t size = 1UL << bits;
	u64 *table = kvmalloc(size, GFP_NOIO);
	u32 words = image->geo.extended_l2 ? 2 : 1;
	struct qcow_metadata *m;
	size_t i;
	int err;

	m = qcow_metadata_alloc(GFP_NOIO);
	if (!table || !m || qcow_l1_prepare(image, l1_index, GFP_NOIO)) {
		kvfree(table);
		kfree(m);
		return -ENOMEM;
	}
	err = qcow_file_read(image->file, table, size, old);
	if (!err) {
		qcow2_be64_decode(table, table, size / sizeof(u64));
		for (i = 0; i < size / sizeof(u64); i += words)
			if (!(table[i] & QCOW2_OFLAG_COMPRESSED) &&
			    !qcow_rule_broken(QCOW_RULE_COPIED))
				table[i] &= ~QCOW2_OFLAG_COPIED;
		qcow2_be64_encode(table, table, size / sizeof(u64));
		err = qcow_file_write(image->file, table, size, fresh << bits);
	}
	kvfree(table);
	if (err) {
		kfree(m);
		return err;
	}
	/* the old table stays noted as metadata: a snapshot still has it */
	kfree(qcow_metadata_add(image, m, fresh, 1));
	/*
	 * Strip first.  From the moment in which L1 leads to the copy other
	 * tasks change its entries, and those of theirs keep COPIED.
	 */
	strip_resident(image, l1_index);
	spin_lock(&image->l1.lock);
	qcow_l1_set(image, l1_index, (fresh << bits) | QCOW2_OFLAG_COPIED);
	spin_unlock(&image->l1.lock);
	qcow_stall(QCOW_STALL_TABLE);
	/*
	 * The table does not become verified by this: a slice that is still
	 * being read may have COPIED flags.
	 */
	qcow_stat_inc(image, tables);
	return qcow_epoch_free(image, old >> bits, 1);
}

int qcow_cow_table(struct qcow_cmd *cmd, u64 l1_index)
{
	struct qcow_image *image = cmd->view->image;
	u64 entry, fresh;
	int err = 0;

	mutex_lock(&image->cow.tables);
	entry = READ_ONCE(image->active.l1_table[l1_index]);
	if (entry & QCOW2_OFLAG_COPIED)
		goto unlock;
	if (!qcow_alloc_take(image, 1, &fresh)) {
		mutex_unlock(&image->cow.tables);
		return qcow_alloc_wait(image, cmd);
	}
	err = copy_table(image, l1_index, entry & QCOW2_L1E_OFFSET_MASK,
			 fresh);
	if (err)
		qcow_epoch_free(image, fresh, 1);
unlock:
	mutex_unlock(&image->cow.tables);
	return err;
}
