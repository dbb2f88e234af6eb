// SPDX-License-Identifier: GPL-2.0
/*
 * bigimage TARGET BYTES
 *
 * Makes of a file or block device a qcow2 image whose disk has so many bytes,
 * all of them allocated: clusters of 64 KiB, first all tables, then the data,
 * of which nothing is written.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BITS		16
#define CLUSTER		(1ULL << BITS)
#define ENTRIES		(CLUSTER / 8)		/* of a table */
#define COUNTS		(CLUSTER / 2)		/* of a refcount block */
#define COPIED		(1ULL << 63)
#define HEADER_LENGTH	104

struct layout {
	uint64_t data, tables, l1, blocks, reftable;	/* in clusters */
	uint64_t reftable_at, blocks_at, l1_at, tables_at, data_at, end;
};

static int target;

static uint64_t clusters(uint64_t n, uint64_t per_cluster)
{
	return (n + per_cluster - 1) / per_cluster;
}

/* The blocks count themselves, too. */
static struct layout plan(uint64_t bytes)
{
	struct layout l = { .data = clusters(bytes, CLUSTER) };
	uint64_t before;

	l.tables = clusters(l.data, ENTRIES);
	l.l1 = clusters(l.tables, ENTRIES);
	do {
		before = l.blocks;
		l.reftable = clusters(l.blocks, ENTRIES);
		l.end = 1 + l.reftable + l.blocks + l.l1 + l.tables + l.data;
		l.blocks = clusters(l.end, COUNTS);
	} while (l.blocks != before);
	l.reftable_at = 1;
	l.blocks_at = l.reftable_at + l.reftable;
	l.l1_at = l.blocks_at + l.blocks;
	l.tables_at = l.l1_at + l.l1;
	l.data_at = l.tables_at + l.tables;
	return l;
}

static void put(const void *data, uint64_t cluster)
{
	if (pwrite(target, data, CLUSTER, cluster << BITS) != CLUSTER)
		err(1, "cluster %ju", (uintmax_t)cluster);
}

/* A table whose entries lead to clusters that follow one another. */
static void put_entries(uint64_t at, uint64_t first, uint64_t count,
			uint64_t flags)
{
	uint64_t entries[ENTRIES], i, n;

	for (; count; count -= n, at++) {
		n = count < ENTRIES ? count : ENTRIES;
		memset(entries, 0, sizeof(entries));
		for (i = 0; i < n; i++, first++)
			entries[i] = htobe64(first << BITS | flags);
		put(entries, at);
	}
}

static void put_refcounts(const struct layout *l)
{
	uint64_t left = l->end, i, n, b;
	uint16_t counts[COUNTS];

	for (b = 0; b < l->blocks; b++, left -= n) {
		n = left < COUNTS ? left : COUNTS;
		memset(counts, 0, sizeof(counts));
		for (i = 0; i < n; i++)
			counts[i] = htobe16(1);
		put(counts, l->blocks_at + b);
	}
}

static void set32(unsigned char *header, unsigned int at, uint32_t value)
{
	value = htobe32(value);
	memcpy(header + at, &value, sizeof(value));
}

static void set64(unsigned char *header, unsigned int at, uint64_t value)
{
	value = htobe64(value);
	memcpy(header + at, &value, sizeof(value));
}

static void put_header(const struct layout *l, uint64_t bytes)
{
	unsigned char header[CLUSTER] = "QFI\xfb";

	set32(header, 4, 3);
	set32(header, 20, BITS);
	set64(header, 24, bytes);
	set32(header, 36, l->tables);		/* l1_size */
	set64(header, 40, l->l1_at << BITS);
	set64(header, 48, l->reftable_at << BITS);
	set32(header, 56, l->reftable);
	set32(header, 96, 4);			/* refcount_order */
	set32(header, 100, HEADER_LENGTH);
	put(header, 0);
}

int main(int argc, char **argv)
{
	struct layout l;
	struct stat st;
	uint64_t bytes;

	if (argc != 3)
		errx(2, "usage: bigimage TARGET BYTES");
	bytes = strtoull(argv[2], NULL, 0);
	if (!bytes || bytes % CLUSTER)
		errx(2, "%s: not a number of clusters", argv[2]);
	target = open(argv[1], O_RDWR | O_CREAT, 0644);
	if (target < 0 || fstat(target, &st))
		err(1, "%s", argv[1]);
	l = plan(bytes);
	if (S_ISREG(st.st_mode) && ftruncate(target, l.end << BITS))
		err(1, "%s", argv[1]);
	put_refcounts(&l);
	put_entries(l.reftable_at, l.blocks_at, l.blocks, 0);
	put_entries(l.l1_at, l.tables_at, l.tables, COPIED);
	put_entries(l.tables_at, l.data_at, l.data, COPIED);
	put_header(&l, bytes);
	return 0;
}
