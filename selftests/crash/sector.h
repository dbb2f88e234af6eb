/* SPDX-License-Identifier: GPL-2.0 */
/* Sectors that say what they are: whose, and which version of it. */
#ifndef CRASH_SECTOR_H
#define CRASH_SECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SECTOR_SIZE	512
#define SECTOR_WORDS	(SECTOR_SIZE / 8)
#define SECTOR_MAGIC	0x7163726173683031ULL
/* What lay in an image before the load began has a version of its layer. */
#define SECTOR_LAYER	(1ULL << 32)
#define SECTOR_STRIDE	0x9e3779b97f4a7c15ULL

static inline uint64_t sector_mix(uint64_t number, uint64_t version)
{
	uint64_t x = number * 0xbf58476d1ce4e5b9ULL + version;

	x = (x ^ x >> 31) * 0x94d049bb133111ebULL;
	return x ^ x >> 29;
}

/* What words of one sector differ by; the layers are to be compressible. */
static inline uint64_t sector_stride(uint64_t version)
{
	return version & SECTOR_LAYER ? 0 : SECTOR_STRIDE;
}

static inline void sector_fill(void *to, uint64_t number, uint64_t version)
{
	uint64_t word[SECTOR_WORDS] = { SECTOR_MAGIC, number, version };
	uint64_t check = sector_mix(number, version), i;

	for (i = 3; i < SECTOR_WORDS; i++)
		word[i] = check + i * sector_stride(version);
	memcpy(to, word, sizeof(word));
}

/* False if it is no such sector, or a torn one. */
static inline bool sector_read(const void *from, uint64_t *number,
			       uint64_t *version)
{
	uint64_t word[SECTOR_WORDS], check, stride, wrong = 0, i;

	memcpy(word, from, sizeof(word));
	if (word[0] != SECTOR_MAGIC)
		return false;
	*number = word[1];
	*version = word[2];
	check = sector_mix(*number, *version);
	stride = sector_stride(*version);
	for (i = 3; i < SECTOR_WORDS; i++)
		wrong |= word[i] ^ (check + i * stride);
	return !wrong;
}

static inline bool sector_is_zero(const void *from)
{
	uint64_t word[SECTOR_WORDS], any = 0, i;

	memcpy(word, from, sizeof(word));
	for (i = 0; i < SECTOR_WORDS; i++)
		any |= word[i];
	return !any;
}

#endif /* CRASH_SECTOR_H */
