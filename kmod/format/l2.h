/* SPDX-License-Identifier: GPL-2.0 */
/* L1 and L2 table entries: what a guest cluster is and where it lies. */
#ifndef QCOW_FORMAT_L2_H
#define QCOW_FORMAT_L2_H

#include "fault.h"
#include "header.h"
#include "port.h"

#define QCOW2_OFLAG_COPIED	BIT_ULL(63)
#define QCOW2_OFLAG_COMPRESSED	BIT_ULL(62)
#define QCOW2_OFLAG_ZERO	BIT_ULL(0)

#define QCOW2_L1E_OFFSET_MASK	GENMASK_ULL(55, 9)
#define QCOW2_L2E_OFFSET_MASK	GENMASK_ULL(55, 9)

/* Extended L2: the bitmap's halves, one bit a subcluster. */
#define QCOW2_SUBCLUSTERS		32
#define QCOW2_L2_BITMAP_ALLOC(bitmap)	((u32)(bitmap))
#define QCOW2_L2_BITMAP_ZERO(bitmap)	((u32)((bitmap) >> 32))

/**
 * struct qcow2_l2_entry - an L2 entry in CPU order
 * @entry:  the descriptor
 * @bitmap: the subcluster bitmap; 0 without extended L2
 */
struct qcow2_l2_entry {
	u64 entry;
	u64 bitmap;
};

enum qcow2_cluster_type {
	QCOW2_CLUSTER_UNALLOCATED,	/* the backing file shows through */
	QCOW2_CLUSTER_ZERO_PLAIN,	/* zeros, no host cluster */
	QCOW2_CLUSTER_ZERO_ALLOC,	/* zeros, a host cluster is reserved */
	QCOW2_CLUSTER_NORMAL,
	QCOW2_CLUSTER_COMPRESSED,
};

/**
 * qcow2_cluster_type - classify an L2 entry
 *
 * The order of the questions matters [qcow2_get_cluster_type()].  With
 * extended L2 a NORMAL cluster's bitmap, and an UNALLOCATED one's, still
 * decide for each subcluster; see qcow2_subcluster_type().
 */
static inline enum qcow2_cluster_type
qcow2_cluster_type(const struct qcow2_geometry *geo, u64 entry)
{
	if (entry & QCOW2_OFLAG_COMPRESSED)
		return QCOW2_CLUSTER_COMPRESSED;
	if ((entry & QCOW2_OFLAG_ZERO) && !geo->extended_l2)
		return entry & QCOW2_L2E_OFFSET_MASK ?
			QCOW2_CLUSTER_ZERO_ALLOC : QCOW2_CLUSTER_ZERO_PLAIN;
	if (!(entry & QCOW2_L2E_OFFSET_MASK) &&
	    !(geo->external_data && (entry & QCOW2_OFLAG_COPIED)))
		return QCOW2_CLUSTER_UNALLOCATED;
	return QCOW2_CLUSTER_NORMAL;
}

/**
 * qcow2_subcluster_type - classify one subcluster of an extended L2 entry
 * @type:   the cluster's type
 * @bitmap: its bitmap
 * @sc:     the subcluster, 0..31
 *
 * Only for entries that passed qcow2_l2_entry_check().
 */
static inline enum qcow2_cluster_type
qcow2_subcluster_type(enum qcow2_cluster_type type, u64 bitmap, unsigned int sc)
{
	if (type == QCOW2_CLUSTER_COMPRESSED)
		return type;
	if (QCOW2_L2_BITMAP_ZERO(bitmap) >> sc & 1)
		return type == QCOW2_CLUSTER_NORMAL ?
			QCOW2_CLUSTER_ZERO_ALLOC : QCOW2_CLUSTER_ZERO_PLAIN;
	if (QCOW2_L2_BITMAP_ALLOC(bitmap) >> sc & 1)
		return QCOW2_CLUSTER_NORMAL;
	return QCOW2_CLUSTER_UNALLOCATED;
}

/**
 * qcow2_subcluster_run - how many neighbours from @sc are of one type
 *
 * Return: 1..32 - @sc subclusters, @sc included, of the type of @sc.
 */
unsigned int qcow2_subcluster_run(enum qcow2_cluster_type type, u64 bitmap,
				  unsigned int sc);

/**
 * qcow2_l2_entry_check - everything that is fatal when an entry is used
 * @guest_offset: of the cluster, bytes, cluster-aligned
 *
 * Refused, as by [qcow2_signal_corruption]: a host offset that is not
 * cluster-aligned, the zero flag in a version 2 image, a subcluster both
 * allocated and zero, an allocated subcluster without a host cluster, a
 * bitmap on a compressed cluster, a compressed cluster or a host offset other
 * than the guest offset with an external data file.  Other reserved bits are
 * ignored, as QEMU does.
 *
 * Return: 0; -EUCLEAN with @fault->where = @guest_offset.
 */
int qcow2_l2_entry_check(const struct qcow2_geometry *geo, u64 guest_offset,
			 const struct qcow2_l2_entry *e,
			 struct qcow_fault *fault);

/**
 * qcow2_l1_entry_check - is the L2 table's offset one that can be used?
 * @index: of the entry in the L1 table
 *
 * Return: 0, also for an entry without a table; -EUCLEAN.
 */
int qcow2_l1_entry_check(const struct qcow2_geometry *geo, u64 index,
			 u64 entry, struct qcow_fault *fault);

/**
 * qcow2_be64_decode - big-endian table to CPU order; @dst may be @src
 * @n: entries (of 8 bytes; an extended L2 entry is two)
 */
void qcow2_be64_decode(u64 *dst, const void *src, size_t n);

/** qcow2_be64_encode - CPU order to a big-endian table; @dst may be @src */
void qcow2_be64_encode(void *dst, const u64 *src, size_t n);

/**
 * struct qcow2_compressed - where a compressed cluster's bytes lie
 * @host_offset: bytes from the beginning of the image file, any alignment
 * @length:	 bytes that may be read from there: the stream ends within
 *		 them; up to the end of the last sector it touches
 */
struct qcow2_compressed {
	u64 host_offset;
	u32 length;
};

/** qcow2_compressed_decode - the descriptor of a COMPRESSED entry */
void qcow2_compressed_decode(const struct qcow2_geometry *geo, u64 entry,
			     struct qcow2_compressed *c);

#endif /* QCOW_FORMAT_L2_H */
