/* SPDX-License-Identifier: GPL-2.0 */
/* Change the header of an image file durably. */
#ifndef QCOW_IMAGE_CORE_HEADER_H
#define QCOW_IMAGE_CORE_HEADER_H

#include "image/core/types.h"

/** qcow_header_init - to be called before the first change */
void qcow_header_init(struct qcow_image *image);

/**
 * qcow_header_change - change the file's header, and make it durable
 * @change: called with the header as it lies in the file, to change it
 * @arg:    passed to @change
 *
 * All fields in one sector change at once.  If the write or the sync fails,
 * the image fails as with qcow_health_fail().
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int qcow_header_change(struct qcow_image *image,
		       void (*change)(void *header, const void *arg),
		       const void *arg);

#endif /* QCOW_IMAGE_CORE_HEADER_H */
