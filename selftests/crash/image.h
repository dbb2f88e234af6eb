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
 * @id:		of a snapshot, by its entry in the table
 * @name:	NULL: the active one
 * @content:	what it reads, or did before the load
 * @owned:	it is memory of its own
 * @oracle:	what it may read; NULL: @content
 * @clusters:	of the guest
 * @map:	the entry of each in the last state that was looked at
 * @seen:	when that was
 * @l1_offset:	of its L1 table then
 * @again:	clusters to be looked at though nothing changed
 * @restless:	there is one
 * @copy:	where its bytes go instead of being looked at
 */
struct view {
	char id[24];
	char *name;
	struct span content;
	bool owned;
	const struct oracle *oracle;
	u64 clusters;
	struct qcow2_l2_entry *map;
	u32 seen;
	u64 l1_offset;
	bool *again;
	bool restless;
	u8 *copy;
};

#define MAX_SNAPSHOTS	16

/**
 * struct origin - a disk before the load: where compressed clusters are from
 * @map:	the entry of each cluster
 */
struct origin {
	const struct qcow2_l2_entry *map;
	u64 clusters;
	const u8 *content;
};

/**
 * struct image - what is known beforehand, and the files
 * @medium:	two: the image file, the external data file
 * @header:	of the state
 * @initial:	the image file before the load
 * @backing:	what shows through
 * @origins:	of whatever may lie in it; none: this is before the load
 */
struct image {
	struct medium *medium;
	struct qcow2_header header;
	struct qcow2_geometry geo;
	struct span initial;
	struct span backing;
	struct origin origins[MAX_SNAPSHOTS + 1];
	unsigned int nr_origins;
};

/** span_load - map a file; exits where that fails */
struct span span_load(const char *path);

/**
 * image_parse - set @image->header from the state
 *
 * Return: false where it is none, which is reported.
 */
bool image_parse(struct image *image);

/** view_init - @image->geo is set; all of @view is zero but id and name */
void view_init(struct view *view, const struct image *image,
	       struct span content, const struct oracle *oracle);

/** view_free - but not its content and its name */
void view_free(struct view *view);

/**
 * view_check - look at all of the disk that changed since the last state
 * @l1_offset: of its L1 table, in the state
 * @l1_size:   entries
 *
 * What is wrong goes to report_problem().
 */
void view_check(struct view *view, struct image *image, u64 l1_offset,
		u32 l1_size);

/** view_look_again - at this cluster, though nothing changes */
void view_look_again(struct view *view, u64 index);

/**
 * view_copy - what it reads in the state
 * @to: room for whole clusters: what is behind the disk's end is copied too
 */
void view_copy(struct view *view, struct image *image, u64 l1_offset,
	       u32 l1_size, u8 *to);

/** view_remember - the state is the one before the load */
void view_remember(const struct view *view, struct image *image);

#endif /* CRASH_IMAGE_H */
