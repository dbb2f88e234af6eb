// SPDX-License-Identifier: GPL-2.0
/*
 * mutate SEED FIRST COUNT FOLDER...
 *
 * Damages images, attaches each and reads it.  An image may be refused, with
 * a reason; else each read gives data or EIO, and what the damage does not
 * concern reads as before.  What an image is, and what it reads as, prog/
 * victims says.  The same seed and number damage in the same way, so one
 * image can be had again with FIRST and a COUNT of 1.
 *
 * mutate --broken FOLDER...
 *
 * Breaks each compressed stream in turn: EIO for that cluster alone.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/qcow.h>

#define WORKERS		6
#define PATIENCE	90	/* seconds for one image */
#define CHUNK		65536
#define WHOLE		(4 << 20)
#define SAMPLES		16
#define OFFSET_MASK	0x00fffffffffffe00ULL
#define COMPRESSED	(1ULL << 62)
#define VIEWS		2	/* the active disk, and snapshot 1 */

/* Part of a file, and the guest clusters that it decides about. */
struct part {
	uint64_t offset, length;
	unsigned int first, count;
	int view;
	bool stream;
};

/* Where a table or the like lies: what is worth damaging. */
struct region {
	const char *name;
	uint64_t offset, length;
	bool read_later;	/* not when the image is attached */
};

struct victim {
	const char *folder;
	unsigned char *disk, *reference[VIEWS];
	uint64_t length, size;
	unsigned int cluster_size, entry_size;
	int base, base_format;
	struct part *parts;
	size_t nr_parts;
	struct region *regions;
	size_t nr_regions;
};

/* An attached image. */
struct device {
	unsigned int number;
	int fd;
	uint64_t size;
};

/* What the workers tell. */
static struct shared {
	unsigned int number[WORKERS];
	unsigned int attached, refused, failed_reads, compared;
} *shared;

static struct victim *victims;
static unsigned int nr_victims, current;
static uint64_t seed;
static int control, worker;

#define die(...) (print_place(), errx(1, __VA_ARGS__))

static void print_place(void)
{
	fprintf(stderr, "seed %ju, image %u: ", (uintmax_t)seed, current);
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1d >> 8;
}

/* --- Files --- */

static char *path_of(const struct victim *v, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", v->folder, name) < 0)
		err(1, "memory");
	return path;
}

static int open_in(const struct victim *v, const char *name, int flags)
{
	char *path = path_of(v, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0 && errno != ENOENT)
		err(1, "%s", path);
	free(path);
	return fd;
}

/* NULL if there is none. */
static unsigned char *load(const struct victim *v, const char *name,
			   uint64_t *length)
{
	int fd = open_in(v, name, O_RDONLY);
	unsigned char *data;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st))
		err(1, "%s/%s", v->folder, name);
	data = malloc(st.st_size + 8);
	if (!data || read(fd, data, st.st_size) != st.st_size)
		errx(1, "%s/%s cannot be read", v->folder, name);
	close(fd);
	*length = st.st_size;
	return data;
}

static void store(int fd, const unsigned char *data, uint64_t length)
{
	if (ftruncate(fd, length) ||
	    pwrite(fd, data, length, 0) != (ssize_t)length)
		err(1, "writing an image");
}

/* --- What lies where --- */

static uint64_t get64(const struct victim *v, uint64_t offset)
{
	uint64_t value;

	if (offset > v->length || v->length - offset < 8)
		return 0;
	memcpy(&value, v->disk + offset, 8);
	return be64toh(value);
}

static uint32_t get32(const struct victim *v, uint64_t offset)
{
	return get64(v, offset) >> 32;
}

static bool has_data_file(const struct victim *v)
{
	return get32(v, 4) >= 3 && (get64(v, 72) & 4);
}

static unsigned int nr_clusters(const struct victim *v)
{
	return v->size / v->cluster_size;
}

static void add_part(struct victim *v, struct part p)
{
	if (p.first >= nr_clusters(v))
		return;
	v->parts = realloc(v->parts, (v->nr_parts + 1) * sizeof(p));
	v->parts[v->nr_parts++] = p;
}

static void add_region(struct victim *v, struct region r)
{
	if (r.offset >= v->length)
		return;
	if (r.length > v->length - r.offset)
		r.length = v->length - r.offset;
	v->regions = realloc(v->regions, (v->nr_regions + 1) * sizeof(r));
	v->regions[v->nr_regions++] = r;
}

static void add_compressed(struct victim *v, uint64_t entry,
			   unsigned int cluster, int view)
{
	unsigned int bits = 62 - (__builtin_ctz(v->cluster_size) - 8);
	uint64_t offset = entry & ((1ULL << bits) - 1);
	uint64_t sectors = ((entry & (COMPRESSED - 1)) >> bits) + 1;
	uint64_t length = sectors * 512 - (offset & 511);

	add_part(v, (struct part){ offset, length, cluster, 1, view, true });
	add_region(v, (struct region){ "stream", offset, 16, true });
}

static void add_l2_entry(struct victim *v, uint64_t at, unsigned int cluster,
			 int view)
{
	uint64_t entry = get64(v, at);

	add_part(v, (struct part){ at, v->entry_size, cluster, 1, view, false });
	if (entry & COMPRESSED)
		add_compressed(v, entry, cluster, view);
	else if ((entry & OFFSET_MASK) && !has_data_file(v))
		add_part(v, (struct part){ entry & OFFSET_MASK,
					   v->cluster_size, cluster, 1, view,
					   false });
}

static void add_l1(struct victim *v, uint64_t l1, uint32_t l1_size, int view)
{
	unsigned int per_table = v->cluster_size / v->entry_size;
	unsigned int i, j;

	add_region(v, (struct region){ "L1", l1, 8 * l1_size, false });
	for (i = 0; i < l1_size; i++) {
		uint64_t table = get64(v, l1 + 8 * i) & OFFSET_MASK;

		add_part(v, (struct part){ l1 + 8 * i, 8, i * per_table,
					   per_table, view, false });
		if (!table)
			continue;
		add_region(v, (struct region){ "L2", table, v->cluster_size,
					       true });
		for (j = 0; j < per_table; j++)
			add_l2_entry(v, table + j * v->entry_size,
				     i * per_table + j, view);
	}
}

/* Both views depend on the header; only the second on the snapshot table. */
static void add_snapshots(struct victim *v)
{
	uint64_t table = get64(v, 64), all = nr_clusters(v);

	if (!get32(v, 60))
		return;
	add_region(v, (struct region){ "snapshots", table, 160, false });
	add_part(v, (struct part){ table, 160, 0, all, 1, false });
	add_l1(v, get64(v, table), get32(v, table + 8), 1);
}

static void add_header(struct victim *v)
{
	uint64_t end = get32(v, 4) >= 3 ? get32(v, 100) : 72;
	uint64_t all = nr_clusters(v);

	add_region(v, (struct region){ "header", 0, end, false });
	add_region(v, (struct region){ "extensions", end, 400, false });
	add_part(v, (struct part){ 0, v->cluster_size, 0, all, 0, false });
	add_part(v, (struct part){ 0, v->cluster_size, 0, all, 1, false });
}

/* No read depends on these. */
static void add_refcounts(struct victim *v)
{
	uint64_t table = get64(v, 48);

	add_region(v, (struct region){ "refcount table", table, 64, true });
	add_region(v, (struct region){ "refcount block", get64(v, table),
				       v->cluster_size, true });
}

static void survey(struct victim *v)
{
	uint64_t length;

	v->disk = load(v, "disk", &v->length);
	v->reference[0] = load(v, "reference", &v->size);
	v->reference[1] = load(v, "reference-1", &length);
	if (!v->disk || !v->reference[0])
		errx(1, "%s: no image", v->folder);
	v->cluster_size = 1 << get32(v, 20);
	v->entry_size = get32(v, 4) >= 3 && (get64(v, 72) & 16) ? 16 : 8;
	v->base = open_in(v, "base", O_RDONLY);
	if (v->base >= 0) {
		char magic[4];

		v->base_format = pread(v->base, magic, 4, 0) == 4 &&
				 !memcmp(magic, "QFI\xfb", 4) ?
				 QCOW_FORMAT_QCOW2 : QCOW_FORMAT_RAW;
	}
	add_header(v);
	add_l1(v, get64(v, 40), get32(v, 36), 0);
	add_snapshots(v);
	add_refcounts(v);
}

/* --- Damage --- */

struct damage {
	unsigned char *disk;
	uint64_t length;
	bool *touched[VIEWS];	/* by cluster: may read differently */
	bool may_refuse;
};

static void touch(const struct victim *v, struct damage *d, uint64_t offset,
		  uint64_t length)
{
	const struct part *p;

	for (p = v->parts; p < v->parts + v->nr_parts; p++) {
		unsigned int end = p->first + p->count;

		if (p->offset >= offset + length ||
		    offset >= p->offset + p->length)
			continue;
		if (end > nr_clusters(v))
			end = nr_clusters(v);
		memset(d->touched[p->view] + p->first, 1, end - p->first);
	}
}

/* Where something else lies, or nearly, or nothing can. */
static uint64_t a_place(const struct victim *v, uint64_t *state)
{
	const struct region *r = &v->regions[next(state) % v->nr_regions];

	switch (next(state) % 8) {
	case 0:
		return v->length;
	case 1:
		return r->offset + 512;
	case 2:
		return (1ULL << 56) - v->cluster_size;
	case 3:
		return (v->length | (v->cluster_size - 1)) + 1;
	case 4:
		return 1ULL << next(state) % 64;
	default:
		return r->offset;
	}
}

static uint64_t a_value(const struct victim *v, uint64_t old, uint64_t *state)
{
	const uint64_t flags = ~OFFSET_MASK;

	switch (next(state) % 9) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return next(state) << 8 ^ next(state);
	case 3:
		return old + 1;
	case 4:
		return old - 1;
	case 5:
	case 6:
		return (old & flags) | a_place(v, state);
	case 7:
		return old ^ COMPRESSED;
	default:
		return old ^ 1ULL << next(state) % 64;
	}
}

/* One field of 1 to 8 bytes, at a place where such a field may be. */
static void damage_field(const struct victim *v, struct damage *d,
			 const struct region *r, uint64_t *state)
{
	unsigned int width = 1 << (next(state) % 4 ? 2 + next(state) % 2 :
						    next(state) % 4);
	uint64_t at = r->offset + next(state) % r->length;
	uint64_t value;

	at -= r->offset % 8 ? 0 : at % width;
	if (at + width > r->offset + r->length || at + width > d->length)
		return;
	value = get64(v, at) >> (64 - 8 * width);
	value = htobe64(a_value(v, value, state) << (64 - 8 * width));
	memcpy(d->disk + at, &value, width);
	touch(v, d, at, width);
	d->may_refuse |= !r->read_later;
}

/* Tables by the dozen and one header: each kind gets its turn. */
static const struct region *pick_region(const struct victim *v,
					uint64_t *state)
{
	static const char *const kinds[] = {
		"header", "extensions", "L1", "L2", "L2", "stream",
		"snapshots", "refcount table", "refcount block",
	};
	const char *kind = kinds[next(state) % (sizeof(kinds) / sizeof(*kinds))];
	size_t i = next(state) % v->nr_regions, tries = v->nr_regions;

	while (tries-- && strcmp(v->regions[i].name, kind))
		i = (i + 1) % v->nr_regions;
	return &v->regions[i];
}

/* Most lie alone, so that all the rest can be compared. */
static void damage(const struct victim *v, struct damage *d, uint64_t *state)
{
	unsigned int i, fields = next(state) % 2 ? 1 : 1 + next(state) % 4;

	memcpy(d->disk, v->disk, v->length);
	d->length = v->length;
	for (i = 0; i < VIEWS; i++)
		d->touched[i] = calloc(nr_clusters(v), 1);
	d->may_refuse = false;
	if (next(state) % 24 == 0) {
		d->length = next(state) % v->length;
		touch(v, d, d->length, v->length - d->length);
		d->may_refuse = true;
	}
	for (i = 0; i < fields; i++)
		damage_field(v, d, pick_region(v, state), state);
}

static void undo(struct damage *d)
{
	free(d->touched[0]);
	free(d->touched[1]);
}

/* --- Devices --- */

/* The files of one image, in the worker's own copy. */
struct files {
	int disk, data;
};

/* A refusal says why, in one line. */
static bool check_refusal(int error, const char *message)
{
	switch (error) {
	case EUCLEAN:
	case EOPNOTSUPP:
	case EINVAL:
	case ENOENT:
	case EIO:
		break;
	default:
		die("refused with error %d: %s", error, message);
	}
	if (!*message || strchr(message, '\n'))
		die("refused with error %d and the reason '%s'", error,
		    message);
	return false;
}

static bool attach(const struct victim *v, const struct files *f, int view,
		   uint32_t flags, struct device *dev)
{
	struct qcow_layer layers[2] = {
		{ f->disk, QCOW_FORMAT_QCOW2, f->data, 0, 0, 0 },
		{ v->base, v->base_format, -1, 0, 0, 0 },
	};
	char message[512] = "", path[32];
	struct qcow_attach a = {
		.size = sizeof(a),
		.flags = QCOW_ATTACH_READ_ONLY | flags,
		.layers = (uintptr_t)layers,
		.nr_layers = v->base < 0 ? 1 : 2,
		.snapshot = view ? (uintptr_t)"1" : 0,
		.snapshot_len = view ? 1 : 0,
		.message = (uintptr_t)message,
		.message_len = sizeof(message),
	};

	if (ioctl(control, QCOW_ATTACH, &a))
		return check_refusal(errno, message);
	dev->number = a.number;
	snprintf(path, sizeof(path), "/dev/qcow%u", a.number);
	dev->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (dev->fd < 0 || ioctl(dev->fd, BLKGETSIZE64, &dev->size))
		die("%s: %s", path, strerror(errno));
	return true;
}

static void detach(struct device *dev)
{
	struct qcow_detach d = { .size = sizeof(d), .number = dev->number };

	close(dev->fd);
	if (ioctl(control, QCOW_DETACH, &d))
		die("detach: %s", strerror(errno));
}

/* Data, or EIO: false. */
static bool read_at(const struct device *dev, unsigned char *buffer,
		    uint64_t offset, uint64_t length)
{
	ssize_t got = pread(dev->fd, buffer, length, offset);

	if (got < 0 && errno != EIO)
		die("read at %#jx: %s", (uintmax_t)offset, strerror(errno));
	if (got >= 0 && (uint64_t)got != length)
		die("read at %#jx: %zd of %ju bytes", (uintmax_t)offset, got,
		    (uintmax_t)length);
	if (got < 0)
		__sync_fetch_and_add(&shared->failed_reads, 1);
	return got >= 0;
}

/* --- Comparing --- */

/* What is not touched is there and unchanged. */
static void compare_cluster(const struct victim *v, const struct device *dev,
			    const unsigned char *reference, bool touched,
			    uint64_t offset)
{
	static unsigned char buffer[CHUNK] __attribute__((aligned(4096)));
	bool good = read_at(dev, buffer, offset, v->cluster_size);

	if (touched)
		return;
	if (!good)
		die("%s: EIO at %#jx, where nothing was damaged", v->folder,
		    (uintmax_t)offset);
	if (memcmp(buffer, reference + offset, v->cluster_size))
		die("%s: other data at %#jx, where nothing was damaged",
		    v->folder, (uintmax_t)offset);
	__sync_fetch_and_add(&shared->compared, 1);
}

/* Cluster by cluster only where something is wrong in the chunk. */
static void compare_chunk(const struct victim *v, const struct device *dev,
			  const unsigned char *reference, const bool *touched,
			  uint64_t offset)
{
	static unsigned char buffer[CHUNK] __attribute__((aligned(4096)));
	uint64_t length = v->size - offset < CHUNK ? v->size - offset : CHUNK;
	unsigned int first = offset / v->cluster_size, i;
	unsigned int count = length / v->cluster_size;

	if (read_at(dev, buffer, offset, length) &&
	    !memcmp(buffer, reference + offset, length)) {
		__sync_fetch_and_add(&shared->compared, count);
		return;
	}
	if (!memchr(touched + first, 0, count))
		return;
	for (i = first; i < first + count; i++)
		compare_cluster(v, dev, reference, touched[i],
				(uint64_t)i * v->cluster_size);
}

/* A disk of another size: both ends of it, and samples. */
static void read_around(const struct device *dev, uint64_t *state)
{
	static unsigned char buffer[CHUNK] __attribute__((aligned(4096)));
	uint64_t at, end = dev->size < WHOLE ? dev->size : WHOLE / 4;
	unsigned int i;

	for (at = 0; at + CHUNK <= end; at += CHUNK)
		read_at(dev, buffer, at, CHUNK);
	if (dev->size <= CHUNK)
		return;
	read_at(dev, buffer, (dev->size - CHUNK) & ~511ULL, CHUNK);
	for (i = 0; i < SAMPLES; i++)
		read_at(dev, buffer, next(state) % (dev->size - CHUNK) & ~511ULL,
			CHUNK);
}

static void check(const struct victim *v, const struct damage *d, int view,
		  const struct device *dev, uint64_t *state)
{
	uint64_t offset;

	if (dev->size != v->size) {
		if (memchr(d->touched[view], 0, nr_clusters(v)))
			die("%s: another size: %ju", v->folder,
			    (uintmax_t)dev->size);
		read_around(dev, state);
		return;
	}
	for (offset = 0; offset < v->size; offset += CHUNK)
		compare_chunk(v, dev, v->reference[view], d->touched[view],
			      offset);
}

/* --- The work --- */

/* The data file is this worker's too: two images do not share one. */
static void open_files(struct victim *v, struct files *f)
{
	char name[32];
	uint64_t length;
	unsigned char *data = load(v, "data", &length);

	snprintf(name, sizeof(name), "worker%d", worker);
	f->disk = open_in(v, name, O_RDWR | O_CREAT);
	f->data = -1;
	if (!data)
		return;
	snprintf(name, sizeof(name), "data%d", worker);
	f->data = open_in(v, name, O_RDWR | O_CREAT);
	store(f->data, data, length);
	free(data);
}

static uint32_t pick_flags(uint64_t *state)
{
	uint32_t flags = next(state) % 4 ? QCOW_ATTACH_NO_PARTSCAN : 0;

	return next(state) % 3 ? flags : flags | QCOW_ATTACH_DIO_OFF;
}

static void one_image(unsigned int number, struct files *files)
{
	uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15 ^
			 (number + 1) * 0xbf58476d1ce4e5b9;
	unsigned int i = next(&state) % nr_victims;
	struct victim *v = &victims[i];
	struct damage d = { .disk = malloc(v->length + 8) };
	struct device dev;
	int view;

	next(&state);
	current = number;
	damage(v, &d, &state);
	view = v->reference[1] && next(&state) % 2;
	store(files[i].disk, d.disk, d.length);
	if (attach(v, &files[i], view, pick_flags(&state), &dev)) {
		__sync_fetch_and_add(&shared->attached, 1);
		check(v, &d, view, &dev, &state);
		detach(&dev);
	} else if (d.may_refuse) {
		__sync_fetch_and_add(&shared->refused, 1);
	} else {
		die("%s: refused for what is read later", v->folder);
	}
	undo(&d);
	free(d.disk);
}

static void work(unsigned int first, unsigned int count)
{
	struct files *files = calloc(nr_victims, sizeof(*files));
	unsigned int i;

	for (i = 0; i < nr_victims; i++)
		open_files(&victims[i], &files[i]);
	for (i = worker; i < count; i += WORKERS) {
		shared->number[worker] = first + i;
		one_image(first + i, files);
	}
	exit(0);
}

/* Once a second: how many are left, and whether one was not well. */
static int reap(pid_t *workers, bool *bad)
{
	int left = 0, status, i;

	for (i = 0; i < WORKERS; i++) {
		if (workers[i] && waitpid(workers[i], &status, WNOHANG) > 0) {
			workers[i] = 0;
			*bad |= status;
		}
		left += !!workers[i];
	}
	return left;
}

/* A worker that hangs in the kernel cannot tell so itself. */
static bool watch(pid_t *workers)
{
	unsigned int seen[WORKERS] = { 0 }, quiet[WORKERS] = { 0 };
	bool bad = false;
	int i;

	while (reap(workers, &bad)) {
		sleep(1);
		for (i = 0; i < WORKERS; i++) {
			if (!workers[i] || seen[i] != shared->number[i])
				quiet[i] = 0;
			seen[i] = shared->number[i];
			if (quiet[i]++ > PATIENCE)
				errx(1, "seed %ju, image %u: no end after %d s",
				     (uintmax_t)seed, seen[i], PATIENCE);
		}
	}
	return bad;
}

static int mutate(unsigned int first, unsigned int count)
{
	pid_t workers[WORKERS];
	bool bad;

	for (worker = 0; worker < WORKERS; worker++) {
		workers[worker] = fork();
		if (workers[worker] < 0)
			err(1, "fork");
		if (!workers[worker])
			work(first, count);
	}
	bad = watch(workers);
	printf("attached %u refused %u failed-reads %u compared %u\n",
	       shared->attached, shared->refused, shared->failed_reads,
	       shared->compared);
	return bad;
}

/* --- Broken streams --- */

static void expect_eio(const struct device *dev, uint64_t offset,
		       unsigned int length)
{
	static unsigned char buffer[CHUNK] __attribute__((aligned(4096)));

	if (read_at(dev, buffer, offset, length))
		die("a broken stream was read at %#jx", (uintmax_t)offset);
}

/* Neither a block of deflate nor a frame of zstd begins like this. */
static void break_stream(struct victim *v, const struct files *f,
			 const struct part *p)
{
	struct damage d = { .disk = v->disk, .length = v->length };
	struct device dev;
	uint64_t state = 1;

	d.touched[0] = calloc(nr_clusters(v), 1);
	d.touched[0][p->first] = true;
	store(f->disk, v->disk, v->length);
	if (pwrite(f->disk, "\xff\xff\xff\xff", 4, p->offset) != 4)
		err(1, "breaking a stream");
	if (!attach(v, f, 0, QCOW_ATTACH_NO_PARTSCAN, &dev))
		die("%s: refused for a broken stream", v->folder);
	expect_eio(&dev, (uint64_t)p->first * v->cluster_size,
		   v->cluster_size);
	check(v, &d, 0, &dev, &state);
	detach(&dev);
	free(d.touched[0]);
}

static unsigned int break_streams(struct victim *v)
{
	struct files files;
	unsigned int broken = 0;
	size_t i;

	open_files(v, &files);
	for (i = 0; i < v->nr_parts; i++) {
		if (!v->parts[i].stream || v->parts[i].view)
			continue;
		current = broken++;
		break_stream(v, &files, &v->parts[i]);
	}
	return broken;
}

static int break_all(void)
{
	unsigned int i, broken = 0;

	for (i = 0; i < nr_victims; i++)
		broken += break_streams(&victims[i]);
	printf("broken %u compared %u\n", broken, shared->compared);
	return 0;
}

static void open_all(char **folders, unsigned int count)
{
	control = open("/dev/" QCOW_CONTROL_NAME, O_RDWR | O_CLOEXEC);
	if (control < 0)
		err(1, "/dev/" QCOW_CONTROL_NAME);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "memory");
	nr_victims = count;
	victims = calloc(count, sizeof(*victims));
	while (count--) {
		victims[count].folder = folders[count];
		survey(&victims[count]);
	}
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "--broken")) {
		open_all(argv + 2, argc - 2);
		return break_all();
	}
	if (argc < 5)
		errx(2, "usage: mutate SEED FIRST COUNT FOLDER...");
	seed = strtoull(argv[1], NULL, 0);
	open_all(argv + 4, argc - 4);
	return mutate(strtoul(argv[2], NULL, 0), strtoul(argv[3], NULL, 0));
}
