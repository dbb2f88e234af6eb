/* SPDX-License-Identifier: GPL-2.0 */
/* Look up in the tables of a qcow2 image what a write finds at a place. */
#ifndef QCOW_IMAGE_MAP_LOOKUP_WRITE_H
#define QCOW_IMAGE_MAP_LOOKUP_WRITE_H

#include "image/core/types.h"
#include "image/map/run.h"

/**
 * qcow_has_backing_data - may a backing file show through at @guest_offset?
 *
 * True also if the image is sealed: then a later backing file may.
 */
bool qcow_has_backing_data(const struct qcow_image *image, u64 guest_offset);

/**
 * qcow_classify - how may a cluster be written, from byte @offset on?
 * @e:		  the cluster's L2 entry
 * @guest_offset: of the cluster, bytes
 * @offset:	  bytes from the cluster's start
 * @run:	  its @type, @len and @host are set; it ends with the cluster,
 *		  or before the first subcluster of another kind
 */
void qcow_classify(const struct qcow_image *image,
		   const struct qcow2_l2_entry *e, u64 guest_offset,
		   u32 offset, struct qcow_run *run);

/** qcow_qcow2_map_write - see qcow_image_ops.map_write */
int qcow_qcow2_map_write(struct qcow_view *view, u64 pos, u32 len,
			 struct qcow_run *run);

#endif /* QCOW_IMAGE_MAP_LOOKUP_WRITE_H */
