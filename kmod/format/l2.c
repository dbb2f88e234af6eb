// SPDX-License-Identifier: GPL-2.0
/* Check and classify L1 and L2 table entries; convert tables to CPU order. */
#include "l2.h"

/* A word of a table as it lies in memory, at any alignment. */
struct disk_word {
	__be64 value;
} __packed;

void qcow2_be64_decode(u64 *dst, const void *src, size_t n)
{
	const struct disk_word *in = src;
	size_t i;

	/* unrolled: half of the computing of a cache miss is this loop */
	for (; n >= 4; n -= 4, dst += 4, in += 4) {
		dst[0] = be64_to_cpu(in[0].value);
		dst[1] = be64_to_cpu(in[1].value);
		dst[2] = be64_to_cpu(in[2].value);
		dst[3] = be64_to_cpu(in[3].value);
	}
	for (i = 0; i < n; i++)
		dst[i] = be64_to_cpu(in[i].value);
}

void qcow2_be64_encode(void *dst, const u64 *src, size_t n)
{
	struct disk_word *out = dst;
	size_t i;

	for (i = 0; i < n; i++)
		out[i].value = cpu_to_be64(src[i]);
}

/* A mask with a bit for each subcluster of the type that @sc has. */
static u32 alike(u64 bitmap, unsigned int sc)
{
	u32 zero = QCOW2_L2_BITMAP_ZERO(bitmap);
	u32 alloc = QCOW2_L2_BITMAP_ALLOC(bitmap);

	if (zero >> sc & 1)
		return zero;
	if (alloc >> sc & 1)
		return alloc & ~zero;
	return ~(alloc | zero);
}

unsigned int qcow2_subcluster_run(enum qcow2_cluster_type type, u64 bitmap,
				  unsigned int sc)
{
	u32 others;

	if (type == QCOW2_CLUSTER_COMPRESSED)
		return QCOW2_SUBCLUSTERS - sc;
	/*
	 * The shift and the complement set the bits behind the last subcluster:
	 * the run ends there.
	 */
	others = ~(alike(bitmap, sc) >> sc);
	return others ? (unsigned int)__builtin_ctz(others) :
			QCOW2_SUBCLUSTERS;
}

static int refuse(struct qcow_fault *fault, u64 guest_offset,
		  const char *problem, u64 value)
{
	return qcow_fault_set(fault, -EUCLEAN, "L2 entry", problem,
			      guest_offset, value);
}

static int check_compressed(const struct qcow2_geometry *geo, u64 guest_offset,
			    const struct qcow2_l2_entry *e,
			    struct qcow_fault *fault)
{
	struct qcow2_compressed c;

	if (geo->external_data)
		return refuse(fault, guest_offset,
			      "compressed cluster with an external data file",
			      e->entry);
	if (geo->extended_l2 && e->bitmap)
		return refuse(fault, guest_offset,
			      "compressed cluster with a subcluster bitmap",
			      e->bitmap);
	qcow2_compressed_decode(geo, e->entry, &c);
	if (c.host_offset >= QCOW2_MAX_HOST_OFFSET)
		return refuse(fault, guest_offset,
			      "compressed cluster's host offset is beyond 2^56",
			      c.host_offset);
	return 0;
}

static int check_bitmap(u64 guest_offset, enum qcow2_cluster_type type,
			u64 bitmap, struct qcow_fault *fault)
{
	u32 alloc = QCOW2_L2_BITMAP_ALLOC(bitmap);

	if (alloc & QCOW2_L2_BITMAP_ZERO(bitmap))
		return refuse(fault, guest_offset,
			      "subcluster is both allocated and zero", bitmap);
	if (alloc && type == QCOW2_CLUSTER_UNALLOCATED)
		return refuse(fault, guest_offset,
			      "allocated subcluster without a host cluster",
			      bitmap);
	return 0;
}

int qcow2_l2_entry_check(const struct qcow2_geometry *geo, u64 guest_offset,
			 const struct qcow2_l2_entry *e,
			 struct qcow_fault *fault)
{
	enum qcow2_cluster_type type = qcow2_cluster_type(geo, e->entry);
	u64 host_offset = e->entry & QCOW2_L2E_OFFSET_MASK;

	if (type == QCOW2_CLUSTER_COMPRESSED)
		return check_compressed(geo, guest_offset, e, fault);
	if (geo->version == 2 && e->entry & QCOW2_OFLAG_ZERO)
		return refuse(fault, guest_offset,
			      "zero flag in a version 2 image", e->entry);
	if (host_offset & ((1ULL << geo->cluster_bits) - 1))
		return refuse(fault, guest_offset,
			      "host offset is not cluster-aligned",
			      host_offset);
	if (geo->external_data && host_offset != guest_offset &&
	    (type == QCOW2_CLUSTER_NORMAL ||
	     type == QCOW2_CLUSTER_ZERO_ALLOC))
		return refuse(fault, guest_offset,
			      "host offset in the data file is another",
			      host_offset);
	if (geo->extended_l2)
		return check_bitmap(guest_offset, type, e->bitmap, fault);
	return 0;
}

int qcow2_l1_entry_check(const struct qcow2_geometry *geo, u64 index,
			 u64 entry, struct qcow_fault *fault)
{
	u64 l2_offset = entry & QCOW2_L1E_OFFSET_MASK;

	if (l2_offset & ((1ULL << geo->cluster_bits) - 1))
		return qcow_fault_set(fault, -EUCLEAN, "L1 entry",
				      "L2 table offset is not cluster-aligned",
				      index, l2_offset);
	return 0;
}

/*
 * The size of the compressed data, in sectors, and their offset share 62 bits.
 * The larger a cluster is, the more bits the size takes.
 */
void qcow2_compressed_decode(const struct qcow2_geometry *geo, u64 entry,
			     struct qcow2_compressed *c)
{
	unsigned int x = 62 - (geo->cluster_bits - 8);
	u32 more_sectors = (u32)((entry & GENMASK_ULL(61, 0)) >> x);

	c->host_offset = entry & (BIT_ULL(x) - 1);
	c->length = (more_sectors + 1) * 512 - (u32)(c->host_offset & 511);
}
