/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The L2 cache: slices of L2 tables, decoded, by view and number.
 *
 * Lookup takes no lock; a slice that is not there is read asynchronously while
 * the commands that need it are parked.
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
 * Bytes of slices kept for an image, unless told otherwise: with what finds
 * them, and all else, a disk of any size takes less than 40 MiB.
 */
#define QCOW_CACHE_DEFAULT	(30U << 20)

/**
 * struct qcow_slice_copy - a slice as a commit writes it
 * @io:	   the write
 * @bvec:  its memory:
 * @data:  the entries as they lie in the file
 */
struct qcow_slice_copy {
	struct qcow_batch_io io;
	struct bio_vec bvec;
	void *data;
};

/** qcow_cache_init - @size: bytes to keep at most, 0 for the default */
void qcow_cache_init(struct qcow_image *image, u64 size);
/** qcow_cache_destroy - all views are gone, and so no slice is left */
void qcow_cache_destroy(struct qcow_image *image);

/** qcow_cache_init_copies - what commits need; qcow_cache_destroy() frees it */
int qcow_cache_init_copies(struct qcow_image *image);

/**
 * qcow_cache_find - a resident slice, marked as looked at
 *
 * Context: any, under rcu_read_lock().
 * Return: NULL where it is not there or not ready.
 */
struct qcow_slice *qcow_cache_find(struct qcow_view *view,
				   unsigned long number);

/**
 * qcow_cache_fetch - read a slice for a command, or wait for who does
 * @nowait: the caller is not a worker: take memory only if it is there
 *
 * Return: 0, look again; -EIOCBQUEUED, the command is parked and belongs to
 * the load; -EAGAIN, only with @nowait; or the error of the read.
 */
int qcow_cache_fetch(struct qcow_view *view, unsigned long number,
		     struct qcow_cmd *cmd, bool nowait);

/** qcow_cache_drop_view - forget all slices of a view nobody uses any more */
void qcow_cache_drop_view(struct qcow_view *view);

/** qcow_slice_entry - an entry of a resident slice, by index */
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

/** qcow_slice_set - change an entry of a slice that is locked */
void qcow_slice_set(const struct qcow2_geometry *geo, struct qcow_slice *slice,
		    unsigned int index, struct qcow2_l2_entry e);

/**
 * qcow_slice_lock - a resident slice, to change entries of it
 *
 * The slice counts as dirty from now on, and stays.  Where an entry gets a
 * new cluster, the cluster's refcount was raised before; where it loses one,
 * that is queued for release afterwards.
 *
 * Context: task.
 * Return: the slice, its lock held, or NULL where it is not resident.
 */
struct qcow_slice *qcow_slice_lock(struct qcow_view *view,
				   unsigned long number);
void qcow_slice_unlock(struct qcow_slice *slice);

/**
 * qcow_cache_copy_dirty - take copies of dirty slices, for a commit
 * @copied: slices with their @copy set, to be given to qcow_cache_written()
 * @left:   how many at the most; less those that were copied afterwards
 *
 * As many as there is memory for, but one at least.
 */
void qcow_cache_copy_dirty(struct qcow_image *image, struct list_head *copied,
			   unsigned long *left);

/** qcow_cache_write - write the copies, and wait for it; no sync */
int qcow_cache_write(struct qcow_image *image, struct list_head *copied);

/** qcow_slice_host - a slice's offset in the image file */
u64 qcow_slice_host(const struct qcow_slice *slice);

/**
 * qcow_cache_written - the commit is over; @copied is emptied
 * @durable: else they are dirty again
 */
void qcow_cache_written(struct qcow_image *image, struct list_head *copied,
			bool durable);

int qcow_cache_module_init(void);
void qcow_cache_module_exit(void);

#endif /* QCOW_IMAGE_MAP_CACHE_H */
