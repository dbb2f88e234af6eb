// SPDX-License-Identifier: GPL-2.0
/* Unknown incompatible features, and the names that an image has for them. */
#include <string.h>

#include "format/header.h"
#include "unit.h"

#define RECORD	48

static const struct record {
	u8 kind;
	u8 bit;
	const char *name;
} records[] = {
	{ 0, 0, "dirty bit" },
	{ 1, 5, "a compatible one" },
	{ 2, 5, "an autoclear one" },
	{ 0, 5, "shiny" },
	{ 0, 5, "named twice" },
	{ 0, 6, "" },
	{ 0, 7, "escape\033[2J\177\200\377~ end" },
	{ 0, 8, "a name that fills all of its forty-six bytes!!" },
	{ 0xff, 63, "of no kind" },
	{ 0, 63, "the last" },
};

static const struct {
	const char *name;
	u64 incompatible_features;
	const char *feature;		/* NULL: nothing unknown */
} rows[] = {
	{ "no feature", 0, NULL },
	{ "all known ones", 0x1f, NULL },
	{ "the first unknown one is named by its kind", 1 << 5, "shiny" },
	{ "an empty name is none", 1 << 6, "bit 6" },
	{ "a name is made printable", 1 << 7, "escape?[2J???~ end" },
	{ "a name without a NUL", 1 << 8,
	  "a name that fills all of its forty-six bytes!!" },
	{ "no name, one digit", 1 << 9, "bit 9" },
	{ "no name, two digits", 1 << 10, "bit 10" },
	{ "no name, bit 62", 1ULL << 62, "bit 62" },
	{ "bit 63", 1ULL << 63, "the last" },
	{ "the lowest of all unknown ones", ~0ULL, "shiny" },
	{ "known beside unknown", 0x1f | 1 << 9, "bit 9" },
};

static void fill(u8 *table)
{
	size_t i;

	memset(table, 0, ARRAY_SIZE(records) * RECORD);
	for (i = 0; i < ARRAY_SIZE(records); i++) {
		u8 *r = table + i * RECORD;

		r[0] = records[i].kind;
		r[1] = records[i].bit;
		memcpy(r + 2, records[i].name, strlen(records[i].name));
	}
}

static void test_row(const struct qcow2_extensions *ext, size_t i)
{
	struct qcow2_header h = {
		.incompatible_features = rows[i].incompatible_features
	};
	struct verdict v = { 0 };
	struct qcow_fault fault = {};
	int err;

	if (rows[i].feature)
		v = (struct verdict){
			-EOPNOTSUPP, "header: incompatible feature is unknown",
			72, rows[i].incompatible_features & ~0x1fULL };
	/* What was there before must not show through. */
	memset(fault.feature, 'x', sizeof(fault.feature));
	err = qcow2_header_check_features(&h, ext, &fault);
	report(as_expected(&v, err, &fault) &&
	       (!err || !strcmp(fault.feature, rows[i].feature)),
	       "%s", rows[i].name);
}

static void test_kinds(const struct qcow2_extensions *ext)
{
	char name[QCOW2_FEATURE_NAME_SIZE];
	bool ok;

	qcow2_feature_name(ext, QCOW2_FEATURE_COMPATIBLE, 5, name);
	ok = !strcmp(name, "a compatible one");
	qcow2_feature_name(ext, QCOW2_FEATURE_AUTOCLEAR, 5, name);
	ok = ok && !strcmp(name, "an autoclear one");
	qcow2_feature_name(ext, QCOW2_FEATURE_AUTOCLEAR, 0, name);
	report(ok && !strcmp(name, "bit 0"), "each kind has its own names");
}

static void test_no_table(void)
{
	struct qcow2_header h = { .incompatible_features = 1 << 5 };
	struct qcow2_extensions ext = {};
	struct qcow_fault fault = {};

	report(qcow2_header_check_features(&h, &ext, &fault) == -EOPNOTSUPP &&
	       !strcmp(fault.feature, "bit 5"), "no table of names");
}

static const struct {
	const char *name;
	u64 mask;
	u64 document;
} masks[] = {
	{ "dirty", QCOW2_INCOMPAT_DIRTY, 0x01 },
	{ "corrupt", QCOW2_INCOMPAT_CORRUPT, 0x02 },
	{ "external data file", QCOW2_INCOMPAT_DATA_FILE, 0x04 },
	{ "compression type", QCOW2_INCOMPAT_COMPRESSION, 0x08 },
	{ "extended L2 entries", QCOW2_INCOMPAT_EXTL2, 0x10 },
	{ "all incompatible", QCOW2_INCOMPAT_KNOWN, 0x1f },
	{ "lazy refcounts", QCOW2_COMPAT_LAZY_REFCOUNTS, 0x01 },
	{ "bitmaps", QCOW2_AUTOCLEAR_BITMAPS, 0x01 },
	{ "raw external data", QCOW2_AUTOCLEAR_DATA_FILE_RAW, 0x02 },
	{ "all autoclear", QCOW2_AUTOCLEAR_KNOWN, 0x03 },
};

static void test_masks(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(masks); i++)
		report(masks[i].mask == masks[i].document, "bits of \"%s\"",
		       masks[i].name);
}

void test_feature(void)
{
	u8 table[ARRAY_SIZE(records) * RECORD];
	struct qcow2_extensions ext = {
		.feature_names = table, .nr_feature_names = ARRAY_SIZE(records),
	};
	size_t i;

	test_masks();
	fill(table);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_row(&ext, i);
	test_kinds(&ext);
	test_no_table();
}
