/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Swap the image that backs another one, while sysfs may be describing the
 * chain.
 */
#ifndef QCOW_IMAGE_OPEN_DESCRIBE_H
#define QCOW_IMAGE_OPEN_DESCRIBE_H

#include "image/core/types.h"

/** qcow_backing_swap - the image's is another one; returns the old one */
struct qcow_image *qcow_backing_swap(struct qcow_image *image,
				     struct qcow_image *backing);

#endif /* QCOW_IMAGE_OPEN_DESCRIBE_H */
