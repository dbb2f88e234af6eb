/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The L2 cache: slices of L2 tables, decoded, by view and number.
 *
 * A slice is 4 KiB of a table, or the whole table where clusters are smaller.
 * Lookup takes no lock; a slice that is not there is read asynchronously while
 * the commands that need it are parked.
 */
#ifndef QCOW_IMAGE_CACHE_H
#define QCOW_IMAGE_CACHE_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct qcow_cmd;
struct qcow_image;
struct qcow_slice_load;
struct qcow_view;

/* Bytes of slices kept for an image, unless told otherwise. */
#define QCOW_CACHE_DEFAULT	(32U << 20)
#define QCOW_SLICE_MAX		4096U

/**
 * struct qcow_slice - a piece of an L2 table in memory
 * @entries:	in CPU order; two words an entry with extended L2
 * @ready:	@entries are valid; set with release, read with acquire
 * @referenced:	looked at since the last sweep
 * @view, @number: its place
 * @load:	the read under way, guarded by the cache's lock, as is
 * @lru:	its place in the cache's list once it is ready
 */
struct qcow_slice {
	u64 *entries;
	bool ready;
	bool referenced;
	struct qcow_view *view;
	unsigned long number;
	struct qcow_slice_load *load;
	struct list_head lru;
	struct rcu_head rcu;
};

/**
 * struct qcow_cache - the slices of all views of one image
 * @lock:	guards @lru, @count and the slices' @load; taken in interrupts
 * @lru:	newest first; an approximation: a sweep spares the referenced
 * @count:	slices in @lru
 * @limit:	at most so many
 * @slice_bits:	log2 of the bytes of a slice
 * @entry_bits:	log2 of the entries of a slice
 * @node:	in the shrinker's list
 */
struct qcow_cache {
	spinlock_t lock;
	struct list_head lru;
	unsigned long count;
	unsigned long limit;
	u8 slice_bits;
	u8 entry_bits;
	struct list_head node;
};

/** qcow_cache_init - @size: bytes to keep at most, 0 for the default */
void qcow_cache_init(struct qcow_image *image, u64 size);
/** qcow_cache_destroy - all views are gone, and so no slice is left */
void qcow_cache_destroy(struct qcow_image *image);

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

int qcow_cache_module_init(void);
void qcow_cache_module_exit(void);

#endif /* QCOW_IMAGE_CACHE_H */
