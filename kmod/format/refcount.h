/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Check refcount table entries, and read and change refcounts of every width.
 */
#ifndef QCOW_FORMAT_REFCOUNT_H
#define QCOW_FORMAT_REFCOUNT_H

#include "fault.h"
#include "header.h"
#include "port.h"

#define QCOW2_REFTABLE_OFFSET_MASK	GENMASK_ULL(63, 9)

/** qcow2_refcount_block_bits - log2 of the number of refcounts in one block */
static inline unsigned int
qcow2_refcount_block_bits(const struct qcow2_geometry *geo)
{
	return geo->cluster_bits + 3 - geo->refcount_order;
}

/** qcow2_refcount_max - the largest refcount of this width */
u64 qcow2_refcount_max(unsigned int refcount_order);

/**
 * qcow2_refcount_get - read one refcount of a block
 * @block: the block as it lies in the file
 * @order: log2 of the width in bits, 0..6
 * @index: index of the refcount in the block
 */
u64 qcow2_refcount_get(const void *block, unsigned int order, u64 index);

/**
 * qcow2_refcount_count_ones - count neighbouring refcounts that are 1
 * @block: the block as it lies in the file
 * @order: log2 of the width in bits, 0..6
 * @index: index of the first refcount in the block
 * @count: how many to look at, all of them in this block
 *
 * Return: how many are 1, from the first one on up to one that is not.
 */
u32 qcow2_refcount_count_ones(const void *block, unsigned int order, u64 index,
			      u32 count);

/** qcow2_refcount_count_zeros - as qcow2_refcount_count_ones(), for 0 */
u32 qcow2_refcount_count_zeros(const void *block, unsigned int order, u64 index,
			       u32 count);

/**
 * qcow2_refcount_end - how many refcounts are there up to the last one in use?
 * @block: the block as it lies in the file
 * @order: log2 of the width in bits, 0..6
 * @count: how many to look at, from the first one on; they fill whole words of
 *	   64 bits
 *
 * Return: the index of the last refcount that is not 0, plus one; or 0.
 */
u64 qcow2_refcount_end(const void *block, unsigned int order, u64 count);

/**
 * qcow2_refcount_set - change one refcount of a block
 * @block: the block as it lies in the file
 * @order: log2 of the width in bits, 0..6
 * @index: index of the refcount in the block
 * @value: at most qcow2_refcount_max(@order)
 */
void qcow2_refcount_set(void *block, unsigned int order, u64 index, u64 value);

/**
 * qcow2_reftable_entry_check - is the refcount block offset of an entry usable?
 * @geo:   the geometry
 * @index: index of the entry in the refcount table
 * @entry: the entry, CPU order
 * @fault: set where the entry is refused
 *
 * Return: 0, also for an entry without a block; -EUCLEAN.
 */
int qcow2_reftable_entry_check(const struct qcow2_geometry *geo, u64 index,
			       u64 entry, struct qcow_fault *fault);

#endif /* QCOW_FORMAT_REFCOUNT_H */
