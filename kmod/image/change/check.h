/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decide whether an image may be changed, and say in words why not or what
 * went wrong.
 */
#ifndef QCOW_IMAGE_CHANGE_CHECK_H
#define QCOW_IMAGE_CHANGE_CHECK_H

#include "image/core/types.h"

/** qcow_change_check - is it the active disk of a qcow2 image that is written? */
int qcow_change_check(const struct qcow_view *view, struct qcow_reason *why);

/** qcow_change_check_op - and may this be done to it? */
int qcow_change_check_op(const struct qcow_view *view, enum qcow_change_op op,
			 struct qcow_reason *why);

/** qcow_change_check_health - did nothing fail so far? */
int qcow_change_check_health(const struct qcow_image *image,
			     struct qcow_reason *why);

/** qcow_change_result - what a change came to, in words; returns @err */
int qcow_change_result(const struct qcow_image *image, int err,
		       struct qcow_reason *why);

#endif /* QCOW_IMAGE_CHANGE_CHECK_H */
