/* SPDX-License-Identifier: GPL-2.0 */
/* The first cluster of an image that is there, changed in one step. */
#ifndef QCOWCTL_HEAD_H
#define QCOWCTL_HEAD_H

#include "image.h"

/**
 * head_rebase - let an image name another backing file
 * @img:	open for writing, loaded, and claimed
 * @backing:	as it is to be written; NULL for none
 * @format:	its format, NULL for none
 *
 * Whatever happens meanwhile, the image names the old file or the new one.
 *
 * Return: 0 or an exit code.
 */
int head_rebase(struct image *img, const char *backing, const char *format);

#endif /* QCOWCTL_HEAD_H */
