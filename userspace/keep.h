/* SPDX-License-Identifier: GPL-2.0 */
/* A qcow2 image whose content is to be replaced, and nothing else of it. */
#ifndef QCOWCTL_KEEP_H
#define QCOWCTL_KEEP_H

#include "newimage.h"

/**
 * keep_options - make a new image like the one at @path
 * @n:	of format qcow2, without options, and as large as the disk that it is
 *	to hold; gets the options of the image, and its size
 *
 * What a new image in its place would not have is a reason to refuse it:
 * snapshots, bitmaps, other files that belong to it, a key.  So is a block
 * device, where the old image could not stay until the new one is whole.  And
 * it has to be large enough.
 *
 * Return: 0 or an exit code.
 */
int keep_options(struct newimage *n, const char *path);

#endif /* QCOWCTL_KEEP_H */
