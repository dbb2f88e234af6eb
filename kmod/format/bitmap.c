// SPDX-License-Identifier: GPL-2.0
/* Decode and check bitmap directory entries and bitmap table entries. */
#include "bitmap.h"

struct disk_bitmap {
	__be64 table_offset;
	__be32 table_size;
	__be32 flags;
	u8 type;
	u8 granularity_bits;
	__be16 name_len;
	__be32 extra_data_size;
} __packed;

static int refuse(struct qcow_fault *fault, u64 offset, const char *problem,
		  u64 value)
{
	return qcow_fault_set(fault, -EUCLEAN, "bitmap directory entry",
			      problem, offset, value);
}

static void decode(const struct disk_bitmap *raw, struct qcow2_bitmap *b)
{
	b->table_offset = be64_to_cpu(raw->table_offset);
	b->table_size = be32_to_cpu(raw->table_size);
	b->flags = be32_to_cpu(raw->flags);
	b->type = raw->type;
	b->granularity_bits = raw->granularity_bits;
	b->name_len = be16_to_cpu(raw->name_len);
	b->extra_data_size = be32_to_cpu(raw->extra_data_size);
}

static int check_fields(const struct qcow2_bitmap *b, u64 offset,
			struct qcow_fault *fault)
{
	if (b->flags & ~QCOW2_BITMAP_FLAGS_KNOWN)
		return refuse(fault, offset, "unknown flag", b->flags);
	if (b->type != QCOW2_BITMAP_DIRTY_TRACKING)
		return refuse(fault, offset, "type is not 1", b->type);
	if (b->granularity_bits < QCOW2_MIN_GRANULARITY_BITS ||
	    b->granularity_bits > QCOW2_MAX_GRANULARITY_BITS)
		return refuse(fault, offset, "granularity_bits is not 9 to 31",
			      b->granularity_bits);
	if (!b->name_len || b->name_len > QCOW2_MAX_BITMAP_NAME)
		return refuse(fault, offset, "name is not 1 to 1023 bytes long",
			      b->name_len);
	return 0;
}

static int check_table(const struct qcow2_header *h,
		       const struct qcow2_bitmap *b, u64 offset,
		       struct qcow_fault *fault)
{
	u64 bytes = (u64)b->table_size << h->cluster_bits;
	u64 guest_bytes;

	if (!b->table_size)
		return refuse(fault, offset, "table is empty", 0);
	if (bytes > QCOW2_MAX_BITMAP_SIZE)
		return refuse(fault, offset, "table is too long",
			      b->table_size);
	/*
	 * This cannot overflow: at most 2^29 bytes are 2^32 bits of 2^31 bytes
	 * each.
	 */
	guest_bytes = bytes * 8 << b->granularity_bits;
	if (!(b->flags & QCOW2_BITMAP_IN_USE) && guest_bytes < h->size)
		return refuse(fault, offset,
			      "table is too small for the virtual size",
			      b->table_size);
	return qcow2_table_check("bitmap table", h->cluster_bits,
				 b->table_offset,
				 (u64)b->table_size * sizeof(u64),
				 QCOW2_MAX_BITMAP_SIZE, fault);
}

/* Find the extra data and the name of an entry; both must lie within @len. */
static int find_tail(const u8 *tail, size_t len, u64 offset,
		     struct qcow2_bitmap *b, struct qcow_fault *fault)
{
	u64 entry_len = sizeof(struct disk_bitmap);

	entry_len += (u64)b->extra_data_size + b->name_len;
	if (entry_len > len)
		return refuse(fault, offset, "is cut off", entry_len);
	b->extra_data = tail;
	b->name = (const char *)tail + b->extra_data_size;
	/* The last entry of a directory may lack its padding. */
	entry_len = DIV_ROUND_UP(entry_len, 8) * 8;
	b->entry_len = (u32)entry_len;
	return 0;
}

int qcow2_bitmap_parse(const struct qcow2_header *h, const void *buf,
		       size_t len, u64 offset, struct qcow2_bitmap *b,
		       struct qcow_fault *fault)
{
	const struct disk_bitmap *raw = buf;
	int err;

	memset(b, 0, sizeof(*b));
	if (len < sizeof(*raw))
		return refuse(fault, offset, "is cut off", len);
	decode(raw, b);
	err = check_fields(b, offset, fault);
	if (!err)
		err = check_table(h, b, offset, fault);
	if (!err)
		err = find_tail((const u8 *)(raw + 1), len, offset, b, fault);
	return err;
}

int qcow2_bitmap_entry_check(const struct qcow2_geometry *geo, u64 index,
			     u64 entry, struct qcow_fault *fault)
{
	u64 offset = entry & QCOW2_BITMAP_OFFSET_MASK;
	const char *problem = NULL;

	if (entry & ~(QCOW2_BITMAP_OFFSET_MASK | QCOW2_BITMAP_ALL_ONES))
		problem = "reserved bit is set";
	else if (offset & ((1ULL << geo->cluster_bits) - 1))
		problem = "offset is not cluster-aligned";
	else if (offset && entry & QCOW2_BITMAP_ALL_ONES)
		problem = "all-ones flag beside an offset";
	if (!problem)
		return 0;
	return qcow_fault_set(fault, -EUCLEAN, "bitmap table entry", problem,
			      index, entry);
}
