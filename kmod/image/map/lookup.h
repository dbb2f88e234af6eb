/* SPDX-License-Identifier: GPL-2.0 */
/* Look up in the tables of a qcow2 image what a read finds at a place. */
#ifndef QCOW_IMAGE_MAP_LOOKUP_H
#define QCOW_IMAGE_MAP_LOOKUP_H

#include "image/map/run.h"

/** qcow_qcow2_map - see qcow_image_ops.map */
int qcow_qcow2_map(struct qcow_view *view, u64 pos, u32 len,
		   struct qcow_run *run);

/**
 * qcow_qcow2_map_sync - as qcow_qcow2_map(), but never returns -EAGAIN
 *
 * If a slice is missing, it is read, but not put into the cache.
 *
 * Context: may sleep.
 */
int qcow_qcow2_map_sync(struct qcow_view *view, u64 pos, u32 len,
			struct qcow_run *run);

#endif /* QCOW_IMAGE_MAP_LOOKUP_H */
