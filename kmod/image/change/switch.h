/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Quiet an image, build its new tables beside the old ones, and switch to
 * them.
 */
#ifndef QCOW_IMAGE_CHANGE_SWITCH_H
#define QCOW_IMAGE_CHANGE_SWITCH_H

#include "image/core/types.h"

/** qcow_change_quietly - what qcow_change_run() does to most of them */
int qcow_change_quietly(struct qcow_image *image, struct qcow_change *change,
			struct qcow_reason *why);

#endif /* QCOW_IMAGE_CHANGE_SWITCH_H */
