/* SPDX-License-Identifier: GPL-2.0 */
/* Look up what a read finds at a place, through the whole chain of images. */
#ifndef QCOW_IMAGE_MAP_MAP_H
#define QCOW_IMAGE_MAP_MAP_H

#include "image/map/run.h"

/**
 * qcow_map_lookup - what is at @pos, through the whole chain
 *
 * Return: as qcow_image_ops.map; @run->type is never QCOW_RUN_BACKING.
 */
int qcow_map_lookup(struct qcow_view *view, u64 pos, u32 len,
		    struct qcow_run *run);

/** qcow_map_sync - the same for a task that waits: no slice is missing
 *
 * Return: 0 or an error.
 */
int qcow_map_sync(struct qcow_view *view, u64 pos, u32 len,
		  struct qcow_run *run);

/** qcow_raw_map - see qcow_image_ops.map */
int qcow_raw_map(struct qcow_view *view, u64 pos, u32 len,
		 struct qcow_run *run);

#endif /* QCOW_IMAGE_MAP_MAP_H */
