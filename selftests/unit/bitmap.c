// SPDX-License-Identifier: GPL-2.0
/* Bitmap directory entries and bitmap table entries. */
#include <stdlib.h>
#include <string.h>

#include "format/bitmap.h"
#include "image.h"

#define AT	0x70000ULL	/* where the entry lies in the file */
#define REFUSED	-EUCLEAN

/* Offset and bytes of each member of a directory entry. */
#define TABLE_OFFSET	.offset = 0, .bytes = 8
#define TABLE_SIZE	.offset = 8, .bytes = 4
#define FLAGS		.offset = 12, .bytes = 4
#define TYPE		.offset = 16, .bytes = 1
#define GRANULARITY	.offset = 17, .bytes = 1
#define NAME_LEN	.offset = 18, .bytes = 2
#define EXTRA_LEN	.offset = 20, .bytes = 4

#define LONGEST		2048

/* A bitmap named "dirt" of 64 KiB granularity: one cluster is enough. */
static const struct edit usual[] = {
	{ TABLE_OFFSET, 0x80000 }, { TABLE_SIZE, 1 },
	{ TYPE, 1 }, { GRANULARITY, 16 }, { NAME_LEN, 4 },
	{ 24, 4, 0x64697274 },
};

#define ENTRY	"bitmap directory entry: "
#define TABLE	"bitmap table: "

/* Rows of an image of 64 KiB clusters: one of them holds bits for 32 GiB. */
static const struct row {
	const char *name;
	u64 size;			/* virtual; 0: 1 GiB */
	struct edit edits[4];
	struct verdict v;
	u32 entry_len;
} rows[] = {
	{ "as QEMU writes it", 0, { }, { 0 }, 32 },
	{ "most of the padding", 0, { { NAME_LEN, 9 } }, { 0 }, 40 },
	{ "all flags", 0, { { FLAGS, 7 }, { EXTRA_LEN, 8 } }, { 0 }, 40 },
	{ "unknown flag", 0, { { FLAGS, 8 } },
	  { REFUSED, ENTRY "unknown flag", AT, 8 } },
	{ "unknown flag 31", 0, { { FLAGS, 1U << 31 } },
	  { REFUSED, ENTRY "unknown flag", AT, 1U << 31 } },
	{ "type 0", 0, { { TYPE, 0 } },
	  { REFUSED, ENTRY "type is not 1", AT, 0 } },
	{ "type 2", 0, { { TYPE, 2 } },
	  { REFUSED, ENTRY "type is not 1", AT, 2 } },
	{ "granularity_bits 8", 0, { { GRANULARITY, 8 } },
	  { REFUSED, ENTRY "granularity_bits is not 9 to 31", AT, 8 } },
	{ "granularity_bits 9", 0, { { GRANULARITY, 9 }, { TABLE_SIZE, 4 } },
	  { 0 }, 32 },
	{ "granularity_bits 31", 0, { { GRANULARITY, 31 } }, { 0 }, 32 },
	{ "granularity_bits 32", 0, { { GRANULARITY, 32 } },
	  { REFUSED, ENTRY "granularity_bits is not 9 to 31", AT, 32 } },
	{ "granularity_bits 255", 0, { { GRANULARITY, 255 } },
	  { REFUSED, ENTRY "granularity_bits is not 9 to 31", AT, 255 } },
	{ "no name", 0, { { NAME_LEN, 0 } },
	  { REFUSED, ENTRY "name is not 1 to 1023 bytes long", AT, 0 } },
	{ "name of a byte", 0, { { NAME_LEN, 1 } }, { 0 }, 32 },
	{ "name of 1023 bytes", 0, { { NAME_LEN, 1023 } }, { 0 }, 1048 },
	{ "name of 1024 bytes", 0, { { NAME_LEN, 1024 } },
	  { REFUSED, ENTRY "name is not 1 to 1023 bytes long", AT, 1024 } },
	{ "extra data beyond the directory", 0, { { EXTRA_LEN, LONGEST - 27 } },
	  { REFUSED, ENTRY "is cut off", AT, LONGEST + 1 } },
	{ "extra data to the directory's end", 0,
	  { { EXTRA_LEN, LONGEST - 28 } }, { 0 }, LONGEST },
	{ "2^32 - 1 bytes of extra data", 0, { { EXTRA_LEN, 0xffffffff } },
	  { REFUSED, ENTRY "is cut off", AT, 0xffffffffULL + 28 } },

	{ "empty table", 0, { { TABLE_SIZE, 0 } },
	  { REFUSED, ENTRY "table is empty", AT, 0 } },
	{ "bitmap of 512 MiB", 0, { { TABLE_SIZE, 8192 } }, { 0 }, 32 },
	{ "bitmap above 512 MiB", 0, { { TABLE_SIZE, 8193 } },
	  { REFUSED, ENTRY "table is too long", AT, 8193 } },
	{ "table_size 2^32 - 1", 0, { { TABLE_SIZE, 0xffffffff } },
	  { REFUSED, ENTRY "table is too long", AT, 0xffffffff } },
	{ "table just enough", 1ULL << 35, { }, { 0 }, 32 },
	{ "table one bit short", (1ULL << 35) + 1, { },
	  { REFUSED, ENTRY "table is too small for the virtual size", AT, 1 } },
	{ "table too small, but in use", (1ULL << 35) + 1, { { FLAGS, 1 } },
	  { 0 }, 32 },
	{ "the largest bitmap", 1ULL << 61,
	  { { TABLE_SIZE, 8192 }, { GRANULARITY, 31 } }, { 0 }, 32 },
	{ "table off its cluster", 0, { { TABLE_OFFSET, 0x88000 } },
	  { REFUSED, TABLE "offset is not cluster-aligned",
	    0x88000, 0x88000 } },
	{ "table at 0", 0, { { TABLE_OFFSET, 0 } },
	  { REFUSED, TABLE "lies in the header's cluster", 0, 0 } },
	{ "table that ends beyond 2^56", 0,
	  { { TABLE_OFFSET, 1ULL << 56 } },
	  { REFUSED, TABLE "ends beyond 2^56", 1ULL << 56, 8 } },
	{ "table whose end wraps around", 0,
	  { { TABLE_OFFSET, -0x10000ULL }, { TABLE_SIZE, 8192 } },
	  { REFUSED, TABLE "ends beyond 2^56", -0x10000ULL, 8192 * 8 } },
};

static u8 *new_entry(const struct edit *edits, size_t max)
{
	u8 *entry = calloc(1, LONGEST);

	if (!entry)
		abort();
	apply_edits(entry, usual, ARRAY_SIZE(usual));
	apply_edits(entry, edits, max);
	return entry;
}

static const struct qcow2_header image = {
	.version = 3, .cluster_bits = 16, .size = 1 << 30,
};

static void test_row(const struct row *row)
{
	u8 *entry = new_entry(row->edits, ARRAY_SIZE(row->edits));
	struct qcow2_header h = image;
	struct qcow_fault fault = {};
	struct qcow2_bitmap b;
	int err;

	if (row->size)
		h.size = row->size;
	err = qcow2_bitmap_parse(&h, entry, LONGEST, AT, &b, &fault);
	report(as_expected(&row->v, err, &fault) &&
	       (err || b.entry_len == row->entry_len), "%s", row->name);
	free(entry);
}

static const struct edit distinct[] = {
	{ TABLE_OFFSET, 0xa1b2c3d4e60000 }, { TABLE_SIZE, 0x1234 },
	{ FLAGS, 6 }, { TYPE, 1 }, { GRANULARITY, 21 }, { NAME_LEN, 5 },
	{ EXTRA_LEN, 3 }, { 24, 2, 0x4142 }, { 26, 1, 'C' },
	{ 27, 4, 0x6e616d65 }, { 31, 1, 'd' },
};

static void test_members(void)
{
	u8 *entry = new_entry(distinct, ARRAY_SIZE(distinct));
	struct qcow_fault fault;
	struct qcow2_bitmap b;

	report(!qcow2_bitmap_parse(&image, entry, 32, AT, &b, &fault) &&
	       b.table_offset == 0xa1b2c3d4e60000 && b.table_size == 0x1234 &&
	       b.type == 1 &&
	       b.flags == (QCOW2_BITMAP_AUTO |
			   QCOW2_BITMAP_EXTRA_DATA_COMPATIBLE) &&
	       b.granularity_bits == 21 &&
	       b.extra_data_size == 3 && !memcmp(b.extra_data, "ABC", 3) &&
	       b.name_len == 5 && !memcmp(b.name, "named", 5) &&
	       b.entry_len == 32, "every member is decoded");
	free(entry);
}

static void test_lengths(void)
{
	u8 *entry = new_entry(NULL, 0);
	struct qcow_fault fault;
	struct qcow2_bitmap b;
	bool ok = true;
	size_t len;

	for (len = 0; len <= 32; len++) {
		void *copy = tight(entry, len);

		memset(&b, 0xff, sizeof(b));
		ok = ok && qcow2_bitmap_parse(&image, copy, len, AT, &b,
					      &fault) ==
			   (len < 28 ? -EUCLEAN : 0) &&
		     !b.name == (len < 28);
		free(copy);
	}
	report(ok, "cut off at every length");
	free(entry);
}

#define TABLE_ENTRY "bitmap table entry: "

static const struct {
	const char *name;
	u8 cluster_bits;
	u64 entry;
	struct verdict v;
} entries[] = {
	{ "all zeros", 16, 0, { 0 } },
	{ "all ones", 16, 1, { 0 } },
	{ "a cluster", 16, 0x50000, { 0 } },
	{ "the highest offset", 9, 0x00fffffffffffe00, { 0 } },
	{ "512 bytes off", 16, 0x50200,
	  { REFUSED, TABLE_ENTRY "offset is not cluster-aligned",
	    3, 0x50200 } },
	{ "all ones beside an offset", 16, 0x50001,
	  { REFUSED, TABLE_ENTRY "all-ones flag beside an offset",
	    3, 0x50001 } },
	{ "reserved bit 1", 16, 0x50002,
	  { REFUSED, TABLE_ENTRY "reserved bit is set", 3, 0x50002 } },
	{ "reserved bit 8", 9, 0x50100,
	  { REFUSED, TABLE_ENTRY "reserved bit is set", 3, 0x50100 } },
	{ "reserved bit 56", 16, 1ULL << 56,
	  { REFUSED, TABLE_ENTRY "reserved bit is set", 3, 1ULL << 56 } },
	{ "reserved bit 63", 16, 1ULL << 63,
	  { REFUSED, TABLE_ENTRY "reserved bit is set", 3, 1ULL << 63 } },
};

static void test_entries(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		struct qcow2_geometry geo = {
			.cluster_bits = entries[i].cluster_bits,
		};
		struct qcow_fault fault = {};
		int err = qcow2_bitmap_entry_check(&geo, 3, entries[i].entry,
						   &fault);

		report(as_expected(&entries[i].v, err, &fault),
		       "table entry: %s", entries[i].name);
	}
}

void test_bitmap(void)
{
	size_t i;

	test_members();
	test_lengths();
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_row(&rows[i]);
	test_entries();
}
