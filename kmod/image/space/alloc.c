// SPDX-License-Identifier: GPL-2.0
/*
 * The reserve of fresh clusters: they read zeros, and a refcount block that the
 * durable refcount table leads to counts them.
 *
 * It is filled ahead, by a work item, in growing steps: with clusters that were
 * free when the image was attached, as their refcount blocks come by, punched;
 * else the file is extended with unwritten extents.  A writer takes a cluster
 * and its refcount in memory only, and what a crash leaves behind the last
 * cluster in use is zeros that nobody counts.
 *
 * Clusters that were freed come back through qcow_alloc_give().
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "file/record.h"
#include "file/relief.h"
#include "format/refcount.h"
#include "image/internal.h"

/* The first refill, and the largest, in bytes. */
#define STEP_MIN	(1ULL << 20)
#define STEP_MAX	(64ULL << 20)

/* Refcount blocks that a refill looks into for free clusters. */
#define SCAN_BLOCKS	4

/* Runs of free clusters that are noted of a block. */
#define SCAN_RUNS	1024

/**
 * struct extent - fresh clusters of one refcount block
 * @node: in the list of them
 * @first: cluster
 * @count: of clusters
 * @block: that counts them, pinned
 */
struct extent {
	struct list_head node;
	u64 first;
	u64 count;
	struct qcow_refblock *block;
};

static u64 to_bytes(const struct qcow_image *image, u64 clusters)
{
	return clusters << image->geo.cluster_bits;
}

u32 qcow_alloc_take(struct qcow_image *image, u32 want, u64 *first)
{
	struct qcow_alloc *alloc = &image->alloc;
	struct extent *e;
	u32 got = 0;

	spin_lock(&alloc->lock);
	e = list_first_entry_or_null(&alloc->extents, struct extent, node);
	if (e && e->count) {
		got = min_t(u64, want, e->count);
		*first = e->first;
		if (!qcow_rule_broken(QCOW_RULE_EXTENT))
			qcow_refs_set(image, e->block, e->first, got,
				      1);
		e->first += got;
		e->count -= got;
		alloc->clusters -= got;
		if (!e->count)
			list_move(&e->node, &alloc->emptied);
	}
	if (alloc->clusters < READ_ONCE(alloc->step) / 4 && !alloc->refilling &&
	    !alloc->error) {
		alloc->refilling = true;
		queue_work(image->wq, &alloc->refill);
	}
	spin_unlock(&alloc->lock);
	return got;
}

int qcow_alloc_wait(struct qcow_image *image, struct qcow_cmd *cmd)
{
	struct qcow_alloc *alloc = &image->alloc;
	int ret = -EIOCBQUEUED;

	spin_lock(&alloc->lock);
	if (alloc->clusters) {
		ret = 0;
	} else {
		list_add_tail(&cmd->node, &alloc->waiters);
		if (!alloc->refilling) {
			alloc->refilling = true;
			queue_work(image->wq, &alloc->refill);
		}
	}
	spin_unlock(&alloc->lock);
	return ret;
}

static void wake_waiters(struct qcow_alloc *alloc, int error)
{
	struct qcow_cmd *cmd, *next;
	LIST_HEAD(waiters);

	spin_lock(&alloc->lock);
	alloc->refilling = false;
	alloc->error = error;
	list_splice_init(&alloc->waiters, &waiters);
	spin_unlock(&alloc->lock);
	list_for_each_entry_safe(cmd, next, &waiters, node) {
		if (error)
			qcow_cmd_fail(cmd, error);
		else
			qcow_cmd_unpark(cmd);
	}
}

/* @first: to be taken before others, as it is inside the file. */
static void add_extent(struct qcow_image *image, struct extent *e, bool first)
{
	struct qcow_alloc *alloc = &image->alloc;

	spin_lock(&alloc->lock);
	if (first)
		list_add(&e->node, &alloc->extents);
	else
		list_add_tail(&e->node, &alloc->extents);
	alloc->clusters += e->count;
	alloc->error = 0;
	spin_unlock(&alloc->lock);
}

static struct extent *extent_alloc(struct qcow_image *image, u64 first,
				   u64 count, struct qcow_refblock *block)
{
	struct extent *e = kmalloc(sizeof(*e), GFP_NOIO);

	if (!e)
		return NULL;
	e->first = first;
	e->count = count;
	e->block = block;
	return e;
}

int qcow_alloc_give(struct qcow_image *image, u64 first, u32 count)
{
	u8 bits = qcow2_refcount_block_bits(&image->geo);

	while (count) {
		u32 n = min_t(u64, count, (1ULL << bits) -
			      (first & ((1ULL << bits) - 1)));
		struct qcow_refblock *b = qcow_refblock_get(image,
							    first >> bits);
		struct extent *e;

		if (IS_ERR_OR_NULL(b))
			return b ? PTR_ERR(b) : -EUCLEAN;
		e = extent_alloc(image, first, n, b);
		if (!e) {
			qcow_refblock_put(image, b);
			return -ENOMEM;
		}
		add_extent(image, e, true);
		first += n;
		count -= n;
	}
	return 0;
}

/* The emptied extents' turn to let go of their blocks. */
static void drop_emptied(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	struct extent *e, *next;
	LIST_HEAD(emptied);

	spin_lock(&alloc->lock);
	list_splice_init(&alloc->emptied, &emptied);
	spin_unlock(&alloc->lock);
	list_for_each_entry_safe(e, next, &emptied, node) {
		qcow_refblock_put(image, e->block);
		kfree(e);
	}
}

/* A new block counts itself durably before the table leads to it. */
static int publish_block(struct qcow_image *image, struct qcow_refblock *b)
{
	int err;

	qcow_record_step(QCOW_STEP_REFBLOCK);
	err = qcow_refs_write_new(image, b);
	if (!err && !qcow_rule_broken(QCOW_RULE_REFTABLE))
		err = qcow_commit_sync(image, image->file);
	if (err)
		return err;
	qcow_record_step(QCOW_STEP_REFTABLE);
	err = qcow_refs_publish(image, b);
	if (err)
		/* it leads there, or does not: nobody knows */
		qcow_commit_fail(image, "changing the refcount table", err);
	return err;
}

/*
 * A block for clusters of the new range, in its first cluster if it is new.
 * *@first and *@count lose that cluster.
 */
static struct qcow_refblock *cover(struct qcow_image *image, u64 *first,
				   u64 *count)
{
	unsigned long index = qcow_refblock_index(image, *first);
	struct qcow_metadata *m;
	struct qcow_refblock *b;
	int err;

	b = qcow_refblock_get(image, index);
	if (b)
		return b;
	m = qcow_metadata_alloc(GFP_NOIO);
	if (!m)
		return ERR_PTR(-ENOMEM);
	b = qcow_refblock_create(image, index, to_bytes(image, *first));
	err = PTR_ERR_OR_ZERO(b);
	if (!err) {
		err = publish_block(image, b);
		if (err) {
			qcow_refblock_put(image, b);
			qcow_refblocks_forget(image, index, 1);
		}
	}
	if (err) {
		kfree(m);
		return ERR_PTR(err);
	}
	kfree(qcow_metadata_add(image, m, *first, 1));
	(*first)++;
	(*count)--;
	return b;
}

/* What is at the end is not part of the file any more. */
static bool cut_one(struct qcow_alloc *alloc, struct list_head *extents)
{
	struct extent *e;

	list_for_each_entry(e, extents, node) {
		if (e->first + e->count != alloc->end)
			continue;
		alloc->end = e->first;
		list_del(&e->node);
		kfree(e);
		return true;
	}
	return false;
}

void qcow_alloc_stop(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;

	cancel_work_sync(&alloc->refill);
	spin_lock(&alloc->lock);
	alloc->refilling = false;
	spin_unlock(&alloc->lock);
}

void qcow_alloc_withdraw(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	struct extent *e;
	LIST_HEAD(extents);

	drop_emptied(image);
	spin_lock(&alloc->lock);
	alloc->clusters = 0;
	list_splice_init(&alloc->extents, &extents);
	spin_unlock(&alloc->lock);
	list_for_each_entry(e, &extents, node) {
		qcow_refblock_put(image, e->block);
		e->block = NULL;
	}
	while (cut_one(alloc, &extents))
		;
	mutex_lock(&image->refs.mutex);
	list_splice(&extents, &alloc->found);
	mutex_unlock(&image->refs.mutex);
}

static int extend_file(struct qcow_image *image, u64 first, u64 *count)
{
	int err;

	for (;;) {
		err = qcow_file_extend(image->file, to_bytes(image, first),
				       to_bytes(image, *count));
		if (err != -ENOSPC || *count == 1)
			return err;
		*count /= 2;
	}
}

/*
 * What lies behind the end counts as zeros: what a failed attempt has left goes
 * away, or the end moves behind it, and it is found at the next attach.  Once
 * nobody knows which header is in the file, nothing is allocated any more.
 */
static bool take_back(struct qcow_image *image)
{
	return READ_ONCE(image->commit.error) ||
	       !qcow_file_truncate(image->file,
				   to_bytes(image, image->alloc.end));
}

/* The table is too short for what follows. */
static int grow_table(struct qcow_image *image)
{
	u64 used = 0;
	int err = qcow_reftable_grow(image, image->alloc.end, &used);

	if (!err || (used && !take_back(image)))
		image->alloc.end += used;
	return err == -EFBIG ? -ENOSPC : err;
}

/* At the file's end: as much as one refcount block counts, at the most. */
static int extend(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	u8 bits = qcow2_refcount_block_bits(&image->geo);
	u64 first = alloc->end, in_block, count;
	struct qcow_refblock *b;
	struct extent *e;
	int err;

	if (qcow_refblock_index(image, first) >= image->refs.entries)
		return grow_table(image);
	in_block = (1ULL << bits) - (first & ((1ULL << bits) - 1));
	count = min(alloc->step, in_block);
	qcow_record_step(QCOW_STEP_EXTEND);
	err = extend_file(image, first, &count);
	if (err)
		return err;
	b = cover(image, &first, &count);
	if (IS_ERR(b))
		return PTR_ERR(b);
	e = count ? extent_alloc(image, first, count, b) : NULL;
	if (!e)
		qcow_refblock_put(image, b);
	alloc->end = first;
	if (count && !e)
		return -ENOMEM;
	alloc->end += count;
	if (e)
		add_extent(image, e, false);
	return 0;
}

void qcow_alloc_found(struct qcow_image *image, const void *block,
		      unsigned long index)
{
	struct qcow_alloc *alloc = &image->alloc;
	u8 bits = qcow2_refcount_block_bits(&image->geo);
	u64 base = (u64)index << bits, n = 1ULL << bits, i, run = 0;
	unsigned int runs = 0;

	if (base >= alloc->scan_end)
		return;
	n = min(n, alloc->scan_end - base);
	for (i = 0; i <= n && runs < SCAN_RUNS; i++) {
		if (!(i % SZ_64K))
			cond_resched();
		if (i < n && !qcow2_refcount_get(block,
						 image->geo.refcount_order, i) &&
		    !qcow_is_metadata(image, base + i, 1)) {
			run++;
			continue;
		}
		if (run) {
			struct extent *e = extent_alloc(image, base + i - run,
							run, NULL);

			if (!e)
				return;
			list_add_tail(&e->node, &alloc->found);
			runs++;
		}
		run = 0;
	}
}

/* One run of clusters that were free all the time. */
static int reuse(struct qcow_image *image, struct extent *e)
{
	int err;

	qcow_record_step(QCOW_STEP_EXTEND);
	err = qcow_file_zero(image->file, to_bytes(image, e->first),
			     to_bytes(image, e->count), true);
	if (!err)
		err = qcow_alloc_give(image, e->first, e->count);
	kfree(e);
	return err;
}

/* Blocks that nobody needed so far. */
static void scan(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	u64 end = qcow_refblock_index(image, alloc->scan_end - 1) + 1;
	unsigned int n = SCAN_BLOCKS;

	for (; n && list_empty(&alloc->found) && alloc->scan_next < end; n--) {
		struct qcow_refblock *b =
			qcow_refblock_get(image, alloc->scan_next++);

		if (!IS_ERR_OR_NULL(b))
			qcow_refblock_put(image, b);
	}
}

static int refill(struct qcow_image *image)
{
	struct extent *found;

	if (READ_ONCE(image->commit.error))
		return -EIO;
	scan(image);
	mutex_lock(&image->refs.mutex);
	found = list_first_entry_or_null(&image->alloc.found, struct extent,
					 node);
	if (found)
		list_del(&found->node);
	mutex_unlock(&image->refs.mutex);
	return found ? reuse(image, found) : extend(image);
}

/* Blocks stay in the file, so not many of them ahead of need. */
static u64 max_step(const struct qcow_image *image)
{
	u64 blocks = 4ULL << qcow2_refcount_block_bits(&image->geo);

	return clamp(STEP_MAX >> image->geo.cluster_bits, 1ULL, blocks);
}

static bool is_full(int err)
{
	return err == -ENOSPC || err == -EDQUOT;
}

/*
 * What was freed may be room after a commit.  It is for those who write to it,
 * as it has no blocks any more: so nothing is taken ahead of need.
 */
static void scrape(struct qcow_image *image)
{
	WRITE_ONCE(image->alloc.step, 1);
	qcow_commit_hurry(image);
}

static void refill_work(struct work_struct *work)
{
	struct qcow_image *image =
		container_of(work, struct qcow_image, alloc.refill);
	struct qcow_alloc *alloc = &image->alloc;
	unsigned int noio = memalloc_noio_save();
	int nice = qcow_urgent_enter();
	int err = 0;

	drop_emptied(image);
	while (!err && READ_ONCE(alloc->clusters) < alloc->step)
		err = refill(image);
	/* who used so much up will use more: once for each time they do */
	if (!err)
		WRITE_ONCE(alloc->step, min(alloc->step * 2, max_step(image)));
	wake_waiters(alloc, READ_ONCE(alloc->clusters) ? 0 : err);
	if (is_full(err))
		scrape(image);
	qcow_urgent_leave(nice);
	memalloc_noio_restore(noio);
}

/*
 * The highest cluster with a refcount, plus one; but not less than what the
 * header and the L1 table lead to, should the refcounts be wrong.
 */
static int find_end(struct qcow_image *image, bool killable, u64 *end)
{
	u8 bits = qcow2_refcount_block_bits(&image->geo);
	long index = image->refs.entries;
	u64 offset;

	*end = 0;
	while (index--) {
		struct qcow_refblock *b;
		u64 i = 1ULL << bits;

		/* behind the file's end are zeros */
		offset = image->refs.table[index] & QCOW2_REFTABLE_OFFSET_MASK;
		if (!offset || offset >= qcow_file_size(image->file))
			continue;
		if (killable && fatal_signal_pending(current))
			return -EINTR;
		b = qcow_refblock_get(image, index);
		if (IS_ERR(b))
			return PTR_ERR(b);
		while (i && !qcow2_refcount_get(b->data,
						image->geo.refcount_order,
						i - 1))
			i--;
		qcow_refblock_put(image, b);
		if (i) {
			*end = ((u64)index << bits) + i;
			break;
		}
	}
	*end = max(*end, qcow_metadata_end(image));
	return *end > QCOW2_MAX_HOST_OFFSET >> image->geo.cluster_bits ?
	       -EUCLEAN : 0;
}

/*
 * What lies behind the end was never linked durably: it may be stale data of
 * a run that was cut off.  Without it the range can be made fresh again.
 */
static int cut_tail(struct qcow_image *image)
{
	u64 end = to_bytes(image, image->alloc.end);
	int err;

	if (qcow_file_size(image->file) <= end)
		return 0;
	err = qcow_file_truncate(image->file, end);
	return err ? err : qcow_file_sync(image->file);
}

/* The last block came by before it was known where the end is. */
static int find_in_last(struct qcow_image *image)
{
	unsigned long index = qcow_refblock_index(image,
						  image->alloc.end - 1);
	struct qcow_refblock *b = qcow_refblock_get(image, index);

	if (IS_ERR_OR_NULL(b))
		return PTR_ERR_OR_ZERO(b);
	mutex_lock(&image->refs.mutex);
	qcow_alloc_found(image, b->data, index);
	mutex_unlock(&image->refs.mutex);
	qcow_refblock_put(image, b);
	return 0;
}

static void free_extents(struct qcow_image *image, struct list_head *list)
{
	struct extent *e, *next;

	list_for_each_entry_safe(e, next, list, node) {
		if (e->block)
			qcow_refblock_put(image, e->block);
		kfree(e);
	}
	INIT_LIST_HEAD(list);
}

int qcow_alloc_init(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	int err;

	spin_lock_init(&alloc->lock);
	INIT_LIST_HEAD(&alloc->extents);
	INIT_LIST_HEAD(&alloc->emptied);
	INIT_LIST_HEAD(&alloc->found);
	INIT_LIST_HEAD(&alloc->waiters);
	INIT_WORK(&alloc->refill, refill_work);
	alloc->step = max(STEP_MIN >> image->geo.cluster_bits, 1ULL);
	err = find_end(image, true, &alloc->end);
	if (err)
		return err;
	alloc->scan_end = alloc->end;
	err = find_in_last(image);
	if (!err)
		err = cut_tail(image);
	if (err)
		free_extents(image, &alloc->found);
	return err;
}

int qcow_alloc_destroy(struct qcow_image *image, bool cut)
{
	struct qcow_alloc *alloc = &image->alloc;
	int err = 0;

	cancel_work_sync(&alloc->refill);
	free_extents(image, &alloc->extents);
	free_extents(image, &alloc->emptied);
	free_extents(image, &alloc->found);
	if (cut)
		err = find_end(image, false, &alloc->end);
	return err || !cut ? err : cut_tail(image);
}
