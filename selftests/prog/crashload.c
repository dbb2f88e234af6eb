// SPDX-License-Identifier: GPL-2.0
/*
 * crashload DEVICE SEED OPERATIONS THREADS CLUSTER MAXIMUM VERSIONS
 *
 * Threads write, discard, zero and flush a block device at random.  They share
 * clusters, but never have the same sector in flight.  Each of these changes
 * gives the sector its next version, and what is written says which one it is:
 * so whoever sees the requests pass knows what lies where.  At the end the
 * file VERSIONS holds a u32 a sector; and behind them two for each sector that
 * was zeroed, itself and the version: the block layer may do that by writing.
 * If the file is there, the load goes on from it.  Who reads a sector and finds
 * another one's exits with status 3.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../crash/sector.h"

#define MAX_THREADS	16

struct range {
	uint64_t pos, len;	/* bytes; no length: none */
};

struct worker {
	pthread_t thread;
	uint64_t rng;
	struct range range;	/* in flight; under lock */
	unsigned char *buffer;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static struct worker workers[MAX_THREADS];
static unsigned int threads;
static int left;		/* operations; under lock */
static uint32_t *versions;	/* of a sector, by who has it in flight */
static FILE *zeroed;		/* pairs; under lock */
static uint64_t size, block, cluster, maximum;
static int device;

static uint64_t next(struct worker *w)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return w->rng * 0x2545f4914f6cdd1dULL >> 16;
}

static bool overlaps(const struct range *a, const struct range *b)
{
	return a->len && b->len && a->pos < b->pos + b->len &&
	       b->pos < a->pos + a->len;
}

static bool in_flight(const struct range *range)
{
	unsigned int i;

	for (i = 0; i < threads; i++)
		if (overlaps(&workers[i].range, range))
			return true;
	return false;
}

static void take(struct worker *w, struct range range)
{
	pthread_mutex_lock(&lock);
	while (in_flight(&range))
		pthread_cond_wait(&freed, &lock);
	w->range = range;
	pthread_mutex_unlock(&lock);
}

static void release(struct worker *w)
{
	pthread_mutex_lock(&lock);
	w->range.len = 0;
	pthread_cond_broadcast(&freed);
	pthread_mutex_unlock(&lock);
}

/* As many small ones as large ones. */
static uint64_t pick_length(struct worker *w)
{
	unsigned int bits = 0, pick;
	uint64_t len;

	while (block << (bits + 1) <= maximum)
		bits++;
	pick = next(w) % (bits + 1);
	len = block << pick;
	len += next(w) % (len / block) * block;
	return len < maximum ? len : maximum;
}

/* A third lies in the first eighth of the disk, a third begins a cluster. */
static struct range pick_range(struct worker *w, uint64_t unit)
{
	struct range range = { .len = pick_length(w) };
	uint64_t room;

	if (!(next(w) % 3))
		unit = cluster;
	range.len = (range.len + unit - 1) / unit * unit;
	if (range.len > size)
		range.len = size / unit * unit;
	room = size - range.len;
	if (!(next(w) % 3))
		room /= 8;
	range.pos = next(w) % (room / unit + 1) * unit;
	return range;
}

static void new_versions(const struct range *range)
{
	uint64_t i;

	for (i = 0; i < range->len; i += SECTOR_SIZE)
		versions[(range->pos + i) / SECTOR_SIZE]++;
}

static void fill(struct worker *w, const struct range *range)
{
	uint64_t i, number;

	for (i = 0; i < range->len; i += SECTOR_SIZE) {
		number = (range->pos + i) / SECTOR_SIZE;
		sector_fill(w->buffer + i, number, versions[number]);
	}
}

static void write_range(struct worker *w, int flags)
{
	struct range range = pick_range(w, block);
	struct iovec iov = { .iov_base = w->buffer, .iov_len = range.len };

	take(w, range);
	new_versions(&range);
	fill(w, &range);
	if (pwritev2(device, &iov, 1, range.pos, flags) != (ssize_t)range.len)
		err(1, "write %llu at %llu", (unsigned long long)range.len,
		    (unsigned long long)range.pos);
	release(w);
}

static void note_zeroes(const struct range *range)
{
	uint32_t pair[2];
	uint64_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < range->len; i += SECTOR_SIZE) {
		pair[0] = (range->pos + i) / SECTOR_SIZE;
		pair[1] = versions[pair[0]];
		if (fwrite(pair, sizeof(pair), 1, zeroed) != 1)
			err(1, "versions");
	}
	pthread_mutex_unlock(&lock);
}

static void ioctl_range(struct worker *w, unsigned long request,
			uint64_t unit, const char *what)
{
	struct range range = pick_range(w, unit);
	uint64_t argument[2] = { range.pos, range.len };

	take(w, range);
	new_versions(&range);
	if (request == BLKZEROOUT)
		note_zeroes(&range);
	if (ioctl(device, request, argument))
		err(1, "%s %llu at %llu", what, (unsigned long long)range.len,
		    (unsigned long long)range.pos);
	release(w);
}

/* Whatever the others do meanwhile, it is of this sector. */
static void check_sector(const unsigned char *data, uint64_t number)
{
	uint64_t word[2];

	memcpy(word, data, sizeof(word));
	if (word[0] == SECTOR_MAGIC && word[1] != number)
		errx(3, "sector %llu reads as sector %llu",
		     (unsigned long long)number, (unsigned long long)word[1]);
}

static void read_range(struct worker *w)
{
	struct range range = pick_range(w, block);
	uint64_t i;

	if (pread(device, w->buffer, range.len, range.pos) !=
	    (ssize_t)range.len)
		err(1, "read %llu at %llu", (unsigned long long)range.len,
		    (unsigned long long)range.pos);
	for (i = 0; i < range.len; i += SECTOR_SIZE)
		check_sector(w->buffer + i, (range.pos + i) / SECTOR_SIZE);
}

static void flush(void)
{
	if (fsync(device))
		err(1, "fsync");
}

static void do_something(struct worker *w)
{
	switch (next(w) % 16) {
	case 0:
		return ioctl_range(w, BLKDISCARD, block, "discard");
	case 1:
		return ioctl_range(w, BLKDISCARD, cluster, "discard");
	case 2:
		return ioctl_range(w, BLKZEROOUT, block, "zero");
	case 3:
		return flush();
	case 4:
		return write_range(w, RWF_DSYNC);
	case 5:
	case 6:
		return read_range(w);
	default:
		return write_range(w, 0);
	}
}

static bool one_more(void)
{
	bool more;

	pthread_mutex_lock(&lock);
	more = left-- > 0;
	pthread_mutex_unlock(&lock);
	return more;
}

static void *work(void *argument)
{
	struct worker *w = argument;

	while (one_more())
		do_something(w);
	return NULL;
}

static void start(struct worker *w, uint64_t seed)
{
	w->rng = (seed + 1) * SECTOR_STRIDE;
	/* a range is rounded up to whole clusters */
	w->buffer = aligned_alloc(4096, maximum + cluster);
	if (!w->buffer || pthread_create(&w->thread, NULL, work, w))
		err(1, "thread");
}

static void open_device(const char *path)
{
	int logical;

	device = open(path, O_RDWR | O_DIRECT | O_EXCL);
	if (device < 0 || ioctl(device, BLKGETSIZE64, &size) ||
	    ioctl(device, BLKSSZGET, &logical))
		err(1, "%s", path);
	block = logical;
	if (maximum > size)
		maximum = size;
	versions = calloc(size / SECTOR_SIZE, sizeof(*versions));
	if (!versions || cluster > size)
		errx(1, "%s: size", path);
}

static void read_versions(size_t count)
{
	if (fread(versions, sizeof(*versions), count, zeroed) != count)
		errx(1, "versions of another disk");
}

/* The zeroes go behind the versions, which are known in the end only. */
static void open_versions(const char *path)
{
	size_t count = size / SECTOR_SIZE;

	zeroed = fopen(path, "r+");
	if (zeroed)
		read_versions(count);
	else
		zeroed = fopen(path, "w");
	if (!zeroed || fseek(zeroed, 0, SEEK_SET) ||
	    fwrite(versions, sizeof(*versions), count, zeroed) != count ||
	    fseek(zeroed, 0, SEEK_END))
		err(1, "%s", path);
}

static void save_versions(const char *path)
{
	size_t count = size / SECTOR_SIZE;

	rewind(zeroed);
	if (fwrite(versions, sizeof(*versions), count, zeroed) != count ||
	    fclose(zeroed))
		err(1, "%s", path);
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc != 8)
		errx(2, "usage: crashload DEVICE SEED OPERATIONS THREADS CLUSTER MAXIMUM VERSIONS");
	left = atoi(argv[3]);
	threads = atoi(argv[4]);
	cluster = strtoull(argv[5], NULL, 0);
	maximum = strtoull(argv[6], NULL, 0);
	if (!threads || threads > MAX_THREADS)
		errx(2, "1 to %u threads", MAX_THREADS);
	open_device(argv[1]);
	open_versions(argv[7]);
	for (i = 0; i < threads; i++)
		start(&workers[i], strtoull(argv[2], NULL, 0) * MAX_THREADS + i);
	for (i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	flush();
	save_versions(argv[7]);
	return 0;
}
