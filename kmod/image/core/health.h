/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Errors that stay: after a failed sync, or with wrong metadata, the image
 * allocates nothing more and fails every flush.
 */
#ifndef QCOW_IMAGE_CORE_HEALTH_H
#define QCOW_IMAGE_CORE_HEALTH_H

#include "image/core/types.h"

struct qcow_fault;
struct qcow_file;

/** qcow_health_fail - stop allocating, and fail every flush from now on */
void qcow_health_fail(struct qcow_image *image, const char *what, int err);

/**
 * qcow_health_sync - sync a file; where that fails, so does the image
 *
 * The kernel tells of a writeback that failed in one sync only: the next one
 * would promise what is not true.
 */
int qcow_health_sync(struct qcow_image *image, struct qcow_file *file);

/** qcow_image_corrupt - say once in a while what is wrong; returns -EIO */
int qcow_image_corrupt(struct qcow_image *image,
		       const struct qcow_fault *fault);

#endif /* QCOW_IMAGE_CORE_HEALTH_H */
