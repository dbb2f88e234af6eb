/* SPDX-License-Identifier: GPL-2.0 */
/* Where the bytes of a disk lie: one layer's tables, then a whole chain. */
#ifndef QCOWCTL_VIEW_H
#define QCOWCTL_VIEW_H

#include "chain.h"
#include "format/l2.h"

/**
 * struct view - a layer, or a snapshot in it, with its L1 table in memory
 * @image:	the image
 * @data:	the file that offsets are of: the image, or its data file
 * @size:	of the disk, bytes
 * @l1:		in CPU order; NULL for a raw image, as @l2
 * @l1_size:	entries
 * @l2:		the L2 table read last, in CPU order
 * @l2_index:	which one that is
 * @run_start:	raw: a run of data, or of none, that was asked for last
 * @run_end:	its end, in the file as @run_start
 * @run_data:	which of them
 */
struct view {
	const struct image *image;
	const struct file *data;
	u64 size;
	u64 *l1;
	u32 l1_size;
	u64 *l2;
	u64 l2_index;
	u64 run_start;
	u64 run_end;
	bool run_data;
};

/**
 * view_open - read the L1 table
 * @snapshot: an id or a name; NULL for the active disk
 *
 * Return: 0, or an exit code; view_close() is due in any case.
 */
int view_open(struct view *v, const struct layer *l, const char *snapshot);
void view_close(struct view *v);

/**
 * struct extent - a piece of a disk that is alike all through
 * @start:	in the disk, bytes
 * @length:	bytes
 * @depth:	the layer that decides, 0 for the top one
 * @present:	an image of the chain has something there
 * @zero:	it reads as zeros
 * @data:	it has to be read from a file
 * @compressed:	and to be inflated
 * @has_offset:	@offset is where it lies in @file, plain
 * @geo:	of the layer that decides; NULL for a raw one
 * @stream:	if @compressed: where the first cluster's stream lies in @file
 */
struct extent {
	u64 start;
	u64 length;
	unsigned int depth;
	bool present;
	bool zero;
	bool data;
	bool compressed;
	bool has_offset;
	u64 offset;
	const struct file *file;
	const struct qcow2_geometry *geo;
	struct qcow2_compressed stream;
};

/* The layers of a chain, opened for looking. */
struct views {
	struct view layers[QCOW_MAX_LAYERS];
	unsigned int nr;
};

/** views_open - all layers; @snapshot is the top's; views_close() is due */
int views_open(struct views *v, const struct chain *c, const char *snapshot);
void views_close(struct views *v);

/**
 * views_at - the piece of the disk that begins at @offset
 *
 * It is as long as one entry of a table tells, and no longer than the disk.
 *
 * Return: 0 or an exit code.
 */
int views_at(struct views *v, u64 offset, struct extent *e);

/** extent_continues - does @b go on where @a ends, in all respects? */
bool extent_continues(const struct extent *a, const struct extent *b);

/**
 * views_each - the whole disk, extent after extent, as long as can be
 * @see: called for each; an exit code other than 0 ends it
 *
 * Return: 0 or an exit code.
 */
int views_each(struct views *v,
	       int (*see)(void *into, const struct extent *e), void *into);

#endif /* QCOWCTL_VIEW_H */
