/* SPDX-License-Identifier: GPL-2.0 */
/* Look up in the tables of a qcow2 image what a write finds at a place. */
#ifndef QCOW_IMAGE_MAP_LOOKUP_WRITE_H
#define QCOW_IMAGE_MAP_LOOKUP_WRITE_H

#include "image/core/types.h"
#include "image/map/run.h"

/** qcow_has_backing_data - can anything show through there, or will it? */
bool qcow_has_backing_data(const struct qcow_image *image, u64 guest_offset);

/** qcow_classify - how may one cluster be written, from byte @offset on?
 * @run: its @type, @len and @host are set
 */
void qcow_classify(const struct qcow_image *image,
		   const struct qcow2_l2_entry *e, u64 guest_offset,
		   u32 offset, struct qcow_run *run);

static inline bool qcow_verified(const struct qcow_image *image,
				 unsigned long number)
{
	bool verified = test_bit(number, image->verified);

	smp_rmb();	/* the bit before the flags that it vouches for */
	return verified;
}

/** qcow_qcow2_map_write - see qcow_image_ops.map_write */
int qcow_qcow2_map_write(struct qcow_view *view, u64 pos, u32 len,
			 struct qcow_run *run);

#endif /* QCOW_IMAGE_MAP_LOOKUP_WRITE_H */
