/* SPDX-License-Identifier: GPL-2.0 */
/* The snapshot table of an image. */
#ifndef QCOWCTL_SNAPSHOTS_H
#define QCOWCTL_SNAPSHOTS_H

#include "format/snapshot.h"
#include "image.h"

struct snapshots {
	struct qcow2_snapshot *entries;
	size_t nr;
	u8 *table;		/* where their strings are */
};

/**
 * snapshots_load - read and check the whole table
 * Return: 0, also for an image without snapshots; or an exit code.
 * snapshots_free() is due in any case.
 */
int snapshots_load(const struct image *img, struct snapshots *s);
void snapshots_free(struct snapshots *s);

/**
 * snapshots_find - by id first, then by name
 * Return: NULL where there is none.
 */
const struct qcow2_snapshot *snapshots_find(const struct snapshots *s,
					    const char *word);

#endif /* QCOWCTL_SNAPSHOTS_H */
