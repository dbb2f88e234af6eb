/* SPDX-License-Identifier: GPL-2.0 */
/* Which L2 entries a fill has to change, and to what: see io/fill.c. */
#ifndef QCOW_IMAGE_MAP_ENTRY_H
#define QCOW_IMAGE_MAP_ENTRY_H

#include "format/l2.h"

/**
 * qcow_fill_wanted - are any of these bytes neither allocated nor zeros?
 * @e:	 the cluster's L2 entry
 * @at:	 where they begin, bytes from the cluster's start
 * @len: how many; whole subclusters, except at the end of the disk
 */
bool qcow_fill_wanted(const struct qcow2_geometry *geo,
		      const struct qcow2_l2_entry *e, u32 at, u32 len);

/**
 * qcow_fill_zero - the entry after these bytes were filled with zeros
 *
 * The arguments are as for qcow_fill_wanted().  What is allocated stays.
 */
struct qcow2_l2_entry qcow_fill_zero(const struct qcow2_geometry *geo,
				     const struct qcow2_l2_entry *e, u32 at,
				     u32 len);

#endif /* QCOW_IMAGE_MAP_ENTRY_H */
