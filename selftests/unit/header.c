// SPDX-License-Identifier: GPL-2.0
/* The header: each member at, below and above each of its limits. */
#include <stdlib.h>
#include <string.h>

#include "format/header.h"
#include "image.h"

#define V2	2
#define V3	3
#define REFUSED	-EUCLEAN
#define UNKNOWN	-EOPNOTSUPP

#define GiB	(1ULL << 30)
#define L1_MAX	(4U << 20)	/* entries: 32 MiB of them */

/*
 * A row is a sound header with some edits.  Where the header itself is to
 * blame the first edit is the culprit: its place and its value are named.
 */
struct row {
	const char *name;
	unsigned int version;
	struct edit edits[7];
	int err;
	const char *says;
	u64 where;
	u64 value;
};

static const struct row rows[] = {
	{ "version 2", V2 },
	{ "version 3", V3 },
	{ "magic off by one", V3, { { MAGIC, 0x514649fc } },
	  REFUSED, "header: this is not a qcow2 file" },

	{ "version 0", V3, { { VERSION, 0 } },
	  UNKNOWN, "header: version is not 2 or 3" },
	{ "version 1", V3, { { VERSION, 1 } },
	  UNKNOWN, "header: version is not 2 or 3" },
	{ "version 4", V3, { { VERSION, 4 } },
	  UNKNOWN, "header: version is not 2 or 3" },
	{ "version 2^32 - 1", V3, { { VERSION, 0xffffffff } },
	  UNKNOWN, "header: version is not 2 or 3" },

	{ "cluster_bits 0", V3, { { CLUSTER_BITS, 0 } },
	  REFUSED, "header: cluster_bits is not 9 to 21" },
	{ "cluster_bits 8", V3, { { CLUSTER_BITS, 8 } },
	  REFUSED, "header: cluster_bits is not 9 to 21" },
	{ "cluster_bits 9", V3, { { CLUSTER_BITS, 9 }, { SIZE, 0 } } },
	{ "cluster_bits 21", V3,
	  { { CLUSTER_BITS, 21 }, { L1_OFFSET, 0x400000 },
	    { REFTABLE_OFFSET, 0x200000 } } },
	{ "cluster_bits 22", V3, { { CLUSTER_BITS, 22 } },
	  REFUSED, "header: cluster_bits is not 9 to 21" },
	{ "cluster_bits 64", V3, { { CLUSTER_BITS, 64 } },
	  REFUSED, "header: cluster_bits is not 9 to 21" },
	{ "cluster_bits 2^32 - 1", V2, { { CLUSTER_BITS, 0xffffffff } },
	  REFUSED, "header: cluster_bits is not 9 to 21" },

	{ "virtual size 0 without an L1 table", V3,
	  { { SIZE, 0 }, { L1_SIZE, 0 }, { L1_OFFSET, 0 } } },
	{ "virtual size that is not a multiple of 512", V3, { { SIZE, 513 } } },
	{ "virtual size 2^64 - 1", V3, { { L1_SIZE, L1_MAX }, { SIZE, ~0ULL } },
	  REFUSED, "header: l1_size is too small for the virtual size" },

	{ "crypt_method 2", V3, { { CRYPT_METHOD, 2 } } },
	{ "crypt_method 3", V3, { { CRYPT_METHOD, 3 } },
	  REFUSED, "header: crypt_method is not 0 to 2" },

	{ "l1_size just enough", V3, { { L1_SIZE, 2 }, { SIZE, GiB } } },
	{ "l1_size one short of a byte", V3,
	  { { L1_SIZE, 2 }, { SIZE, GiB + 1 } },
	  REFUSED, "header: l1_size is too small for the virtual size" },
	{ "l1_size 0 for one byte", V3, { { L1_SIZE, 0 }, { SIZE, 1 } },
	  REFUSED, "header: l1_size is too small for the virtual size" },
	{ "l1_size beyond the virtual size", V3, { { L1_SIZE, 1000 } } },
	{ "l1_size of 32 MiB", V3,
	  { { L1_SIZE, L1_MAX }, { REFTABLE_OFFSET, 64 << 20 } } },
	{ "l1_size above 32 MiB", V3,
	  { { L1_SIZE, L1_MAX + 1 }, { REFTABLE_OFFSET, 64 << 20 } },
	  REFUSED, "L1 table: is too long", 0x30000, (L1_MAX + 1) * 8ULL },
	{ "l1_size 2^32 - 1", V2, { { L1_SIZE, 0xffffffff } },
	  REFUSED, "L1 table: is too long", 0x30000, 0xffffffffULL * 8 },
	{ "l1_size just enough with extended L2", V3,
	  { { L1_SIZE, 4 }, { INCOMPATIBLE, 1 << 4 } } },
	{ "l1_size one short with extended L2", V3,
	  { { L1_SIZE, 3 }, { INCOMPATIBLE, 1 << 4 } },
	  REFUSED, "header: l1_size is too small for the virtual size" },

	{ "L1 table at 0", V3, { { L1_OFFSET, 0 } },
	  REFUSED, "L1 table: lies in the header's cluster", 0, 0 },
	{ "L1 table off its cluster by 512", V3, { { L1_OFFSET, 0x30200 } },
	  REFUSED, "L1 table: offset is not cluster-aligned",
	  0x30200, 0x30200 },
	{ "L1 table off its cluster by 1", V3, { { L1_OFFSET, 0x30001 } },
	  REFUSED, "L1 table: offset is not cluster-aligned",
	  0x30001, 0x30001 },
	{ "L1 table at the last cluster below 2^56", V3,
	  { { L1_OFFSET, (1ULL << 56) - 0x10000 } } },
	{ "L1 table that ends at 2^56", V3,
	  { { L1_OFFSET, (1ULL << 56) - 0x10000 }, { L1_SIZE, 8192 } } },
	{ "L1 table that ends beyond 2^56", V3,
	  { { L1_OFFSET, (1ULL << 56) - 0x10000 }, { L1_SIZE, 8193 } },
	  REFUSED, "L1 table: ends beyond 2^56",
	  (1ULL << 56) - 0x10000, 8193 * 8 },
	{ "L1 table whose end wraps around", V3,
	  { { L1_OFFSET, -0x10000ULL }, { L1_SIZE, 8193 } },
	  REFUSED, "L1 table: ends beyond 2^56", -0x10000ULL, 8193 * 8 },

	{ "refcount table of 8 MiB", V3, { { REFTABLE_CLUSTERS, 128 },
	  { REFTABLE_OFFSET, 0x40000 } } },
	{ "refcount table above 8 MiB", V3, { { REFTABLE_CLUSTERS, 129 },
	  { REFTABLE_OFFSET, 0x40000 } },
	  REFUSED, "refcount table: is too long", 0x40000, 129ULL << 16 },
	{ "refcount_table_clusters 2^32 - 1", V3,
	  { { REFTABLE_CLUSTERS, 0xffffffff } },
	  REFUSED, "refcount table: is too long",
	  0x10000, 0xffffffffULL << 16 },
	{ "refcount_table_clusters 0", V3, { { REFTABLE_CLUSTERS, 0 } },
	  REFUSED, "header: refcount_table_clusters is 0" },
	{ "refcount table at 0", V3, { { REFTABLE_OFFSET, 0 } },
	  REFUSED, "refcount table: lies in the header's cluster", 0, 0 },
	{ "refcount table off its cluster", V3,
	  { { REFTABLE_OFFSET, 0x18000 } },
	  REFUSED, "refcount table: offset is not cluster-aligned",
	  0x18000, 0x18000 },
	{ "refcount table whose end wraps around", V3,
	  { { REFTABLE_OFFSET, -0x10000ULL } },
	  REFUSED, "refcount table: ends beyond 2^56",
	  -0x10000ULL, 0x10000 },
	{ "refcount table that is the L1 table", V3,
	  { { REFTABLE_OFFSET, 0x30000 } },
	  REFUSED, "refcount table: overlaps another table",
	  0x30000, 0x30000 },
	{ "refcount table right behind the L1 table", V3,
	  { { L1_SIZE, 8192 }, { REFTABLE_OFFSET, 0x40000 } } },
	{ "refcount table behind the L1 table's first byte too many", V3,
	  { { L1_SIZE, 8193 }, { REFTABLE_OFFSET, 0x40000 } },
	  REFUSED, "refcount table: overlaps another table",
	  0x40000, 0x30000 },
	{ "refcount table up to the L1 table", V3,
	  { { REFTABLE_CLUSTERS, 2 } } },
	{ "refcount table into the L1 table", V3,
	  { { REFTABLE_CLUSTERS, 3 } },
	  REFUSED, "refcount table: overlaps another table",
	  0x10000, 0x30000 },

	{ "no snapshots at an odd place", V3, { { SNAPSHOTS_OFFSET, 1 } } },
	{ "a snapshot", V3,
	  { { NB_SNAPSHOTS, 1 }, { SNAPSHOTS_OFFSET, 0x40000 } } },
	{ "nb_snapshots 65536", V3,
	  { { NB_SNAPSHOTS, 65536 }, { SNAPSHOTS_OFFSET, 0x40000 } } },
	{ "nb_snapshots 65537", V3,
	  { { NB_SNAPSHOTS, 65537 }, { SNAPSHOTS_OFFSET, 0x40000 } },
	  REFUSED, "header: nb_snapshots exceeds 65536" },
	{ "nb_snapshots 2^32 - 1", V2,
	  { { NB_SNAPSHOTS, 0xffffffff }, { SNAPSHOTS_OFFSET, 0x40000 } },
	  REFUSED, "snapshot table: is too long",
	  0x40000, 0xffffffffULL * 40 },
	{ "snapshot table at 0", V3, { { NB_SNAPSHOTS, 1 } },
	  REFUSED, "snapshot table: lies in the header's cluster", 0, 0 },
	{ "snapshot table off its cluster", V3,
	  { { NB_SNAPSHOTS, 1 }, { SNAPSHOTS_OFFSET, 0x48000 } },
	  REFUSED, "snapshot table: offset is not cluster-aligned",
	  0x48000, 0x48000 },
	{ "snapshot table whose end wraps around", V3,
	  { { NB_SNAPSHOTS, 2000 }, { SNAPSHOTS_OFFSET, -0x10000ULL } },
	  REFUSED, "snapshot table: ends beyond 2^56",
	  -0x10000ULL, 80000 },
	{ "snapshot table that is the refcount table", V3,
	  { { NB_SNAPSHOTS, 1 }, { SNAPSHOTS_OFFSET, 0x10000 } },
	  REFUSED, "snapshot table: overlaps another table",
	  0x10000, 0x10000 },

	{ "refcount_order 0", V3, { { REFCOUNT_ORDER, 0 } } },
	{ "refcount_order 6", V3, { { REFCOUNT_ORDER, 6 } } },
	{ "refcount_order 7", V3, { { REFCOUNT_ORDER, 7 } },
	  REFUSED, "header: refcount_order is not 0 to 6" },
	{ "refcount_order 2^32 - 1", V3, { { REFCOUNT_ORDER, 0xffffffff } },
	  REFUSED, "header: refcount_order is not 0 to 6" },

	{ "header_length 0", V3, { { HEADER_LENGTH, 0 } },
	  REFUSED, "header: header_length is less than 104" },
	{ "header_length 96", V3, { { HEADER_LENGTH, 96 } },
	  REFUSED, "header: header_length is less than 104" },
	{ "header_length 104", V3, { { HEADER_LENGTH, 104 } } },
	{ "header_length 108", V3, { { HEADER_LENGTH, 108 } },
	  REFUSED, "header: header_length is not a multiple of 8" },
	{ "header_length of a cluster", V3, { { HEADER_LENGTH, 65536 } } },
	{ "header_length above a cluster", V3, { { HEADER_LENGTH, 65544 } },
	  REFUSED, "header: header_length exceeds a cluster" },
	{ "header_length 2^32 - 8", V3, { { HEADER_LENGTH, 0xfffffff8 } },
	  REFUSED, "header: header_length exceeds a cluster" },

	{ "zstd with its bit", V3,
	  { { COMPRESSION_TYPE, 1 }, { INCOMPATIBLE, 1 << 3 } } },
	{ "zstd without its bit", V3, { { COMPRESSION_TYPE, 1 } },
	  REFUSED, "header: compression_type contradicts its feature bit" },
	{ "zlib with the bit of another", V3,
	  { { COMPRESSION_TYPE, 0 }, { INCOMPATIBLE, 1 << 3 } },
	  REFUSED, "header: compression_type contradicts its feature bit" },
	{ "compression_type 2", V3,
	  { { COMPRESSION_TYPE, 2 }, { INCOMPATIBLE, 1 << 3 } },
	  UNKNOWN, "header: compression_type is unknown" },
	{ "compression_type 255", V3,
	  { { COMPRESSION_TYPE, 255 }, { INCOMPATIBLE, 1 << 3 } },
	  UNKNOWN, "header: compression_type is unknown" },
	{ "compression_type behind a header of 104 bytes", V3,
	  { { COMPRESSION_TYPE, 1 }, { HEADER_LENGTH, 104 } } },

	{ "unknown incompatible bits are for later", V3,
	  { { INCOMPATIBLE, ~0x1fULL } } },
	{ "unknown compatible bits", V3, { { COMPATIBLE, ~0ULL } } },
	{ "unknown autoclear bits", V3, { { AUTOCLEAR, ~0ULL } } },
	{ "dirty and corrupt", V3, { { INCOMPATIBLE, 3 } } },

	{ "extended L2 with cluster_bits 13", V3,
	  { { CLUSTER_BITS, 13 }, { INCOMPATIBLE, 1 << 4 } },
	  REFUSED,
	  "header: cluster_bits is less than 14 with extended L2 entries" },
	{ "extended L2 with cluster_bits 14", V3,
	  { { CLUSTER_BITS, 14 }, { INCOMPATIBLE, 1 << 4 }, { SIZE, 1 } } },

	{ "backing file name", V3,
	  { { BACKING_OFFSET, 200 }, { BACKING_SIZE, 9 } } },
	{ "backing file name of 1023 bytes", V3,
	  { { BACKING_SIZE, 1023 }, { BACKING_OFFSET, 200 } } },
	{ "backing file name of 1024 bytes", V3,
	  { { BACKING_SIZE, 1024 }, { BACKING_OFFSET, 200 } },
	  REFUSED, "header: backing_file_size exceeds 1023" },
	{ "backing_file_size 2^32 - 1", V2,
	  { { BACKING_SIZE, 0xffffffff }, { BACKING_OFFSET, 200 } },
	  REFUSED, "header: backing_file_size exceeds 1023" },
	{ "backing_file_size without an offset means nothing", V3,
	  { { BACKING_SIZE, 0xffffffff } } },
	{ "backing file name right behind the header", V3,
	  { { BACKING_OFFSET, 112 }, { BACKING_SIZE, 9 } } },
	{ "backing file name in the header", V3,
	  { { BACKING_OFFSET, 111 }, { BACKING_SIZE, 9 } },
	  REFUSED, "header: backing_file_offset lies within the header" },
	{ "backing file name behind a version 2 header", V2,
	  { { BACKING_OFFSET, 72 }, { BACKING_SIZE, 9 } } },
	{ "backing file name in a version 2 header", V2,
	  { { BACKING_OFFSET, 71 }, { BACKING_SIZE, 9 } },
	  REFUSED, "header: backing_file_offset lies within the header" },
	{ "backing file name to the cluster's end", V3,
	  { { BACKING_OFFSET, 65527 }, { BACKING_SIZE, 9 } } },
	{ "backing file name beyond the cluster", V3,
	  { { BACKING_OFFSET, 65528 }, { BACKING_SIZE, 9 } },
	  REFUSED,
	  "header: backing_file_offset puts the name beyond the first cluster" },
	{ "backing file name whose end wraps around", V3,
	  { { BACKING_OFFSET, -8ULL }, { BACKING_SIZE, 9 } },
	  REFUSED,
	  "header: backing_file_offset puts the name beyond the first cluster" },
};

static struct verdict expected(const struct row *row)
{
	struct verdict v = { row->err, row->says, row->where, row->value };

	if (row->says && !strncmp(row->says, "header: ", 8) &&
	    strcmp(row->says, "header: this is not a qcow2 file")) {
		v.where = row->edits[0].offset;
		v.value = row->edits[0].value;
	}
	return v;
}

static void test_row(const struct row *row)
{
	struct qcow_fault fault = {};
	struct verdict v = expected(row);
	struct qcow2_header h;
	u8 buf[112];
	void *copy;
	int err;

	new_header(buf, row->version);
	apply_edits(buf, row->edits, ARRAY_SIZE(row->edits));
	copy = tight(buf, sizeof(buf));
	err = qcow2_header_parse(copy, sizeof(buf), &h, &fault);
	report(as_expected(&v, err, &fault), "%s", row->name);
	free(copy);
}

/* A file that ends in the header: every length, no byte read beyond it. */
static void test_lengths(unsigned int version, u32 header_length, size_t needed)
{
	struct qcow2_header h;
	bool ok = true;
	u8 buf[112];
	size_t len;

	new_header(buf, version);
	if (version == 3)
		put(buf + 100, 4, header_length);
	for (len = 0; len <= sizeof(buf); len++) {
		struct qcow_fault fault = {};
		void *copy = tight(buf, len);
		int err = qcow2_header_parse(copy, len, &h, &fault);

		if (err != (len < needed ? -EUCLEAN : 0)) {
			explain("%zu bytes: %d", len, err);
			ok = false;
		}
		free(copy);
	}
	report(ok, "version %u, header_length %u: refused below %zu bytes",
	       version, header_length, needed);
}

static void test_magic(void)
{
	static const u8 magic[] = { 'Q', 'F', 'I', 0xfb };
	bool ok = qcow2_has_magic(magic, 4) && !qcow2_has_magic("QFI", 3) &&
		  !qcow2_has_magic("QFI\xfa", 4) && !qcow2_has_magic("", 0);
	u8 *copy = tight(magic, 3);

	ok = ok && !qcow2_has_magic(copy, 3);
	free(copy);
	report(ok, "the magic is QFI and 0xfb");
}

/* Every member another value: a swapped or half-read one is seen. */
static void test_members(void)
{
	static const struct edit edits[] = {
		{ BACKING_OFFSET, 0x1122 }, { BACKING_SIZE, 0x133 },
		{ CLUSTER_BITS, 17 }, { SIZE, 0x123456789a },
		{ CRYPT_METHOD, 2 }, { L1_SIZE, 0x1234 },
		{ L1_OFFSET, 0xa1b2c3d4e60000 },
		{ REFTABLE_OFFSET, 0xb1c2d3e4f60000 },
		{ REFTABLE_CLUSTERS, 0x21 }, { NB_SNAPSHOTS, 0x4321 },
		{ SNAPSHOTS_OFFSET, 0xc1d2e3f4a60000 },
		{ INCOMPATIBLE, 0x8877665544332208 },
		{ COMPATIBLE, 0x99aabbccddeeff01 },
		{ AUTOCLEAR, 0xa9b8c7d6e5f40312 },
		{ REFCOUNT_ORDER, 5 }, { HEADER_LENGTH, 120 },
		{ COMPRESSION_TYPE, 1 },
	};
	struct qcow_fault fault = {};
	struct qcow2_header h;
	u8 buf[112];

	new_header(buf, 3);
	apply_edits(buf, edits, ARRAY_SIZE(edits));
	report(qcow2_header_parse(buf, sizeof(buf), &h, &fault) == 0 &&
	       h.version == 3 && h.backing_file_offset == 0x1122 &&
	       h.backing_file_size == 0x133 && h.cluster_bits == 17 &&
	       h.size == 0x123456789a && h.crypt_method == 2 &&
	       h.l1_size == 0x1234 && h.l1_table_offset == 0xa1b2c3d4e60000 &&
	       h.refcount_table_offset == 0xb1c2d3e4f60000 &&
	       h.refcount_table_clusters == 0x21 && h.nb_snapshots == 0x4321 &&
	       h.snapshots_offset == 0xc1d2e3f4a60000 &&
	       h.incompatible_features == 0x8877665544332208 &&
	       h.compatible_features == 0x99aabbccddeeff01 &&
	       h.autoclear_features == 0xa9b8c7d6e5f40312 &&
	       h.refcount_order == 5 && h.header_length == 120 &&
	       h.compression_type == 1, "every member is decoded");
}

/* What lies behind 72 bytes is not the header's in version 2. */
static void test_version_2(void)
{
	struct qcow_fault fault = {};
	struct qcow2_header h;
	u8 buf[112];

	new_header(buf, 2);
	memset(buf + 72, 0xff, sizeof(buf) - 72);
	put(buf + 16, 4, 77);
	report(qcow2_header_parse(buf, sizeof(buf), &h, &fault) == 0 &&
	       h.version == 2 && !h.incompatible_features &&
	       !h.compatible_features && !h.autoclear_features &&
	       h.refcount_order == 4 && h.header_length == 72 &&
	       h.compression_type == 0 && h.backing_file_size == 0,
	       "version 2 has the values of absent fields");
}

/* The version is told as soon as it is there, whatever is missing. */
static void test_short_version(void)
{
	struct qcow2_header h;
	struct qcow_fault fault;
	u8 buf[112];

	new_header(buf, 4);
	report(qcow2_header_parse(buf, 8, &h, &fault) == -EOPNOTSUPP &&
	       qcow2_header_parse(buf, 7, &h, &fault) == -EUCLEAN,
	       "an unknown version in a short file");
}

/* Bytes 24..71 but the encryption method, and nothing else. */
static void test_structure(void)
{
	static const struct qcow2_header new = {
		.size = 5ULL << 28, .l1_size = 7, .l1_table_offset = 0x70000,
		.refcount_table_offset = 0x80000, .refcount_table_clusters = 2,
		.nb_snapshots = 3, .snapshots_offset = 0xa0000,
	};
	struct qcow_fault fault = {};
	struct qcow2_header h;
	u8 buf[112], old[112];

	new_header(buf, 3);
	put(buf + 88, 8, 0x1234);
	memcpy(old, buf, sizeof(old));
	qcow2_header_set_structure(buf, &new);
	report(!qcow2_header_parse(buf, sizeof(buf), &h, &fault) &&
	       h.size == new.size && h.l1_size == new.l1_size &&
	       h.l1_table_offset == new.l1_table_offset &&
	       h.refcount_table_offset == new.refcount_table_offset &&
	       h.refcount_table_clusters == new.refcount_table_clusters &&
	       h.nb_snapshots == new.nb_snapshots &&
	       h.snapshots_offset == new.snapshots_offset &&
	       !memcmp(buf, old, 24) && !memcmp(buf + 32, old + 32, 4) &&
	       !memcmp(buf + 72, old + 72, 40), "the structure is changed");
}

void test_header(void)
{
	size_t i;

	test_magic();
	test_members();
	test_version_2();
	test_short_version();
	test_structure();
	test_lengths(2, 72, 72);
	test_lengths(3, 104, 104);
	test_lengths(3, 112, 112);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_row(&rows[i]);
}
