/* SPDX-License-Identifier: GPL-2.0 */
/* Prepare a qcow2 image for writing, and end that. */
#ifndef QCOW_IMAGE_OPEN_WRITABLE_H
#define QCOW_IMAGE_OPEN_WRITABLE_H

#include "image/core/types.h"

/** qcow_writable_init - prepare an image; qcow_writable_destroy() undoes it */
int qcow_writable_init(struct qcow_image *image, struct qcow_reason *why);
int qcow_writable_destroy(struct qcow_image *image);

#endif /* QCOW_IMAGE_OPEN_WRITABLE_H */
