// SPDX-License-Identifier: GPL-2.0
/*
 * 2 bytes of geometry, 8 of virtual size, 8 of a bitmap table entry, then a
 * bitmap directory.
 */
#include "format/bitmap.h"
#include "fuzz.h"

static void hold_bitmap(const struct qcow2_header *h,
			const struct qcow2_bitmap *b, const uint8_t *data,
			size_t size)
{
	u64 bytes = (u64)b->table_size << h->cluster_bits;
	u64 last_bit = (h->size - 1) >> b->granularity_bits;

	promise(b->type == 1 && b->flags <= 7);
	promise(b->granularity_bits >= 9 && b->granularity_bits <= 31);
	promise(b->name_len >= 1 && b->name_len <= 1023);
	promise(b->entry_len % 8 == 0 && b->entry_len >= 32);
	promise(b->entry_len < size + 8);
	promise_within(b->name, b->name_len, data, size);
	promise_within(b->extra_data, b->extra_data_size, data, size);
	promise(bytes && bytes <= 512 << 20);
	promise_table(h->cluster_bits, b->table_offset, b->table_size * 8ULL,
		      1 << 30);
	if (h->size && !(b->flags & QCOW2_BITMAP_IN_USE))
		promise(last_bit < bytes * 8);
}

static void check_table_entry(const struct qcow2_geometry *geo, u64 entry)
{
	u64 offset = entry & QCOW2_BITMAP_OFFSET_MASK;
	struct qcow_fault fault = {};
	int err = qcow2_bitmap_entry_check(geo, 1, entry, &fault);

	if (err) {
		promise_fault(err, &fault);
		return;
	}
	promise(!(offset & ((1ULL << geo->cluster_bits) - 1)));
	promise(entry == offset || entry == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qcow_fault fault = {};
	struct qcow2_geometry geo;
	struct qcow2_bitmap b;
	struct qcow2_header h;
	int err;

	take_geometry(&data, &size, &h, &geo);
	h.size = take(&data, &size, 8);
	check_table_entry(&geo, take(&data, &size, 8));
	for (;;) {
		err = qcow2_bitmap_parse(&h, data, size, 0x10000, &b, &fault);
		if (err)
			break;
		accepted();
		hold_bitmap(&h, &b, data, size);
		if (b.entry_len >= size)
			return 0;
		data += b.entry_len;
		size -= b.entry_len;
	}
	promise_fault(err, &fault);
	return 0;
}
