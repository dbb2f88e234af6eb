// SPDX-License-Identifier: GPL-2.0
/* What follows from the header: shifts, the L1 entries that a size needs. */
#include "format/header.h"
#include "unit.h"

static const struct {
	const char *name;
	struct qcow2_header h;
	struct qcow2_geometry geo;
} shapes[] = {
	{ "512-byte clusters, version 2",
	  { .version = 2, .cluster_bits = 9, .refcount_order = 4 },
	  { .version = 2, .cluster_bits = 9, .l2_bits = 6, .l2_entry_bits = 3,
	    .subcluster_bits = 9, .refcount_order = 4 } },
	{ "2 MiB clusters, zstd",
	  { .version = 3, .cluster_bits = 21, .refcount_order = 6,
	    .compression_type = 1, .incompatible_features = 1 << 3 },
	  { .version = 3, .cluster_bits = 21, .l2_bits = 18,
	    .l2_entry_bits = 3, .subcluster_bits = 21, .refcount_order = 6,
	    .compression_type = 1 } },
	{ "16 KiB clusters, extended L2",
	  { .version = 3, .cluster_bits = 14, .refcount_order = 0,
	    .incompatible_features = 1 << 4 },
	  { .version = 3, .cluster_bits = 14, .l2_bits = 10,
	    .l2_entry_bits = 4, .subcluster_bits = 9, .extended_l2 = true } },
	{ "external data file",
	  { .version = 3, .cluster_bits = 16, .refcount_order = 4,
	    .incompatible_features = 1 << 2 },
	  { .version = 3, .cluster_bits = 16, .l2_bits = 13,
	    .l2_entry_bits = 3, .subcluster_bits = 16, .refcount_order = 4,
	    .external_data = true } },
};

static bool same(const struct qcow2_geometry *a, const struct qcow2_geometry *b)
{
	return a->cluster_bits == b->cluster_bits && a->l2_bits == b->l2_bits &&
	       a->l2_entry_bits == b->l2_entry_bits &&
	       a->subcluster_bits == b->subcluster_bits &&
	       a->refcount_order == b->refcount_order &&
	       a->version == b->version && a->extended_l2 == b->extended_l2 &&
	       a->external_data == b->external_data &&
	       a->compression_type == b->compression_type;
}

static const struct {
	u32 cluster_bits;
	bool extended_l2;
	u64 size;
	u64 entries;
} needs[] = {
	{ 16, false, 0, 0 },
	{ 16, false, 1, 1 },
	{ 16, false, 1 << 29, 1 },
	{ 16, false, (1 << 29) + 1, 2 },
	{ 16, true, 1 << 28, 1 },
	{ 16, true, (1 << 28) + 1, 2 },
	{ 9, false, 1 << 15, 1 },
	{ 9, false, (1 << 15) + 1, 2 },
	{ 9, false, ~0ULL, 1ULL << 49 },
	{ 21, false, 1ULL << 39, 1 },
	{ 21, false, ~0ULL, 1ULL << 25 },
	{ 21, true, ~0ULL, 1ULL << 26 },
};

static const struct {
	const char *name;
	u32 cluster_bits;
	u64 offset;
	u64 length;
	u64 max;
	struct verdict v;
} tables[] = {
	{ "an empty table lies anywhere", 16, 1, 0, 0, { 0 } },
	{ "a table of the longest length", 9, 512, 4096, 4096, { 0 } },
	{ "a table one byte too long", 9, 512, 4097, 4096,
	  { -EUCLEAN, "T: is too long", 512, 4097 } },
	{ "a table at the second cluster", 21, 1 << 21, 1, 1, { 0 } },
	{ "a table at half a cluster", 21, 1 << 20, 1, 1,
	  { -EUCLEAN, "T: offset is not cluster-aligned",
	    1 << 20, 1 << 20 } },
	{ "a table in the header's cluster", 9, 0, 1, 1,
	  { -EUCLEAN, "T: lies in the header's cluster", 0, 0 } },
	{ "a table that ends at 2^56", 9, (1ULL << 56) - 512, 512, 1024,
	  { 0 } },
	{ "a table that ends beyond 2^56", 9, (1ULL << 56) - 512, 513, 1024,
	  { -EUCLEAN, "T: ends beyond 2^56", (1ULL << 56) - 512, 513 } },
	{ "a table that ends at 2^64", 9, -512ULL, 512, 1024,
	  { -EUCLEAN, "T: ends beyond 2^56", -512ULL, 512 } },
	{ "a table that ends beyond 2^64", 9, -512ULL, 513, 1024,
	  { -EUCLEAN, "T: ends beyond 2^56", -512ULL, 513 } },
};

static void test_shapes(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct qcow2_geometry geo;

		qcow2_geometry_init(&geo, &shapes[i].h);
		report(same(&geo, &shapes[i].geo), "%s", shapes[i].name);
	}
}

static void test_l1_entries(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(needs); i++) {
		struct qcow2_header h = {
			.version = 3,
			.cluster_bits = needs[i].cluster_bits,
			.incompatible_features = needs[i].extended_l2 << 4,
		};
		struct qcow2_geometry geo;

		qcow2_geometry_init(&geo, &h);
		report(qcow2_l1_entries(&geo, needs[i].size) ==
		       needs[i].entries,
		       "cluster_bits %u%s, size %llu: %llu L1 entries",
		       needs[i].cluster_bits,
		       needs[i].extended_l2 ? ", extended L2" : "",
		       needs[i].size, needs[i].entries);
	}
}

static void test_tables(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		struct qcow_fault fault = {};
		int err = qcow2_table_check("T", tables[i].cluster_bits,
					    tables[i].offset, tables[i].length,
					    tables[i].max, &fault);

		report(as_expected(&tables[i].v, err, &fault), "%s",
		       tables[i].name);
	}
}

void test_geometry(void)
{
	test_shapes();
	test_l1_entries();
	test_tables();
}
