/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Set the reserve of fresh clusters up when an image is opened for writing,
 * and take it down.
 */
#ifndef QCOW_IMAGE_SPACE_REFILL_H
#define QCOW_IMAGE_SPACE_REFILL_H

#include "image/core/types.h"

/** qcow_alloc_init - cut off what nobody uses behind the last used cluster */
int qcow_alloc_init(struct qcow_image *image);

/** qcow_alloc_destroy - @cut: the unused end of the file, off */
int qcow_alloc_destroy(struct qcow_image *image, bool cut);

#endif /* QCOW_IMAGE_SPACE_REFILL_H */
