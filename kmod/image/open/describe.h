/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replace the image that backs another one, while a reader of sysfs may be
 * describing the chain.
 */
#ifndef QCOW_IMAGE_OPEN_DESCRIBE_H
#define QCOW_IMAGE_OPEN_DESCRIBE_H

#include "image/core/types.h"

/** qcow_backing_swap - replace an image's backing image; returns the old one */
struct qcow_image *qcow_backing_swap(struct qcow_image *image,
				     struct qcow_image *backing);

#endif /* QCOW_IMAGE_OPEN_DESCRIBE_H */
