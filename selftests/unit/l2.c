// SPDX-License-Identifier: GPL-2.0
/* L2 entries: what type a cluster has, and which entries are corrupt. */
#include "format/l2.h"
#include "unit.h"

#define GUEST	0x120000ULL
#define COPIED	(1ULL << 63)
#define COMPR	(1ULL << 62)
#define ZERO	1ULL

/* Bitmap bits of subcluster n: it is allocated, it reads as zeros. */
#define A(n)	(1ULL << (n))
#define Z(n)	(1ULL << (32 + (n)))

static const struct qcow2_geometry
v2 = { .version = 2, .cluster_bits = 16 },
v3 = { .version = 3, .cluster_bits = 16 },
small = { .version = 3, .cluster_bits = 9 },
extended = { .version = 3, .cluster_bits = 16, .extended_l2 = true },
data_file = { .version = 3, .cluster_bits = 16, .external_data = true },
data_file_extended = { .version = 3, .cluster_bits = 16,
		       .extended_l2 = true, .external_data = true };

#define UNALLOCATED	QCOW2_CLUSTER_UNALLOCATED
#define ZERO_PLAIN	QCOW2_CLUSTER_ZERO_PLAIN
#define ZERO_ALLOC	QCOW2_CLUSTER_ZERO_ALLOC
#define NORMAL		QCOW2_CLUSTER_NORMAL
#define COMPRESSED	QCOW2_CLUSTER_COMPRESSED

#define UNALIGNED	"L2 entry: host offset is not cluster-aligned"
#define V2_ZERO		"L2 entry: zero flag in a version 2 image"
#define BOTH		"L2 entry: subcluster is both allocated and zero"
#define NOWHERE		"L2 entry: allocated subcluster without a host cluster"
#define COMPR_BITMAP	"L2 entry: compressed cluster with a subcluster bitmap"
#define COMPR_FAR	\
	"L2 entry: compressed cluster's host offset is beyond 2^56"
#define COMPR_DATA	\
	"L2 entry: compressed cluster with an external data file"
#define ELSEWHERE	"L2 entry: host offset in the data file is another"

static const struct row {
	const char *name;
	const struct qcow2_geometry *geo;
	u64 guest_offset;
	struct qcow2_l2_entry e;
	enum qcow2_cluster_type type;
	const char *says;		/* NULL: sound */
	u64 value;
} rows[] = {
	{ "nothing", &v3, GUEST, { 0 }, UNALLOCATED },
	{ "COPIED without an offset", &v3, GUEST, { COPIED }, UNALLOCATED },
	{ "a cluster", &v3, GUEST, { COPIED | 0x50000 }, NORMAL },
	{ "a shared cluster", &v3, GUEST, { 0x50000 }, NORMAL },
	{ "a cluster, version 2", &v2, GUEST, { COPIED | 0x50000 }, NORMAL },
	{ "the highest host offset", &v3, GUEST,
	  { COPIED | 0x00ffffffffff0000 }, NORMAL },
	{ "the highest host offset of 512-byte clusters", &small, GUEST,
	  { COPIED | 0x00fffffffffffe00 }, NORMAL },
	{ "only the highest bit of the host offset", &v3, GUEST, { 1ULL << 55 },
	  NORMAL },
	{ "reserved bits are ignored", &v3, GUEST,
	  { 0x3f000000000501fe }, NORMAL },
	{ "reserved bits alone are nothing", &v3, GUEST,
	  { 0x3f000000000001fe }, UNALLOCATED },
	{ "a bitmap means nothing without extended L2", &v3, GUEST,
	  { 0, A(3) | Z(3) }, UNALLOCATED },
	{ "host offset 512 bytes off", &v3, GUEST, { COPIED | 0x50200 },
	  NORMAL, UNALIGNED, 0x50200 },
	{ "host offset half a cluster off", &v3, GUEST, { 0x58000 },
	  NORMAL, UNALIGNED, 0x58000 },
	{ "host offset less than a cluster", &v3, GUEST, { 0x200 },
	  NORMAL, UNALIGNED, 0x200 },

	{ "zeros", &v3, GUEST, { ZERO }, ZERO_PLAIN },
	{ "zeros with a reserved cluster", &v3, GUEST,
	  { COPIED | 0x50000 | ZERO }, ZERO_ALLOC },
	{ "zeros with a reserved cluster 512 bytes off", &v3, GUEST,
	  { COPIED | 0x50200 | ZERO }, ZERO_ALLOC, UNALIGNED, 0x50200 },
	{ "zeros, version 2", &v2, GUEST, { ZERO }, ZERO_PLAIN,
	  V2_ZERO, ZERO },
	{ "zeros with a reserved cluster, version 2", &v2, GUEST,
	  { 0x50000 | ZERO }, ZERO_ALLOC, V2_ZERO, 0x50000 | ZERO },

	{ "compressed", &v3, GUEST, { COMPR | 0x50123 }, COMPRESSED },
	{ "compressed, version 2", &v2, GUEST, { COMPR | 0x50001 },
	  COMPRESSED },
	{ "compressed asks before zero", &v3, GUEST, { COMPR | 0x50000 | ZERO },
	  COMPRESSED },
	{ "compressed, 2^56 - 1", &small, GUEST,
	  { COMPR | ((1ULL << 56) - 1) }, COMPRESSED },
	{ "compressed, 2^56", &small, GUEST, { COMPR | 1ULL << 56 },
	  COMPRESSED, COMPR_FAR, 1ULL << 56 },
	{ "compressed, 2^56 is of the sector count in 64 KiB clusters", &v3,
	  GUEST, { COMPR | 1ULL << 56 }, COMPRESSED },

	{ "extended: nothing", &extended, GUEST, { 0, 0 }, UNALLOCATED },
	{ "extended: all allocated", &extended, GUEST,
	  { COPIED | 0x50000, 0xffffffff }, NORMAL },
	{ "extended: nothing allocated in a cluster", &extended, GUEST,
	  { COPIED | 0x50000, 0 }, NORMAL },
	{ "extended: all zero with a cluster", &extended, GUEST,
	  { COPIED | 0x50000, 0xffffffff00000000 }, NORMAL },
	{ "extended: all zero without a cluster", &extended, GUEST,
	  { 0, 0xffffffff00000000 }, UNALLOCATED },
	{ "extended: allocated beside zero", &extended, GUEST,
	  { COPIED | 0x50000, A(0) | A(31) | Z(1) | Z(30) }, NORMAL },
	{ "extended: bit 0 has no meaning", &extended, GUEST,
	  { COPIED | 0x50000 | ZERO, A(0) }, NORMAL },
	{ "extended: bit 0 alone has no meaning", &extended, GUEST,
	  { ZERO, 0 }, UNALLOCATED },
	{ "extended: subcluster 0 is both", &extended, GUEST,
	  { COPIED | 0x50000, A(0) | Z(0) }, NORMAL, BOTH, A(0) | Z(0) },
	{ "extended: subcluster 31 is both", &extended, GUEST,
	  { COPIED | 0x50000, A(31) | Z(31) }, NORMAL, BOTH, A(31) | Z(31) },
	{ "extended: first subcluster allocated nowhere", &extended, GUEST,
	  { 0, A(0) }, UNALLOCATED, NOWHERE, A(0) },
	{ "extended: last subcluster allocated nowhere", &extended, GUEST,
	  { COPIED, A(31) }, UNALLOCATED, NOWHERE, A(31) },
	{ "extended: host offset off", &extended, GUEST,
	  { COPIED | 0x50200, A(0) }, NORMAL, UNALIGNED, 0x50200 },
	{ "extended: compressed", &extended, GUEST, { COMPR | 0x50000, 0 },
	  COMPRESSED },
	{ "extended: compressed, allocated", &extended, GUEST,
	  { COMPR | 0x50000, A(0) }, COMPRESSED, COMPR_BITMAP, A(0) },
	{ "extended: compressed, zero", &extended, GUEST,
	  { COMPR | 0x50000, Z(31) }, COMPRESSED, COMPR_BITMAP, Z(31) },

	{ "data file: nothing", &data_file, GUEST, { 0 }, UNALLOCATED },
	{ "data file: a cluster in its place", &data_file, GUEST,
	  { COPIED | GUEST }, NORMAL },
	{ "data file: a cluster elsewhere", &data_file, GUEST,
	  { COPIED | (GUEST + 0x10000) }, NORMAL, ELSEWHERE, GUEST + 0x10000 },
	{ "data file: the first cluster", &data_file, 0, { COPIED }, NORMAL },
	{ "data file: the first cluster elsewhere", &data_file, 0,
	  { COPIED | 0x10000 }, NORMAL, ELSEWHERE, 0x10000 },
	{ "data file: the first cluster's place for another", &data_file,
	  GUEST, { COPIED }, NORMAL, ELSEWHERE, 0 },
	{ "data file: zeros", &data_file, GUEST, { ZERO }, ZERO_PLAIN },
	{ "data file: zeros in their place", &data_file, GUEST,
	  { COPIED | GUEST | ZERO }, ZERO_ALLOC },
	{ "data file: zeros elsewhere", &data_file, GUEST,
	  { COPIED | (GUEST + 0x10000) | ZERO }, ZERO_ALLOC,
	  ELSEWHERE, GUEST + 0x10000 },
	{ "data file: compressed", &data_file, GUEST, { COMPR | 0x50000 },
	  COMPRESSED, COMPR_DATA, COMPR | 0x50000 },
	{ "data file, extended: the first cluster", &data_file_extended, 0,
	  { COPIED, A(3) }, NORMAL },
	{ "data file, extended: allocated nowhere", &data_file_extended, 0,
	  { 0, A(3) }, UNALLOCATED, NOWHERE, A(3) },
};

static void test_row(const struct row *row)
{
	struct verdict v = { row->says ? -EUCLEAN : 0, row->says,
			     row->says ? row->guest_offset : 0, row->value };
	struct qcow_fault fault = {};
	int err;

	err = qcow2_l2_entry_check(row->geo, row->guest_offset, &row->e,
				   &fault);
	report(qcow2_cluster_type(row->geo, row->e.entry) == row->type &&
	       as_expected(&v, err, &fault), "%s", row->name);
}

void test_l2(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_row(&rows[i]);
}
