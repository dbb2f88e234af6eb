/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The refcounts of a writable image: they change in refcount blocks in memory,
 * and commits write the changes to the file.
 */
#ifndef QCOW_IMAGE_SPACE_REFS_H
#define QCOW_IMAGE_SPACE_REFS_H

#include <linux/list.h>
#include <linux/types.h>

#include "image/core/types.h"

/* Bytes of a block that are looked at, copied and written together. */
#define QCOW_REFS_PIECE	4096U

/**
 * struct qcow_refblock - a refcount block in memory
 * @index:	of the block in the refcount table
 * @host:	offset of the block in the image file, bytes
 * @pins:	number of users for which the block has to stay in memory;
 *		guarded by qcow_refs.mutex
 * @data:	the block as it lies in the file
 * @dirty_from:	a commit has to write the bytes of @data from here,
 * @dirty_to:	to here
 * @dirty:	in qcow_refs.dirty, if there are such bytes
 *
 * qcow_refs.lock guards @data, @dirty_from, @dirty_to and @dirty.
 */
struct qcow_refblock {
	unsigned long index;
	u64 host;
	unsigned int pins;
	void *data;
	u32 dirty_from;
	u32 dirty_to;
	struct list_head dirty;
};

/** qcow_refs_init - read the refcount table; returns 0 or a negative errno */
int qcow_refs_init(struct qcow_image *image);
void qcow_refs_destroy(struct qcow_image *image);

/**
 * qcow_refs_entry - return an entry of the refcount table
 *
 * Context: qcow_refs.mutex is held; or it is a refill that asks, or no refill
 * runs: others do not change the table.
 */
static inline u64 qcow_refs_entry(const struct qcow_image *image,
				  unsigned long index)
{
	return index < image->refs.held ? image->refs.table[index] : 0;
}

/** qcow_refblock_index - the index of the block that counts the cluster */
unsigned long qcow_refblock_index(const struct qcow_image *image, u64 cluster);

/**
 * qcow_refblock_get - pin a block, and read it if it is not in memory
 *
 * Context: may sleep, takes qcow_refs.mutex.
 * Return: the block; NULL if the table has none at @index; or an ERR_PTR.
 */
struct qcow_refblock *qcow_refblock_get(struct qcow_image *image,
					unsigned long index);
/** qcow_refblock_put - unpin a block; takes qcow_refs.mutex */
void qcow_refblock_put(struct qcow_image *image, struct qcow_refblock *b);

/**
 * qcow_refblock_create - make a new block in memory, pinned
 * @index: of the block in the refcount table
 * @host:  where the block is to lie in the file, bytes
 *
 * The block counts only its own cluster.  The caller writes it with
 * qcow_refs_write_new(), syncs the file, and then has the table point to it
 * with qcow_refs_publish().
 *
 * Return: the block, or an ERR_PTR.
 */
struct qcow_refblock *qcow_refblock_create(struct qcow_image *image,
					   unsigned long index, u64 host);
/** qcow_refblocks_forget - free new blocks that the table does not point to */
void qcow_refblocks_forget(struct qcow_image *image, unsigned long index,
			   unsigned long count);

/**
 * qcow_refs_replace - all refcounts lie in other blocks of the file now
 * @table:   the new refcount table in CPU order; qcow_refs takes it over
 * @entries: of @table
 *
 * Context: may sleep; no block is pinned or dirty.
 */
void qcow_refs_replace(struct qcow_image *image, u64 *table, u32 entries);

/**
 * qcow_refs_set_table - the table is this one now
 * @table:   the new refcount table in CPU order; qcow_refs takes it over
 * @entries: of @table
 *
 * Context: qcow_refs.mutex is held.
 */
void qcow_refs_set_table(struct qcow_image *image, u64 *table, u32 entries);

/** qcow_refs_write_new - write a whole block; no sync */
int qcow_refs_write_new(struct qcow_image *image, struct qcow_refblock *b);

/**
 * qcow_refs_publish - write the table entry of a new block; no sync
 *
 * The block is durable.  If this fails, the file may hold either entry.
 */
int qcow_refs_publish(struct qcow_image *image, struct qcow_refblock *b);

/** qcow_refs_get - return the refcount of a cluster that @b counts */
u64 qcow_refs_get(struct qcow_image *image, struct qcow_refblock *b,
		  u64 cluster);
/**
 * qcow_refs_count_ones - how many neighbouring clusters have refcount 1?
 * @first: number of the first cluster
 * @count: in: how many clusters to look at; out: how many from @first on have
 *	   refcount 1
 * @odd:   set to the refcount of the next cluster, if that was to be looked at
 *
 * If a block is not in memory, only a part of it is read, and not kept.
 *
 * Context: a worker.
 * Return: 0 or a negative errno.
 */
int qcow_refs_count_ones(struct qcow_image *image, u64 first, u32 *count,
			 u64 *odd);

/**
 * qcow_refs_set - change refcounts of a pinned block in memory
 * @cluster: number of the first cluster
 * @count:   how many clusters; @b counts all of them
 * @value:   their new refcount
 */
void qcow_refs_set(struct qcow_image *image, struct qcow_refblock *b,
		   u64 cluster, u32 count, u64 value);

/**
 * qcow_refs_drop - decrement the refcount of a cluster in memory
 *
 * Context: may sleep, takes qcow_refs.mutex.
 * Return: the new refcount; -EUCLEAN if it was 0 already; or another error.
 */
long qcow_refs_drop(struct qcow_image *image, u64 cluster);

/**
 * qcow_refs_watch - note which pieces of a block change from now on
 * @index:  of the block in the refcount table; there may be none yet
 * @pieces: a bit for each piece; the caller set all of them, and frees them
 *	    after qcow_refs_unwatch()
 *
 * Return: 0 or a negative errno.
 */
int qcow_refs_watch(struct qcow_image *image, unsigned long index,
		    unsigned long *pieces);
void qcow_refs_unwatch(struct qcow_image *image, unsigned long index);

/**
 * qcow_refs_copy - copy pieces of a watched block, and clear their bits
 * @first: the first piece
 * @count: how many
 * @to:    where the pieces are copied to; zeros if there is no block
 *
 * Context: may sleep, takes qcow_refs.mutex.
 * Return: 0 or a negative errno.
 */
int qcow_refs_copy(struct qcow_image *image, unsigned long index,
		   unsigned long *pieces, u32 first, u32 count, void *to);

/**
 * qcow_refs_place - where in the file does a block lie?
 * @host: set to its offset, bytes; 0 if there is no block
 *
 * Return: 0; or -EIO if the table is malformed.
 */
int qcow_refs_place(struct qcow_image *image, unsigned long index, u64 *host);

/** qcow_refs_write - write the dirty parts of all blocks; no sync */
int qcow_refs_write(struct qcow_image *image);

#endif /* QCOW_IMAGE_SPACE_REFS_H */
