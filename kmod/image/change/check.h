/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decide whether an image may be changed, and say in words why not or what
 * went wrong.
 */
#ifndef QCOW_IMAGE_CHANGE_CHECK_H
#define QCOW_IMAGE_CHANGE_CHECK_H

#include "image/core/types.h"

/**
 * qcow_change_check - is the view the active disk of a writable qcow2 image?
 *
 * Return: 0; -EOPNOTSUPP; or -EROFS.
 */
int qcow_change_check(const struct qcow_view *view, struct qcow_reason *why);

/** qcow_change_check_op - as qcow_change_check(), and can @op be done to it? */
int qcow_change_check_op(const struct qcow_view *view, enum qcow_change_op op,
			 struct qcow_reason *why);

/** qcow_change_check_health - refuse an image that had a write or sync fail */
int qcow_change_check_health(const struct qcow_image *image,
			     struct qcow_reason *why);

/** qcow_change_result - note in words why a change failed; returns @err */
int qcow_change_result(const struct qcow_image *image, int err,
		       struct qcow_reason *why);

#endif /* QCOW_IMAGE_CHANGE_CHECK_H */
