/* SPDX-License-Identifier: GPL-2.0 */
/* Which images can be changed. */
#ifndef QCOW_IMAGE_CHANGE_CHANGE_H
#define QCOW_IMAGE_CHANGE_CHANGE_H

#include "image/core/types.h"

/** qcow_change_check - is it the active disk of a qcow2 image that is written? */
int qcow_change_check(const struct qcow_view *view, struct qcow_reason *why);

#endif /* QCOW_IMAGE_CHANGE_CHANGE_H */
