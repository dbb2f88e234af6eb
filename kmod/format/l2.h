/* SPDX-License-Identifier: GPL-2.0 */
/* L1 and L2 table entries: what a guest cluster is, and where it lies. */
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

/* Extended L2: the two halves of the bitmap, with one bit a subcluster. */
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
 * The order of the tests matters [qcow2_get_cluster_type()].  With extended L2,
 * the bitmap of a NORMAL or an UNALLOCATED cluster decides for each subcluster:
 * see qcow2_subcluster_type().
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
 * @type:   the type of the cluster
 * @bitmap: the bitmap of the entry
 * @sc:     the subcluster, 0..31
 *
 * The entry must have passed qcow2_l2_entry_check().
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
 * qcow2_subcluster_run - count the neighbours from @sc on that have its type
 * @type:   the type of the cluster
 * @bitmap: the bitmap of the entry
 * @sc:     the subcluster, 0..31
 *
 * Return: 1..32 - @sc subclusters, including @sc.
 */
unsigned int qcow2_subcluster_run(enum qcow2_cluster_type type, u64 bitmap,
				  unsigned int sc);

/**
 * qcow2_l2_entry_check - refuse an entry that must not be used
 * @geo:          the geometry
 * @guest_offset: offset of the cluster in the disk, bytes, cluster-aligned
 * @e:            the entry
 * @fault:        set where the entry is refused
 *
 * Refused, as by [qcow2_signal_corruption]: a host offset that is not
 * cluster-aligned; the zero flag in a version 2 image; a subcluster that is
 * both allocated and zero; an allocated subcluster without a host cluster; a
 * bitmap on a compressed cluster; with an external data file, a compressed
 * cluster or a host offset that differs from the guest offset.  Other reserved
 * bits are ignored, as QEMU ignores them.
 *
 * Return: 0; -EUCLEAN with @fault->where = @guest_offset.
 */
int qcow2_l2_entry_check(const struct qcow2_geometry *geo, u64 guest_offset,
			 const struct qcow2_l2_entry *e,
			 struct qcow_fault *fault);

/**
 * qcow2_l1_entry_check - is the L2 table offset of an L1 entry usable?
 * @geo:   the geometry
 * @index: index of the entry in the L1 table
 * @entry: the entry, CPU order
 * @fault: set where the entry is refused
 *
 * Return: 0, also for an entry without a table; -EUCLEAN.
 */
int qcow2_l1_entry_check(const struct qcow2_geometry *geo, u64 index,
			 u64 entry, struct qcow_fault *fault);

/**
 * qcow2_be64_decode - convert a big-endian table to CPU order
 * @dst: filled in; may be @src
 * @src: the table
 * @n:   entries of 8 bytes; an extended L2 entry counts as two
 */
void qcow2_be64_decode(u64 *dst, const void *src, size_t n);

/** qcow2_be64_encode - convert to a big-endian table; @dst may be @src */
void qcow2_be64_encode(void *dst, const u64 *src, size_t n);

/**
 * struct qcow2_compressed - where the data of a compressed cluster lie
 * @host_offset: offset in the image file, bytes, at any alignment
 * @length:	 bytes that may be read from there, up to the end of the last
 *		 sector of the compressed stream, which may end before that
 */
struct qcow2_compressed {
	u64 host_offset;
	u32 length;
};

/** qcow2_compressed_decode - decode an entry with the COMPRESSED flag */
void qcow2_compressed_decode(const struct qcow2_geometry *geo, u64 entry,
			     struct qcow2_compressed *c);

#endif /* QCOW_FORMAT_L2_H */
