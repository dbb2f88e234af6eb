/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A slice: 4 KiB of an L2 table, or the whole table where clusters are smaller.
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
 * struct qcow_slice - a piece of an L2 table in memory
 * @entries:	in CPU order; two words an entry with extended L2
 * @size:	of them, in bytes
 * @ready:	@entries are valid; set with release, read with acquire
 * @referenced:	looked at since the last sweep
 * @view, @number: its place
 * @lock:	who changes entries holds it
 * @seq:	for readers of entries of two words
 * @load:	the read under way, guarded by the cache's lock, as are
 * @lru:	in the cache's list of clean slices once it is ready,
 * @dirty, @dirty_node: changed since it was last copied by a commit,
 * @copy:	what a commit is writing: it may not be read again before that,
 * @dead:	out of the array: change nothing in it any more
 */
struct qcow_slice {
	u64 *entries;
	u32 size;
	bool ready;
	bool referenced;
	bool dirty;
	bool dead;
	struct qcow_view *view;
	unsigned long number;
	spinlock_t lock;
	seqcount_spinlock_t seq;
	struct qcow_slice_load *load;
	struct list_head lru;
	struct list_head dirty_node;
	struct qcow_slice_copy *copy;
	struct rcu_head rcu;
};

/**
 * qcow_slice_alloc - memory for a slice of @size bytes, its entries not set
 *
 * Context: process, with interrupts on; @gfp tells whether it may sleep.
 * Return: nobody's yet and not ready, or NULL without memory.
 */
struct qcow_slice *qcow_slice_alloc(u32 size, gfp_t gfp);

/** qcow_slice_free - of a slice that no lookup can have seen */
void qcow_slice_free(struct qcow_slice *slice);
/** qcow_slice_free_rcu - when the lookups that saw it are over; any context */
void qcow_slice_free_rcu(struct qcow_slice *slice);

/** qcow_slices_get - an image is there: from now on some are kept to spare */
void qcow_slices_get(void);
/** qcow_slices_put - it is gone; with the last one, all that were to spare */
void qcow_slices_put(void);
/** qcow_slices_spare - how many are kept for who allocates the next */
unsigned long qcow_slices_spare(void);
/** qcow_slices_free_spare - give up to @want back; returns how many */
unsigned long qcow_slices_free_spare(unsigned long want);

#endif /* QCOW_IMAGE_MAP_SLICE_H */
