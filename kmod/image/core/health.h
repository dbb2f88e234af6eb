/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Errors that stay: after a failed sync, or if its metadata is wrong, an image
 * allocates nothing any more, and every flush fails.
 */
#ifndef QCOW_IMAGE_CORE_HEALTH_H
#define QCOW_IMAGE_CORE_HEALTH_H

#include "image/core/types.h"

struct qcow_fault;
struct qcow_file;

/**
 * qcow_health_fail - stop allocating, and fail every flush from now on
 * @what: the operation that failed, for messages
 * @err:  its error, a negative errno
 */
void qcow_health_fail(struct qcow_image *image, const char *what, int err);

/**
 * qcow_health_sync - sync a file; if that fails, call qcow_health_fail()
 *
 * The kernel reports a failed writeback to one sync only.  The next sync would
 * return 0 although the data is not durable, so the first error stays.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno; -EIO after an error that stays.
 */
int qcow_health_sync(struct qcow_image *image, struct qcow_file *file);

/**
 * qcow_image_corrupt - the image's metadata is wrong
 * @fault: where, and what
 *
 * Prints the fault, at a limited rate.  A writable qcow2 image fails as with
 * qcow_health_fail(), and its corrupt bit is set.
 *
 * Return: -EIO.
 */
int qcow_image_corrupt(struct qcow_image *image,
		       const struct qcow_fault *fault);

#endif /* QCOW_IMAGE_CORE_HEALTH_H */
