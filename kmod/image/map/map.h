/* SPDX-License-Identifier: GPL-2.0 */
/* Look up what a read finds at a place, down the whole chain of images. */
#ifndef QCOW_IMAGE_MAP_MAP_H
#define QCOW_IMAGE_MAP_MAP_H

#include "image/map/run.h"

/**
 * qcow_map_lookup - look up the run at @pos, down the whole chain
 * @pos: guest offset, bytes
 * @len: bytes at most
 *
 * Context: any.
 * Return: as qcow_image_ops.map; @run->type is never QCOW_RUN_BACKING.
 */
int qcow_map_lookup(struct qcow_view *view, u64 pos, u32 len,
		    struct qcow_run *run);

/**
 * qcow_map_sync - as qcow_map_lookup(), but read a missing slice
 *
 * Context: may sleep.
 * Return: 0 or a negative errno, never -EAGAIN.
 */
int qcow_map_sync(struct qcow_view *view, u64 pos, u32 len,
		  struct qcow_run *run);

/** qcow_raw_map - see qcow_image_ops.map */
int qcow_raw_map(struct qcow_view *view, u64 pos, u32 len,
		 struct qcow_run *run);

#endif /* QCOW_IMAGE_MAP_MAP_H */
