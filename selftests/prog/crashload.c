// SPDX-License-Identifier: GPL-2.0
/*
 * crashload DEVICE SEED OPERATIONS THREADS CLUSTER MAXIMUM VERSIONS
 *	[CHANGES LARGEST]
 *
 * Threads write, discard, zero and flush a block device at random.  They share
 * clusters, but never have the same sector in flight.  Each of these changes
 * gives the sector its next version, and what is written says which one it is:
 * so whoever sees the requests pass knows what lies where.  At the end the
 * file VERSIONS holds a u32 a sector; and behind them two for each sector that
 * was zeroed, itself and the version: the block layer may do that by writing.
 * If the file is there, the load goes on from it.  Who reads a sector and finds
 * another one's exits with status 3.
 *
 * Where CHANGES are asked for, another thread makes, applies and deletes so
 * many snapshots meanwhile, and gives the disk other sizes up to LARGEST bytes,
 * which is what the versions are of then.  A sector that was cut off goes on
 * counting when it is back.  At the end of every second SEED the disk becomes
 * what backs it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/qcow.h>
#include <pthread.h>
#include <stdatomic.h>
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
static pthread_cond_t fewer = PTHREAD_COND_INITIALIZER;
static struct worker workers[MAX_THREADS];
static struct worker changer;
static unsigned int threads;
static int left;		/* operations; under lock */
static unsigned int shrinks;	/* of the disk; under lock */
static uint32_t *versions;	/* of a sector, by who has it in flight */
static FILE *zeroed;		/* pairs; under lock */
static uint64_t block, cluster, maximum;
static uint64_t largest;	/* the disk may become */
static _Atomic uint64_t size;	/* as it is, or is about to be */
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
	return overlaps(&changer.range, range);
}

/* False: the disk has become too small for it. */
static bool take(struct worker *w, struct range range)
{
	bool fits;

	pthread_mutex_lock(&lock);
	while (in_flight(&range))
		pthread_cond_wait(&freed, &lock);
	fits = w == &changer || range.pos + range.len <= size;
	if (fits)
		w->range = range;
	pthread_mutex_unlock(&lock);
	return fits;
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
static struct range pick_range(struct worker *w, uint64_t unit, uint64_t end)
{
	struct range range = { .len = pick_length(w) };
	uint64_t room;

	if (!(next(w) % 3))
		unit = cluster;
	range.len = (range.len + unit - 1) / unit * unit;
	if (range.len > end)
		range.len = end / unit * unit;
	room = end - range.len;
	if (!(next(w) % 3))
		room /= 8;
	range.pos = next(w) % (room / unit + 1) * unit;
	return range;
}

/* Nobody else has it until it is released. */
static struct range take_some(struct worker *w, uint64_t unit)
{
	struct range range;

	do {
		range = pick_range(w, unit, size);
	} while (!take(w, range));
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
	struct range range = take_some(w, block);
	struct iovec iov = { .iov_base = w->buffer, .iov_len = range.len };

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
	struct range range = take_some(w, unit);
	uint64_t argument[2] = { range.pos, range.len };

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

static bool has_shrunk(unsigned int since)
{
	bool yes;

	pthread_mutex_lock(&lock);
	yes = shrinks != since;
	pthread_mutex_unlock(&lock);
	return yes;
}

/* The disk may become too small for it at any time. */
static void read_range(struct worker *w)
{
	struct range range;
	unsigned int since;
	uint64_t end, i;

	pthread_mutex_lock(&lock);
	since = shrinks;
	end = size;
	pthread_mutex_unlock(&lock);
	range = pick_range(w, block, end);
	if (pread(device, w->buffer, range.len, range.pos) !=
	    (ssize_t)range.len) {
		if (has_shrunk(since))
			return;
		err(1, "read %llu at %llu", (unsigned long long)range.len,
		    (unsigned long long)range.pos);
	}
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
	pthread_cond_signal(&fewer);
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

/* --- Structural changes --- */

enum knowledge { UNKNOWN, ABSENT, PRESENT };

/* The first two may have been there before. */
static struct snapshot {
	const char *name;
	enum knowledge known;
} snapshots[] = {
	{ .name = "one" }, { .name = "two" }, { .name = "a" }, { .name = "b" },
	{ .name = "c" },
};

#define NR_SNAPSHOTS	(sizeof(snapshots) / sizeof(snapshots[0]))

static unsigned int number;	/* of the device */
static int control;

/* It has every right to refuse some, and then nothing is changed. */
static bool ask(unsigned long request, void *argument, const char *message)
{
	if (!ioctl(control, request, argument))
		return true;
	switch (errno) {
	case EEXIST:
	case ENOENT:
	case EOVERFLOW:
	case EOPNOTSUPP:
		return false;
	}
	err(1, "change: %s", message);
}

static bool ask_snapshot(enum qcow_snapshot_op op, const char *name)
{
	char message[256] = "";
	struct qcow_snapshot s = {
		.size = sizeof(s), .number = number, .op = op,
		.flags = op == QCOW_SNAPSHOT_APPLY ? QCOW_SNAPSHOT_FORCE : 0,
		.name = (uintptr_t)name, .name_len = strlen(name),
		.message = (uintptr_t)message,
		.message_len = sizeof(message),
	};

	return ask(QCOW_SNAPSHOT, &s, message);
}

static bool ask_resize(uint64_t bytes)
{
	char message[256] = "";
	struct qcow_resize r = {
		.size = sizeof(r), .number = number, .disk_size = bytes,
		.flags = QCOW_RESIZE_SHRINK,
		.message = (uintptr_t)message,
		.message_len = sizeof(message),
	};

	return ask(QCOW_RESIZE, &r, message);
}

/* One that is not known to be of no use for this; any, where all are. */
static struct snapshot *pick_snapshot(enum knowledge useless)
{
	struct snapshot *s;
	int tries = 16;

	do {
		s = &snapshots[next(&changer) % NR_SNAPSHOTS];
	} while (s->known == useless && --tries);
	return s;
}

/* Either it is done, or the other way round already, or it cannot be done. */
static void learn(struct snapshot *s, bool done, enum knowledge now)
{
	if (done)
		s->known = now;
	else if (errno == EEXIST)
		s->known = PRESENT;
	else if (errno == ENOENT)
		s->known = ABSENT;
}

static void create_snapshot(void)
{
	struct snapshot *s = pick_snapshot(PRESENT);

	learn(s, ask_snapshot(QCOW_SNAPSHOT_CREATE, s->name), PRESENT);
}

static void delete_snapshot(void)
{
	struct snapshot *s = pick_snapshot(ABSENT);

	learn(s, ask_snapshot(QCOW_SNAPSHOT_DELETE, s->name), ABSENT);
}

static void set_size(uint64_t bytes)
{
	pthread_mutex_lock(&lock);
	if (bytes < size)
		shrinks++;
	size = bytes;
	pthread_mutex_unlock(&lock);
}

static uint64_t device_size(void)
{
	uint64_t bytes;

	if (ioctl(device, BLKGETSIZE64, &bytes))
		err(1, "size");
	return bytes;
}

/* Nobody may have less; who reads finds the old disk, or the new one. */
static uint64_t least_size(void)
{
	return largest / 4;
}

static void apply_snapshot(void)
{
	struct snapshot *s = pick_snapshot(ABSENT);

	set_size(least_size());
	take(&changer, (struct range){ 0, largest });
	learn(s, ask_snapshot(QCOW_SNAPSHOT_APPLY, s->name), PRESENT);
	set_size(device_size());
	release(&changer);
}

static uint64_t pick_unit(void)
{
	const uint64_t units[] = { block, cluster, cluster, 64 * cluster };

	return units[next(&changer) % 4];
}

static void grow(void)
{
	uint64_t old = size, unit = pick_unit(), bytes;

	if (old == largest)
		return;
	bytes = (old + next(&changer) % (largest - old)) / unit * unit;
	if (bytes <= old)
		bytes = largest;
	if (ask_resize(bytes))
		set_size(bytes);
}

static void shrink(void)
{
	uint64_t old = size, least = least_size(), unit = pick_unit(), bytes;

	if (old <= least)
		return grow();
	bytes = (least + next(&changer) % (old - least)) / unit * unit;
	if (bytes < least)
		bytes = least;
	set_size(bytes);
	take(&changer, (struct range){ bytes, largest - bytes });
	if (!ask_resize(bytes))
		set_size(old);
	release(&changer);
}

static void (*const changes[])(void) = {
	create_snapshot, create_snapshot, create_snapshot, delete_snapshot,
	delete_snapshot, apply_snapshot, grow, shrink,
};

static void wait_until(int few)
{
	pthread_mutex_lock(&lock);
	while (left > few)
		pthread_cond_wait(&fewer, &lock);
	pthread_mutex_unlock(&lock);
}

struct plan {
	int operations, changes;
};

/* One after each so many operations of the others. */
static void *change(void *argument)
{
	const struct plan *plan = argument;
	int i, step = plan->operations / (plan->changes + 1);

	for (i = 1; i <= plan->changes; i++) {
		wait_until(plan->operations - i * step);
		changes[next(&changer) % (sizeof(changes) / sizeof(*changes))]();
	}
	return NULL;
}

/* Only of a disk that nobody has open. */
static void empty(void)
{
	char message[256] = "";
	struct qcow_empty e = {
		.size = sizeof(e), .number = number,
		.message = (uintptr_t)message,
		.message_len = sizeof(message),
	};

	ask(QCOW_EMPTY, &e, message);
}

static void start_changes(const char *path, struct plan *plan, uint64_t seed)
{
	control = open("/dev/" QCOW_CONTROL_NAME, O_RDWR);
	if (control < 0)
		err(1, "/dev/" QCOW_CONTROL_NAME);
	if (sscanf(path, "/dev/" QCOW_DISK_PREFIX "%u", &number) != 1)
		errx(2, "%s: no disk of qcow", path);
	changer.rng = ~seed * SECTOR_STRIDE | 1;
	if (pthread_create(&changer.thread, NULL, change, plan))
		err(1, "thread");
}

/* --- Beginning and end --- */

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

	device = open(path, O_RDWR | O_DIRECT);
	if (device < 0 || ioctl(device, BLKSSZGET, &logical))
		err(1, "%s", path);
	size = device_size();
	block = logical;
	if (maximum > size)
		maximum = size;
	if (!largest)
		largest = size;
	versions = calloc(largest / SECTOR_SIZE, sizeof(*versions));
	if (!versions || cluster > size || size > largest)
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
	size_t count = largest / SECTOR_SIZE;

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
	size_t count = largest / SECTOR_SIZE;

	rewind(zeroed);
	if (fwrite(versions, sizeof(*versions), count, zeroed) != count ||
	    fclose(zeroed))
		err(1, "%s", path);
}

static void finish(const struct plan *plan, uint64_t seed)
{
	flush();
	close(device);
	if (plan->changes && seed % 2)
		empty();
}

int main(int argc, char **argv)
{
	struct plan plan = { };
	uint64_t seed;
	unsigned int i;

	if (argc != 8 && argc != 10)
		errx(2, "usage: crashload DEVICE SEED OPERATIONS THREADS CLUSTER MAXIMUM VERSIONS [CHANGES LARGEST]");
	seed = strtoull(argv[2], NULL, 0);
	left = plan.operations = atoi(argv[3]);
	threads = atoi(argv[4]);
	cluster = strtoull(argv[5], NULL, 0);
	maximum = strtoull(argv[6], NULL, 0);
	if (!threads || threads > MAX_THREADS)
		errx(2, "1 to %u threads", MAX_THREADS);
	if (argc == 10) {
		plan.changes = atoi(argv[8]);
		largest = strtoull(argv[9], NULL, 0);
	}
	open_device(argv[1]);
	open_versions(argv[7]);
	for (i = 0; i < threads; i++)
		start(&workers[i], seed * MAX_THREADS + i);
	if (plan.changes)
		start_changes(argv[1], &plan, seed);
	for (i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	if (plan.changes)
		pthread_join(changer.thread, NULL);
	finish(&plan, seed);
	save_versions(argv[7]);
	return 0;
}
