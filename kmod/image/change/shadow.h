/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Build aside what an image becomes: new tables in clusters behind the end, and
 * the refcounts as they will be with the new tables.
 */
#ifndef QCOW_IMAGE_CHANGE_SHADOW_H
#define QCOW_IMAGE_CHANGE_SHADOW_H

#include <linux/types.h>
#include <linux/xarray.h>

#include "format/header.h"

struct qcow_image;
struct qcow_reason;

/**
 * struct qcow_shadow - a structural change that is being built
 * @image:	the image; nothing writes to it meanwhile
 * @why:	set on failure, for the caller that asked for the change
 * @header:	the header as it becomes
 * @l1:		the active L1 table as it becomes, CPU order, in whole pages;
 *		NULL if the active L1 table does not change
 * @table:	memory for an L2 table in CPU order
 * @out:	memory for a cluster as it is written
 * @start:	the first new cluster
 * @next:	the first cluster behind those that were taken so far
 * @extended:	the file is at least so many clusters long
 * @blocks:	refcount blocks that were read or made: struct shadow_block
 * @freed:	a bit for each cluster before @start to which nothing refers any
 *		more.  Such a cluster stays counted.  It is released after the
 *		switch, as a cluster is released that an everyday write
 *		replaces.
 * @reftable:	the refcount table as it becomes, CPU order
 * @reftable_entries: entries of @reftable
 */
struct qcow_shadow {
	struct qcow_image *image;
	struct qcow_reason *why;
	struct qcow2_header header;
	u64 *l1;
	u64 *table;
	void *out;
	u64 start;
	u64 next;
	u64 extended;
	struct xarray blocks;
	unsigned long *freed;
	u64 *reftable;
	u32 reftable_entries;
};

/**
 * qcow_shadow_init - begin to build a structural change
 *
 * Context: the image is at rest (qcow_commit_quiesce()).
 * Return: 0 or -ENOMEM.
 */
int qcow_shadow_init(struct qcow_shadow *s, struct qcow_image *image,
		     struct qcow_reason *why);

/** qcow_shadow_destroy - free a shadow; @undo: also cut off what was written */
void qcow_shadow_destroy(struct qcow_shadow *s, bool undo);

/**
 * qcow_shadow_ref - add or drop one reference to each of some clusters
 * @first: the first cluster
 * @count: how many
 * @more:  add a reference, else drop one
 *
 * Return: 0; -EUCLEAN: a cluster was not in use; -EOVERFLOW: a cluster has as
 * many references as a refcount of this width can hold; or another error.
 */
int qcow_shadow_ref(struct qcow_shadow *s, u64 first, u64 count, bool more);

/** qcow_shadow_refcount - the refcount of a cluster as it becomes */
int qcow_shadow_refcount(struct qcow_shadow *s, u64 cluster, u64 *refcount);

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
 * qcow_shadow_switch - make the shadow the image
 *
 * Writes the refcount blocks and the refcount table, syncs, writes the sector
 * of the header, and syncs.  When this returns 0 the file is the new image; the
 * image in memory is still the old one.
 */
int qcow_shadow_switch(struct qcow_shadow *s);

#endif /* QCOW_IMAGE_CHANGE_SHADOW_H */
