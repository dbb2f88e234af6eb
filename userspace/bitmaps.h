/* SPDX-License-Identifier: GPL-2.0 */
/* The bitmap directory of an image. */
#ifndef QCOWCTL_BITMAPS_H
#define QCOWCTL_BITMAPS_H

#include "format/bitmap.h"
#include "image.h"

struct bitmaps {
	struct qcow2_bitmap *entries;
	size_t nr;
	u8 *directory;		/* where their names are */
};

/**
 * bitmaps_load - read and check the directory
 * Return: 0, also for an image without bitmaps; or an exit code.
 * bitmaps_free() is due in any case.
 */
int bitmaps_load(const struct image *img, struct bitmaps *b);
void bitmaps_free(struct bitmaps *b);

#endif /* QCOWCTL_BITMAPS_H */
