/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Do a structural change: bring the image to rest, build its new tables beside
 * the old ones, and switch to the new ones.
 */
#ifndef QCOW_IMAGE_CHANGE_SWITCH_H
#define QCOW_IMAGE_CHANGE_SWITCH_H

#include "image/core/types.h"

/**
 * qcow_change_quietly - bring the image to rest, then do one change to it
 *
 * qcow_change_run() does most changes by this.
 *
 * Return: 0 or an error.
 */
int qcow_change_quietly(struct qcow_image *image, struct qcow_change *change,
			struct qcow_reason *why);

#endif /* QCOW_IMAGE_CHANGE_SWITCH_H */
