// SPDX-License-Identifier: GPL-2.0
/*
 * Check refcount table entries, and read and change refcounts of every width.
 */
#include "refcount.h"

/* Refcounts of 2, 4 and 8 bytes as they lie in a block. */
struct disk_u16 {
	__be16 value;
} __packed;

struct disk_u32 {
	__be32 value;
} __packed;

struct disk_u64 {
	__be64 value;
} __packed;

u64 qcow2_refcount_max(unsigned int refcount_order)
{
	return ~0ULL >> (64 - (1U << refcount_order));
}

/*
 * If a refcount is less than a byte, the first one lies in the least
 * significant bits.
 */
static unsigned int shift_in_byte(unsigned int order, u64 index)
{
	return (unsigned int)(index << order) & 7;
}

static u64 get_bits(const u8 *block, unsigned int order, u64 index)
{
	u8 byte = block[index >> (3 - order)];

	return byte >> shift_in_byte(order, index) & qcow2_refcount_max(order);
}

static void set_bits(u8 *block, unsigned int order, u64 index, u64 value)
{
	u8 *byte = &block[index >> (3 - order)];
	unsigned int shift = shift_in_byte(order, index);
	u8 mask = (u8)(qcow2_refcount_max(order) << shift);

	*byte = (u8)((*byte & ~mask) | (value << shift & mask));
}

u64 qcow2_refcount_get(const void *block, unsigned int order, u64 index)
{
	switch (order) {
	case 4:
		return be16_to_cpu(((const struct disk_u16 *)block)[index].value);
	case 5:
		return be32_to_cpu(((const struct disk_u32 *)block)[index].value);
	case 6:
		return be64_to_cpu(((const struct disk_u64 *)block)[index].value);
	default:
		return get_bits(block, order, index);
	}
}

/* A word whose refcounts are all 1, by order. */
static const u64 ones[] = {
	~0ULL, 0x5555555555555555, 0x1111111111111111, 0x0101010101010101,
	0x0001000100010001, 0x0000000100000001, 1,
};

/*
 * Count the words, from the first on, that are @full.  Comparing four words at
 * a time looks at up to 256 refcounts together.
 */
static u64 count_full(const struct disk_u64 *word, u64 n, __be64 full)
{
	u64 i = 0;

	while (i + 4 <= n && !((word[i].value ^ full) |
			       (word[i + 1].value ^ full) |
			       (word[i + 2].value ^ full) |
			       (word[i + 3].value ^ full)))
		i += 4;
	while (i < n && word[i].value == full)
		i++;
	return i;
}

/* @full: a word in which each refcount is @value */
static u32 count_alike(const void *block, unsigned int order, u64 index,
		       u32 count, u64 value, u64 full)
{
	const struct disk_u64 *words = block;
	unsigned int bits = 6 - order;
	u64 i = index, end = index + count;

	while (i < end) {
		if (!(i & ((1U << bits) - 1)))
			i += count_full(words + (i >> bits), (end - i) >> bits,
					cpu_to_be64(full)) << bits;
		if (i == end || qcow2_refcount_get(block, order, i) != value)
			break;
		i++;
	}
	return (u32)(i - index);
}

u32 qcow2_refcount_count_ones(const void *block, unsigned int order, u64 index,
			      u32 count)
{
	return count_alike(block, order, index, count, 1, ones[order]);
}

u32 qcow2_refcount_count_zeros(const void *block, unsigned int order, u64 index,
			       u32 count)
{
	return count_alike(block, order, index, count, 0, 0);
}

u64 qcow2_refcount_end(const void *block, unsigned int order, u64 count)
{
	const struct disk_u64 *word = block;
	u64 n = count >> (6 - order), i;

	while (n >= 4 && !(word[n - 1].value | word[n - 2].value |
			   word[n - 3].value | word[n - 4].value))
		n -= 4;
	while (n && !word[n - 1].value)
		n--;
	i = n << (6 - order);
	while (i && !qcow2_refcount_get(block, order, i - 1))
		i--;
	return i;
}

void qcow2_refcount_set(void *block, unsigned int order, u64 index, u64 value)
{
	switch (order) {
	case 4:
		((struct disk_u16 *)block)[index].value =
			cpu_to_be16((u16)value);
		break;
	case 5:
		((struct disk_u32 *)block)[index].value =
			cpu_to_be32((u32)value);
		break;
	case 6:
		((struct disk_u64 *)block)[index].value = cpu_to_be64(value);
		break;
	default:
		set_bits(block, order, index, value);
	}
}

int qcow2_reftable_entry_check(const struct qcow2_geometry *geo, u64 index,
			       u64 entry, struct qcow_fault *fault)
{
	u64 offset = entry & QCOW2_REFTABLE_OFFSET_MASK;

	if (offset & ((1ULL << geo->cluster_bits) - 1))
		return qcow_fault_set(fault, -EUCLEAN, "refcount table entry",
				      "block offset is not cluster-aligned",
				      index, offset);
	if (offset >= QCOW2_MAX_HOST_OFFSET)
		return qcow_fault_set(fault, -EUCLEAN, "refcount table entry",
				      "block offset is beyond 2^56",
				      index, offset);
	return 0;
}
