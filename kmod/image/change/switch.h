/* SPDX-License-Identifier: GPL-2.0 */
/* Quiet the image, have the shadow built, and switch to it. */
#ifndef QCOW_IMAGE_CHANGE_SWITCH_H
#define QCOW_IMAGE_CHANGE_SWITCH_H

#include "image/core/types.h"

/** qcow_change_quietly - what qcow_change_run() does to most of them */
int qcow_change_quietly(struct qcow_image *image, struct qcow_change *change,
			struct qcow_reason *why);

#endif /* QCOW_IMAGE_CHANGE_SWITCH_H */
