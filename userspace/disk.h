/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An image that is attached for the time, to be written as a disk.  What is
 * written keeps the image whole at any instant: that is the driver's business.
 */
#ifndef QCOWCTL_DISK_H
#define QCOWCTL_DISK_H

#include "chain.h"
#include "fresh.h"

/**
 * struct disk - it
 * @number:	of its device
 * @node:	the device, open for us alone
 */
struct disk {
	unsigned int number;
	struct fresh node;
};

/**
 * disk_open - attach the image at @path for writing
 * @size: at least so long, bytes; 0 for as it is
 *
 * Return: 0, or an exit code; only after 0 disk_close() is due.
 */
int disk_open(struct disk *d, const char *path, const struct chain_options *o,
	      u64 size);

/**
 * disk_close - after all of it is in the image, detach it
 * Return: @ret, or an exit code where the end fails.
 */
int disk_close(struct disk *d, int ret);

#endif /* QCOWCTL_DISK_H */
