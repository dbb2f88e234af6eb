// SPDX-License-Identifier: GPL-2.0
/* Subclusters: the type of each, and runs of one type. */
#include "format/l2.h"
#include "unit.h"

#define UNALLOCATED	QCOW2_CLUSTER_UNALLOCATED
#define ZERO_PLAIN	QCOW2_CLUSTER_ZERO_PLAIN
#define ZERO_ALLOC	QCOW2_CLUSTER_ZERO_ALLOC
#define NORMAL		QCOW2_CLUSTER_NORMAL
#define COMPRESSED	QCOW2_CLUSTER_COMPRESSED

#define ALLOC		(1ULL << 7)
#define ZERO		(1ULL << 39)

static const struct {
	const char *name;
	enum qcow2_cluster_type cluster;
	u64 bitmap;
	enum qcow2_cluster_type subcluster;	/* number 7 */
} types[] = {
	{ "neither bit, no cluster", UNALLOCATED, ~(ALLOC | ZERO),
	  UNALLOCATED },
	{ "neither bit, a cluster", NORMAL, ~(ALLOC | ZERO), UNALLOCATED },
	{ "zero, no cluster", UNALLOCATED, ZERO, ZERO_PLAIN },
	{ "zero, a cluster", NORMAL, ZERO, ZERO_ALLOC },
	{ "allocated", NORMAL, ALLOC, NORMAL },
	{ "compressed", COMPRESSED, 0, COMPRESSED },
};

static const struct {
	const char *name;
	enum qcow2_cluster_type cluster;
	u64 bitmap;
	unsigned int sc;
	unsigned int run;
} runs[] = {
	{ "all unallocated", NORMAL, 0, 0, 32 },
	{ "all allocated", NORMAL, 0xffffffff, 0, 32 },
	{ "all zero", UNALLOCATED, 0xffffffff00000000, 0, 32 },
	{ "the last subcluster", NORMAL, 0xffffffff, 31, 1 },
	{ "from the middle to the end", NORMAL, 0xffffffff, 20, 12 },
	{ "allocated, then unallocated", NORMAL, 0xff, 2, 6 },
	{ "allocated, then zero", NORMAL, 0xffffff00000000ff, 2, 6 },
	{ "zero, then allocated", NORMAL, 0x000000ff00000100, 0, 8 },
	{ "zero, then unallocated", UNALLOCATED, 0x000000ff00000000, 7, 1 },
	{ "unallocated, then allocated", NORMAL, 0x80000000, 0, 31 },
	{ "unallocated, then zero", UNALLOCATED, 0x8000000000000000, 1, 30 },
	{ "compressed", COMPRESSED, 0, 0, 32 },
	{ "compressed, whatever the bitmap", COMPRESSED, 0xff, 0, 32 },
	{ "compressed, from the middle", COMPRESSED, 0, 30, 2 },
};

/* The promise in its own words: neighbours of one type. */
static unsigned int count(enum qcow2_cluster_type type, u64 bitmap,
			  unsigned int sc)
{
	unsigned int i = sc;

	while (i < 32 && qcow2_subcluster_type(type, bitmap, i) ==
			 qcow2_subcluster_type(type, bitmap, sc))
		i++;
	return i - sc;
}

/* Corrupt ones too: where both bits are set zero is asked first. */
static u64 random_bitmap(void)
{
	u32 alloc = (u32)(random64() | random64());
	u32 zero = (u32)(random64() & random64() & random64());

	return (u64)zero << 32 | alloc;
}

static void test_random_runs(void)
{
	bool ok = true;
	int i;

	for (i = 0; i < 100000 && ok; i++) {
		u64 bitmap = random_bitmap();
		unsigned int sc = i % 32;

		ok = qcow2_subcluster_run(NORMAL, bitmap, sc) ==
		     count(NORMAL, bitmap, sc);
		if (!ok)
			explain("bitmap %016llx, subcluster %u", bitmap, sc);
	}
	report(ok, "runs of 100000 random bitmaps");
}

void test_subcluster(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		report(qcow2_subcluster_type(types[i].cluster, types[i].bitmap,
					     7) == types[i].subcluster,
		       "type: %s", types[i].name);
	for (i = 0; i < ARRAY_SIZE(runs); i++)
		report(qcow2_subcluster_run(runs[i].cluster, runs[i].bitmap,
					    runs[i].sc) == runs[i].run,
		       "run: %s", runs[i].name);
	test_random_runs();
}
