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
#include "image/map/slice.h"

struct qcow_cmd;
struct qcow_image;
struct qcow_slice_load;
struct qcow_view;

/*
 * The default limit of an image's slices, in bytes.  With the array that finds
 * them and all else, a disk of any size takes less than 40 MiB of memory.
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
 */
void qcow_cache_init(struct qcow_image *image, u64 size);
/** qcow_cache_destroy - to be called after all views were dropped */
void qcow_cache_destroy(struct qcow_image *image);

/**
 * qcow_cache_init_copies - allocate the reserve that commits need to copy
 *
 * qcow_cache_destroy() frees it.  Return: 0 or -ENOMEM.
 */
int qcow_cache_init_copies(struct qcow_image *image);

/**
 * qcow_cache_find - find a resident slice, and mark it as used
 *
 * Context: any; called under rcu_read_lock().
 * Return: the slice, or NULL if it is not resident or not ready.
 */
struct qcow_slice *qcow_cache_find(struct qcow_view *view,
				   unsigned long number);

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
