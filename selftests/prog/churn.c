// SPDX-License-Identifier: GPL-2.0
/*
 * churn FOLDER SEED COUNT
 *
 * Three tasks do COUNT random things each to files of their own: write them in
 * every way there is, cut, punch, rename, unlink, sync.  A full file system
 * and what one does not support are fine; all other errors are not.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS		3
#define FILES		12
#define MAX_SIZE	(1 << 20)
#define MAX_WRITE	(128 << 10)

static uint64_t rng;
static unsigned char *buffer;
static int task;

static uint64_t next(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static void expected(long result, const char *what)
{
	if (result >= 0 || errno == ENOSPC || errno == EOPNOTSUPP ||
	    errno == ENOENT)
		return;
	err(1, "task %d: %s", task, what);
}

static void pick_name(char *name)
{
	snprintf(name, 16, "%d-%d", task, (int)(next() % FILES));
}

static uint64_t pick_range(uint64_t *length, unsigned int unit)
{
	*length = (1 + next() % (MAX_WRITE / unit)) * unit;
	return next() % ((MAX_SIZE - *length) / unit + 1) * unit;
}

/* Words that are different each time. */
static void fill(uint64_t length)
{
	uint64_t *word = (uint64_t *)buffer, i;

	for (i = 0; i <= length / 8; i++)
		word[i] = rng + i;
}

static void write_some(int fd, unsigned int unit)
{
	uint64_t length, offset = pick_range(&length, unit);

	fill(length);
	expected(pwrite(fd, buffer, length, offset), "write");
}

static void write_mapped(int fd)
{
	uint64_t length, offset = pick_range(&length, 4096);
	void *map;

	/* blocks first: a full disk would be a SIGBUS */
	if (fallocate(fd, 0, offset, length))
		return;
	map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   offset);
	if (map == MAP_FAILED)
		err(1, "task %d: mmap", task);
	memset(map, next(), length);
	munmap(map, length);
}

static void allocate(int fd)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
	};
	uint64_t length, offset = pick_range(&length, 512);

	expected(fallocate(fd, modes[next() % 4], offset, length), "fallocate");
}

static void do_something(int fd, const char *name)
{
	char other[16];

	switch (next() % 12) {
	case 0:
	case 1:
	case 2:  return write_some(fd, 1);
	case 3:
	case 4:  return write_some(fd, 4096);
	case 5:  return write_mapped(fd);
	case 6:
	case 7:  return allocate(fd);
	case 8:  return expected(ftruncate(fd, next() % MAX_SIZE), "truncate");
	case 9:  return expected(fsync(fd), "fsync");
	case 10: return expected(unlink(name), "unlink");
	default:
		pick_name(other);
		expected(rename(name, other), "rename");
	}
}

/* Now and then synchronous, or past the page cache. */
static int pick_flags(void)
{
	switch (next() % 8) {
	case 0:  return O_SYNC;
	case 1:
	case 2:  return O_DIRECT;
	default: return 0;
	}
}

static void step(void)
{
	int flags = pick_flags(), fd;
	char name[16];

	pick_name(name);
	fd = open(name, O_RDWR | O_CREAT | flags, 0600);
	if (fd < 0)
		return expected(fd, "open");
	if (flags == O_DIRECT)
		write_some(fd, 4096);
	else
		do_something(fd, name);
	expected(close(fd), "close");
}

static int work(unsigned int seed, unsigned int count)
{
	rng = (seed + 1ULL) * 0x9e3779b97f4a7c15 + task;
	while (count--)
		step();
	return 0;
}

int main(int argc, char **argv)
{
	int status, failed = 0;

	buffer = aligned_alloc(4096, MAX_WRITE + 4096);
	if (argc != 4 || chdir(argv[1]) || !buffer)
		errx(2, "usage: churn FOLDER SEED COUNT");
	for (task = 1; task <= TASKS; task++)
		if (!fork())
			return work(atoi(argv[2]), atoi(argv[3]));
	while (wait(&status) > 0)
		failed |= status;
	return !!failed;
}
