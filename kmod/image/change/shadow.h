/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an image becomes, built aside: new tables in clusters behind the end,
 * and the refcounts as they will be then.
 */
#ifndef QCOW_IMAGE_CHANGE_SHADOW_H
#define QCOW_IMAGE_CHANGE_SHADOW_H

#include <linux/types.h>
#include <linux/xarray.h>

#include "format/header.h"

struct qcow_image;
struct qcow_reason;

/**
 * struct qcow_shadow - a structural change in the making
 * @image:	whose; nobody writes to it meanwhile
 * @why:	what stood in the way, for whoever asked for the change
 * @header:	as it becomes
 * @l1:		the active L1 table as it becomes, CPU order, in whole pages;
 *		NULL where it stays where it is
 * @table:	memory for an L2 table in CPU order
 * @out:	memory for a cluster as it is written
 * @start:	the first new cluster
 * @next:	the first one behind those taken so far
 * @extended:	the file is at least so many clusters long
 * @blocks:	refcount blocks that were looked into: struct shadow_block
 * @freed:	a bit for each cluster before @start that nothing refers to any
 *		more.  It stays counted: it is released after the switch, as
 *		everyday writes release what they replace.
 * @reftable:	the refcount table as it becomes, CPU order, and
 * @reftable_entries: of it
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

/** qcow_shadow_init - Context: the image is quiet (qcow_commit_quiesce()) */
int qcow_shadow_init(struct qcow_shadow *s, struct qcow_image *image,
		     struct qcow_reason *why);

/** qcow_shadow_destroy - forget it; @undo: and cut off what was written */
void qcow_shadow_destroy(struct qcow_shadow *s, bool undo);

/**
 * qcow_shadow_ref - one reference more to each of these clusters, or one less
 *
 * Return: 0; -EUCLEAN: they were not in use; -EOVERFLOW: there are as many as
 * a refcount of this width can say; or another error.
 */
int qcow_shadow_ref(struct qcow_shadow *s, u64 first, u64 count, bool more);

/** qcow_shadow_refcount - as it becomes */
int qcow_shadow_refcount(struct qcow_shadow *s, u64 cluster, u64 *refcount);

/**
 * qcow_shadow_put - write a new structure of its own
 * @buf:  as it lies in the file, @bytes of whole clusters; linear or vmalloc
 * @host: its offset in the file
 */
int qcow_shadow_put(struct qcow_shadow *s, void *buf, u64 bytes, u64 *host);

/** qcow_shadow_put_l1 - write @s->l1, of @s->header.l1_size entries */
int qcow_shadow_put_l1(struct qcow_shadow *s);

/**
 * qcow_shadow_switch - make it the image
 *
 * Writes the refcounts and the refcount table, syncs, writes the header's
 * sector, syncs.  When it returns 0 the file is the new image; the image in
 * memory is still the old one.
 */
int qcow_shadow_switch(struct qcow_shadow *s);

#endif /* QCOW_IMAGE_CHANGE_SHADOW_H */
