/* SPDX-License-Identifier: GPL-2.0 */
/* What is mounted. */
#ifndef QCOWCTL_MOUNTS_H
#define QCOWCTL_MOUNTS_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * struct mount - a line of mountinfo
 * @id:		of the mount, no other has it
 * @dev:	of the file system: the block device that it is mounted from, or a
 *		number of its own, whose major one is 0 (btrfs)
 * @point:	where it is mounted
 * @type:	"btrfs"
 * @source:	"/dev/qcow0p1", or any word
 * @pid:	a process that sees it there
 */
struct mount {
	unsigned int id;
	dev_t dev;
	char point[PATH_MAX];
	char type[64];
	char source[PATH_MAX];
	pid_t pid;
};

/** mounts_each - call @take with @into for each mount that this process sees */
void mounts_each(void (*take)(void *into, const struct mount *m), void *into);

/** mounts_each_elsewhere - for each that there is in other mount namespaces */
void mounts_each_elsewhere(void (*take)(void *into, const struct mount *m),
			   void *into);

/** mount_is_anonymous - does its device number lead to no block device? */
bool mount_is_anonymous(const struct mount *m);

/**
 * mount_open - open the folder where it is mounted
 *
 * Return: a file descriptor; -1 with errno where it cannot be opened.  Another
 * mount may cover it: ESTALE.
 */
int mount_open(const struct mount *m);

#endif /* QCOWCTL_MOUNTS_H */
