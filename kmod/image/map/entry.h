/* SPDX-License-Identifier: GPL-2.0 */
/* Which L2 entries a fill has to change, and to what. */
#ifndef QCOW_IMAGE_MAP_ENTRY_H
#define QCOW_IMAGE_MAP_ENTRY_H

#include "format/l2.h"

/**
 * qcow_fill_wanted - is there nothing in these bytes of a cluster, or in some?
 * @at, @len: bytes from the cluster's start, of whole subclusters but at the
 *	      disk's end
 */
bool qcow_fill_wanted(const struct qcow2_geometry *geo,
		      const struct qcow2_l2_entry *e, u32 at, u32 len);

/** qcow_fill_zero - the entry that says: zeros, where there is nothing in these */
struct qcow2_l2_entry qcow_fill_zero(const struct qcow2_geometry *geo,
				     const struct qcow2_l2_entry *e, u32 at,
				     u32 len);

#endif /* QCOW_IMAGE_MAP_ENTRY_H */
