/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A view is an L1 table over an image: the active disk, or an internal
 * snapshot.
 */
#ifndef QCOW_IMAGE_MAP_VIEW_H
#define QCOW_IMAGE_MAP_VIEW_H

#include "image/core/types.h"

/** qcow_view_init - read the L1 table; qcow_view_destroy() undoes it */
int qcow_view_init(struct qcow_view *view, struct qcow_image *image, u64 size,
		   u64 l1_table_offset, u32 l1_size, struct qcow_reason *why);
void qcow_view_destroy(struct qcow_view *view);

#endif /* QCOW_IMAGE_MAP_VIEW_H */
