/* SPDX-License-Identifier: GPL-2.0 */
/* The image whose states are looked at, and the disks it shows. */
#ifndef CRASH_IMAGE_H
#define CRASH_IMAGE_H

#include "format/header.h"
#include "format/l2.h"
#include "medium.h"
#include "oracle.h"

/** struct span - bytes of a file that do not change */
struct span {
	const u8 *data;
	u64 size;
};

/**
 * struct view - a disk that the image shows: the active one or a snapshot
 * @name:	NULL: the active one
 * @content:	what it read before the load
 * @oracle:	what it may read; NULL: @content
 * @clusters:	of the guest
 * @map:	the entry of each in the last state
 * @first:	...and before the load, once @known
 * @again:	clusters to be looked at though nothing changed
 */
struct view {
	const char *name;
	struct span content;
	const struct oracle *oracle;
	u64 clusters;
	struct qcow2_l2_entry *map;
	struct qcow2_l2_entry *first;
	bool *again;
	bool known;
};

/**
 * struct image - what is known beforehand, and the files
 * @medium:	the image file, the external data file
 * @header:	of the state
 * @initial:	the image file before the load
 * @backing:	what shows through
 */
struct image {
	struct medium medium[2];
	struct qcow2_header header;
	struct qcow2_geometry geo;
	struct span initial;
	struct span backing;
};

/** span_load - map a file; exits where that fails */
struct span span_load(const char *path);

/** view_init - @image->geo is set */
void view_init(struct view *view, const struct image *image, const char *name,
	       const char *content, const struct oracle *oracle);

/**
 * view_check - look at all of the disk that changed since the last state
 * @l1_offset: of its L1 table, in the state
 * @l1_size:   entries
 *
 * What is wrong goes to report_problem().
 */
void view_check(struct view *view, struct image *image, u64 l1_offset,
		u32 l1_size);

/** view_remember - the state is the one before the load */
void view_remember(struct view *view);

#endif /* CRASH_IMAGE_H */
