/* SPDX-License-Identifier: GPL-2.0 */
/* The backing file that a new image is to have. */
#ifndef QCOWCTL_BACKING_H
#define QCOWCTL_BACKING_H

#include "newimage.h"

/**
 * backing_look - can it be used, and is it another file than the image?
 * @n:		names it
 * @path:	of the image
 * @size:	of its disk, bytes
 *
 * Return: 0 or an exit code.
 */
int backing_look(const struct newimage *n, const char *path, u64 *size);

#endif /* QCOWCTL_BACKING_H */
