/* SPDX-License-Identifier: GPL-2.0 */
/* Change the image file's header, durably. */
#ifndef QCOW_IMAGE_CORE_HEADER_H
#define QCOW_IMAGE_CORE_HEADER_H

#include "image/core/types.h"

/** qcow_header_init - before the first change */
void qcow_header_init(struct qcow_image *image);

/**
 * qcow_header_change - change the file's header, durably
 * @change: called with the header as it lies in the file
 *
 * All that is in one sector changes at once.
 */
int qcow_header_change(struct qcow_image *image,
		       void (*change)(void *header, const void *arg),
		       const void *arg);

#endif /* QCOW_IMAGE_CORE_HEADER_H */
