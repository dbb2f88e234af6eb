// SPDX-License-Identifier: GPL-2.0
/* Compressed cluster descriptors, for every cluster size. */
#include "format/l2.h"
#include "unit.h"

/* Where the sector count begins, as the format document's formula has it. */
static const struct {
	u8 cluster_bits;
	u8 x;
} sizes[] = {
	{ 9, 61 }, { 10, 60 }, { 11, 59 }, { 12, 58 }, { 13, 57 }, { 14, 56 },
	{ 15, 55 }, { 16, 54 }, { 17, 53 }, { 18, 52 }, { 19, 51 }, { 20, 50 },
	{ 21, 49 },
};

static const u64 low_bits[] = { 0, 1, 511, 512, 513, 0x54321 };

static bool decodes(const struct qcow2_geometry *geo, unsigned int x,
		    u64 offset, u32 sectors)
{
	u64 entry = 1ULL << 62 | (u64)sectors << x | offset;
	struct qcow2_compressed c;

	qcow2_compressed_decode(geo, entry, &c);
	if (c.host_offset == offset &&
	    c.length == (sectors + 1) * 512 - offset % 512)
		return true;
	explain("entry %016llx: offset %llx, length %u", entry,
		c.host_offset, c.length);
	return false;
}

static bool decodes_all(const struct qcow2_geometry *geo, unsigned int x)
{
	u32 most = (1U << (62 - x)) - 1;
	const u32 sectors[] = { 0, 1, most / 2, most };
	bool ok = true;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(sectors); i++) {
		for (j = 0; j < ARRAY_SIZE(low_bits); j++)
			ok = ok && decodes(geo, x, low_bits[j], sectors[i]);
		ok = ok && decodes(geo, x, (1ULL << x) - 1, sectors[i]);
		ok = ok && decodes(geo, x, 1ULL << (x - 1), sectors[i]);
	}
	return ok;
}

void test_compressed(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct qcow2_geometry geo = {
			.cluster_bits = sizes[i].cluster_bits,
		};

		report(decodes_all(&geo, sizes[i].x),
		       "cluster_bits %u: offset below bit %u, sectors above",
		       sizes[i].cluster_bits, sizes[i].x);
	}
}
