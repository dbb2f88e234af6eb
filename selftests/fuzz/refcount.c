// SPDX-License-Identifier: GPL-2.0
/*
 * 2 bytes of geometry, then what is done to a refcount block, 10 bytes each:
 * the index, the value.  Beside it a plain array is kept.
 */
#include <string.h>

#include "format/refcount.h"
#include "fuzz.h"

#define BLOCK	512

static void check_all(const u8 *block, unsigned int order, const u64 *model)
{
	u64 i;

	for (i = 0; i < BLOCK * 8ULL >> order; i++)
		promise(qcow2_refcount_get(block, order, i) == model[i]);
}

/* From @at on, and from the end back. */
static void check_runs(const u8 *block, unsigned int order, const u64 *model,
		       u64 at)
{
	u64 n = BLOCK * 8ULL >> order, zeros = 0, end = n;

	while (at + zeros < n && !model[at + zeros])
		zeros++;
	promise(qcow2_refcount_count_zeros(block, order, at, n - at) == zeros);
	while (end && !model[end - 1])
		end--;
	promise(qcow2_refcount_end(block, order, n) == end);
}

static void check_table_entry(const struct qcow2_geometry *geo, u64 entry)
{
	u64 offset = entry & QCOW2_REFTABLE_OFFSET_MASK;
	struct qcow_fault fault = {};
	int err = qcow2_reftable_entry_check(geo, 1, entry, &fault);

	if (err) {
		promise_fault(err, &fault);
		return;
	}
	promise(offset < 1ULL << 56);
	promise(!(offset & ((1ULL << geo->cluster_bits) - 1)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u64 model[BLOCK * 8] = {}, i = 0, value, n;
	struct qcow2_geometry geo;
	struct qcow2_header h;
	unsigned int order;
	u8 *block = calloc(1, BLOCK);

	if (!block)
		abort();
	take_geometry(&data, &size, &h, &geo);
	order = geo.refcount_order;
	n = BLOCK * 8ULL >> order;
	promise(qcow2_refcount_block_bits(&geo) == geo.cluster_bits + 3U - order);
	promise(!(qcow2_refcount_max(order) & (qcow2_refcount_max(order) + 1)));
	while (size) {
		i = take(&data, &size, 2) % n;
		value = take(&data, &size, 8);
		check_table_entry(&geo, value);
		value &= qcow2_refcount_max(order);
		qcow2_refcount_set(block, order, i, value);
		model[i] = value;
		accepted();
	}
	check_all(block, order, model);
	check_runs(block, order, model, i);
	free(block);
	return 0;
}
