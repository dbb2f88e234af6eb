/* SPDX-License-Identifier: GPL-2.0 */
/* The operations of each image format. */
#ifndef QCOW_IMAGE_OPEN_FORMATS_H
#define QCOW_IMAGE_OPEN_FORMATS_H

#include "image/core/types.h"

extern const struct qcow_image_ops qcow_raw_ops;
extern const struct qcow_image_ops qcow_qcow2_ops;

#endif /* QCOW_IMAGE_OPEN_FORMATS_H */
