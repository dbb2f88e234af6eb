// SPDX-License-Identifier: GPL-2.0
/*
 * Fill the reserve of fresh clusters ahead of need: with free clusters inside
 * the file, or with new ones at its end.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "file/file.h"
#include "file/file_io.h"
#include "file/record.h"
#include "file/relief.h"
#include "format/header.h"
#include "format/refcount.h"
#include "image/core/health.h"
#include "image/core/kick.h"
#include "image/core/park.h"
#include "image/core/types.h"
#include "image/space/alloc.h"
#include "image/space/end.h"
#include "image/space/free.h"
#include "image/space/metadata.h"
#include "image/space/refill.h"
#include "image/space/refs.h"
#include "image/space/reftable.h"

/* How much the first refill adds, and how much one adds at most, in bytes. */
#define STEP_MIN	(1ULL << 20)
#define STEP_MAX	(64ULL << 20)

/* Refcount blocks that a refill step scans for free clusters at most. */
#define SCAN_BLOCKS	4

static u64 to_bytes(const struct qcow_image *image, u64 clusters)
{
	return clusters << image->geo.cluster_bits;
}

static void wake_allocators(struct qcow_alloc *alloc, int error)
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
			qcow_cmd_end(cmd, error);
		else
			qcow_cmd_unpark(cmd);
	}
}

/*
 * Have the refcount table lead to a new block.  The block, which counts itself,
 * is durable before that: a crash in between leaves a block that no entry leads
 * to.
 */
static int publish_block(struct qcow_image *image, struct qcow_refblock *b)
{
	int err;

	qcow_record_step(QCOW_STEP_REFBLOCK);
	err = qcow_refs_write_new(image, b);
	if (!err && !qcow_rule_broken(QCOW_RULE_REFTABLE))
		err = qcow_health_sync(image, image->file);
	if (err)
		return err;
	qcow_record_step(QCOW_STEP_REFTABLE);
	err = qcow_refs_publish(image, b);
	if (err)
		/* the file may hold the old entry or the new one */
		qcow_health_fail(image, "changing the refcount table", err);
	return err;
}

/*
 * Get the block that counts the clusters of a new range.  If there is none, put
 * a new one into the first cluster of the range, and change *@first and *@count
 * to the rest.
 */
static struct qcow_refblock *cover_range(struct qcow_image *image, u64 *first,
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

/* If there is no space for the extension, try with half of it. */
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
 * The allocator takes for granted that the file reads zeros behind alloc->end.
 * So cut off what a failed attempt wrote there.  If that fails, the caller
 * moves the end behind it, and the next attach finds the clusters free.
 *
 * If the file may hold either header, the new structures must stay; nothing is
 * allocated any more then, so the end does not matter.
 *
 * Return: true if the end may stay where it is.
 */
static bool take_back(struct qcow_image *image)
{
	return READ_ONCE(image->health.error) ||
	       !qcow_file_truncate(image->file,
				   to_bytes(image, image->alloc.end));
}

/* The refcount table has no entry for clusters at the file's end: grow it. */
static int grow_table(struct qcow_image *image)
{
	u64 used = 0;
	int err = qcow_reftable_grow(image, image->alloc.end, &used);

	if (!err || (used && !take_back(image)))
		image->alloc.end += used;
	return err == -EFBIG ? -ENOSPC : err;
}

/* Add clusters at the file's end, all of them counted by one refcount block. */
static int extend_reserve(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	u8 bits = qcow2_refcount_block_bits(&image->geo);
	u64 first = alloc->end, in_block, count;
	struct qcow_refblock *b;
	struct qcow_extent *e;
	int err;

	if (qcow_refblock_index(image, first) >= image->refs.entries)
		return grow_table(image);
	in_block = (1ULL << bits) - (first & ((1ULL << bits) - 1));
	count = min(alloc->step, in_block);
	qcow_record_step(QCOW_STEP_EXTEND);
	err = extend_file(image, first, &count);
	if (err)
		return err;
	b = cover_range(image, &first, &count);
	if (IS_ERR(b))
		return PTR_ERR(b);
	e = count ? qcow_extent_alloc(image, first, count, b) : NULL;
	if (!e)
		qcow_refblock_put(image, b);
	alloc->end = first;
	if (count && !e)
		return -ENOMEM;
	alloc->end += count;
	if (e)
		qcow_alloc_add(image, e, false);
	return 0;
}

/* Punch a run of clusters that was found free, and add it to the reserve. */
static int reuse_found(struct qcow_image *image, struct qcow_extent *e)
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

/*
 * If no free clusters are noted, read blocks that no task has needed so far.
 * qcow_alloc_found() notes the free clusters of each.
 */
static void scan_blocks(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	u64 end = qcow_refblock_index(image, alloc->scan_end - 1) + 1;
	unsigned int n = SCAN_BLOCKS;

	for (; n && list_empty(&image->refs.found) &&
	       alloc->scan_next < end; n--) {
		struct qcow_refblock *b =
			qcow_refblock_get(image, alloc->scan_next++);

		if (!IS_ERR_OR_NULL(b))
			qcow_refblock_put(image, b);
	}
}

static int refill_once(struct qcow_image *image)
{
	struct qcow_extent *found;
	int err;

	if (READ_ONCE(image->health.error))
		return -EIO;
	scan_blocks(image);
	mutex_lock(&image->refs.mutex);
	found = list_first_entry_or_null(&image->refs.found, struct qcow_extent,
					 node);
	if (found)
		list_del(&found->node);
	mutex_unlock(&image->refs.mutex);
	if (found)
		return reuse_found(image, found);
	mutex_lock(&image->alloc.extending);
	err = extend_reserve(image);
	mutex_unlock(&image->alloc.extending);
	return err;
}

u64 qcow_alloc_reserve(struct qcow_image *image, u64 count)
{
	struct qcow_alloc *alloc = &image->alloc;
	u64 first;

	mutex_lock(&alloc->extending);
	/* free clusters before scan_end may be found yet, and given out */
	first = max(alloc->end, alloc->scan_end);
	alloc->end = first + count;
	mutex_unlock(&alloc->extending);
	return first;
}

/* Note clusters as free ones, as far as there are blocks to count them. */
static void note_free(struct qcow_image *image, u64 first, u64 count)
{
	u8 bits = qcow2_refcount_block_bits(&image->geo);
	struct qcow_refs *refs = &image->refs;

	mutex_lock(&refs->mutex);
	while (count) {
		unsigned long index = first >> bits;
		u64 n = min_t(u64, count, (1ULL << bits) -
			      (first & ((1ULL << bits) - 1)));
		struct qcow_extent *e = NULL;

		if (qcow_refs_entry(image, index))
			e = qcow_extent_alloc(image, first, n, NULL);
		if (e)
			list_add_tail(&e->node, &refs->found);
		first += n;
		count -= n;
	}
	mutex_unlock(&refs->mutex);
}

void qcow_alloc_unreserve(struct qcow_image *image, u64 first, u64 count,
			  bool written)
{
	struct qcow_alloc *alloc = &image->alloc;

	if (!count)
		return;
	mutex_lock(&alloc->extending);
	if (first + count == alloc->end &&
	    (!written || !qcow_file_truncate(image->file,
					     to_bytes(image, first)))) {
		alloc->end = first;
	} else {
		/* before another task may use them; it is no loss if it fails */
		if (written)
			qcow_file_discard(image->file, to_bytes(image, first),
					  to_bytes(image, count));
		note_free(image, first, count);
	}
	mutex_unlock(&alloc->extending);
}

/*
 * A new refcount block stays in the file even if its clusters are not used, so
 * do not add more than a few of them ahead of need.
 */
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
 * The file system below is out of space.  After a commit, freed clusters are
 * punched, which may make some.  A punched cluster has no blocks below, so the
 * space has to suffice for the writes to it: the next refill takes one cluster
 * only, none ahead of need.
 */
static void scrape_reserve(struct qcow_image *image)
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

	qcow_alloc_drop_emptied(image);
	while (!err && READ_ONCE(alloc->clusters) < alloc->step)
		err = refill_once(image);
	/* writers used the last step up: double the next one, once a refill */
	if (!err)
		WRITE_ONCE(alloc->step, min(alloc->step * 2, max_step(image)));
	wake_allocators(alloc, READ_ONCE(alloc->clusters) ? 0 : err);
	if (is_full(err))
		scrape_reserve(image);
	qcow_urgent_leave(nice);
	memalloc_noio_restore(noio);
}

/*
 * No durable entry leads to what lies behind the end.  After a crash it may be
 * data of writes that were lost.  Cut it off, so that an extension of the file
 * reads zeros there.
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

static void free_found(struct qcow_image *image)
{
	struct qcow_extent *e, *next;

	list_for_each_entry_safe(e, next, &image->refs.found, node)
		kfree(e);
	INIT_LIST_HEAD(&image->refs.found);
}

int qcow_alloc_init(struct qcow_image *image)
{
	struct qcow_alloc *alloc = &image->alloc;
	int err;

	mutex_init(&alloc->extending);
	spin_lock_init(&alloc->lock);
	INIT_LIST_HEAD(&alloc->extents);
	INIT_LIST_HEAD(&alloc->emptied);
	INIT_LIST_HEAD(&alloc->waiters);
	INIT_WORK(&alloc->refill, refill_work);
	alloc->step = max(STEP_MIN >> image->geo.cluster_bits, 1ULL);
	err = qcow_find_end(image, &alloc->end);
	if (err)
		return err;
	alloc->scan_end = alloc->end;
	return cut_tail(image);
}

/*
 * No refcount has to be read to find the end.  Where the file ends with free
 * clusters, these are in the reserve, which never used them or got them back,
 * or among those that were found free.  Freed clusters that could not be
 * punched are in neither, nor are those of a block that was not scanned: they
 * stay for the next attach to cut off.
 */
int qcow_alloc_destroy(struct qcow_image *image, bool cut)
{
	qcow_alloc_stop(image);
	qcow_alloc_withdraw(image);
	if (cut)
		qcow_alloc_cut_found(image);
	free_found(image);
	return cut ? cut_tail(image) : 0;
}
