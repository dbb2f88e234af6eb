/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Build aside what an image becomes: new tables in clusters that nothing counts
 * yet, and the refcounts as they will be with the new tables.
 */
#ifndef QCOW_IMAGE_CHANGE_SHADOW_H
#define QCOW_IMAGE_CHANGE_SHADOW_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "format/header.h"

struct qcow_image;
struct qcow_reason;

/**
 * struct qcow_shadow - a structural change that is being built
 * @image:	the image
 * @why:	set on failure, for the caller that asked for the change
 * @header:	the header as it becomes; of the refcount table valid only after
 *		qcow_shadow_switch()
 * @l1:		the active L1 table as it becomes, CPU order, in whole pages;
 *		NULL if the active L1 table does not change
 * @seen:	the active L1 table as it was looked at: see beside.c; or NULL
 * @written:	the bitmap qcow_cache.written, or NULL
 * @table:	memory for an L2 table in CPU order
 * @old:	memory for another one
 * @out:	memory for a cluster as it is written
 * @counts:	memory for a refcount block as it is written
 * @chunks:	clusters that were reserved for new structures: struct
 *		shadow_chunk
 * @step:	how many clusters the next chunk has
 * @blocks:	refcount blocks that count what the change refers to: struct
 *		shadow_block
 * @reftable:	the refcount table as it becomes, CPU order
 * @reftable_entries: entries of @reftable
 * @switched:	the file is the new image
 */
struct qcow_shadow {
	struct qcow_image *image;
	struct qcow_reason *why;
	struct qcow2_header header;
	u64 *l1;
	u64 *seen;
	unsigned long *written;
	u64 *table;
	u64 *old;
	void *out;
	void *counts;
	struct list_head chunks;
	u64 step;
	struct xarray blocks;
	u64 *reftable;
	u32 reftable_entries;
	bool switched;
};

/**
 * qcow_shadow_alloc - begin to build a structural change
 *
 * Context: may sleep.  The disk may be in use until qcow_shadow_switch().
 * Return: the shadow, or an ERR_PTR.
 */
struct qcow_shadow *qcow_shadow_alloc(struct qcow_image *image,
				      struct qcow_reason *why);

/** qcow_shadow_free - free a shadow, and give back clusters it did not use */
void qcow_shadow_free(struct qcow_shadow *s);

/**
 * qcow_shadow_ref - add or drop one reference to each of some clusters
 * @first: the first cluster
 * @count: how many
 * @more:  add a reference, else drop one
 *
 * Whether the clusters were counted that often is checked at the end, by
 * qcow_shadow_switch(): the running disk allocates and frees clusters, too.
 *
 * Return: 0; -EUCLEAN: a cluster is no cluster of the image; or another error.
 */
int qcow_shadow_ref(struct qcow_shadow *s, u64 first, u64 count, bool more);

/**
 * qcow_shadow_undo_ref - undo qcow_shadow_ref() with the same arguments
 *
 * The clusters may have been freed since, and may be behind the end by now.
 */
int qcow_shadow_undo_ref(struct qcow_shadow *s, u64 first, u64 count,
			 bool more);

/** qcow_shadow_refcount - the refcount of a cluster as it becomes */
int qcow_shadow_refcount(struct qcow_shadow *s, u64 cluster, u64 *refcount);

/** qcow_shadow_live - the refcount of a cluster as it is now */
int qcow_shadow_live(struct qcow_shadow *s, u64 cluster, u64 *refcount);

/** qcow_shadow_is_new - was the cluster taken for a new structure? */
bool qcow_shadow_is_new(const struct qcow_shadow *s, u64 cluster);

/**
 * qcow_shadow_put - write a new structure to new clusters
 * @buf:  the structure as it lies in the file; linear or vmalloc memory
 * @bytes: its length, whole clusters
 * @host: set to its offset in the file, bytes
 */
int qcow_shadow_put(struct qcow_shadow *s, void *buf, u64 bytes, u64 *host);

/** qcow_shadow_put_l1 - write @s->l1, which has @s->header.l1_size entries */
int qcow_shadow_put_l1(struct qcow_shadow *s);

/**
 * qcow_shadow_flush - write refcount blocks as they are to become so far
 *
 * What changes afterwards is written again by the next flush, in pieces.
 */
int qcow_shadow_flush(struct qcow_shadow *s);

/**
 * qcow_shadow_switch - make the shadow the image
 *
 * Writes what is left of the refcounts and the refcount table, syncs, writes
 * the sector of the header, and syncs.  When this returns 0 the file is the new
 * image; the image in memory is still the old one.
 *
 * Context: the image is at rest (qcow_commit_quiesce()).
 * Return: 0; -EUCLEAN: a cluster is used more often than it is counted, or was
 * not counted; -EOVERFLOW: a cluster has more references than a refcount of
 * this width can hold; or another error.
 */
int qcow_shadow_switch(struct qcow_shadow *s);

/**
 * qcow_shadow_each_freed - call @fn for clusters that nothing refers to any more
 *
 * They stay counted, once each.  They are released after the switch, as a
 * cluster is released that an everyday write replaces.
 *
 * Context: the image is at rest, or the shadow was switched to.
 * Return: 0, or what @fn returned if that was not 0.
 */
int qcow_shadow_each_freed(struct qcow_shadow *s,
			   int (*fn)(struct qcow_image *image, u64 first,
				     u64 count, void *ctx), void *ctx);

#endif /* QCOW_IMAGE_CHANGE_SHADOW_H */
