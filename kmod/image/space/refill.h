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

/**
 * qcow_alloc_reserve - take clusters at the file's end that nothing counts
 * @count: how many
 *
 * The refill adds no cluster before their end any more.  The file may have to
 * be extended there.
 *
 * Context: may sleep.
 * Return: the number of the first one.
 */
u64 qcow_alloc_reserve(struct qcow_image *image, u64 count);

/**
 * qcow_alloc_unreserve - give back what qcow_alloc_reserve() took, or its end
 * @written: the clusters may not read zeros
 *
 * Context: may sleep.
 */
void qcow_alloc_unreserve(struct qcow_image *image, u64 first, u64 count,
			  bool written);

#endif /* QCOW_IMAGE_SPACE_REFILL_H */
