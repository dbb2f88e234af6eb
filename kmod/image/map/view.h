/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A view is an L1 table over an image: the active disk, or an internal
 * snapshot.
 */
#ifndef QCOW_IMAGE_MAP_VIEW_H
#define QCOW_IMAGE_MAP_VIEW_H

#include "image/core/types.h"

/**
 * qcow_view_init - set up a view, and read its L1 table
 * @size:	     of the disk, bytes
 * @l1_table_offset: in the file, bytes
 * @l1_size:	     entries that the table has
 * @why:	     set if the table is refused
 *
 * Context: may sleep.
 * Return: 0, then qcow_view_destroy() is due; or a negative errno.
 */
int qcow_view_init(struct qcow_view *view, struct qcow_image *image, u64 size,
		   u64 l1_table_offset, u32 l1_size, struct qcow_reason *why);
void qcow_view_destroy(struct qcow_view *view);

#endif /* QCOW_IMAGE_MAP_VIEW_H */
