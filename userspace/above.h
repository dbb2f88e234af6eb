/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lies on a disk and is to be frozen with it, for a snapshot that holds
 * all that was written.
 *
 * The driver freezes; a file system that is mounted from the disk or from a
 * partition it finds by itself.  It is told of the others: of block devices that
 * lie on the disk (LVM, LUKS, md), from which file systems are mounted, and of
 * file systems that tell no block device how they are frozen (btrfs).
 */
#ifndef QCOWCTL_ABOVE_H
#define QCOWCTL_ABOVE_H

#include <linux/types.h>
#include <stdbool.h>

#include "sysfs.h"

/**
 * struct above - what lies on a disk
 * @nodes:	the disk, and all block devices on it; see sysfs_pile()
 * @nr_nodes:	how many
 * @fds:	open files, in the order in which what they stand for is frozen:
 *		file systems, then block devices
 * @nr_fds:	how many
 */
struct above {
	struct sysfs_node *nodes;
	size_t nr_nodes;
	__s32 *fds;
	size_t nr_fds;
};

/**
 * above_open - find what lies on a disk, and open it
 * @number: of the disk
 * @force:  go on without a file system that is known to be in use, but cannot be
 *	    frozen
 *
 * Return: 0 or an exit code, after saying why; above_close() is due in any case.
 */
int above_open(struct above *a, unsigned int number, bool force);

/** above_tell - print, for each block device, the writers that are not frozen */
void above_tell(const struct above *a);

void above_close(struct above *a);

#endif /* QCOWCTL_ABOVE_H */
