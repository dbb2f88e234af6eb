/* SPDX-License-Identifier: GPL-2.0 */
/* Open and close one image file, whatever its format. */
#ifndef QCOW_IMAGE_OPEN_IMAGE_H
#define QCOW_IMAGE_OPEN_IMAGE_H

#include "image/core/types.h"

/**
 * qcow_image_open - open one layer over a layer that is open
 * @open:    the chain that is being opened
 * @layer:   the index of the layer in @open
 * @backing: the layer below; its reference is taken over on success
 * @why:     set on failure
 */
struct qcow_image *qcow_image_open(const struct qcow_open *open,
				   unsigned int layer,
				   struct qcow_image *backing,
				   struct qcow_reason *why);
int qcow_image_close(struct qcow_image *image);

/**
 * qcow_image_settle - make all writes durable; the image is only read then
 *
 * Context: no command is in flight.
 * Return: 0 if all that was written is durable, or an error.
 */
int qcow_image_settle(struct qcow_image *image);

#endif /* QCOW_IMAGE_OPEN_IMAGE_H */
