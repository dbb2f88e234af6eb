// SPDX-License-Identifier: GPL-2.0
/* Snapshot table entries. */
#include <stdlib.h>
#include <string.h>

#include "format/snapshot.h"
#include "image.h"

#define AT	0x50000ULL	/* where the entry lies in the file */
#define REFUSED	-EUCLEAN

/* Offset and bytes of each member of an entry. */
#define L1_TABLE	.offset = 0, .bytes = 8
#define L1_ENTRIES	.offset = 8, .bytes = 4
#define ID_LEN		.offset = 12, .bytes = 2
#define NAME_LEN	.offset = 14, .bytes = 2
#define SECONDS		.offset = 16, .bytes = 4
#define NANOSECONDS	.offset = 20, .bytes = 4
#define VM_CLOCK	.offset = 24, .bytes = 8
#define VM_STATE	.offset = 32, .bytes = 4
#define EXTRA_LEN	.offset = 36, .bytes = 4
#define EXTRA_VM_STATE	.offset = 40, .bytes = 8
#define EXTRA_DISK_SIZE	.offset = 48, .bytes = 8
#define EXTRA_ICOUNT	.offset = 56, .bytes = 8

#define LONGEST		(40 + 1024 + 2 * 65535 + 8)

/* An entry as QEMU writes it: 24 bytes of extra data, id "1", name "snap". */
static const struct edit usual[] = {
	{ L1_TABLE, 0x60000 }, { L1_ENTRIES, 2 },
	{ ID_LEN, 1 }, { NAME_LEN, 4 },
	{ EXTRA_LEN, 24 }, { EXTRA_DISK_SIZE, 1 << 30 },
	{ EXTRA_ICOUNT, ~0ULL },
	{ 64, 1, '1' }, { 65, 4, 0x736e6170 },
};

static const struct row {
	const char *name;
	struct edit edits[4];
	struct verdict v;
	u32 entry_len;
} rows[] = {
	{ "as QEMU writes it", { }, { 0 }, 72 },
	{ "no padding needed", { { NAME_LEN, 7 } }, { 0 }, 72 },
	{ "most of the padding", { { NAME_LEN, 8 } }, { 0 }, 80 },
	{ "empty id and name", { { ID_LEN, 0 }, { NAME_LEN, 0 } }, { 0 }, 64 },
	{ "the longest id and name",
	  { { ID_LEN, 65535 }, { NAME_LEN, 65535 } }, { 0 }, 131136 },
	{ "no extra data", { { EXTRA_LEN, 0 } }, { 0 }, 48 },
	{ "1024 bytes of extra data", { { EXTRA_LEN, 1024 } }, { 0 }, 1072 },
	{ "1025 bytes of extra data", { { EXTRA_LEN, 1025 } },
	  { REFUSED, "snapshot table entry: extra data exceeds 1024 bytes",
	    AT, 1025 } },
	{ "2^32 - 1 bytes of extra data", { { EXTRA_LEN, 0xffffffff } },
	  { REFUSED, "snapshot table entry: extra data exceeds 1024 bytes",
	    AT, 0xffffffff } },

	{ "L1 table just enough", { { EXTRA_DISK_SIZE, 1 << 30 } },
	  { 0 }, 72 },
	{ "L1 table one entry short", { { EXTRA_DISK_SIZE, (1 << 30) + 1 } },
	  { REFUSED,
	    "snapshot table entry: L1 table is too small for the disk size",
	    AT, (1 << 30) + 1 } },
	{ "disk size 2^64 - 1", { { EXTRA_DISK_SIZE, ~0ULL } },
	  { REFUSED,
	    "snapshot table entry: L1 table is too small for the disk size",
	    AT, ~0ULL } },
	{ "the disk has grown since", { { L1_ENTRIES, 1 }, { EXTRA_LEN, 8 } },
	  { 0 }, 56 },
	{ "no L1 table for an empty disk",
	  { { L1_ENTRIES, 0 }, { L1_TABLE, 0 }, { EXTRA_DISK_SIZE, 0 } },
	  { 0 }, 72 },
	{ "L1 table of 32 MiB", { { L1_ENTRIES, 4 << 20 } }, { 0 }, 72 },
	{ "L1 table above 32 MiB", { { L1_ENTRIES, (4 << 20) + 1 } },
	  { REFUSED, "snapshot's L1 table: is too long",
	    0x60000, ((4 << 20) + 1) * 8 } },
	{ "L1 table of 2^32 - 1 entries", { { L1_ENTRIES, 0xffffffff } },
	  { REFUSED, "snapshot's L1 table: is too long",
	    0x60000, 0xffffffffULL * 8 } },
	{ "L1 table off its cluster", { { L1_TABLE, 0x68000 } },
	  { REFUSED, "snapshot's L1 table: offset is not cluster-aligned",
	    0x68000, 0x68000 } },
	{ "L1 table at 0", { { L1_TABLE, 0 } },
	  { REFUSED, "snapshot's L1 table: lies in the header's cluster",
	    0, 0 } },
	{ "L1 table that ends at 2^56",
	  { { L1_TABLE, (1ULL << 56) - 0x10000 }, { L1_ENTRIES, 8192 } },
	  { 0 }, 72 },
	{ "L1 table that ends beyond 2^56",
	  { { L1_TABLE, (1ULL << 56) - 0x10000 }, { L1_ENTRIES, 8193 } },
	  { REFUSED, "snapshot's L1 table: ends beyond 2^56",
	    (1ULL << 56) - 0x10000, 8193 * 8 } },
	{ "L1 table whose end wraps around",
	  { { L1_TABLE, -0x10000ULL }, { L1_ENTRIES, 8193 } },
	  { REFUSED, "snapshot's L1 table: ends beyond 2^56",
	    -0x10000ULL, 8193 * 8 } },
};

static void parse_header(struct qcow2_header *h)
{
	struct qcow_fault fault = {};
	u8 buf[112];

	new_header(buf, 3);
	put(buf + 24, 8, 3ULL << 28);
	if (qcow2_header_parse(buf, sizeof(buf), h, &fault))
		abort();
}

static u8 *new_entry(const struct edit *edits, size_t max)
{
	u8 *entry = calloc(1, LONGEST);

	if (!entry)
		abort();
	apply_edits(entry, usual, ARRAY_SIZE(usual));
	apply_edits(entry, edits, max);
	return entry;
}

static void test_row(const struct qcow2_header *h, const struct row *row)
{
	u8 *entry = new_entry(row->edits, ARRAY_SIZE(row->edits));
	struct qcow_fault fault = {};
	struct qcow2_snapshot s;
	int err;

	err = qcow2_snapshot_parse(h, entry, LONGEST, AT, &s, &fault);
	report(as_expected(&row->v, err, &fault) &&
	       (err || s.entry_len == row->entry_len), "%s", row->name);
	free(entry);
}

/*
 * Who gets -ENODATA and reads as much as entry_len asks for gets there, and
 * never with a byte more than the entry has without its padding.
 */
static void test_reader(const struct qcow2_header *h, const char *name,
			const struct edit *edits, size_t max, size_t needed)
{
	u8 *entry = new_entry(edits, max);
	int err = -ENODATA, steps;
	struct qcow2_snapshot s;
	struct qcow_fault fault;
	size_t len = 0;

	for (steps = 0; err == -ENODATA && steps < 4; steps++) {
		void *copy = tight(entry, len);

		err = qcow2_snapshot_parse(h, copy, len, AT, &s, &fault);
		free(copy);
		if (err)
			len = s.entry_len;
	}
	report(!err && len == needed, "%s: read as far as it asks", name);
	free(entry);
}

/* Every length that is too short, and no byte read beyond it. */
static void test_lengths(const struct qcow2_header *h)
{
	u8 *entry = new_entry(NULL, 0);
	struct qcow2_snapshot s;
	struct qcow_fault fault;
	bool ok = true;
	size_t len;

	for (len = 0; len <= 72; len++) {
		void *copy = tight(entry, len);
		int err = qcow2_snapshot_parse(h, copy, len, AT, &s, &fault);

		ok = ok && (len >= 69 ? !err : err == -ENODATA &&
			    s.entry_len == (len < 40 ? 40 : 69));
		free(copy);
	}
	report(ok, "cut off at every length");
	free(entry);
}

static const struct edit distinct[] = {
	{ L1_TABLE, 0xa1b2c3d4e60000 }, { L1_ENTRIES, 0x123456 },
	{ ID_LEN, 3 }, { NAME_LEN, 6 }, { SECONDS, 0x61626364 },
	{ NANOSECONDS, 0x35343332 }, { VM_CLOCK, 0x1122334455667788 },
	{ VM_STATE, 0x71727374 }, { EXTRA_LEN, 29 },
	{ EXTRA_VM_STATE, 0x99aabbccddeeff }, { EXTRA_DISK_SIZE, 0x8877665544 },
	{ EXTRA_ICOUNT, 0x1020304050607080 },
	{ 64, 4, 0x6d6f7265 }, { 68, 1, '!' },
	{ 69, 2, 0x3132 }, { 71, 1, '3' },
	{ 72, 4, 0x62656665 }, { 76, 2, 0x6767 },
};

static void test_members(const struct qcow2_header *h)
{
	u8 *entry = new_entry(distinct, ARRAY_SIZE(distinct));
	struct qcow2_snapshot s;
	struct qcow_fault fault;

	report(!qcow2_snapshot_parse(h, entry, 78, AT, &s, &fault) &&
	       s.l1_table_offset == 0xa1b2c3d4e60000 &&
	       s.l1_size == 0x123456 && s.date_sec == 0x61626364 &&
	       s.date_nsec == 0x35343332 &&
	       s.vm_clock_nsec == 0x1122334455667788 &&
	       s.vm_state_size == 0x99aabbccddeeff &&
	       s.disk_size == 0x8877665544 &&
	       s.icount == 0x1020304050607080 && s.extra_data_size == 29 &&
	       s.id_len == 3 && !memcmp(s.id, "123", 3) &&
	       s.name_len == 6 && !memcmp(s.name, "befegg", 6) &&
	       s.unknown_extra_len == 5 &&
	       !memcmp(s.unknown_extra, "more!", 5) && s.entry_len == 80,
	       "every member is decoded");
	free(entry);
}

/* Extra data counts as far as it goes: a member that is cut off is none. */
static void test_extra(const struct qcow2_header *h, u32 extra,
		       bool has_vm_state, bool has_disk_size, bool has_icount)
{
	u8 *entry = new_entry(distinct, ARRAY_SIZE(distinct));
	struct qcow2_snapshot s;
	struct qcow_fault fault;

	put(entry + 36, 4, extra);
	report(!qcow2_snapshot_parse(h, entry, 40 + extra + 9, AT, &s,
				     &fault) &&
	       s.vm_state_size == (has_vm_state ? 0x99aabbccddeeff :
						  0x71727374) &&
	       s.disk_size == (has_disk_size ? 0x8877665544 : h->size) &&
	       s.icount == (has_icount ? 0x1020304050607080 :
					 QCOW2_SNAPSHOT_NO_ICOUNT) &&
	       !s.unknown_extra && !s.unknown_extra_len,
	       "%u bytes of extra data", extra);
	free(entry);
}

static void test_matches(void)
{
	static const struct qcow2_snapshot s = {
		.id = "12", .id_len = 2, .name = "one", .name_len = 3,
	};

	report(qcow2_snapshot_matches_id(&s, "12", 2) &&
	       !qcow2_snapshot_matches_id(&s, "1", 1) &&
	       !qcow2_snapshot_matches_id(&s, "123", 3) &&
	       !qcow2_snapshot_matches_id(&s, "13", 2) &&
	       !qcow2_snapshot_matches_id(&s, "one", 3), "an id is matched whole");
	report(qcow2_snapshot_matches_name(&s, "one", 3) &&
	       !qcow2_snapshot_matches_name(&s, "on", 2) &&
	       !qcow2_snapshot_matches_name(&s, "one ", 4) &&
	       !qcow2_snapshot_matches_name(&s, "One", 3) &&
	       !qcow2_snapshot_matches_name(&s, "12", 2),
	       "a name is matched whole");
}

/* Byte for byte what QEMU writes. */
static void test_encode(void)
{
	static const struct qcow2_snapshot s = {
		.l1_table_offset = 0x60000, .l1_size = 2,
		.id = "1", .id_len = 1, .name = "snap", .name_len = 4,
		.disk_size = 1 << 30, .icount = QCOW2_SNAPSHOT_NO_ICOUNT,
	};
	u8 *wanted = new_entry(NULL, 0), *got = malloc(72);

	if (!got)
		abort();
	memset(got, 0xaa, 72);
	qcow2_snapshot_encode(got, &s);
	report(qcow2_snapshot_encoded_len(&s) == 72 &&
	       !memcmp(got, wanted, 72), "a new entry is QEMU's");
	free(got);
	free(wanted);
}

/* What is decoded from it is what was encoded. */
static void test_encode_members(const struct qcow2_header *h)
{
	static const struct qcow2_snapshot s = {
		.l1_table_offset = 0xa1b2c3d4e60000, .l1_size = 0x123456,
		.date_sec = 0x61626364, .date_nsec = 0x35343332,
		.vm_clock_nsec = 0x1122334455667788,
		.vm_state_size = 0x99aabbccddeeff, .disk_size = 0x8877665544,
		.icount = 0x1020304050607080,
		.id = "123", .id_len = 3, .name = "a longer name", .name_len = 13,
	};
	u32 len = qcow2_snapshot_encoded_len(&s);
	struct qcow2_snapshot t;
	struct qcow_fault fault;
	u8 *buf = malloc(len);

	if (!buf)
		abort();
	qcow2_snapshot_encode(buf, &s);
	report(!qcow2_snapshot_parse(h, buf, len, AT, &t, &fault) &&
	       t.entry_len == len && t.l1_table_offset == s.l1_table_offset &&
	       t.l1_size == s.l1_size && t.date_sec == s.date_sec &&
	       t.date_nsec == s.date_nsec &&
	       t.vm_clock_nsec == s.vm_clock_nsec &&
	       t.vm_state_size == s.vm_state_size &&
	       t.disk_size == s.disk_size && t.icount == s.icount &&
	       qcow2_snapshot_matches_id(&t, s.id, s.id_len) &&
	       qcow2_snapshot_matches_name(&t, s.name, s.name_len),
	       "every member is encoded");
	free(buf);
}

void test_snapshot(void)
{
	static const struct edit longest[] = {
		{ EXTRA_LEN, 1024 }, { ID_LEN, 65535 }, { NAME_LEN, 65535 },
	};
	struct qcow2_header h;
	size_t i;

	parse_header(&h);
	test_members(&h);
	test_extra(&h, 0, false, false, false);
	test_extra(&h, 7, false, false, false);
	test_extra(&h, 8, true, false, false);
	test_extra(&h, 15, true, false, false);
	test_extra(&h, 16, true, true, false);
	test_extra(&h, 23, true, true, false);
	test_extra(&h, 24, true, true, true);
	test_lengths(&h);
	test_reader(&h, "a usual entry", NULL, 0, 69);
	test_reader(&h, "the longest entry", longest, ARRAY_SIZE(longest),
		    40 + 1024 + 65535 + 65535);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_row(&h, &rows[i]);
	test_matches();
	test_encode();
	test_encode_members(&h);
}
