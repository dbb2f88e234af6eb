/* SPDX-License-Identifier: GPL-2.0 */
/* Open and close one image file, whatever its format. */
#ifndef QCOW_IMAGE_OPEN_IMAGE_H
#define QCOW_IMAGE_OPEN_IMAGE_H

#include "image/core/types.h"

/**
 * qcow_image_open - open one layer over an open one
 * @backing: the layer below, whose reference is taken over on success
 */
struct qcow_image *qcow_image_open(const struct qcow_open *open,
				   unsigned int layer,
				   struct qcow_image *backing,
				   struct qcow_reason *why);
int qcow_image_close(struct qcow_image *image);

/**
 * qcow_image_settle - from now on it is only read
 *
 * Context: no command is under way.
 * Return: 0 if all that was written is durable.
 */
int qcow_image_settle(struct qcow_image *image);

#endif /* QCOW_IMAGE_OPEN_IMAGE_H */
