/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slices: parts of L2 tables in memory.  A slice is 4 KiB of a table, or the
 * whole table if clusters are smaller.
 */
#ifndef QCOW_IMAGE_MAP_SLICE_H
#define QCOW_IMAGE_MAP_SLICE_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct qcow_slice_load;
struct qcow_slice_copy;
struct qcow_view;

#define QCOW_SLICE_MAX	4096U

/**
 * struct qcow_slice - a part of an L2 table in memory
 * @entries:	in CPU order; with extended L2 an entry has two words
 * @size:	of @entries, bytes
 * @ready:	@entries are valid; set with release, read with acquire
 * @writable:	no snapshot shares the table, and the COPIED flags of @entries are
 *		checked: clusters that have one may be written in place.  Set
 *		with release, read with acquire
 * @referenced:	a lookup found the slice since the last sweep
 * @dirty:	changed since a commit last copied it; changes under @lock, too
 * @dead:	taken out of the hash table: nothing in it may be changed any
 *		more
 * @view:	the view whose table it is a part of
 * @number:	of the slice in the view, counted from the disk's start
 * @node:	in the hash table of the cache
 * @lock:	guards changes of @entries; readers do not take it
 * @seq:	lets readers of two-word entries see both words of one change
 * @load:	the read in flight, or NULL
 * @lru:	in the cache's list of clean slices once the slice is ready; in
 *		the commit's list while @copy is set
 * @dirty_node:	in the cache's list of dirty slices
 * @copy:	the copy that a commit is writing, or NULL; until it is written
 *		the slice stays in memory, as the file has old entries
 *
 * The cache's lock guards @node, @load, @lru, @dirty, @dirty_node, @copy and @dead.
 */
struct qcow_slice {
	u64 *entries;
	u32 size;
	bool ready;
	bool writable;
	bool referenced;
	bool dirty;
	bool dead;
	struct qcow_view *view;
	unsigned long number;
	struct hlist_node node;
	spinlock_t lock;
	seqcount_spinlock_t seq;
	struct qcow_slice_load *load;
	struct list_head lru;
	struct list_head dirty_node;
	struct qcow_slice_copy *copy;
	struct rcu_head rcu;
};

/**
 * qcow_slice_alloc - allocate a slice of @size bytes; its entries are not set
 *
 * Context: process context, interrupts on; @gfp says whether it may sleep.
 * Return: a slice that is not ready and belongs to no view, or NULL.
 */
struct qcow_slice *qcow_slice_alloc(u32 size, gfp_t gfp);

/** qcow_slice_free - free a slice that no lookup can have found */
void qcow_slice_free(struct qcow_slice *slice);
/** qcow_slice_free_rcu - free a slice after a grace period; any context */
void qcow_slice_free_rcu(struct qcow_slice *slice);

/** qcow_slices_get - an image is opened: keep spare slices from now on */
void qcow_slices_get(void);
/** qcow_slices_put - an image is closed; the last one frees all spare slices */
void qcow_slices_put(void);
/** qcow_slices_spare - return the number of spare slices */
unsigned long qcow_slices_spare(void);
/** qcow_slices_free_spare - free up to @want spare slices; return how many */
unsigned long qcow_slices_free_spare(unsigned long want);

#endif /* QCOW_IMAGE_MAP_SLICE_H */
