// SPDX-License-Identifier: GPL-2.0
/*
 * The L2 cache: find, load, change and evict slices.
 *
 * A slice enters the hash table before it is read, and is not ready then.  So
 * only one command starts the read.  The other commands that need the slice are
 * parked on the load, and so is the first one if the read is not over at once.
 *
 * A slice is taken out of the hash table by a sweep, by a load that failed, or
 * with its whole view.  The task that takes it out frees it after a grace period.
 */
#include <linux/blkdev.h>
#include <linux/bvec.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "file/batch.h"
#include "file/buf.h"
#include "file/file_io.h"
#include "file/record.h"
#include "format/header.h"
#include "format/l2.h"
#include "image/core/park.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/map/cache.h"
#include "image/map/slice.h"

/*
 * Slices that a commit can copy at a time even if there is no memory, and the
 * most that it copies at a time.
 */
#define COPIES_MIN	2
#define COPIES_MAX	1024

/**
 * struct qcow_slice_load - a read of a slice
 * @io:	     the read
 * @bvec:    its memory: the slice's entries
 * @slice:   the slice that is read
 * @shared:  a snapshot may share the slice's table
 * @owners:  the task that started the read, and the completion
 * @done:    the read is over; guarded by the cache's lock
 * @error:   of the read; guarded by the cache's lock
 * @waiters: commands parked on the load; guarded by the cache's lock
 * @wq:      runs @work; that of the command that started the read
 * @work:    continues the read if that may sleep
 */
struct qcow_slice_load {
	struct qcow_io io;
	struct bio_vec bvec;
	struct qcow_slice *slice;
	bool shared;
	refcount_t owners;
	bool done;
	int error;
	struct list_head waiters;
	struct workqueue_struct *wq;
	struct work_struct work;
};

static unsigned int cache_mib;
module_param(cache_mib, uint, 0644);
MODULE_PARM_DESC(cache_mib, "MiB of L2 tables kept in memory for an image that is attached without a size of its own (default 30)");

/*
 * All caches, for the shrinker, and the number of clean slices in them.
 * caches_lock guards the list.
 */
static DEFINE_SPINLOCK(caches_lock);
static LIST_HEAD(caches);
static atomic_long_t total_slices;
static struct shrinker *shrinker;

/*
 * There is a bucket for two slices of the disk, or of those that the limit
 * allows.  A disk that grows gets more slices than that, until it is attached
 * again: hence the least.  A limit far beyond the most is no memory that is
 * there.
 */
#define BUCKETS_MIN	(1UL << 10)
#define BUCKETS_MAX	(1UL << 18)

int qcow_cache_init(struct qcow_image *image, u64 size)
{
	struct qcow_cache *cache = &image->cache;
	u8 table_bits = image->geo.cluster_bits;
	unsigned long buckets;

	spin_lock_init(&cache->lock);
	mutex_init(&cache->writing);
	INIT_LIST_HEAD(&cache->lru);
	INIT_LIST_HEAD(&cache->dirty);
	if (!size)
		size = cache_mib ? (u64)cache_mib << 20 : QCOW_CACHE_DEFAULT;
	cache->slice_bits = min_t(u8, table_bits, ilog2(QCOW_SLICE_MAX));
	image->entry_bits = cache->slice_bits - image->geo.l2_entry_bits;
	cache->disk_shift = image->geo.cluster_bits + image->entry_bits;
	cache->plain = !image->geo.extended_l2 && !image->geo.external_data;
	cache->entries = 1U << image->entry_bits;
	cache->cluster_size = 1U << image->geo.cluster_bits;
	cache->limit = max_t(u64, size >> cache->slice_bits, 2);
	buckets = image->header.size >> cache->disk_shift;
	buckets = clamp(min(cache->limit, buckets) / 2, BUCKETS_MIN,
			BUCKETS_MAX);
	buckets = roundup_pow_of_two(buckets);
	cache->hash = kvcalloc(buckets, sizeof(*cache->hash),
			       GFP_KERNEL_ACCOUNT);
	if (!cache->hash)
		return -ENOMEM;
	cache->hash_mask = buckets - 1;
	qcow_slices_get();
	spin_lock(&caches_lock);
	list_add(&cache->node, &caches);
	spin_unlock(&caches_lock);
	return 0;
}

void qcow_cache_destroy(struct qcow_image *image)
{
	spin_lock(&caches_lock);
	list_del(&image->cache.node);
	spin_unlock(&caches_lock);
	WARN_ON_ONCE(image->cache.count);
	qcow_slices_put();
	mempool_destroy(image->cache.copies);
	mempool_destroy(image->cache.copy_data);
	kvfree(image->cache.hash);
}

int qcow_cache_init_copies(struct qcow_image *image)
{
	struct qcow_cache *cache = &image->cache;

	cache->copies = mempool_create_kmalloc_pool(COPIES_MIN,
					sizeof(struct qcow_slice_copy));
	cache->copy_data = mempool_create_kmalloc_pool(COPIES_MIN,
					1UL << cache->slice_bits);
	return cache->copies && cache->copy_data ? 0 : -ENOMEM;
}

/*
 * Take the slice out of the hash table and its list.  A lookup that found the slice
 * before may use it until the grace period ends.
 */
static void slice_evict(struct qcow_cache *cache, struct qcow_slice *slice)
{
	lockdep_assert_held(&cache->lock);
	list_del(&slice->lru);
	slice->dead = true;
	if (slice->dirty) {
		/* a failed commit has left the slice dirty */
		list_del(&slice->dirty_node);
		cache->nr_dirty--;
	} else {
		cache->count--;
		atomic_long_dec(&total_slices);
	}
	hlist_del_rcu(&slice->node);
	qcow_stat_inc(slice->view->image, slice_evictions);
	qcow_slice_free_rcu(slice);
}

/* A sweep has interrupts off, so it looks at no more slices than these. */
#define SWEEP_LOOKS	64

/*
 * Evict up to @want of the oldest slices, until @target are left.  A slice that
 * was used since the last sweep is spared this time.
 *
 * Return: how many were evicted.
 */
static unsigned long cache_sweep(struct qcow_cache *cache, unsigned long want,
				 unsigned long target)
{
	unsigned long looks = min(2 * cache->count, (unsigned long)SWEEP_LOOKS);
	unsigned long freed = 0;
	struct qcow_slice *slice;

	lockdep_assert_held(&cache->lock);
	while (freed < want && cache->count > target && looks--) {
		slice = list_last_entry(&cache->lru, struct qcow_slice, lru);
		if (READ_ONCE(slice->referenced)) {
			WRITE_ONCE(slice->referenced, false);
			list_move(&slice->lru, &cache->lru);
			continue;
		}
		slice_evict(cache, slice);
		freed++;
	}
	return freed;
}

static void load_put(struct qcow_slice_load *load)
{
	if (refcount_dec_and_test(&load->owners))
		kfree(load);
}

static void slice_publish(struct qcow_cache *cache, struct qcow_slice *slice)
{
	lockdep_assert_held(&cache->lock);
	slice->load = NULL;
	slice->referenced = true;
	/* pairs with the smp_load_acquire() in qcow_cache_find() */
	smp_store_release(&slice->ready, true);
	list_add(&slice->lru, &cache->lru);
	cache->count++;
	atomic_long_inc(&total_slices);
	/*
	 * Clean slices may have what the dirty ones leave of the limit, but
	 * always more than a quarter: else the slice that was just read could
	 * be evicted before a command finds it.
	 */
	cache_sweep(cache, 4, max(cache->limit -
				  min(cache->limit, cache->nr_dirty),
				  cache->limit / 4 + 1));
}

/*
 * The bit vouches for what the file has: a slice whose flags were changed stays
 * in memory until a commit has written it.
 */
static bool load_is_writable(const struct qcow_slice_load *load)
{
	const struct qcow_slice *slice = load->slice;
	struct qcow_image *image = slice->view->image;

	return image->writable && slice->view == &image->active &&
	       !load->shared &&
	       qcow_bits_any(&image->verified, slice->number, 1);
}

static void slice_forget(struct qcow_slice *slice)
{
	slice->load = NULL;
	hlist_del_rcu(&slice->node);
	qcow_slice_free_rcu(slice);
}

/*
 * COPIED says that nothing else refers to the cluster.  A snapshot that shares
 * the table refers to it, too, so the flag does not hold there.
 */
static void slice_strip_copied(const struct qcow_image *image,
			       struct qcow_slice *slice)
{
	u32 words = image->geo.extended_l2 ? 2 : 1, i;

	if (qcow_rule_broken(QCOW_RULE_COPIED))
		return;
	for (i = 0; i < 1U << image->entry_bits; i++)
		if (!(slice->entries[i * words] & QCOW2_OFLAG_COMPRESSED))
			slice->entries[i * words] &= ~QCOW2_OFLAG_COPIED;
}

/*
 * The read is over.  The last command that is woken may be the last user of
 * the image, so do not touch the slice or the image after that.
 */
static void load_done(struct qcow_slice_load *load, int error)
{
	struct qcow_slice *slice = load->slice;
	struct qcow_cache *cache = &slice->view->image->cache;
	struct qcow_cmd *cmd, *next;
	LIST_HEAD(waiters);
	unsigned long flags;

	if (!error) {
		qcow2_be64_decode(slice->entries, slice->entries,
				  1UL << (cache->slice_bits - 3));
		if (load->shared)
			slice_strip_copied(slice->view->image, slice);
		slice->writable = load_is_writable(load);
	}
	spin_lock_irqsave(&cache->lock, flags);
	load->done = true;
	load->error = error;
	list_splice_init(&load->waiters, &waiters);
	if (error)
		slice_forget(slice);
	else
		slice_publish(cache, slice);
	spin_unlock_irqrestore(&cache->lock, flags);
	list_for_each_entry_safe(cmd, next, &waiters, node) {
		if (error)
			qcow_cmd_end(cmd, error);
		else
			qcow_cmd_unpark(cmd);
	}
	load_put(load);
}

static void load_complete(struct qcow_io *io)
{
	struct qcow_slice_load *load =
		container_of(io, struct qcow_slice_load, io);

	if (io->result == -EAGAIN)
		queue_work(load->wq, &load->work);
	else
		load_done(load, io->result);
}

static void load_work(struct work_struct *work)
{
	struct qcow_slice_load *load =
		container_of(work, struct qcow_slice_load, work);
	unsigned int noio = memalloc_noio_save();

	qcow_io_resume(&load->io);
	memalloc_noio_restore(noio);
}

static struct qcow_slice *slice_alloc(struct qcow_view *view,
				      unsigned long number, gfp_t gfp)
{
	struct qcow_cache *cache = &view->image->cache;
	struct qcow_slice *slice = qcow_slice_alloc(1U << cache->slice_bits,
						    gfp);

	if (!slice)
		return NULL;
	slice->view = view;
	slice->number = number;
	return slice;
}

static u64 slice_l1_entry(const struct qcow_slice *slice)
{
	const struct qcow_image *image = slice->view->image;
	u8 in_table = image->geo.l2_bits - image->entry_bits;

	return READ_ONCE(slice->view->l1_table[slice->number >> in_table]);
}

/* The offset of the table was checked when a lookup missed the slice. */
u64 qcow_slice_host(const struct qcow_slice *slice)
{
	const struct qcow_image *image = slice->view->image;
	const struct qcow_cache *cache = &image->cache;
	u8 in_table = image->geo.l2_bits - image->entry_bits;
	u64 l1_entry = slice_l1_entry(slice);
	u64 index = slice->number & ((1UL << in_table) - 1);

	return (l1_entry & QCOW2_L1E_OFFSET_MASK) +
	       (index << cache->slice_bits);
}

static struct qcow_slice_load *load_alloc(struct qcow_slice *slice, gfp_t gfp)
{
	struct qcow_image *image = slice->view->image;
	u32 len = 1U << image->cache.slice_bits;
	struct qcow_slice_load *load = kzalloc(sizeof(*load), gfp);

	if (!load)
		return NULL;
	refcount_set(&load->owners, 2);
	INIT_LIST_HEAD(&load->waiters);
	INIT_WORK(&load->work, load_work);
	load->slice = slice;
	load->io.file = image->file;
	load->io.len = len;
	load->io.complete = load_complete;
	qcow_buf_map(&load->io.buf, slice->entries, len, &load->bvec);
	return load;
}

/*
 * Set where the slice is read from.  This must follow the insertion into the
 * hash table.  Otherwise a task could look at the L1 entry and then stall while
 * another task copies the table, and reads, changes, writes and evicts the
 * slice of the copy.  The first task would then put the contents of the old
 * table into the hash table.
 */
static void load_aim(struct qcow_slice_load *load)
{
	const struct qcow_slice *slice = load->slice;

	/*
	 * Read the flag before the offset: a task that copies the table changes
	 * both at once.  In this order the flags of the copy may be stripped,
	 * which is harmless; in the other one those of the shared table might
	 * stay.
	 */
	load->shared = slice->view->image->writable &&
		       !(slice_l1_entry(slice) & QCOW2_OFLAG_COPIED);
	load->io.pos = qcow_slice_host(slice);
	qcow_stall(QCOW_STALL_LOAD);
}

/*
 * Put the slice into the hash table, unless there is one for its place: then
 * park the command on the load of that one.
 *
 * Return: 1 if the slice is in the table; -EIOCBQUEUED; or 0 if the load of the
 * other one is over.
 */
static int insert_or_park(struct qcow_slice *slice, struct qcow_cmd *cmd)
{
	struct qcow_cache *cache = &slice->view->image->cache;
	struct qcow_slice *other;
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&cache->lock, flags);
	other = qcow_cache_seek(slice->view, slice->number);
	if (!other) {
		hlist_add_head_rcu(&slice->node, qcow_cache_bucket(cache,
							slice->number));
		ret = 1;
	} else if (other->load) {
		list_add_tail(&cmd->node, &other->load->waiters);
		ret = -EIOCBQUEUED;
	}
	spin_unlock_irqrestore(&cache->lock, flags);
	return ret;
}

static int run_load(struct qcow_slice_load *load, struct qcow_cmd *cmd,
		    bool nowait)
{
	struct qcow_cache *cache = &load->slice->view->image->cache;
	unsigned long flags;
	int ret;

	load->wq = cmd->wq;
	load_aim(load);
	qcow_io_submit(&load->io, nowait);
	spin_lock_irqsave(&cache->lock, flags);
	ret = load->error;
	if (!load->done) {
		list_add_tail(&cmd->node, &load->waiters);
		ret = -EIOCBQUEUED;
	}
	spin_unlock_irqrestore(&cache->lock, flags);
	load_put(load);
	return ret;
}

int qcow_cache_fetch(struct qcow_view *view, unsigned long number,
		     struct qcow_cmd *cmd, bool nowait)
{
	gfp_t gfp = nowait ? GFP_NOWAIT | __GFP_NOWARN : GFP_NOIO;
	struct qcow_slice_load *load = NULL;
	struct qcow_slice *slice;
	int ret;

	slice = slice_alloc(view, number, gfp);
	if (slice)
		load = load_alloc(slice, gfp);
	if (!load) {
		if (slice)
			qcow_slice_free(slice);
		return nowait ? -EAGAIN : -ENOMEM;
	}
	slice->load = load;
	ret = insert_or_park(slice, cmd);
	if (ret > 0) {
		qcow_stat_inc(view->image, slice_misses);
		return run_load(load, cmd, nowait);
	}
	kfree(load);
	qcow_slice_free(slice);
	return ret;
}

/*
 * Move the slice from the list of clean slices to that of dirty ones.
 *
 * Return: false if the slice was evicted.
 */
static bool slice_make_dirty(struct qcow_slice *slice)
{
	struct qcow_cache *cache = &slice->view->image->cache;
	unsigned long flags;
	bool alive;

	lockdep_assert_held(&slice->lock);
	spin_lock_irqsave(&cache->lock, flags);
	alive = !slice->dead;
	if (alive) {
		slice->dirty = true;
		list_add_tail(&slice->dirty_node, &cache->dirty);
		cache->nr_dirty++;
		if (!slice->copy) {
			list_del_init(&slice->lru);
			cache->count--;
			atomic_long_dec(&total_slices);
		}
	}
	spin_unlock_irqrestore(&cache->lock, flags);
	return alive;
}

struct qcow_slice *qcow_slice_lock(struct qcow_view *view, unsigned long number)
{
	struct qcow_slice *slice;

	rcu_read_lock();
	slice = qcow_cache_find(view, number);
	if (slice) {
		spin_lock(&slice->lock);
		if (!slice->dirty && !slice_make_dirty(slice)) {
			spin_unlock(&slice->lock);
			slice = NULL;
		}
	}
	rcu_read_unlock();
	return slice;
}

void qcow_slice_set_writable(struct qcow_view *view, unsigned long number)
{
	struct qcow_slice *slice;

	rcu_read_lock();
	slice = qcow_cache_find(view, number);
	if (slice)
		/* the flags first; pairs with qcow_qcow2_map_write() */
		smp_store_release(&slice->writable, true);
	rcu_read_unlock();
}

void qcow_slice_set(const struct qcow2_geometry *geo, struct qcow_slice *slice,
		    unsigned int index, struct qcow2_l2_entry e)
{
	lockdep_assert_held(&slice->lock);
	if (!geo->extended_l2) {
		WRITE_ONCE(slice->entries[index], e.entry);
		return;
	}
	write_seqcount_begin(&slice->seq);
	WRITE_ONCE(slice->entries[2 * index], e.entry);
	WRITE_ONCE(slice->entries[2 * index + 1], e.bitmap);
	write_seqcount_end(&slice->seq);
}

void qcow_slice_unlock(struct qcow_slice *slice)
	__releases(&slice->lock)
{
	spin_unlock(&slice->lock);
}

static struct qcow_slice *first_dirty_slice(struct qcow_cache *cache)
{
	struct qcow_slice *slice;

	spin_lock_irq(&cache->lock);
	slice = list_first_entry_or_null(&cache->dirty, struct qcow_slice,
					 dirty_node);
	spin_unlock_irq(&cache->lock);
	return slice;
}

static struct qcow_slice_copy *copy_alloc(struct qcow_cache *cache)
{
	gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;
	struct qcow_slice_copy *copy = mempool_alloc(cache->copies, gfp);

	if (!copy)
		return NULL;
	copy->data = mempool_alloc(cache->copy_data, gfp);
	if (!copy->data) {
		mempool_free(copy, cache->copies);
		return NULL;
	}
	return copy;
}

static void copy_free(struct qcow_cache *cache, struct qcow_slice_copy *copy)
{
	mempool_free(copy->data, cache->copy_data);
	mempool_free(copy, cache->copies);
}

static void slice_copy(struct qcow_cache *cache, struct qcow_slice *slice,
		       struct qcow_slice_copy *copy, struct list_head *copied)
{
	spin_lock(&slice->lock);
	qcow2_be64_encode(copy->data, slice->entries,
			  1UL << (cache->slice_bits - 3));
	spin_lock_irq(&cache->lock);
	slice->dirty = false;
	slice->copy = copy;
	list_del_init(&slice->dirty_node);
	cache->nr_dirty--;
	list_add_tail(&slice->lru, copied);
	spin_unlock_irq(&cache->lock);
	spin_unlock(&slice->lock);
}

void qcow_cache_copy_dirty(struct qcow_image *image, struct list_head *copied,
			   unsigned long *left)
{
	struct qcow_cache *cache = &image->cache;
	struct qcow_slice_copy *copy;
	struct qcow_slice *slice;
	unsigned int n;

	for (n = 0; n < COPIES_MAX && *left; n++, (*left)--) {
		slice = first_dirty_slice(cache);
		if (!slice) {
			*left = 0;
			break;
		}
		copy = copy_alloc(cache);
		if (!copy)
			break;
		slice_copy(cache, slice, copy, copied);
	}
}

int qcow_cache_write(struct qcow_image *image, struct list_head *copied)
{
	struct qcow_cache *cache = &image->cache;
	u32 len = 1U << cache->slice_bits;
	struct qcow_slice *slice;
	struct qcow_batch batch;
	struct blk_plug plug;
	int err;

	qcow_batch_init(&batch);
	mutex_lock(&cache->writing);
	blk_start_plug(&plug);
	list_for_each_entry(slice, copied, lru) {
		struct qcow_slice_copy *copy = slice->copy;
		struct qcow_io *io = &copy->io.io;

		if (cache->written)
			__set_bit(slice->number, cache->written);
		*io = (struct qcow_io){ .file = image->file, .write = true,
			.pos = qcow_slice_host(slice), .len = len };
		qcow_buf_map(&io->buf, copy->data, len, &copy->bvec);
		qcow_batch_submit(&batch, &copy->io);
	}
	blk_finish_plug(&plug);
	err = qcow_batch_wait(&batch);
	mutex_unlock(&cache->writing);
	return err;
}

/* The commit is done with the copy: the slice is clean, or dirty again. */
static void slice_written(struct qcow_cache *cache, struct qcow_slice *slice,
			  bool durable)
{
	copy_free(cache, slice->copy);
	spin_lock(&slice->lock);
	spin_lock_irq(&cache->lock);
	slice->copy = NULL;
	list_del_init(&slice->lru);
	if (!durable && !slice->dirty) {
		slice->dirty = true;
		list_add_tail(&slice->dirty_node, &cache->dirty);
		cache->nr_dirty++;
	}
	if (!slice->dirty) {
		list_add(&slice->lru, &cache->lru);
		cache->count++;
		atomic_long_inc(&total_slices);
	}
	spin_unlock_irq(&cache->lock);
	spin_unlock(&slice->lock);
}

void qcow_cache_written(struct qcow_image *image, struct list_head *copied,
			bool durable)
{
	struct qcow_slice *slice, *next;

	list_for_each_entry_safe(slice, next, copied, lru)
		slice_written(&image->cache, slice, durable);
}

void qcow_cache_drop_view(struct qcow_view *view)
{
	struct qcow_cache *cache = &view->image->cache;
	struct qcow_slice *slice;
	struct hlist_node *next;
	unsigned long n;

	for (n = 0; n <= cache->hash_mask; n++) {
		if (hlist_empty(&cache->hash[n]))
			continue;
		spin_lock_irq(&cache->lock);
		hlist_for_each_entry_safe(slice, next, &cache->hash[n], node)
			if (slice->view == view)
				slice_evict(cache, slice);
		spin_unlock_irq(&cache->lock);
		cond_resched();
	}
}

static unsigned long shrink_count(struct shrinker *s,
				  struct shrink_control *sc)
{
	return atomic_long_read(&total_slices) + qcow_slices_spare();
}

static unsigned long shrink_one(struct qcow_cache *cache, unsigned long want)
{
	unsigned long freed = 0, rounds = cache->count / SWEEP_LOOKS + 2;

	while (freed < want && rounds--) {
		spin_lock_irq(&cache->lock);
		freed += cache_sweep(cache, want - freed, 0);
		spin_unlock_irq(&cache->lock);
	}
	return freed;
}

static unsigned long shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long freed = qcow_slices_free_spare(sc->nr_to_scan);
	struct qcow_cache *cache;

	spin_lock(&caches_lock);
	list_for_each_entry(cache, &caches, node) {
		if (freed >= sc->nr_to_scan)
			break;
		freed += shrink_one(cache, sc->nr_to_scan - freed);
	}
	if (!list_empty(&caches))
		list_rotate_left(&caches);
	spin_unlock(&caches_lock);
	return freed ? freed : SHRINK_STOP;
}

int qcow_cache_module_init(void)
{
	shrinker = shrinker_alloc(0, "qcow-l2-cache");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = shrink_count;
	shrinker->scan_objects = shrink_scan;
	shrinker_register(shrinker);
	return 0;
}

void qcow_cache_module_exit(void)
{
	shrinker_free(shrinker);
	rcu_barrier();
}
