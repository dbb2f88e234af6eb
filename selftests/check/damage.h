/* SPDX-License-Identifier: GPL-2.0 */
/* Damage to the metadata of an image that was whole, by name. */
#ifndef QCOW_CHECK_DAMAGE_H
#define QCOW_CHECK_DAMAGE_H

#include "memory.h"

/**
 * struct damage - one kind
 * @name:	on the command line
 * @mendable:	a repair leaves nothing of it
 * @apply:	does it; false where the image has nothing to damage so
 */
struct damage {
	const char *name;
	bool mendable;
	bool (*apply)(struct memory *m, const struct check *c, u64 *random);
};

extern const struct damage damages[];

/** damage_find - NULL if there is none of that name */
const struct damage *damage_find(const char *name);

/** damage_apply - check what the image has, then damage it */
bool damage_apply(struct memory *m, const struct damage *d, u64 seed);

#endif /* QCOW_CHECK_DAMAGE_H */
