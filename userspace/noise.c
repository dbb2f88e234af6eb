// SPDX-License-Identifier: GPL-2.0
#include "noise.h"

enum {
	SAMPLE		= 4096,		/* enough to tell most of it apart */
	LEAST		= 16384,	/* below this a guess gains little */
	HASH_BITS	= 12,
	VALUES		= 256,
};

static void count(const u8 *bytes, size_t size, u32 *counts)
{
	size_t i;

	for (i = 0; i < size; i++)
		counts[bytes[i]]++;
}

/*
 * The sum of squared deviations from equal counts.  For random bytes it is
 * about VALUES times the mean; where a code by the counts alone would save half
 * a percent, it is greater by the mean times size / 18.
 */
static bool even(const u8 *bytes, size_t size)
{
	u64 mean = size / VALUES, sum = 0, off;
	u32 counts[VALUES] = { 0 };
	unsigned int i;

	count(bytes, size, counts);
	for (i = 0; i < VALUES; i++) {
		off = counts[i] > mean ? counts[i] - mean : mean - counts[i];
		sum += off * off;
	}
	return sum <= mean * (VALUES + size / 18);
}

static u32 word_at(const u8 *bytes)
{
	u32 word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* How many words have come before, not longer ago than a hash table keeps. */
static size_t repeats(const u8 *bytes, size_t size)
{
	u32 last[1 << HASH_BITS] = { 0 };
	size_t i, n = 0;
	u32 word, hash;

	for (i = 0; i + sizeof(word) <= size; i++) {
		word = word_at(bytes + i);
		hash = word * 2654435761U >> (32 - HASH_BITS);
		n += last[hash] == word;
		last[hash] = word;
	}
	return n;
}

bool noise_is(const u8 *bytes, size_t size)
{
	if (size < LEAST || !even(bytes, SAMPLE))
		return false;
	return even(bytes, size) && repeats(bytes, size) < size / 512;
}
