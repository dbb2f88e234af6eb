// SPDX-License-Identifier: GPL-2.0
/*
 * L2 entries during a fill, which gives an image its own data or zeros where
 * its backing file shows through: which entries it changes, and to what.
 */
#include <linux/bits.h>

#include "format/header.h"
#include "format/l2.h"
#include "image/map/entry.h"

/* Subclusters in the range that are neither allocated nor zeros. */
static u32 entry_holes(const struct qcow2_geometry *geo,
		       const struct qcow2_l2_entry *e, u32 at, u32 len)
{
	u8 bits = geo->subcluster_bits;
	u32 range = GENMASK((at + len - 1) >> bits, at >> bits);

	return range & ~QCOW2_L2_BITMAP_ALLOC(e->bitmap) &
	       ~QCOW2_L2_BITMAP_ZERO(e->bitmap);
}

bool qcow_fill_wanted(const struct qcow2_geometry *geo,
		      const struct qcow2_l2_entry *e, u32 at, u32 len)
{
	switch (qcow2_cluster_type(geo, e->entry)) {
	case QCOW2_CLUSTER_UNALLOCATED:
		return !geo->extended_l2 || entry_holes(geo, e, at, len);
	case QCOW2_CLUSTER_NORMAL:
		return geo->extended_l2 && entry_holes(geo, e, at, len);
	default:
		return false;
	}
}

struct qcow2_l2_entry qcow_fill_zero(const struct qcow2_geometry *geo,
				     const struct qcow2_l2_entry *e, u32 at,
				     u32 len)
{
	struct qcow2_l2_entry new = *e;

	if (geo->extended_l2)
		new.bitmap |= (u64)entry_holes(geo, e, at, len) << 32;
	else
		new.entry = QCOW2_OFLAG_ZERO;
	return new;
}
