// SPDX-License-Identifier: GPL-2.0
/*
 * model [OPTION...] DEVICE
 *
 * Races writes, discards, zeroes, flushes and reads of many threads against
 * each other, and holds every sector that is read against what it may be.
 *
 * Each sector has the values that it may have now: those of requests in
 * flight, and of completed ones, until a request that began after them has
 * completed.  A discard may do nothing: it adds zeros, and takes nothing away.
 * A read that nothing raced with tells which value it was.  Where two writes
 * of a sector, or a write and a read, are in flight at a time, the sector may
 * be a mixture of theirs: the disks below promise no more.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SECTOR		512
#define WORDS		(SECTOR / 8)
#define STRIPES		256
#define MAX_THREADS	64
#define NEVER		UINT64_MAX

/* Versions that no write has. */
#define ZEROS		0
#define INITIAL		1
#define FIRST_VERSION	2

/**
 * struct value - one that a sector may have
 * @version: of the write that it is from, or one of the above
 * @start: when the request began
 * @end: when it had completed
 * @dead: when a later one had completed
 * @raced: another request of this sector was in flight at the time
 */
struct value {
	uint64_t version, start, end, dead;
	bool raced;
};

struct sector {
	struct value *values;
	unsigned int count, room;
};

enum op { READ, WRITE, WRITE_DURABLE, DISCARD, ZERO, PUNCH, FLUSH, OPS };

static const char * const op_names[OPS] = {
	"reads", "writes", "durable writes", "discards", "zeroes", "punches",
	"flushes",
};

/* Of a hundred. */
static unsigned int op_share[OPS] = { 34, 36, 2, 10, 6, 6, 6 };

struct request {
	enum op op;
	uint64_t first, sectors, version, start;
};

static struct {
	const char *device, *initial, *dump, *state, *check;
	const char *journal, *replay, *on_flush;
	uint64_t seconds, count, seed, threads, max_io, cluster, flushes;
	bool exclusive, tolerate;
} option = { .seconds = 10, .threads = 8, .max_io = 2 << 20, .seed = 1,
	     .flushes = NEVER };

static int device, journal = -1;
static uint64_t sectors, unit = SECTOR, magic;
static unsigned char *initial;
static struct sector *disk;
static pthread_mutex_t stripes[STRIPES];
static atomic_uint_fast64_t now = 1, versions = FIRST_VERSION, begun;
static atomic_uint_fast64_t active[MAX_THREADS], done[OPS], failed, mixtures;
static atomic_uint_fast64_t durable_since;
static atomic_bool stop;
static time_t deadline;

static uint64_t tick(void)
{
	return atomic_fetch_add(&now, 1);
}

static uint64_t next(uint64_t *rng)
{
	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return *rng;
}

/* --- What is in a sector --- */

static void fill(uint64_t *word, uint64_t number, uint64_t version)
{
	uint64_t x = (number + 1) * 0x9e3779b97f4a7c15 ^ version << 20 ^ magic;
	int i;

	word[0] = magic;
	word[1] = number;
	word[2] = version;
	for (i = 3; i < WORDS; i++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		word[i] = x;
	}
}

static void image_of(uint64_t *word, uint64_t number, uint64_t version)
{
	if (version == ZEROS)
		memset(word, 0, SECTOR);
	else if (version == INITIAL)
		memcpy(word, initial + number * SECTOR, SECTOR);
	else
		fill(word, number, version);
}

/* False where it is nothing that was ever written there as a whole. */
static bool decode(const uint64_t *got, uint64_t number, uint64_t *version)
{
	static const uint64_t zeros[WORDS];
	uint64_t expected[WORDS];

	if (!memcmp(got, zeros, SECTOR)) {
		*version = ZEROS;
		return true;
	}
	*version = got[0] == magic ? got[2] : INITIAL;
	image_of(expected, number, *version);
	return !memcmp(got, expected, SECTOR);
}

/* --- What may be in it --- */

static pthread_mutex_t *stripe(uint64_t number)
{
	return &stripes[number / 64 % STRIPES];
}

/* Nobody asks any more for what was dead then. */
static uint64_t horizon(void)
{
	uint64_t oldest = atomic_load(&now), i, start;

	for (i = 0; i < option.threads; i++) {
		start = atomic_load(&active[i]);
		if (start < oldest)
			oldest = start;
	}
	/* what a failing device never made durable may come back */
	start = atomic_load(&durable_since);
	return option.state && start < oldest ? start :
	       option.replay ? 0 : oldest;
}

static void prune(struct sector *s, uint64_t oldest)
{
	unsigned int i, kept = 0;

	for (i = 0; i < s->count; i++)
		if (s->values[i].dead >= oldest)
			s->values[kept++] = s->values[i];
	s->count = kept;
}

static struct value *add_value(struct sector *s)
{
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 2;
		s->values = realloc(s->values, s->room * sizeof(*s->values));
		if (!s->values)
			err(2, "no memory");
	}
	return &s->values[s->count++];
}

static void begin_sector(struct sector *s, const struct request *r,
			 uint64_t oldest)
{
	struct value v = { r->version, r->start, NEVER, NEVER, false };
	unsigned int i;

	prune(s, oldest);
	for (i = 0; i < s->count; i++)
		if (s->values[i].end >= r->start) {
			s->values[i].raced = true;
			v.raced = true;
		}
	*add_value(s) = v;
}

/* A discard need not reach the parts of clusters at its ends. */
static bool is_certain(const struct request *r, uint64_t number, bool success)
{
	uint64_t in_cluster = option.cluster / SECTOR, start;

	if (!success)
		return false;
	if (r->op != DISCARD)
		return true;
	if (!in_cluster)
		return false;
	start = number / in_cluster * in_cluster;
	return start >= r->first &&
	       (start + in_cluster <= r->first + r->sectors ||
		r->first + r->sectors == sectors);
}

/* What had ended before @v began is gone, or in doubt of no use any more. */
static void replace(struct sector *s, const struct value *v, bool certain)
{
	unsigned int i;

	for (i = 0; i < s->count; i++) {
		struct value *old = &s->values[i];

		if (old->dead == NEVER && old->end < v->start &&
		    (certain || old->version == v->version))
			old->dead = v->end;
	}
}

static void end_sector(struct sector *s, const struct request *r,
		       uint64_t end, bool certain)
{
	unsigned int i;

	for (i = 0; i < s->count; i++)
		if (s->values[i].start == r->start &&
		    s->values[i].end == NEVER)
			break;
	s->values[i].end = end;
	replace(s, &s->values[i], certain);
}

static void begin_change(const struct request *r)
{
	uint64_t oldest = horizon(), i;

	for (i = r->first; i < r->first + r->sectors; i++) {
		pthread_mutex_lock(stripe(i));
		begin_sector(&disk[i], r, oldest);
		pthread_mutex_unlock(stripe(i));
	}
}

static void end_change(const struct request *r, uint64_t end, bool success)
{
	uint64_t i;

	for (i = r->first; i < r->first + r->sectors; i++) {
		pthread_mutex_lock(stripe(i));
		end_sector(&disk[i], r, end, is_certain(r, i, success));
		pthread_mutex_unlock(stripe(i));
	}
}

static bool was_possible(const struct value *v, uint64_t from, uint64_t to)
{
	return v->start < to && v->dead >= from;
}

/* Byte by byte from values that may be mixed. */
static bool is_mixture(const struct sector *s, const unsigned char *got,
		       uint64_t number, uint64_t from, uint64_t to)
{
	unsigned char image[SECTOR], fits[SECTOR] = { };
	bool raced = false;
	unsigned int i, b;

	for (i = 0; i < s->count; i++) {
		const struct value *v = &s->values[i];

		if (!was_possible(v, from, to))
			continue;
		raced |= v->raced || v->end >= from;
		image_of((uint64_t *)image, number, v->version);
		for (b = 0; b < SECTOR; b++)
			fits[b] |= image[b] == got[b];
	}
	return raced && !memchr(fits, 0, SECTOR);
}

/* A read that raced with nothing: this is the value, and no other. */
static void settle(struct sector *s, uint64_t version, uint64_t from,
		   uint64_t to)
{
	unsigned int i;

	for (i = 0; i < s->count; i++)
		if (s->values[i].dead == NEVER && s->values[i].end >= from)
			return;
	for (i = 0; i < s->count; i++)
		if (s->values[i].dead == NEVER &&
		    s->values[i].version != version)
			s->values[i].dead = to;
}

static bool check_sector(struct sector *s, const void *got, uint64_t number,
			 uint64_t from, uint64_t to)
{
	uint64_t version;
	unsigned int i;

	if (decode(got, number, &version))
		for (i = 0; i < s->count; i++)
			if (s->values[i].version == version &&
			    was_possible(&s->values[i], from, to)) {
				settle(s, version, from, to);
				return true;
			}
	if (!is_mixture(s, got, number, from, to))
		return false;
	atomic_fetch_add(&mixtures, 1);
	return true;
}

static void print_version(FILE *to, uint64_t version)
{
	if (version == ZEROS)
		fprintf(to, "zeros");
	else if (version == INITIAL)
		fprintf(to, "initial");
	else
		fprintf(to, "v%ju", (uintmax_t)version);
}

static void describe(const struct sector *s)
{
	unsigned int i;

	for (i = 0; i < s->count; i++) {
		const struct value *v = &s->values[i];

		fprintf(stderr, "  may be ");
		print_version(stderr, v->version);
		fprintf(stderr, " of [%jd, %jd], dead at %jd%s\n",
			(intmax_t)v->start, (intmax_t)v->end,
			(intmax_t)v->dead, v->raced ? ", raced" : "");
	}
}

static void complain(const struct sector *s, const uint64_t *got,
		     uint64_t number, uint64_t from, uint64_t to)
{
	uint64_t version;
	bool whole = decode(got, number, &version);

	fprintf(stderr, "%s: sector %ju, read in [%ju, %ju], is ",
		option.device, (uintmax_t)number, (uintmax_t)from,
		(uintmax_t)to);
	if (whole)
		print_version(stderr, version);
	else if (got[0] == magic)
		fprintf(stderr, "torn, or v%ju of sector %ju",
			(uintmax_t)got[2], (uintmax_t)got[1]);
	else
		fprintf(stderr, "foreign: %016jx %016jx", (uintmax_t)got[0],
			(uintmax_t)got[1]);
	fprintf(stderr, " (seed %ju)\n", (uintmax_t)option.seed);
	describe(s);
}

/* Fails at the first sector that is wrong. */
static bool check_read(const unsigned char *buffer, const struct request *r,
		       uint64_t to)
{
	uint64_t i;
	bool good = true;

	for (i = 0; good && i < r->sectors; i++) {
		uint64_t number = r->first + i;
		const void *got = buffer + i * SECTOR;

		pthread_mutex_lock(stripe(number));
		good = check_sector(&disk[number], got, number, r->start, to);
		if (!good)
			complain(&disk[number], got, number, r->start, to);
		pthread_mutex_unlock(stripe(number));
	}
	return good;
}

/* --- Requests --- */

static pthread_mutex_t claims_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t claims_changed = PTHREAD_COND_INITIALIZER;
static struct { uint64_t first, sectors; } claims[MAX_THREADS];

static bool is_claimed(const struct request *r)
{
	uint64_t i;

	for (i = 0; i < option.threads; i++)
		if (claims[i].sectors &&
		    r->first < claims[i].first + claims[i].sectors &&
		    claims[i].first < r->first + r->sectors)
			return true;
	return false;
}

static void claim(const struct request *r, unsigned int thread)
{
	if (!option.exclusive)
		return;
	pthread_mutex_lock(&claims_lock);
	while (is_claimed(r))
		pthread_cond_wait(&claims_changed, &claims_lock);
	claims[thread].first = r->first;
	claims[thread].sectors = r->sectors;
	pthread_mutex_unlock(&claims_lock);
}

static void unclaim(unsigned int thread)
{
	if (!option.exclusive)
		return;
	pthread_mutex_lock(&claims_lock);
	claims[thread].sectors = 0;
	pthread_cond_broadcast(&claims_changed);
	pthread_mutex_unlock(&claims_lock);
}

static enum op pick_op(uint64_t *rng)
{
	unsigned int at = next(rng) % 100, op = 0;

	while (op < FLUSH && at >= op_share[op])
		at -= op_share[op++];
	return op;
}

/* As many small ones as large ones; a third of them on pages. */
static void pick_range(struct request *r, uint64_t *rng)
{
	uint64_t granule = next(rng) % 3 ? unit : 4096, size = granule, place;

	while (size < option.max_io && next(rng) % 4)
		size *= 2;
	size = 1 + next(rng) % (size / granule);
	place = sectors * SECTOR / granule;
	if (size > place)
		size = place;
	r->sectors = size * granule / SECTOR;
	r->first = next(rng) % (place - size + 1) * granule / SECTOR;
}

static int set_range(unsigned long command, uint64_t offset, uint64_t length)
{
	uint64_t range[2] = { offset, length };

	return ioctl(device, command, range);
}

static int whole(ssize_t got, uint64_t wanted)
{
	if (got >= 0 && (uint64_t)got != wanted)
		errno = EIO;
	return got < 0 || (uint64_t)got != wanted ? -1 : 0;
}

static int perform(const struct request *r, void *buffer)
{
	uint64_t offset = r->first * SECTOR, length = r->sectors * SECTOR;
	struct iovec iov = { buffer, length };

	switch (r->op) {
	case READ:
		return whole(preadv(device, &iov, 1, offset), length);
	case WRITE:
		return whole(pwritev(device, &iov, 1, offset), length);
	case WRITE_DURABLE:
		return whole(pwritev2(device, &iov, 1, offset, RWF_DSYNC),
			     length);
	case DISCARD:
		return set_range(BLKDISCARD, offset, length);
	case ZERO:
		return set_range(BLKZEROOUT, offset, length);
	case PUNCH:
		return fallocate(device, FALLOC_FL_PUNCH_HOLE |
				 FALLOC_FL_KEEP_SIZE, offset, length);
	default:
		return fsync(device);
	}
}

static void fill_buffer(const struct request *r, unsigned char *buffer)
{
	uint64_t i;

	for (i = 0; i < r->sectors; i++)
		fill((uint64_t *)(buffer + i * SECTOR), r->first + i,
		     r->version);
}

static void note_flush(uint64_t start)
{
	uint64_t old = atomic_load(&durable_since);

	while (old < start &&
	       !atomic_compare_exchange_weak(&durable_since, &old, start))
		;
}

/*
 * The journal: before a change or a flush begins and after it has ended, an
 * event is handed to whom a crash here does not touch.
 */
enum event_kind { MAGIC, BEGIN, END, FAILED };

struct event {
	uint64_t kind, time;
	struct request request;
};

static void note_event(enum event_kind kind, uint64_t time,
		       const struct request *r)
{
	struct event event = { .kind = kind, .time = time, .request = *r };

	if (journal >= 0 &&
	    write(journal, &event, sizeof(event)) != sizeof(event))
		err(2, "%s", option.journal);
}

/* To those who log what lies below, one at a time. */
static void tell_flush(void)
{
	static unsigned int count;
	char command[512];

	if (!option.on_flush)
		return;
	snprintf(command, sizeof(command), "%s%u", option.on_flush, ++count);
	if (system(command))
		errx(2, "failed: %s", command);
}

static void note_end(const struct request *r, uint64_t end, bool success)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

	if (r->op == READ)
		return;
	pthread_mutex_lock(&one);
	note_event(success ? END : FAILED, end, r);
	if (success && r->op == FLUSH)
		tell_flush();
	pthread_mutex_unlock(&one);
}

/* Whether the run may go on after it. */
static bool note_failure(const struct request *r)
{
	int error = errno;

	atomic_fetch_add(&failed, 1);
	if (option.tolerate && (error == EIO || error == ENOSPC ||
				error == ENOMEM))
		return true;
	fprintf(stderr, "%s: one of the %s, of sectors %ju to %ju: %s\n",
		option.device, op_names[r->op], (uintmax_t)r->first,
		(uintmax_t)(r->first + r->sectors), strerror(error));
	return false;
}

static bool is_change(enum op op)
{
	return op != READ && op != FLUSH;
}

static bool submit(struct request *r, void *buffer, unsigned int thread)
{
	bool success, fine = true;
	uint64_t end;

	atomic_store(&active[thread], atomic_load(&now));
	r->start = tick();
	if (r->op != READ)
		note_event(BEGIN, r->start, r);
	if (is_change(r->op))
		begin_change(r);
	success = !perform(r, buffer);
	if (!success)
		fine = note_failure(r);
	end = tick();
	note_end(r, end, success);
	if (is_change(r->op))
		end_change(r, end, success);
	else if (success && r->op == READ)
		fine = check_read(buffer, r, end);
	else if (success)
		note_flush(r->start);
	atomic_store(&active[thread], NEVER);
	atomic_fetch_add(&done[r->op], success);
	return fine;
}

static bool is_over(void)
{
	if (option.count && atomic_fetch_add(&begun, 1) >= option.count)
		return true;
	return atomic_load(&stop) || time(NULL) >= deadline;
}

static void do_one(uint64_t *rng, unsigned char *buffer, unsigned int thread)
{
	struct request r = { .op = pick_op(rng) };

	if (r.op != FLUSH)
		pick_range(&r, rng);
	if (r.op == WRITE || r.op == WRITE_DURABLE) {
		r.version = atomic_fetch_add(&versions, 1);
		fill_buffer(&r, buffer);
	}
	claim(&r, thread);
	if (!submit(&r, buffer, thread))
		atomic_store(&stop, true);
	unclaim(thread);
}

static void *work(void *arg)
{
	unsigned int thread = (uintptr_t)arg;
	uint64_t rng = (option.seed + 1) * 0x9e3779b97f4a7c15 + thread;
	void *buffer = aligned_alloc(4096, option.max_io + 4096);

	if (!buffer)
		err(2, "no memory");
	while (!is_over())
		do_one(&rng, buffer, thread);
	free(buffer);
	return NULL;
}

static void race(void)
{
	pthread_t threads[MAX_THREADS];
	uintptr_t i;

	for (i = 0; i < option.threads; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			err(2, "thread");
	for (i = 0; i < option.threads; i++)
		pthread_join(threads[i], NULL);
}

/* --- Files --- */

static FILE *open_file(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (!file)
		err(2, "%s", path);
	return file;
}

static void close_written(FILE *file, const char *path)
{
	if (fclose(file))
		err(2, "%s", path);
}

/* What its end leaves open is zeros. */
static void read_initial(void)
{
	FILE *file;

	initial = calloc(sectors, SECTOR);
	if (!initial)
		err(2, "no memory");
	if (!option.initial)
		return;
	file = open_file(option.initial, "r");
	fread(initial, SECTOR, sectors, file);
	if (ferror(file))
		err(2, "%s", option.initial);
	fclose(file);
}

static void first_values(void)
{
	static const unsigned char zeros[SECTOR];
	uint64_t i;

	for (i = 0; i < sectors; i++) {
		bool none = !memcmp(initial + i * SECTOR, zeros, SECTOR);

		*add_value(&disk[i]) = (struct value) {
			.version = none ? ZEROS : INITIAL, .dead = NEVER,
		};
	}
}

/*
 * The state: the magic word, then for each sector how many values it may have,
 * whether they may be mixed, and their versions.
 */
static void save_state(void)
{
	FILE *file = open_file(option.state, "w");
	uint64_t i, oldest = horizon();
	unsigned int j;

	fwrite(&magic, sizeof(magic), 1, file);
	for (i = 0; i < sectors; i++) {
		struct sector *s = &disk[i];
		uint64_t head[2] = { 0, 0 };

		prune(s, oldest);
		head[0] = s->count;
		for (j = 0; j < s->count; j++)
			head[1] |= s->values[j].raced;
		fwrite(head, sizeof(head), 1, file);
		for (j = 0; j < s->count; j++)
			fwrite(&s->values[j].version, sizeof(uint64_t), 1,
			       file);
	}
	close_written(file, option.state);
}

static void need(void *to, size_t size, FILE *file)
{
	if (fread(to, size, 1, file) != 1)
		errx(2, "%s: is too short", option.check);
}

static void load_state(void)
{
	FILE *file = open_file(option.check, "r");
	uint64_t i, j, head[2];

	need(&magic, sizeof(magic), file);
	for (i = 0; i < sectors; i++) {
		need(head, sizeof(head), file);
		for (j = 0; j < head[0]; j++) {
			struct value v = { .dead = NEVER, .raced = head[1] };

			need(&v.version, sizeof(v.version), file);
			*add_value(&disk[i]) = v;
		}
	}
	fclose(file);
}

static void replay_event(const struct event *e, uint64_t *flushes)
{
	const struct request *r = &e->request;

	if (e->kind == MAGIC)
		magic = r->version;
	else if (r->op == FLUSH && e->kind == END &&
		 (*flushes)++ < option.flushes)
		note_flush(r->start);
	else if (is_change(r->op) && e->kind == BEGIN)
		begin_change(r);
	else if (is_change(r->op))
		end_change(r, e->time, e->kind == END);
}

/* What may be there after a crash is there for those who come later. */
static void forget_times(struct sector *s)
{
	unsigned int i;

	prune(s, atomic_load(&durable_since));
	for (i = 0; i < s->count; i++) {
		s->values[i].start = 0;
		s->values[i].end = 0;
		s->values[i].dead = NEVER;
	}
}

static void replay_journal(void)
{
	FILE *file = open_file(option.replay, "r");
	uint64_t flushes = 0, i;
	struct event e;

	first_values();
	while (fread(&e, sizeof(e), 1, file) == 1)
		replay_event(&e, &flushes);
	fclose(file);
	if (option.flushes != NEVER && flushes < option.flushes)
		errx(2, "%s: has %ju flushes", option.replay,
		     (uintmax_t)flushes);
	for (i = 0; i < sectors; i++)
		forget_times(&disk[i]);
}

static void open_journal(void)
{
	struct request r = { .version = magic };

	if (!option.journal)
		return;
	journal = open(option.journal, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND,
		       0600);
	if (journal < 0)
		err(2, "%s", option.journal);
	note_event(MAGIC, 0, &r);
}

/* All of the disk, when nothing else goes on. */
static void check_whole(void)
{
	struct request r = { .op = READ };
	FILE *dump = option.dump ? open_file(option.dump, "w") : NULL;
	void *buffer = aligned_alloc(4096, 1 << 20);

	if (!buffer)
		err(2, "no memory");
	for (; r.first < sectors; r.first += r.sectors) {
		r.sectors = (1 << 20) / SECTOR;
		if (r.sectors > sectors - r.first)
			r.sectors = sectors - r.first;
		r.start = tick();
		if (perform(&r, buffer))
			err(1, "%s: sector %ju", option.device,
			    (uintmax_t)r.first);
		if (!check_read(buffer, &r, tick()))
			exit(1);
		if (dump)
			fwrite(buffer, SECTOR, r.sectors, dump);
	}
	if (dump)
		close_written(dump, option.dump);
	free(buffer);
}

/* --- The rest --- */

static void open_device(void)
{
	bool only_look = option.check || option.replay;
	int flags = only_look ? O_RDONLY : O_RDWR | O_DIRECT;
	struct stat st;
	int size = SECTOR;
	off_t end;

	device = open(option.device, flags);
	if (device < 0 || fstat(device, &st))
		err(2, "%s", option.device);
	if (S_ISBLK(st.st_mode) && ioctl(device, BLKSSZGET, &size))
		err(2, "%s: sector size", option.device);
	unit = size;
	end = lseek(device, 0, SEEK_END);
	if (end < 4096)
		errx(2, "%s: is too small", option.device);
	sectors = end / SECTOR;
	disk = calloc(sectors, sizeof(*disk));
	if (!disk)
		err(2, "no memory");
}

static uint64_t summarize(void)
{
	uint64_t total = 0, n;
	int op;

	for (op = 0; op < OPS; op++) {
		n = atomic_load(&done[op]);
		printf("%ju %s, ", (uintmax_t)n, op_names[op]);
		total += n;
	}
	printf("%ju failed, %ju mixtures\n", (uintmax_t)atomic_load(&failed),
	       (uintmax_t)atomic_load(&mixtures));
	return total;
}

static uint64_t parse_number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (*end == 'M' || *end == 'k')
		n <<= *end++ == 'M' ? 20 : 10;
	if (*end)
		errx(2, "not a number: %s", text);
	return n;
}

static void usage(void)
{
	errx(2, "usage: model [--initial FILE] [--seconds N] [--count N]"
	     " [--seed N] [--threads N]\n"
	     "  [--max-io BYTES] [--exclusive] [--discard-zeroes CLUSTER]"
	     " [--no-punch]\n"
	     "  [--tolerate] [--dump FILE] [--state FILE] [--journal FILE]\n"
	     "  [--on-flush COMMAND] DEVICE\n"
	     "or: model [--initial FILE] --check STATE FILE\n"
	     "or: model [--initial FILE] --replay JOURNAL [--flushes N] FILE\n"
	     "\n"
	     "  --exclusive       requests in flight share clusters, not"
	     " sectors\n"
	     "  --discard-zeroes  whole clusters that are discarded read"
	     " zeros\n"
	     "  --tolerate        requests may fail: EIO, ENOSPC, ENOMEM\n"
	     "  --on-flush        runs COMMAND with a number appended after each\n"
	     "  --flushes         those after it had not happened yet\n"
	     "  --state           what each sector may be after a crash, for"
	     " --check");
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "initial", 1, NULL, 'i' }, { "seconds", 1, NULL, 's' },
		{ "count", 1, NULL, 'c' }, { "seed", 1, NULL, 'r' },
		{ "threads", 1, NULL, 't' }, { "max-io", 1, NULL, 'm' },
		{ "exclusive", 0, NULL, 'x' },
		{ "discard-zeroes", 1, NULL, 'z' },
		{ "no-punch", 0, NULL, 'p' }, { "tolerate", 0, NULL, 'e' },
		{ "dump", 1, NULL, 'd' }, { "state", 1, NULL, 'S' },
		{ "check", 1, NULL, 'C' }, { "journal", 1, NULL, 'j' },
		{ "replay", 1, NULL, 'R' }, { "flushes", 1, NULL, 'f' },
		{ "on-flush", 1, NULL, 'o' }, { }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'i': option.initial = optarg; break;
		case 's': option.seconds = parse_number(optarg); break;
		case 'c': option.count = parse_number(optarg); break;
		case 'r': option.seed = parse_number(optarg); break;
		case 't': option.threads = parse_number(optarg); break;
		case 'm': option.max_io = parse_number(optarg); break;
		case 'x': option.exclusive = true; break;
		case 'z': option.cluster = parse_number(optarg); break;
		case 'p': op_share[FLUSH] += op_share[PUNCH];
			  op_share[PUNCH] = 0; break;
		case 'e': option.tolerate = true; break;
		case 'd': option.dump = optarg; break;
		case 'S': option.state = optarg; break;
		case 'C': option.check = optarg; break;
		case 'j': option.journal = optarg; break;
		case 'R': option.replay = optarg; break;
		case 'f': option.flushes = parse_number(optarg); break;
		case 'o': option.on_flush = optarg; break;
		default: usage();
		}
	if (optind != argc - 1 || !option.threads ||
	    option.threads > MAX_THREADS || option.max_io < 4096)
		usage();
	option.device = argv[optind];
}

static void prepare(void)
{
	unsigned int i;

	for (i = 0; i < STRIPES; i++)
		pthread_mutex_init(&stripes[i], NULL);
	for (i = 0; i < MAX_THREADS; i++)
		atomic_store(&active[i], NEVER);
	open_device();
	read_initial();
	magic = (option.seed + 1) * 0xd1342543de82ef95 ^ time(NULL) << 20;
	deadline = time(NULL) + option.seconds;
}

static int check_state(void)
{
	if (option.check)
		load_state();
	else
		replay_journal();
	check_whole();
	printf("%ju sectors are what they may be\n", (uintmax_t)sectors);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t total;

	parse(argc, argv);
	prepare();
	if (option.check || option.replay)
		return check_state();
	open_journal();
	first_values();
	race();
	total = summarize();
	if (atomic_load(&stop))
		return 1;
	if (!total)
		errx(1, "nothing was done");
	if (option.state)
		save_state();
	else
		check_whole();
	return 0;
}
