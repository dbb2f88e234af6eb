/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Set up the reserve of fresh clusters when an image is opened for writing, and
 * free it when the image is closed.
 */
#ifndef QCOW_IMAGE_SPACE_REFILL_H
#define QCOW_IMAGE_SPACE_REFILL_H

#include "image/core/types.h"

/**
 * qcow_alloc_init - set up the reserve, and cut the file behind its last used
 * cluster
 *
 * Context: may sleep.
 * Return: 0; -EINTR if a fatal signal came; or another error.
 */
int qcow_alloc_init(struct qcow_image *image);

/**
 * qcow_alloc_destroy - wait for a running refill, and free the reserve
 * @cut: cut the file behind its last used cluster
 *
 * Context: may sleep.
 * Return: 0 or the error of the cut.
 */
int qcow_alloc_destroy(struct qcow_image *image, bool cut);

#endif /* QCOW_IMAGE_SPACE_REFILL_H */
