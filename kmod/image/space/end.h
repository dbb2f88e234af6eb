/* SPDX-License-Identifier: GPL-2.0 */
/* Find the end of an image: where the clusters in use end. */
#ifndef QCOW_IMAGE_SPACE_END_H
#define QCOW_IMAGE_SPACE_END_H

#include <linux/types.h>

struct qcow_image;

/**
 * qcow_find_end - find the highest cluster that has a refcount or holds metadata
 * @end: set to its number, plus one
 *
 * Refcount blocks are read from the last one down, several at a time, and none
 * of them stays in memory.
 *
 * Context: attach, before anything can change a refcount; may sleep.
 * Return: 0; -EINTR if a fatal signal came; -EUCLEAN if the end lies where no
 * image can have a cluster; or another error.
 */
int qcow_find_end(struct qcow_image *image, u64 *end);

#endif /* QCOW_IMAGE_SPACE_END_H */
