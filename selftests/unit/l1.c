// SPDX-License-Identifier: GPL-2.0
/* L1 entries: bits 9 to 55 are the L2 table's offset, 63 is COPIED. */
#include "format/l2.h"
#include "unit.h"

#define UNALIGNED	"L1 entry: L2 table offset is not cluster-aligned"

static const struct {
	const char *name;
	u8 cluster_bits;
	u64 entry;
	struct verdict v;
} rows[] = {
	{ "no table", 16, 0, { 0 } },
	{ "a table", 16, 0x8000000000050000, { 0 } },
	{ "a table without COPIED", 16, 0x50000, { 0 } },
	{ "the highest offset", 16, 0x00ffffffffff0000, { 0 } },
	{ "reserved bits are ignored", 16, 0x7f000000000501ff, { 0 } },
	{ "reserved bits alone are no table", 16, 0x7f000000000001ff, { 0 } },
	{ "half a cluster off", 16, 0x8000000000058000,
	  { -EUCLEAN, UNALIGNED, 77, 0x58000 } },
	{ "512 bytes off", 16, 0x8000000000050200,
	  { -EUCLEAN, UNALIGNED, 77, 0x50200 } },
	{ "less than a cluster", 16, 0x200,
	  { -EUCLEAN, UNALIGNED, 77, 0x200 } },
	{ "512-byte clusters", 9, 0x8000000000000200, { 0 } },
	{ "2 MiB clusters", 21, 0x200000, { 0 } },
	{ "2 MiB clusters, 1 MiB off", 21, 0x300000,
	  { -EUCLEAN, UNALIGNED, 77, 0x300000 } },
};

void test_l1(void)
{
	size_t i;

	report(QCOW2_L1E_OFFSET_MASK == 0x00fffffffffffe00,
	       "bits 9 to 55 are the offset");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct qcow2_geometry geo = {
			.cluster_bits = rows[i].cluster_bits,
		};
		struct qcow_fault fault = {};
		int err = qcow2_l1_entry_check(&geo, 77, rows[i].entry,
					       &fault);

		report(as_expected(&rows[i].v, err, &fault), "%s",
		       rows[i].name);
	}
}
