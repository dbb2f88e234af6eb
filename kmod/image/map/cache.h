/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The L2 cache: slices of L2 tables in memory, by view and number.
 *
 * A lookup takes no lock.  A slice that is not resident is read asynchronously
 * while the commands that need it are parked.
 */
#ifndef QCOW_IMAGE_MAP_CACHE_H
#define QCOW_IMAGE_MAP_CACHE_H

#include <linux/list.h>
#include <linux/types.h>

#include "file/batch.h"
#include "format/l2.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/map/slice.h"

struct qcow_cmd;
struct qcow_slice_load;

/*
 * The default limit of an image's slices, in bytes.  With the hash table that
 * finds them and all else, a disk of any size takes less than 40 MiB of memory.
 */
#define QCOW_CACHE_DEFAULT	(30U << 20)

/**
 * struct qcow_slice_copy - a copy of a slice, which a commit writes
 * @io:	   the write
 * @bvec:  describes @data
 * @data:  the entries as they lie in the file, big-endian
 */
struct qcow_slice_copy {
	struct qcow_batch_io io;
	struct bio_vec bvec;
	void *data;
};

/**
 * qcow_cache_init - set up the cache of an image
 * @size: bytes of slices to keep at most, 0 for the default
 *
 * Return: 0 or -ENOMEM.
 */
int qcow_cache_init(struct qcow_image *image, u64 size);
/** qcow_cache_destroy - to be called after all views were dropped */
void qcow_cache_destroy(struct qcow_image *image);

/**
 * qcow_cache_init_copies - allocate the reserve that commits need to copy
 *
 * qcow_cache_destroy() frees it.  Return: 0 or -ENOMEM.
 */
int qcow_cache_init_copies(struct qcow_image *image);

/* Neighbours in an L2 table are neighbours in the hash table. */
static inline struct hlist_head *qcow_cache_bucket(const struct qcow_cache *c,
						   unsigned long number)
{
	return &c->hash[number & c->hash_mask];
}

/**
 * qcow_cache_seek - find a slice in the hash table, ready or not
 *
 * Context: any; called under rcu_read_lock() or with the cache's lock held.
 */
static inline struct qcow_slice *qcow_cache_seek(const struct qcow_view *view,
						 unsigned long number)
{
	const struct qcow_cache *cache = &view->image->cache;
	struct qcow_slice *slice;

	hlist_for_each_entry_rcu(slice, qcow_cache_bucket(cache, number), node,
				 lockdep_is_held(&cache->lock))
		if (slice->number == number && slice->view == view)
			return slice;
	return NULL;
}

/**
 * qcow_cache_find - find a resident slice, and mark it as used
 *
 * Context: any; called under rcu_read_lock().
 * Return: the slice, or NULL if it is not resident or not ready.
 */
static inline struct qcow_slice *qcow_cache_find(const struct qcow_view *view,
						 unsigned long number)
{
	struct qcow_slice *slice = qcow_cache_seek(view, number);

	/* pairs with slice_publish(): if @ready is seen, so are the entries */
	if (unlikely(!slice || !smp_load_acquire(&slice->ready)))
		return NULL;
	if (unlikely(!READ_ONCE(slice->referenced)))
		WRITE_ONCE(slice->referenced, true);
	return slice;
}

/** qcow_slice_use - a lookup relies on the slice: the cache shall keep it */
static inline void qcow_slice_use(const struct qcow_image *image,
				  struct qcow_slice *slice)
{
	qcow_stat_inc(image, slice_hits);
	if (unlikely(!READ_ONCE(slice->referenced)))
		WRITE_ONCE(slice->referenced, true);
}

/**
 * qcow_cache_fetch - read a slice for a command
 * @nowait: the caller is not a worker and must not sleep
 *
 * If another command is reading the slice, the command is parked on that load.
 *
 * Return: 0 if the caller must look the slice up again; -EIOCBQUEUED if the
 * command is parked and belongs to the load; -EAGAIN, only with @nowait, if
 * memory is short; or a negative errno.
 */
int qcow_cache_fetch(struct qcow_view *view, unsigned long number,
		     struct qcow_cmd *cmd, bool nowait);

/** qcow_cache_drop_view - evict all slices of a view that has no user left */
void qcow_cache_drop_view(struct qcow_view *view);

/** qcow_slice_entry - read an entry of a slice; @index: of it in the slice */
static inline struct qcow2_l2_entry
qcow_slice_entry(const struct qcow2_geometry *geo,
		 const struct qcow_slice *slice, unsigned int index)
{
	struct qcow2_l2_entry e = { };
	unsigned int seq;

	if (likely(!geo->extended_l2)) {
		e.entry = READ_ONCE(slice->entries[index]);
		return e;
	}
	do {
		seq = read_seqcount_begin(&slice->seq);
		e.entry = READ_ONCE(slice->entries[2 * index]);
		e.bitmap = READ_ONCE(slice->entries[2 * index + 1]);
	} while (read_seqcount_retry(&slice->seq, seq));
	return e;
}

/**
 * qcow_slice_set_writable - the slice's COPIED flags are checked
 *
 * The bit for @number in qcow_image.verified is set already, for the case that
 * the slice is not resident any more, or is being read.
 */
void qcow_slice_set_writable(struct qcow_view *view, unsigned long number);

/** qcow_slice_set - change an entry; the caller holds the slice's lock */
void qcow_slice_set(const struct qcow2_geometry *geo, struct qcow_slice *slice,
		    unsigned int index, struct qcow2_l2_entry e);

/**
 * qcow_slice_lock - lock a resident slice, to change its entries
 *
 * The slice becomes dirty, so it stays in memory until a commit has written it.
 * Before the caller sets an entry to a new cluster, it raises the cluster's
 * refcount.  After it has taken a cluster out of an entry, it frees the cluster
 * with qcow_epoch_free().
 *
 * Context: process context.
 * Return: the slice, whose lock is held until qcow_slice_unlock(); or NULL if
 * it is not resident.
 */
struct qcow_slice *qcow_slice_lock(struct qcow_view *view,
				   unsigned long number);
void qcow_slice_unlock(struct qcow_slice *slice);

/**
 * qcow_cache_copy_dirty - copy dirty slices, for a commit
 * @copied: the copied slices are added to this list, with their @copy set; the
 *	    caller passes the list to qcow_cache_written()
 * @left:   how many slices to copy at most; reduced by those that were copied,
 *	    and set to 0 if no dirty slice is left
 *
 * Copies as many as there is memory for, but at least one.
 */
void qcow_cache_copy_dirty(struct qcow_image *image, struct list_head *copied,
			   unsigned long *left);

/** qcow_cache_write - write the copies and wait for the writes; no sync */
int qcow_cache_write(struct qcow_image *image, struct list_head *copied);

/** qcow_slice_host - return a slice's offset in the image file, bytes */
u64 qcow_slice_host(const struct qcow_slice *slice);

/**
 * qcow_cache_written - free the copies when the commit is over
 * @copied:  slices from qcow_cache_copy_dirty(); emptied
 * @durable: the copies are durable; if not, the slices are dirty again
 */
void qcow_cache_written(struct qcow_image *image, struct list_head *copied,
			bool durable);

int qcow_cache_module_init(void);
void qcow_cache_module_exit(void);

#endif /* QCOW_IMAGE_MAP_CACHE_H */
