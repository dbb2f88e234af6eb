// SPDX-License-Identifier: GPL-2.0
/*
 * Allocate and free slices, and keep some spare.
 *
 * If a disk is larger than what its cache covers, most requests read one slice
 * and evict another.  Many kernels clear the memory that they allocate.  That
 * is useless here, as the read fills the slice.  So some evicted slices are
 * kept for later allocations, by any image.
 */
#include <linux/slab.h>

#include "image/map/slice.h"

/*
 * Room for the slices that are evicted in a grace period or two.  With KASAN
 * there is none: a reused slice would hide a lookup that still uses it after
 * its eviction.
 */
#define SPARE_MAX	(IS_ENABLED(CONFIG_KASAN) ? 0 : 512)

/*
 * The spare slices, linked by @lru, and the number of images that may use them;
 * without an image there are none.  spare_lock guards all of this; it is taken
 * in process context and in RCU's softirq.
 */
static DEFINE_SPINLOCK(spare_lock);
static LIST_HEAD(spare);
static unsigned long nr_spare;
static unsigned int users;

static struct qcow_slice *take_spare(void)
{
	struct qcow_slice *slice;

	spin_lock_bh(&spare_lock);
	slice = list_first_entry_or_null(&spare, struct qcow_slice, lru);
	if (slice) {
		list_del(&slice->lru);
		nr_spare--;
	}
	spin_unlock_bh(&spare_lock);
	return slice;
}

static bool make_spare(struct qcow_slice *slice)
{
	bool kept;

	spin_lock_bh(&spare_lock);
	kept = users && nr_spare < SPARE_MAX;
	if (kept) {
		list_add(&slice->lru, &spare);
		nr_spare++;
	}
	spin_unlock_bh(&spare_lock);
	return kept;
}

/*
 * Entries that fill a page get a page of their own.  kmalloc() would put
 * several slices into one slab, and a single slice that stays would keep the
 * memory of all others in the slab that were freed.
 */
static u64 *entries_alloc(u32 size, gfp_t gfp)
{
	return size == PAGE_SIZE ? (u64 *)__get_free_page(gfp) :
				   kmalloc(size, gfp);
}

static void slice_release(struct qcow_slice *slice)
{
	if (slice->size == PAGE_SIZE)
		free_page((unsigned long)slice->entries);
	else
		kfree(slice->entries);
	kfree(slice);
}

static struct qcow_slice *alloc_new(u32 size, gfp_t gfp)
{
	struct qcow_slice *slice = kmalloc(sizeof(*slice), gfp);

	if (!slice)
		return NULL;
	slice->entries = entries_alloc(size, gfp);
	if (!slice->entries) {
		kfree(slice);
		return NULL;
	}
	slice->size = size;
	return slice;
}

struct qcow_slice *qcow_slice_alloc(u32 size, gfp_t gfp)
{
	struct qcow_slice *slice = NULL;
	u64 *entries;

	if (size == QCOW_SLICE_MAX)
		slice = take_spare();
	if (!slice)
		slice = alloc_new(size, gfp);
	if (!slice)
		return NULL;
	entries = slice->entries;
	*slice = (struct qcow_slice){ .entries = entries, .size = size };
	spin_lock_init(&slice->lock);
	seqcount_spinlock_init(&slice->seq, &slice->lock);
	INIT_LIST_HEAD(&slice->dirty_node);
	return slice;
}

void qcow_slice_free(struct qcow_slice *slice)
{
	if (slice->size == QCOW_SLICE_MAX && make_spare(slice))
		return;
	slice_release(slice);
}

static void free_rcu(struct rcu_head *rcu)
{
	qcow_slice_free(container_of(rcu, struct qcow_slice, rcu));
}

void qcow_slice_free_rcu(struct qcow_slice *slice)
{
	call_rcu(&slice->rcu, free_rcu);
}

unsigned long qcow_slices_spare(void)
{
	return READ_ONCE(nr_spare);
}

unsigned long qcow_slices_free_spare(unsigned long want)
{
	unsigned long freed = 0;
	struct qcow_slice *slice;

	while (freed < want) {
		slice = take_spare();
		if (!slice)
			break;
		slice_release(slice);
		freed++;
	}
	return freed;
}

void qcow_slices_get(void)
{
	spin_lock_bh(&spare_lock);
	users++;
	spin_unlock_bh(&spare_lock);
}

void qcow_slices_put(void)
{
	bool last;

	spin_lock_bh(&spare_lock);
	last = !--users;
	spin_unlock_bh(&spare_lock);
	if (last)
		qcow_slices_free_spare(ULONG_MAX);
}
