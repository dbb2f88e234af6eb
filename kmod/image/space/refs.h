/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Refcounts of a writable image: blocks in memory, changed there, written by
 * commits.
 */
#ifndef QCOW_IMAGE_SPACE_REFS_H
#define QCOW_IMAGE_SPACE_REFS_H

#include <linux/list.h>
#include <linux/types.h>

struct qcow_image;

/**
 * struct qcow_refblock - a refcount block in memory
 * @index:	of it in the refcount table
 * @host:	its offset in the image file, bytes
 * @pins:	who needs it to stay; guarded by qcow_refs.mutex
 * @data:	as it lies in the file; guarded by qcow_refs.lock, as are
 * @dirty_from, @dirty_to: bytes of it that have to be written, if any, and
 * @dirty:	its place in the list of those
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

int qcow_refs_init(struct qcow_image *image);
void qcow_refs_destroy(struct qcow_image *image);

/** qcow_refblock_index - of the block that counts a cluster */
unsigned long qcow_refblock_index(const struct qcow_image *image, u64 cluster);

/**
 * qcow_refblock_get - a block, pinned, read if need be
 *
 * Return: the block; NULL where the table has none; or an ERR_PTR.
 */
struct qcow_refblock *qcow_refblock_get(struct qcow_image *image,
					unsigned long index);
void qcow_refblock_put(struct qcow_image *image, struct qcow_refblock *b);

/**
 * qcow_refblock_create - a new, empty block at @host, pinned, not in the file
 *
 * It counts itself.  The caller writes it, syncs, and then has the table point
 * to it with qcow_refs_publish().
 */
struct qcow_refblock *qcow_refblock_create(struct qcow_image *image,
					   unsigned long index, u64 host);
/** qcow_refblocks_forget - blocks that never became part of the image */
void qcow_refblocks_forget(struct qcow_image *image, unsigned long index,
			   unsigned long count);

/**
 * qcow_refs_replace - all refcounts are elsewhere now
 * @table: the refcount table, CPU order; taken over
 *
 * Context: no block is pinned or dirty.
 */
void qcow_refs_replace(struct qcow_image *image, u64 *table, u32 entries);

/** qcow_refs_write_new - write a whole block; no sync */
int qcow_refs_write_new(struct qcow_image *image, struct qcow_refblock *b);

/** qcow_refs_publish - write the block's table entry; the block is durable */
int qcow_refs_publish(struct qcow_image *image, struct qcow_refblock *b);

/** qcow_refs_get - the refcount of a cluster of this block */
u64 qcow_refs_get(struct qcow_image *image, struct qcow_refblock *b,
		  u64 cluster);
/**
 * qcow_refs_count_ones - how many of neighbouring clusters have refcount 1?
 * @count: how many to look at; then those from the first on that have
 * @odd:   the refcount of the one behind those, if there is one
 *
 * Blocks that are not in memory are not kept for this.  Context: a worker.
 * Return: 0 or an error.
 */
int qcow_refs_count_ones(struct qcow_image *image, u64 first, u32 *count,
			 u64 *odd);

/**
 * qcow_refs_set - change refcounts of a pinned block in memory
 * @cluster: the first, @count: how many, all of them this block's
 */
void qcow_refs_set(struct qcow_image *image, struct qcow_refblock *b,
		   u64 cluster, u32 count, u64 value);

/**
 * qcow_refs_drop - one reference less to a cluster, in memory
 *
 * Return: what is left; or an error: -EUCLEAN where there was none.
 */
long qcow_refs_drop(struct qcow_image *image, u64 cluster);

/** qcow_refs_write - write what is dirty; no sync */
int qcow_refs_write(struct qcow_image *image);

#endif /* QCOW_IMAGE_SPACE_REFS_H */
