/* SPDX-License-Identifier: GPL-2.0 */
/* Give an image another backing file. */
#ifndef QCOW_IMAGE_CHANGE_REBASE_H
#define QCOW_IMAGE_CHANGE_REBASE_H

#include "image/core/types.h"

/**
 * qcow_rebase - give an image another backing file
 *
 * Context: the image is at rest.
 */
int qcow_rebase(struct qcow_image *image, struct qcow_change *change,
		struct qcow_reason *why);

/** qcow_backing_check - can @backing back @image, with the device as it is? */
int qcow_backing_check(const struct qcow_image *image,
		       const struct qcow_image *backing,
		       struct qcow_reason *why);

#endif /* QCOW_IMAGE_CHANGE_REBASE_H */
