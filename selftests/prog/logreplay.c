// SPDX-License-Identifier: GPL-2.0
/*
 * logreplay LOG			list what a log of dm-log-writes holds
 * logreplay LOG TARGET FROM TO	do the writes FROM to TO-1 again, on TARGET
 *
 * A line of the list has a number, the flags, where and how long in sectors,
 * and the text of a mark.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR	512
#define MAGIC	0x6a736677736872ULL
#define DISCARD	4
#define MARK	8

/* At the beginning of the log, and of each entry; all little-endian. */
struct super {
	uint64_t magic, version, entries;
	uint32_t sector_size;
};

struct entry {
	uint64_t sector, sectors, flags, data_len;
};

static int log_file, target = -1;
static uint64_t at;	/* in the log, in bytes */

static void read_log(void *to, size_t size, uint64_t offset)
{
	if (pread(log_file, to, size, offset) != (ssize_t)size)
		errx(1, "the log ends at %ju", (uintmax_t)offset);
}

/* Return: the number of entries. */
static uint64_t read_super(void)
{
	struct super super;

	read_log(&super, sizeof(super), 0);
	if (le64toh(super.magic) != MAGIC || le64toh(super.version) != 1 ||
	    le32toh(super.sector_size) != SECTOR)
		errx(1, "not a log of dm-log-writes with sectors of 512");
	at = SECTOR;
	return le64toh(super.entries);
}

/* @at is behind its head then. */
static void read_entry(struct entry *e)
{
	read_log(e, sizeof(*e), at);
	e->sector = le64toh(e->sector);
	e->sectors = le64toh(e->sectors);
	e->flags = le64toh(e->flags);
	e->data_len = le64toh(e->data_len);
	if (e->data_len > SECTOR - sizeof(*e))
		errx(1, "a mark of %ju bytes", (uintmax_t)e->data_len);
	at += SECTOR;
}

static void print_entry(uint64_t number, const struct entry *e)
{
	char mark[SECTOR] = "";

	if (e->flags & MARK)
		read_log(mark, e->data_len, at - SECTOR + sizeof(*e));
	printf("%ju %ju %ju %ju %s\n", (uintmax_t)number, (uintmax_t)e->flags,
	       (uintmax_t)e->sector, (uintmax_t)e->sectors, mark);
}

static void do_again(const struct entry *e)
{
	uint64_t length = e->sectors * SECTOR, offset = e->sector * SECTOR;
	void *data = calloc(1, length + 1);

	if (!data)
		err(1, "no memory");
	if (!(e->flags & DISCARD))
		read_log(data, length, at);
	if (pwrite(target, data, length, offset) != (ssize_t)length)
		err(1, "the target");
	free(data);
}

int main(int argc, char **argv)
{
	uint64_t entries, number, from = 0, to = UINT64_MAX;
	struct entry e;

	if (argc != 2 && argc != 5)
		errx(2, "usage: logreplay LOG [TARGET FROM TO]");
	log_file = open(argv[1], O_RDONLY);
	if (log_file < 0)
		err(2, "%s", argv[1]);
	if (argc == 5) {
		target = open(argv[2], O_WRONLY);
		if (target < 0)
			err(2, "%s", argv[2]);
		from = strtoull(argv[3], NULL, 0);
		to = strtoull(argv[4], NULL, 0);
	}
	entries = read_super();
	for (number = 0; number < entries && number < to; number++) {
		read_entry(&e);
		if (target < 0)
			print_entry(number, &e);
		else if (number >= from && !(e.flags & MARK))
			do_again(&e);
		if (!(e.flags & DISCARD))
			at += e.sectors * SECTOR;
	}
	return 0;
}
