// SPDX-License-Identifier: GPL-2.0
/*
 * A cluster that a snapshot shares, that is compressed, or whose data lies in
 * the backing file is never written in place.  A worker reads the whole of it,
 * lays the new data over, writes that to a fresh cluster and only then changes
 * the L2 entry: a crash before the next commit leaves the old cluster, which
 * is released only when the new entry is durable.
 *
 * A cell for each guest cluster under copy keeps other writers of it away:
 * they are parked, and look again.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "image/internal.h"

/**
 * struct cell - a guest cluster under copy
 * @cluster: its number
 * @node: in the hash table
 * @waiters: commands that want to write to it
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

static struct cell *cell_find(struct qcow_cow *cow, u64 cluster)
{
	struct cell *c;

	hash_for_each_possible(cow->cells, c, node, cluster)
		if (c->cluster == cluster)
			return c;
	return NULL;
}

/* Return: 0, the cell is ours; -EIOCBQUEUED, the command is parked on it. */
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

static int map_sync(struct qcow_view *view, u64 pos, u32 len,
		    struct qcow_run *run)
{
	for (;;) {
		struct qcow_image *image = view->image;
		int err;

		run->type = QCOW_RUN_ZERO;
		run->len = len;
		if (pos >= view->size)
			return 0;
		len = min_t(u64, len, view->size - pos);
		err = image->ops->format == qcow_raw_ops.format ?
		      qcow_raw_map(view, pos, len, run) :
		      qcow_qcow2_map_sync(view, pos, len, run);
		if (err || run->type != QCOW_RUN_BACKING)
			return err;
		len = run->len;
		if (!image->backing) {
			run->type = QCOW_RUN_ZERO;
			return 0;
		}
		view = &image->backing->active;
	}
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

/* Through the chain, waiting for each piece. */
static int read_sync(struct qcow_view *view, u64 pos, u32 len, void *buf)
{
	struct qcow_run run;
	int err;

	while (len) {
		err = map_sync(view, pos, len, &run);
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

/* The cluster as it will be: old bytes around the command's. */
static void *compose(struct qcow_cmd *cmd, u64 cluster, u32 at, u32 len)
{
	u32 size = 1U << cmd->view->image->geo.cluster_bits;
	u64 start = cluster << cmd->view->image->geo.cluster_bits;
	void *buf = kvmalloc(size, GFP_NOIO);
	int err = 0;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	if (len < size)
		err = read_sync(cmd->view, start, size, buf);
	if (!err)
		err = qcow_buf_copy_out(&cmd->buf, buf + at, len);
	if (!err)
		return buf;
	kvfree(buf);
	return ERR_PTR(err);
}

static int free_old(struct qcow_image *image, u64 entry)
{
	u8 bits = image->geo.cluster_bits;
	struct qcow2_compressed c;
	u64 first, last;

	if (entry & QCOW2_OFLAG_COMPRESSED) {
		qcow2_compressed_decode(&image->geo, entry, &c);
		first = c.host_offset >> bits;
		last = (c.host_offset + c.length - 1) >> bits;
		qcow_inflate_forget(image, c.host_offset);
		return qcow_commit_free(image, first, last - first + 1);
	}
	entry &= QCOW2_L2E_OFFSET_MASK;
	return entry ? qcow_commit_free(image, entry >> bits, 1) : 0;
}

/* The entry as it is now; false where the slice is not resident. */
static bool entry_peek(struct qcow_view *view, u64 cluster, u64 *entry)
{
	const struct qcow_cache *cache = &view->image->cache;
	struct qcow_slice *slice;

	rcu_read_lock();
	slice = qcow_cache_find(view, cluster >> cache->entry_bits);
	if (slice)
		*entry = READ_ONCE(slice->entries[cluster &
				   ((1U << cache->entry_bits) - 1)]);
	rcu_read_unlock();
	return slice != NULL;
}

/* Return: 1; 0 where the slice went, or the entry changed by a discard. */
static int entry_swap(struct qcow_view *view, u64 cluster, u64 old, u64 new)
{
	const struct qcow_cache *cache = &view->image->cache;
	u32 index = cluster & ((1U << cache->entry_bits) - 1);
	struct qcow_slice *slice;
	int same;

	slice = qcow_slice_lock(view, cluster >> cache->entry_bits);
	if (!slice)
		return 0;
	same = slice->entries[index] == old;
	if (same)
		WRITE_ONCE(slice->entries[index], new);
	qcow_slice_unlock(slice);
	return same;
}

static bool writable_in_place(u64 entry)
{
	return (entry & QCOW2_OFLAG_COPIED) &&
	       !(entry & (QCOW2_OFLAG_COMPRESSED | QCOW2_OFLAG_ZERO));
}

/* With the cell held, and a fresh cluster in hand. */
static int copy_cluster(struct qcow_cmd *cmd, const struct qcow_run *run,
			u64 cluster, u64 old, u64 fresh)
{
	struct qcow_image *image = cmd->view->image;
	u8 bits = image->geo.cluster_bits;
	u64 pos = cmd->pos + cmd->dispatched;
	void *buf;
	int err, linked;

	buf = compose(cmd, cluster, pos & ((1U << bits) - 1), run->len);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	err = qcow_file_write(image->file, buf, 1UL << bits, fresh << bits);
	kvfree(buf);
	if (err)
		return err;
	linked = entry_swap(cmd->view, cluster, old,
			    (fresh << bits) | QCOW2_OFLAG_COPIED);
	if (!linked)
		return 0;
	err = free_old(image, old);
	qcow_commit_soon(image);
	return err ? err : 1;
}

static int copy_in_cell(struct qcow_cmd *cmd, const struct qcow_run *run,
			u64 cluster)
{
	struct qcow_image *image = cmd->view->image;
	u64 old, fresh;
	int ret;

	if (!entry_peek(cmd->view, cluster, &old) || writable_in_place(old))
		return 0;
	if (!qcow_alloc_take(image, 1, &fresh))
		return -EBUSY;
	ret = copy_cluster(cmd, run, cluster, old, fresh);
	if (ret <= 0)
		/* written, perhaps, but never linked: counted down as others */
		qcow_commit_free(image, fresh, 1);
	return ret;
}

int qcow_cow_write(struct qcow_cmd *cmd, const struct qcow_run *run)
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

static bool any_copied(struct qcow_view *view, unsigned long number)
{
	struct qcow_slice *slice;
	bool any = false;
	u32 i;

	rcu_read_lock();
	slice = qcow_cache_find(view, number);
	for (i = 0; slice && !any && i < 1U << view->image->cache.entry_bits;
	     i++)
		any = READ_ONCE(slice->entries[i]) & QCOW2_OFLAG_COPIED;
	rcu_read_unlock();
	return any;
}

/* A shared table's clusters are shared, whatever its entries say. */
static void clear_copied(struct qcow_image *image, u64 l1_index)
{
	u8 in_table = image->geo.l2_bits - image->cache.entry_bits;
	u64 first = l1_index << in_table, n;
	struct qcow_slice *slice;
	u32 i;

	for (n = first; n < first + (1ULL << in_table); n++) {
		if (!any_copied(&image->active, n))
			continue;
		slice = qcow_slice_lock(&image->active, n);
		if (!slice)
			continue;
		for (i = 0; i < 1U << image->cache.entry_bits; i++)
			WRITE_ONCE(slice->entries[i], slice->entries[i] &
				   ~QCOW2_OFLAG_COPIED);
		qcow_slice_unlock(slice);
	}
}

/* Copy the table, its entries not COPIED, and have L1 point to the copy. */
static int copy_table(struct qcow_image *image, u64 l1_index, u64 old,
		      u64 fresh)
{
	u8 bits = image->geo.cluster_bits;
	size_t size = 1UL << bits;
	u64 *table = kvmalloc(size, GFP_NOIO);
	size_t i;
	int err;

	if (!table)
		return -ENOMEM;
	err = qcow_file_read(image->file, table, size, old);
	if (!err) {
		qcow2_be64_decode(table, table, size / sizeof(u64));
		for (i = 0; i < size / sizeof(u64); i++)
			table[i] &= ~QCOW2_OFLAG_COPIED;
		qcow2_be64_encode(table, table, size / sizeof(u64));
		err = qcow_file_write(image->file, table, size, fresh << bits);
	}
	kvfree(table);
	if (err)
		return err;
	clear_copied(image, l1_index);
	WRITE_ONCE(image->active.l1_table[l1_index],
		   (fresh << bits) | QCOW2_OFLAG_COPIED);
	qcow_commit_l1(image, l1_index);
	return qcow_commit_free(image, old >> bits, 1);
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
		qcow_commit_free(image, fresh, 1);
unlock:
	mutex_unlock(&image->cow.tables);
	return err;
}
