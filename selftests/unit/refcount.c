// SPDX-License-Identifier: GPL-2.0
/* Refcount blocks of every width, and refcount table entries. */
#include <stdlib.h>
#include <string.h>

#include "format/refcount.h"
#include "unit.h"

#define BLOCK	512

/*
 * The model: where the format document puts bit @b (0 is the least) of
 * refcount @i, of @width bits.  Byte of the block, and bit in it.
 */
static void place(unsigned int width, unsigned int i, unsigned int b,
		  unsigned int *byte, unsigned int *bit)
{
	unsigned int bytes = width / 8;

	if (width < 8) {
		*byte = i * width / 8;
		*bit = i * width % 8 + b;
	} else {
		*byte = i * bytes + (bytes - 1 - b / 8);
		*bit = b % 8;
	}
}

static u64 model_get(const u8 *block, unsigned int width, unsigned int i)
{
	unsigned int b, byte, bit;
	u64 value = 0;

	for (b = 0; b < width; b++) {
		place(width, i, b, &byte, &bit);
		value |= (u64)(block[byte] >> bit & 1) << b;
	}
	return value;
}

static void model_set(u8 *block, unsigned int width, unsigned int i, u64 value)
{
	unsigned int b, byte, bit;

	for (b = 0; b < width; b++) {
		place(width, i, b, &byte, &bit);
		block[byte] = (u8)(block[byte] & ~(1 << bit));
		block[byte] |= (u8)((value >> b & 1) << bit);
	}
}

static void randomize(u8 *block)
{
	size_t i;

	for (i = 0; i < BLOCK; i++)
		block[i] = (u8)random64();
}

static void test_get(unsigned int order)
{
	unsigned int width = 1U << order, i;
	bool ok = true;
	u8 block[BLOCK];

	randomize(block);
	for (i = 0; i < BLOCK * 8 / width; i++)
		ok = ok && qcow2_refcount_get(block, order, i) ==
			   model_get(block, width, i);
	report(ok, "%u bits: get as the model", width);
}

/* The whole block is compared: a neighbour may not change. */
static void test_set(unsigned int order)
{
	unsigned int width = 1U << order, n = BLOCK * 8 / width, i;
	u64 max = ~0ULL >> (64 - width);
	const u64 values[] = { 0, 1, max - 1, max, random64() & max };
	u8 block[BLOCK], model[BLOCK];
	bool ok = true;

	randomize(block);
	memcpy(model, block, BLOCK);
	for (i = 0; i < 4 * n && ok; i++) {
		unsigned int at = (unsigned int)(random64() % n);
		u64 value = values[i % ARRAY_SIZE(values)];

		qcow2_refcount_set(block, order, at, value);
		model_set(model, width, at, value);
		ok = !memcmp(block, model, BLOCK) &&
		     qcow2_refcount_get(block, order, at) == value;
	}
	report(ok, "%u bits: set as the model, nothing beside", width);
}

/*
 * From everywhere to everywhere, in a block that has few others than @value.
 */
static void test_count(unsigned int order, u64 value,
		       u32 (*counter)(const void *block, unsigned int order,
				      u64 index, u32 count))
{
	u32 n = BLOCK * 8 >> order, i, at, alike;
	u8 zeros[BLOCK] = { 0 };
	u8 *block = tight(zeros, BLOCK);
	bool ok = true;

	for (i = 0; i < n; i++)
		qcow2_refcount_set(block, order, i,
				   random64() % 70 ? value : random64() & 1);
	for (at = 0; at < n; at++) {
		u32 count = 1 + (u32)(random64() % (n - at));

		alike = 0;
		while (alike < count &&
		       qcow2_refcount_get(block, order, at + alike) == value)
			alike++;
		ok = ok && counter(block, order, at, count) == alike;
	}
	report(ok, "%u bits: %us counted, from each on", 1U << order,
	       (unsigned int)value);
	free(block);
}

/* With one refcount in use at each place, and with zeros around the part. */
static void test_end(unsigned int order)
{
	u64 n = BLOCK * 8ULL >> order, word = 64 >> order, i, count;
	u8 zeros[BLOCK] = { 0 };
	u8 *block = tight(zeros, BLOCK);
	bool ok = qcow2_refcount_end(block, order, n) == 0;

	for (i = 0; i < n; i++) {
		qcow2_refcount_set(block, order, i, qcow2_refcount_max(order));
		count = word + random64() % (n / word) * word;
		ok = ok && qcow2_refcount_end(block, order, n) == i + 1 &&
		     qcow2_refcount_end(block, order, count) ==
		     (i < count ? i + 1 : 0);
		qcow2_refcount_set(block, order, i, 0);
	}
	for (i = 0; i < n; i++)
		qcow2_refcount_set(block, order, i, 1);
	for (count = 0; count <= n; count += word)
		ok = ok && qcow2_refcount_end(block, order, count) == count;
	report(ok, "%u bits: the last one in use", 1U << order);
	free(block);
}

/* First and last entry of a block of its own: ASan sees a step beyond. */
static void test_ends(unsigned int order)
{
	u64 last = (BLOCK * 8ULL >> order) - 1;
	static const u8 zeros[BLOCK];
	u8 *block = tight(zeros, BLOCK);

	qcow2_refcount_set(block, order, 0, 1);
	qcow2_refcount_set(block, order, last, 1);
	report(qcow2_refcount_get(block, order, 0) == 1 &&
	       qcow2_refcount_get(block, order, 1) == 0 &&
	       qcow2_refcount_get(block, order, last) == 1,
	       "%u bits: first and last of a block", 1U << order);
	free(block);
}

static void test_max(void)
{
	static const u64 max[] = {
		1, 3, 15, 255, 65535, 0xffffffff, 0xffffffffffffffff,
	};
	unsigned int order;

	for (order = 0; order <= 6; order++)
		report(qcow2_refcount_max(order) == max[order],
		       "%u bits: at most %llu", 1U << order, max[order]);
}

static void test_block_bits(void)
{
	static const struct qcow2_geometry
	least = { .cluster_bits = 9, .refcount_order = 6 },
	usual = { .cluster_bits = 16, .refcount_order = 4 },
	most = { .cluster_bits = 21, .refcount_order = 0 };

	report(qcow2_refcount_block_bits(&least) == 6 &&
	       qcow2_refcount_block_bits(&usual) == 15 &&
	       qcow2_refcount_block_bits(&most) == 24,
	       "refcounts of a block");
}

#define UNALIGNED "refcount table entry: block offset is not cluster-aligned"
#define FAR	  "refcount table entry: block offset is beyond 2^56"

static const struct {
	const char *name;
	u8 cluster_bits;
	u64 entry;
	struct verdict v;
} entries[] = {
	{ "no block", 16, 0, { 0 } },
	{ "a block", 16, 0x20000, { 0 } },
	{ "a block of 512 bytes", 9, 0x200, { 0 } },
	{ "reserved bits are ignored", 16, 0x201ff, { 0 } },
	{ "512 bytes off", 16, 0x20200, { -EUCLEAN, UNALIGNED, 5, 0x20200 } },
	{ "half a cluster off", 21, 0x300000,
	  { -EUCLEAN, UNALIGNED, 5, 0x300000 } },
	{ "the last cluster below 2^56", 16, (1ULL << 56) - 0x10000, { 0 } },
	{ "at 2^56", 16, 1ULL << 56, { -EUCLEAN, FAR, 5, 1ULL << 56 } },
	{ "at 2^63", 16, 1ULL << 63, { -EUCLEAN, FAR, 5, 1ULL << 63 } },
};

static void test_entries(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		struct qcow2_geometry geo = {
			.cluster_bits = entries[i].cluster_bits,
		};
		struct qcow_fault fault = {};
		int err = qcow2_reftable_entry_check(&geo, 5, entries[i].entry,
						     &fault);

		report(as_expected(&entries[i].v, err, &fault),
		       "table entry: %s", entries[i].name);
	}
}

void test_refcount(void)
{
	unsigned int order;

	for (order = 0; order <= 6; order++) {
		test_get(order);
		test_set(order);
		test_count(order, 1, qcow2_refcount_count_ones);
		test_count(order, 0, qcow2_refcount_count_zeros);
		test_end(order);
		test_ends(order);
	}
	test_max();
	test_block_bits();
	test_entries();
}
