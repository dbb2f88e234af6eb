/* SPDX-License-Identifier: GPL-2.0 */
/* The disks that an image has to show: before a structural change, after it. */
#ifndef CRASH_WORLD_H
#define CRASH_WORLD_H

#include "image.h"
#include "metadata.h"

/**
 * struct world - what a state has to show
 * @active:	the disk that the load writes to
 * @oracle:	what that may read
 * @snapshots:	in the order of the snapshot table
 * @metadata:	of the last state that was to show this
 */
struct world {
	struct view active;
	struct oracle oracle;
	struct view *snapshots[MAX_SNAPSHOTS];
	unsigned int nr_snapshots;
	struct metadata metadata;
};

/**
 * world_add - another snapshot, the last of the table
 * @id:	     of it; NULL: one more than the largest that is a number
 * @content: stays the caller's where @id is given
 */
void world_add(struct world *w, const struct image *image, const char *id,
	       const char *name, struct span content);

/**
 * world_next - what there is to be after a change
 * @next:   but for @next->metadata overwritten
 * @now:    what the active disk reads, in whole clusters
 * @change: the record's head, and the name behind it
 *
 * Return: false where the change has to be refused.
 */
bool world_next(const struct world *w, struct world *next,
		const struct image *image, const u8 *now,
		const struct record *change, const char *name);

/** world_leave - forget what @other, which goes on, does not have */
void world_leave(struct world *w, const struct world *other);

#endif /* CRASH_WORLD_H */
