/* SPDX-License-Identifier: GPL-2.0 */
/* A new image of either format, with its data file if it has one. */
#ifndef QCOWCTL_TARGET_H
#define QCOWCTL_TARGET_H

#include "writer.h"

/**
 * struct target - the image that is being made
 * @n:		what it is to be
 * @image:	its file
 * @data:	its external data file; closed where it has none
 * @w:		qcow2 only
 */
struct target {
	const struct newimage *n;
	struct fresh image;
	struct fresh data;
	struct writer w;
};

/**
 * target_open - begin a new image at @path
 * @n: checked; must stay as long as the target
 *
 * Return: 0 or an exit code; target_close() is due in any case.
 */
int target_open(struct target *t, const struct newimage *n, const char *path);

/** target_open_existing - a raw image or a device that is there; its bytes stay */
int target_open_existing(struct target *t, const struct newimage *n,
			 const char *path);

/** target_preallocate - give every cluster of an empty image its place */
int target_preallocate(struct target *t);

/** target_data - the file that holds the guest's data */
struct fresh *target_data(struct target *t);

/**
 * target_commit - all is written: finish the image, let it appear
 * @sync: after its bytes are on the disk
 */
int target_commit(struct target *t, bool sync);
void target_close(struct target *t);

#endif /* QCOWCTL_TARGET_H */
