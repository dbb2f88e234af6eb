// SPDX-License-Identifier: GPL-2.0
/*
 * storm [OPTION...] DEVICE IMAGE
 *
 * Thousands of steps on one disk: writes, discards, zeroes and flushes, and
 * between them snapshots made, applied and deleted, and new sizes.  A model in
 * memory has the disk and all snapshots; after each structural change the disk
 * has to be like it, and a snapshot that is attached beside it as well.
 *
 * While a snapshot is made or deleted, threads go on writing.  The new snapshot
 * has to be the disk of one instant: no write in it may have begun after one
 * had ended that is not.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <linux/qcow.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECTOR		512
#define PAGE		4096
#define MAX_IO		(256 << 10)
#define MAX_SNAPSHOTS	16
#define MAX_THREADS	8
#define MAX_RACED	256
#define WINDOW		(128 << 10)

static struct {
	const char *image, *initial, *dump, *qcowctl, *check;
	uint64_t steps, seconds, seed, threads, max_size, snapshots;
	uint64_t overflow_from, check_every;
	bool fixed_size;
} option = { .steps = 1000, .seconds = 60, .seed = 1, .threads = 3,
	     .max_size = 8 << 20, .snapshots = 5, .overflow_from = UINT64_MAX,
	     .check_every = 3, .qcowctl = "qcowctl" };

/** struct content - the disk, or a snapshot, as it has to be */
struct content {
	char name[16];
	unsigned char *data;
	uint64_t size;
};

/** struct raced - one write that raced with a change */
struct raced {
	uint64_t offset, length, start, end;
	unsigned char *data;
};

/** struct writer - a thread, with a part of the disk for itself */
struct writer {
	pthread_t thread;
	uint64_t first, length, rng;
	struct raced raced[MAX_RACED];
	atomic_uint done;
};

static const char *device_name;
static int device, control;
static unsigned int number;
static uint64_t rng;
static struct content active, snapshots[MAX_SNAPSHOTS];
static unsigned int nr_snapshots, names;
static unsigned char *buffer;
static struct writer writers[MAX_THREADS];
static atomic_bool stop;

/* The last snapshot: nobody has written since. */
static bool made_in_peace;

/* Of a snapshot that is attached beside the disk, if there is one. */
static struct { char node[64], name[16]; } view;

static struct { uint64_t done[16], overflows, refused, changes, slowest; } sum;

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t below(uint64_t limit)
{
	return limit ? next(&rng) % limit : 0;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void *memory(size_t size)
{
	void *mem = aligned_alloc(PAGE, (size + PAGE) / PAGE * PAGE);

	if (!mem)
		err(2, "no memory");
	return mem;
}

/* Nothing is like it. */
static void fill(unsigned char *data, uint64_t length, uint64_t *state)
{
	uint64_t i, word;

	for (i = 0; i < length; i += sizeof(word)) {
		word = next(state);
		memcpy(data + i, &word, sizeof(word));
	}
}

/* --- Is it what it has to be? --- */

static void read_all(int fd, const char *name, void *into, uint64_t size)
{
	ssize_t got = size ? pread(fd, into, size, 0) : 0;

	if (got < 0)
		err(1, "%s: reading", name);
	if ((uint64_t)got != size)
		errx(1, "%s: %zd bytes instead of %ju", name, got,
		     (uintmax_t)size);
}

static void expect_size(int fd, const char *name, uint64_t wanted)
{
	uint64_t size;

	if (ioctl(fd, BLKGETSIZE64, &size))
		err(2, "%s: its size", name);
	if (size != wanted)
		errx(1, "%s has %ju bytes instead of %ju (seed %ju)", name,
		     (uintmax_t)size, (uintmax_t)wanted,
		     (uintmax_t)option.seed);
}

static void expect_like(const char *what, const unsigned char *got,
			const struct content *wanted, const char *after)
{
	uint64_t i;

	for (i = 0; i < wanted->size; i += SECTOR)
		if (memcmp(got + i, wanted->data + i, SECTOR))
			errx(1, "%s: after %s, sector %ju is wrong: %02x%02x.. instead of %02x%02x.. (seed %ju)",
			     what, after, (uintmax_t)(i / SECTOR), got[i],
			     got[i + 1], wanted->data[i], wanted->data[i + 1],
			     (uintmax_t)option.seed);
}

static struct content *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_snapshots; i++)
		if (!strcmp(snapshots[i].name, name))
			return &snapshots[i];
	return NULL;
}

static void read_node(const char *node, const struct content *like)
{
	int fd = open(node, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", node);
	expect_size(fd, node, like->size);
	read_all(fd, node, buffer, like->size);
	close(fd);
}

static void expect_all(const char *after)
{
	expect_size(device, device_name, active.size);
	read_all(device, device_name, buffer, active.size);
	expect_like(device_name, buffer, &active, after);
	if (*view.node) {
		read_node(view.node, find(view.name));
		expect_like(view.node, buffer, find(view.name), after);
	}
}

/* --- Ordinary requests --- */

static bool pick_range(uint64_t *offset, uint64_t *length)
{
	uint64_t granule = below(3) ? SECTOR : PAGE, size = granule;

	if (active.size < granule)
		return false;
	while (size < MAX_IO && below(4))
		size *= 2;
	size = granule * (1 + below(size / granule));
	if (size > active.size)
		size = active.size / granule * granule;
	*length = size;
	*offset = below((active.size - size) / granule + 1) * granule;
	return true;
}

static void step_write(void)
{
	uint64_t offset, length;

	if (!pick_range(&offset, &length))
		return;
	fill(buffer, length, &rng);
	if (pwrite(device, buffer, length, offset) != (ssize_t)length)
		err(1, "%s: writing %ju at %ju", device_name,
		    (uintmax_t)length, (uintmax_t)offset);
	memcpy(active.data + offset, buffer, length);
}

static void set_range(unsigned long command, uint64_t offset, uint64_t length)
{
	uint64_t range[2] = { offset, length };

	if (ioctl(device, command, range) &&
	    !(command == BLKDISCARD && errno == EOPNOTSUPP))
		err(1, "%s: %s of %ju at %ju", device_name,
		    command == BLKDISCARD ? "discard" : "zeroes",
		    (uintmax_t)length, (uintmax_t)offset);
}

static bool is_zero(const unsigned char *data, uint64_t length)
{
	return !*data && !memcmp(data, data + 1, length - 1);
}

/* What is not discarded, for whatever reason, is as it was. */
static void step_discard(void)
{
	uint64_t offset, length, i;

	if (!pick_range(&offset, &length))
		return;
	set_range(BLKDISCARD, offset, length);
	if (pread(device, buffer, length, offset) != (ssize_t)length)
		err(1, "%s: reading what was discarded", device_name);
	for (i = 0; i < length; i += SECTOR) {
		if (!is_zero(buffer + i, SECTOR))
			continue;
		memset(active.data + offset + i, 0, SECTOR);
	}
	if (memcmp(active.data + offset, buffer, length))
		errx(1, "%s: %ju bytes that were discarded at %ju are neither zeros nor what they were (seed %ju)",
		     device_name, (uintmax_t)length, (uintmax_t)offset,
		     (uintmax_t)option.seed);
}

static void step_zero(void)
{
	uint64_t offset, length;

	if (!pick_range(&offset, &length))
		return;
	set_range(BLKZEROOUT, offset, length);
	memset(active.data + offset, 0, length);
}

static void step_flush(void)
{
	if (fsync(device))
		err(1, "%s: flush", device_name);
}

/* --- Writers that a change races with --- */

static void write_once(struct writer *w, struct raced *r)
{
	uint64_t sectors = w->length / SECTOR;

	r->length = 1 + next(&w->rng) % 64;
	if (r->length > sectors)
		r->length = sectors;
	r->offset = next(&w->rng) % (sectors - r->length + 1);
	r->length *= SECTOR;
	r->offset = w->first + r->offset * SECTOR;
	r->data = memory(r->length);
	fill(r->data, r->length, &w->rng);
	r->start = now();
	if (pwrite(device, r->data, r->length, r->offset) !=
	    (ssize_t)r->length)
		err(1, "%s: a write beside a change", device_name);
	r->end = now();
}

static void *run_writer(void *arg)
{
	struct writer *w = arg;

	while (!atomic_load(&stop) && w->done < MAX_RACED) {
		write_once(w, &w->raced[w->done]);
		atomic_fetch_add(&w->done, 1);
	}
	return NULL;
}

static void wait_for_writes(unsigned int more)
{
	struct timespec pause = { .tv_nsec = 200000 };
	unsigned int i, wanted[MAX_THREADS];

	for (i = 0; i < option.threads; i++)
		wanted[i] = writers[i].done + more < MAX_RACED ?
			    writers[i].done + more : MAX_RACED;
	for (i = 0; i < option.threads; i++)
		while (writers[i].done < wanted[i])
			nanosleep(&pause, NULL);
}

/* Each has a window in a part of the disk that is its own. */
static bool start_writers(void)
{
	uint64_t part = active.size / (option.threads ?: 1) / PAGE * PAGE, i;

	if (!option.threads || part < PAGE)
		return false;
	atomic_store(&stop, false);
	for (i = 0; i < option.threads; i++) {
		struct writer *w = &writers[i];

		w->length = part < WINDOW ? part : WINDOW;
		w->first = i * part + below((part - w->length) / PAGE + 1) *
				      PAGE;
		w->rng = next(&rng);
		w->done = 0;
		if (pthread_create(&w->thread, NULL, run_writer, w))
			errx(2, "no thread");
	}
	wait_for_writes(2);
	return true;
}

static void stop_writers(void)
{
	uint64_t i;

	wait_for_writes(2);
	atomic_store(&stop, true);
	for (i = 0; i < option.threads; i++)
		pthread_join(writers[i].thread, NULL);
}

static void write_to(unsigned char *data, const struct raced *r)
{
	memcpy(data + r->offset, r->data, r->length);
}

static void end_race(void)
{
	unsigned int i, k;

	for (i = 0; i < option.threads; i++)
		for (k = 0; k < writers[i].done; k++) {
			write_to(active.data, &writers[i].raced[k]);
			free(writers[i].raced[k].data);
		}
}

/* Sector by sector as it was, or as this write made it. */
static bool is_torn(const unsigned char *got, const unsigned char *was,
		    const struct raced *r, const struct writer *w)
{
	uint64_t i;

	for (i = w->first; i < w->first + w->length; i += SECTOR) {
		bool written = i >= r->offset && i < r->offset + r->length;

		if (!memcmp(got + i, was + i, SECTOR))
			continue;
		if (!written ||
		    memcmp(got + i, r->data + i - r->offset, SECTOR))
			return false;
	}
	return true;
}

/** struct instant - when a snapshot can have been the disk */
struct instant {
	uint64_t from, to;
};

static void narrow(struct instant *t, uint64_t from, uint64_t to)
{
	if (from > t->from)
		t->from = from;
	if (to < t->to)
		t->to = to;
}

/* @was becomes what it is after some of the writes, if that is what it got. */
static bool fits_writer(const unsigned char *got, unsigned char *was,
			const struct writer *w, struct instant *t)
{
	unsigned int k, n = w->done;
	bool torn;

	for (k = 0;; k++) {
		const struct raced *in = k ? &w->raced[k - 1] : NULL;
		const struct raced *out = k < n ? &w->raced[k] : NULL;

		if (!memcmp(got + w->first, was + w->first, w->length)) {
			narrow(t, in ? in->start : 0,
			       out ? out->end : UINT64_MAX);
			return true;
		}
		if (!out)
			return false;
		torn = is_torn(got, was, out, w);
		write_to(was, out);
		/* half of it: it may be more than one request */
		if (torn && memcmp(got + w->first, was + w->first,
				   w->length)) {
			memcpy(was + w->first, got + w->first, w->length);
			narrow(t, out->start, out->end);
			return true;
		}
	}
}

/* The snapshot, read into buffer, that was made in [@t] in a race. */
static void expect_instant(const struct content *s, unsigned char *was,
			   struct instant t)
{
	unsigned int i;

	for (i = 0; i < option.threads; i++) {
		const struct writer *w = &writers[i];

		if (!fits_writer(buffer, was, w, &t))
			errx(1, "%s: where thread %u wrote it is no state that was (seed %ju)",
			     s->name, i, (uintmax_t)option.seed);
	}
	if (memcmp(buffer, was, s->size))
		errx(1, "%s: it differs where nobody wrote (seed %ju)",
		     s->name, (uintmax_t)option.seed);
	if (t.from > t.to)
		errx(1, "%s: it has a write that began %ju ns after one had ended that it lacks (seed %ju)",
		     s->name, (uintmax_t)(t.from - t.to),
		     (uintmax_t)option.seed);
}

/* --- Structural changes --- */

static void run(const char *what, const char *format, const char *a,
		const char *b, char *line, size_t size)
{
	char command[512];
	FILE *out;

	snprintf(command, sizeof(command), format, option.qcowctl, a, b);
	out = popen(command, "r");
	if (!out || (line && !fgets(line, size, out)) || pclose(out))
		errx(1, "%s failed: %s", what, command);
	if (line)
		line[strcspn(line, "\n")] = '\0';
}

static void attach_view(const char *name)
{
	run("attach", "%s attach -r --snapshot %s %s", name, option.image,
	    view.node, sizeof(view.node));
	strcpy(view.name, name);
}

static void detach_view(void)
{
	if (*view.node)
		run("detach", "%s detach %s%s", view.node, "", NULL, 0);
	*view.node = '\0';
}

static void step_view(void)
{
	detach_view();
	if (nr_snapshots)
		attach_view(snapshots[below(nr_snapshots)].name);
}

static void note_pause(uint64_t ns)
{
	sum.changes++;
	if (ns > sum.slowest)
		sum.slowest = ns;
}

/* False where it was refused, and had to be. */
static bool snapshot(unsigned int op, const char *name)
{
	char message[256] = "";
	struct qcow_snapshot s = {
		.size = sizeof(s),
		.flags = op == QCOW_SNAPSHOT_APPLY ? QCOW_SNAPSHOT_FORCE : 0,
		.number = number,
		.op = op,
		.name = (uintptr_t)name,
		.name_len = strlen(name),
		.message = (uintptr_t)message,
		.message_len = sizeof(message),
	};

	if (!ioctl(control, QCOW_SNAPSHOT, &s)) {
		note_pause(s.pause_ns);
		return true;
	}
	if (errno == EOVERFLOW && nr_snapshots >= option.overflow_from &&
	    op == QCOW_SNAPSHOT_CREATE) {
		sum.overflows++;
		return false;
	}
	if (errno == EBUSY && op == QCOW_SNAPSHOT_DELETE && *view.node &&
	    !strcmp(view.name, name)) {
		sum.refused++;
		return false;
	}
	err(1, "%s: snapshot operation %u with %s: %s (seed %ju)", device_name,
	    op, name, message, (uintmax_t)option.seed);
}

static void copy(struct content *to, const struct content *from)
{
	free(to->data);
	to->data = memory(option.max_size);
	memcpy(to->data, from->data, from->size);
	to->size = from->size;
}

/* A race decides what it is: look at it. */
static void see_snapshot(struct content *s, struct instant t)
{
	unsigned char *was = memory(s->size);

	memcpy(was, s->data, s->size);
	detach_view();
	attach_view(s->name);
	read_node(view.node, s);
	expect_instant(s, was, t);
	memcpy(s->data, buffer, s->size);
	free(was);
}

static void step_create(void)
{
	struct content *s = &snapshots[nr_snapshots];
	struct instant t;
	bool race, done;

	if (nr_snapshots == option.snapshots)
		return;
	snprintf(s->name, sizeof(s->name), "s-%u", ++names);
	copy(s, &active);
	race = below(2) && start_writers();
	made_in_peace = !race;
	t.from = now();
	done = snapshot(QCOW_SNAPSHOT_CREATE, s->name);
	t.to = now();
	if (race)
		stop_writers();
	if (done)
		nr_snapshots++;
	if (race && done)
		see_snapshot(s, t);
	if (race)
		end_race();
}

static void step_delete(void)
{
	struct content *s, last;
	bool race, done;

	if (!nr_snapshots)
		return;
	s = &snapshots[below(nr_snapshots)];
	race = !below(3) && start_writers();
	done = snapshot(QCOW_SNAPSHOT_DELETE, s->name);
	if (race) {
		stop_writers();
		end_race();
	}
	if (!done)
		return;
	last = snapshots[--nr_snapshots];
	snapshots[nr_snapshots] = *s;
	*s = last;
}

static void step_apply(void)
{
	struct content *s;

	if (!nr_snapshots)
		return;
	s = &snapshots[below(nr_snapshots)];
	if (option.fixed_size && s->size != active.size)
		return;
	snapshot(QCOW_SNAPSHOT_APPLY, s->name);
	copy(&active, s);
}

/* Within a cluster, by whole ones, to nothing, back to all. */
static uint64_t pick_size(void)
{
	uint64_t size = active.size;

	switch (below(6)) {
	case 0:
		size += SECTOR * (1 + below(64));
		break;
	case 1:
		size -= size ? SECTOR * below(size / SECTOR < 64 ?
					      size / SECTOR + 1 : 64) : 0;
		break;
	case 2:
		size = option.max_size;
		break;
	default:
		size = SECTOR * below(option.max_size / SECTOR + 1);
	}
	return size > option.max_size ? option.max_size : size;
}

static void step_resize(void)
{
	char message[256] = "";
	struct qcow_resize r = {
		.size = sizeof(r),
		.flags = QCOW_RESIZE_SHRINK,
		.number = number,
		.disk_size = pick_size(),
		.message = (uintptr_t)message,
		.message_len = sizeof(message),
	};

	if (option.fixed_size)
		return;
	if (ioctl(control, QCOW_RESIZE, &r))
		err(1, "%s: from %ju to %ju bytes: %s (seed %ju)", device_name,
		    (uintmax_t)active.size, (uintmax_t)r.disk_size, message,
		    (uintmax_t)option.seed);
	note_pause(r.pause_ns);
	if (r.disk_size > active.size)
		memset(active.data + active.size, 0,
		       r.disk_size - active.size);
	active.size = r.disk_size;
}

/*
 * QEMU may find clusters that are to be released yet, but nothing wrong.  Where
 * not each change is looked at, one that made a snapshot is preferred: the next
 * write hides mistakes.
 */
static void run_check(bool created)
{
	static uint64_t last;
	uint64_t since = sum.changes - last;
	int status;

	if (!created && option.check_every > 1)
		since /= 2;
	if (!option.check || since < option.check_every)
		return;
	last = sum.changes;
	step_flush();
	status = system(option.check);
	if (!WIFEXITED(status) ||
	    (WEXITSTATUS(status) && WEXITSTATUS(status) != 3))
		errx(1, "status %d from: %s (seed %ju)", status, option.check,
		     (uintmax_t)option.seed);
}

static const struct {
	const char *name;
	void (*run)(void);
	unsigned int share;	/* of a hundred */
	bool change;
} steps[] = {
	{ "writes",	step_write,	58, false },
	{ "discards",	step_discard,	8, false },
	{ "zeroes",	step_zero,	6, false },
	{ "flushes",	step_flush,	4, false },
	{ "creates",	step_create,	8, true },
	{ "deletes",	step_delete,	6, true },
	{ "applies",	step_apply,	3, true },
	{ "resizes",	step_resize,	5, true },
	{ "views",	step_view,	2, true },
};

static void step(void)
{
	unsigned int at = below(100), i = 0;

	while (at >= steps[i].share)
		at -= steps[i++].share;
	steps[i].run();
	sum.done[i]++;
	if (!steps[i].change)
		return;
	expect_all(steps[i].name);
	run_check(steps[i].run == step_create && made_in_peace);
}

/* --- Around it --- */

static void dump(const struct content *c, const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", option.dump, name);
	f = fopen(path, "w");
	if (!f || fwrite(c->data, 1, c->size, f) != c->size || fclose(f))
		err(2, "%s", path);
}

static void dump_all(void)
{
	unsigned int i;

	dump(&active, "disk");
	for (i = 0; i < nr_snapshots; i++)
		dump(&snapshots[i], snapshots[i].name);
}

static void report(uint64_t done)
{
	size_t i;

	printf("%ju steps:", (uintmax_t)done);
	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		printf(" %ju %s", (uintmax_t)sum.done[i], steps[i].name);
	printf("; %ju overflows, %ju refused; longest pause %.1f ms\n",
	       (uintmax_t)sum.overflows, (uintmax_t)sum.refused,
	       sum.slowest / 1e6);
}

static void open_all(void)
{
	const char *digits = strpbrk(device_name, "0123456789");

	device = open(device_name, O_RDWR | O_DIRECT | O_CLOEXEC);
	control = open("/dev/" QCOW_CONTROL_NAME, O_RDWR | O_CLOEXEC);
	if (device < 0 || control < 0 || !digits)
		err(2, "%s", device_name);
	number = strtoul(digits, NULL, 10);
	if (ioctl(device, BLKGETSIZE64, &active.size))
		err(2, "%s", device_name);
	if (option.max_size < active.size)
		option.max_size = active.size;
	buffer = memory(option.max_size + MAX_IO);
	active.data = memory(option.max_size);
	read_all(device, device_name, active.data, active.size);
}

/* What it holds at first is what somebody else says. */
static void expect_initial(void)
{
	int fd;

	if (!option.initial)
		return;
	fd = open(option.initial, O_RDONLY);
	if (fd < 0)
		err(2, "%s", option.initial);
	read_all(fd, option.initial, buffer, active.size);
	close(fd);
	expect_like(device_name, buffer, &active, "nothing at all");
}

static const struct option long_options[] = {
	{ "steps", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 's' },
	{ "seed", required_argument, NULL, 'S' },
	{ "threads", required_argument, NULL, 't' },
	{ "max-size", required_argument, NULL, 'm' },
	{ "snapshots", required_argument, NULL, 'k' },
	{ "overflow-from", required_argument, NULL, 'o' },
	{ "fixed-size", no_argument, NULL, 'f' },
	{ "initial", required_argument, NULL, 'i' },
	{ "dump", required_argument, NULL, 'd' },
	{ "qcowctl", required_argument, NULL, 'q' },
	{ "check", required_argument, NULL, 'c' },
	{ "check-every", required_argument, NULL, 'e' },
	{ NULL }
};

static void take_option(int key, const char *arg)
{
	uint64_t *numbers[128] = {
		['n'] = &option.steps, ['s'] = &option.seconds,
		['S'] = &option.seed, ['t'] = &option.threads,
		['m'] = &option.max_size, ['k'] = &option.snapshots,
		['o'] = &option.overflow_from, ['e'] = &option.check_every,
	};
	const char **words[128] = {
		['i'] = &option.initial, ['d'] = &option.dump,
		['q'] = &option.qcowctl, ['c'] = &option.check,
	};

	if (key == 'f')
		option.fixed_size = true;
	else if (key > 0 && key < 128 && numbers[key])
		*numbers[key] = strtoull(arg, NULL, 0);
	else if (key > 0 && key < 128 && words[key])
		*words[key] = arg;
	else
		errx(2, "usage: storm [OPTION...] DEVICE IMAGE");
}

int main(int argc, char **argv)
{
	uint64_t begin = now(), done;
	int key;

	while ((key = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		take_option(key, optarg);
	if (argc - optind != 2 || option.threads > MAX_THREADS ||
	    option.snapshots > MAX_SNAPSHOTS)
		errx(2, "usage: storm [OPTION...] DEVICE IMAGE");
	device_name = argv[optind];
	option.image = argv[optind + 1];
	rng = (option.seed + 1) * 0x9e3779b97f4a7c15;
	open_all();
	expect_initial();
	for (done = 0; done < option.steps &&
	     now() - begin < option.seconds * 1000000000ULL; done++)
		step();
	detach_view();
	expect_all("all");
	report(done);
	if (option.dump)
		dump_all();
	return 0;
}
