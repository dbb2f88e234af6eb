/* SPDX-License-Identifier: GPL-2.0 */
/* From one backing file to another: where the two differ. */
#ifndef QCOWCTL_MOVE_H
#define QCOWCTL_MOVE_H

#include "chunk.h"
#include "progress.h"

/** move_put - the two differ here */
typedef int move_put(void *into, u64 start, u64 length);

/**
 * struct move - from one backing file to another
 * @old, @new:	the disks that they show; without layers: all zeros
 * @unit:	bytes that are compared as one
 * @put:	called for units that differ, with @into
 * @progress:	one step for each byte that was compared
 */
struct move {
	struct views *old;
	struct views *new;
	struct chunk chunks[2];
	u64 unit;
	move_put *put;
	void *into;
	struct progress progress;
};

/** move_init - all but @old, @new and @progress; move_destroy() is due */
void move_init(struct move *m, const struct image *img, move_put *put,
	       void *into);
void move_destroy(struct move *m);

/** move_range - this range of the disk; 0 or an exit code */
int move_range(struct move *m, u64 start, u64 length);

/**
 * move_open - a file that backs an image, or is to
 * @name:	as the image has it, NULL for none
 * @format:	likewise
 *
 * It is claimed for the driver.
 *
 * Return: 0, or an exit code; chain_close() is due in any case.
 */
int move_open(struct chain *c, const struct image *img, const char *name,
	      const char *format);

#endif /* QCOWCTL_MOVE_H */
