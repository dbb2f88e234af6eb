/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decode and check the bitmap directory and the tables of persistent dirty
 * bitmaps.
 */
#ifndef QCOW_FORMAT_BITMAP_H
#define QCOW_FORMAT_BITMAP_H

#include "fault.h"
#include "header.h"
#include "port.h"

#define QCOW2_BITMAP_IN_USE			BIT_ULL(0)
#define QCOW2_BITMAP_AUTO			BIT_ULL(1)
#define QCOW2_BITMAP_EXTRA_DATA_COMPATIBLE	BIT_ULL(2)
#define QCOW2_BITMAP_FLAGS_KNOWN		GENMASK_ULL(2, 0)

#define QCOW2_BITMAP_DIRTY_TRACKING	1

#define QCOW2_BITMAP_ALL_ONES		BIT_ULL(0)
#define QCOW2_BITMAP_OFFSET_MASK	GENMASK_ULL(55, 9)

/* Limits, all of them those of QEMU. */
#define QCOW2_MIN_GRANULARITY_BITS	9
#define QCOW2_MAX_GRANULARITY_BITS	31
#define QCOW2_MAX_BITMAP_NAME		1023
#define QCOW2_MAX_BITMAP_SIZE		(512ULL << 20)	/* bytes */

/**
 * struct qcow2_bitmap - a bitmap directory entry in CPU order
 *
 * @name and @extra_data point into the buffer that was parsed and are not
 * NUL-terminated.  No kind of extra data is defined yet: a bitmap that has some
 * without QCOW2_BITMAP_EXTRA_DATA_COMPATIBLE must not be used.
 */
struct qcow2_bitmap {
	u64 table_offset;
	u32 table_size;			/* entries */
	u32 flags;
	u8 type;
	u8 granularity_bits;
	u16 name_len;
	u32 extra_data_size;
	const u8 *extra_data;
	const char *name;
	u32 entry_len;			/* bytes of the entry with padding */
};

/**
 * qcow2_bitmap_parse - decode and check one directory entry
 * @h:      the header
 * @buf:    the directory from this entry on
 * @len:    bytes at @buf
 * @offset: offset of the entry in the image file, bytes, for @fault
 * @b:      filled in
 * @fault:  set where the entry is refused
 *
 * A bitmap that is not in use must be large enough for the virtual size.
 *
 * Return: 0; -EUCLEAN: malformed, or cut off by the end of the directory.
 */
int qcow2_bitmap_parse(const struct qcow2_header *h, const void *buf,
		       size_t len, u64 offset, struct qcow2_bitmap *b,
		       struct qcow_fault *fault);

/**
 * qcow2_bitmap_entry_check - is an entry of a bitmap table usable?
 * @geo:   the geometry
 * @index: index of the entry in the bitmap table
 * @entry: the entry, CPU order
 * @fault: set where the entry is refused
 *
 * Return: 0, also for a cluster of all zeros or all ones without a host
 * cluster; -EUCLEAN: the offset is not cluster-aligned, a reserved bit is set,
 * or there are both an offset and QCOW2_BITMAP_ALL_ONES.
 */
int qcow2_bitmap_entry_check(const struct qcow2_geometry *geo, u64 index,
			     u64 entry, struct qcow_fault *fault);

#endif /* QCOW_FORMAT_BITMAP_H */
