/* SPDX-License-Identifier: GPL-2.0 */
/* Open the images of a chain. */
#ifndef QCOW_IMAGE_OPEN_CHAIN_H
#define QCOW_IMAGE_OPEN_CHAIN_H

#include "image/core/types.h"

/**
 * qcow_layers_open - open the images of a chain
 *
 * Return: the top image; NULL if there are no layers; or an ERR_PTR.
 */
struct qcow_image *qcow_layers_open(const struct qcow_open *open,
				    struct qcow_reason *why);

#endif /* QCOW_IMAGE_OPEN_CHAIN_H */
