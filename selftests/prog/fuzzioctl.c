// SPDX-License-Identifier: GPL-2.0
/*
 * fuzzioctl [OPTION...] FOLDER...
 *
 * Tasks that do at random, and all at once, whatever can be done to the driver:
 * every ioctl of the control device, with arguments that are right, nearly
 * right and wrong, with files of all sorts, and with pointers that lead
 * nowhere; requests of every kind to the devices that there are; reads of what
 * sysfs shows of them; and damage to the image files, whether or not they are
 * attached.  A timer interrupts the tasks, and they are killed and begin anew.
 *
 * Each FOLDER has an image, `disk`, and what it needs: `data` is its external
 * data file, `base` backs it, `lower` backs that.  A link leads to a block
 * device.
 *
 * What a step does follows from the seed, the task, its life and the number of
 * the step, and from the devices that there are at that time.  With --ring the
 * last steps of each task are in a file, a line each, which begins with the
 * time: `sort -n` brings them in order.  A line is written before its step
 * begins, and by pwrite(2), not into a mapping: where the file lies on another
 * machine, it is there even if this one dies in that step.  The result of a
 * step comes with the next one.
 *
 * Exit status 1: a task does not end although it was killed, or a device does
 * not go.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/qcow.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_TASKS	8
#define MAX_FILES	128
#define MAX_VICTIMS	32
#define MAX_NUMBERS	32	/* of devices that are looked for */
#define MANY_DEVICES	8	/* from which on one is detached instead */
#define MOST_DEVICES	(MANY_DEVICES + 2 * MAX_TASKS)
#define WINDOW		4	/* images that most steps are about */
#define HELD		4	/* devices that a task keeps open */
#define RING		256	/* steps of a task that are kept */
#define LINE		192	/* bytes of a line about a step */
#define PAGE		4096
#define ROOM		(4 * PAGE)
#define MAX_IO		(128 << 10)
#define BLOCK_PRISTINE	(1 << 20)
#define LIMIT		(64 << 20)	/* of bytes that take their time */
#define DETACH_PAUSE	20000	/* microseconds */

/** struct file - an image file, or another file that an image needs */
struct file {
	char path[PATH_MAX];
	unsigned char *pristine;
	uint64_t length;
	unsigned int format;
	bool block;
};

/** struct victim - an image with its chain: indices of files, or -1 */
struct victim {
	int disk, data, base, lower;
};

/**
 * struct shared - what the tasks tell the parent, and the other way round
 * @begun: steps that a task has begun, in all its lives
 * @done:  results of steps of each kind: failed, succeeded
 * @shown: number of a device: which victim it was attached with, plus 1
 * @first: the first victim of the window
 */
static struct shared {
	unsigned int begun[MAX_TASKS];
	unsigned int done[32][2];
	unsigned int shown[MAX_NUMBERS];
	unsigned int first;
	bool stop;
} *shared;

static struct {
	uint64_t seed, seconds, tasks, limit;
	const char *ring;
} option = { .seed = 1, .seconds = 10, .tasks = 2, .limit = 60 };

static struct file files[MAX_FILES];
static struct victim victims[MAX_VICTIMS];
static unsigned int nr_files, nr_victims;

/* The control file that all tasks have in common, and the one of this task. */
static int common = -1, control = -1;

static uint64_t rng;
static unsigned int task, life;
static int ring = -1;

/* About this step and the one before it in this life, by their numbers. */
static char lines[2][LINE];
static bool published;
static unsigned char *buffer;

/* The device that most steps of this task are about, and that of its merge. */
static unsigned int favourite, merging = QCOW_NO_DEVICE;
static uint64_t changes;
static int held[HELD] = { -1, -1, -1, -1 };

/* To be closed at the end of the step. */
static int opened[64];
static unsigned int nr_opened;

/* --- Chance --- */

static uint64_t next(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1d >> 8;
}

static uint64_t below(uint64_t limit)
{
	return limit ? next() % limit : 0;
}

static bool one_in(unsigned int n)
{
	return !below(n);
}

/* Each step has numbers of its own, so that it does not depend on others. */
static void seed_step(uint64_t step)
{
	rng = (option.seed + 1) * 0x9e3779b97f4a7c15 ^
	      (task + 1) * 0xbf58476d1ce4e5b9 ^
	      (life + 1) * 0x94d049bb133111eb ^
	      (step + 1) * 0xd6e8feb86659fd93;
	rng |= !rng;
	next();
	next();
}

static uint64_t interesting(uint64_t old)
{
	switch (below(10)) {
	case 0:  return 0;
	case 1:  return ~0ULL;
	case 2:  return old + 1;
	case 3:  return old - 1;
	case 4:  return next() << 40 ^ next();
	case 5:  return below(300);
	case 6:  return 1ULL << below(64);
	case 7:  return (1ULL << below(64)) - 1;
	case 8:  return -(1ULL << below(64));
	default: return old ^ 1ULL << below(64);
	}
}

/* --- What was done --- */

/* The number of a step among those of all lives of this task. */
static unsigned int step_number(void)
{
	return shared->begun[task] - 1;
}

static char *line(void)
{
	return lines[step_number() % 2];
}

__attribute__((format(printf, 1, 2)))
static void note(const char *format, ...)
{
	size_t length = strlen(line());
	va_list list;

	va_start(list, format);
	vsnprintf(line() + length, LINE - length, format, list);
	va_end(list);
}

/* Lines are of one length, so that the file can be a ring. */
static void put_line(unsigned int number)
{
	const char *text = lines[number % 2];
	char padded[LINE];

	if (!*text)
		return;
	memset(padded, ' ', LINE);
	memcpy(padded, text, strlen(text));
	padded[LINE - 1] = '\n';
	if (pwrite(ring, padded, LINE,
		   (task * RING + number % RING) * (off_t)LINE) != LINE)
		err(2, "%s", option.ring);
}

/* Before whatever may not return. */
static void publish(void)
{
	published = true;
	if (ring < 0)
		return;
	put_line(step_number() - 1);
	put_line(step_number());
}

static void begin_line(uint64_t step, const char *name)
{
	struct timespec now;

	published = false;
	__atomic_add_fetch(&shared->begun[task], 1, __ATOMIC_RELAXED);
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(line(), LINE, "%6ld.%06ld task %u.%u.%ju %s", (long)now.tv_sec,
		 now.tv_nsec / 1000, task, life, (uintmax_t)step, name);
}

static void end_line(long result, int error)
{
	if (result < 0)
		note(" = %s", strerrorname_np(error) ?: "?");
	else
		note(" = %ld", result);
	if (!published)
		publish();
}

/* --- Interruptions --- */

static void on_alarm(int signal)
{
	(void)signal;
}

/* Now and then a signal comes at some time in the next call. */
static void arm(void)
{
	struct itimerval when = { };

	if (!one_in(6))
		return;
	when.it_value.tv_usec = 1 + below(one_in(2) ? 500 : 30000);
	setitimer(ITIMER_REAL, &when, NULL);
}

/* Keeps errno. */
static void disarm(void)
{
	const struct itimerval never = { };
	int error = errno;

	setitimer(ITIMER_REAL, &never, NULL);
	errno = error;
}

/* --- Memory that ioctls are given --- */

enum { FOR_ARGUMENT, FOR_LAYERS, FOR_NAME, FOR_FORMAT, FOR_MESSAGE, ROOMS };

/* The same memory twice, and nothing behind it. */
static struct room {
	unsigned char *memory, *read_only;
} rooms[ROOMS];

static unsigned char *map_room(int fd, int protection)
{
	unsigned char *at = mmap(NULL, ROOM + PAGE, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED ||
	    mmap(at, ROOM, protection, MAP_SHARED | MAP_FIXED, fd, 0) != at)
		err(2, "memory");
	return at;
}

static void make_rooms(void)
{
	unsigned int i;

	for (i = 0; i < ROOMS; i++) {
		int fd = memfd_create("room", MFD_CLOEXEC);

		if (fd < 0 || ftruncate(fd, ROOM))
			err(2, "memory");
		rooms[i].memory = map_room(fd, PROT_READ | PROT_WRITE);
		rooms[i].read_only = map_room(fd, PROT_READ);
		close(fd);
	}
}

static uint64_t bad_pointer(const struct room *room, size_t length)
{
	switch (below(7)) {
	case 0:  return 0;
	case 1:  return below(PAGE);
	case 2:  return (uintptr_t)room->memory + ROOM;
	case 3:  return (uintptr_t)room->memory + ROOM - length / 2;
	case 4:  return (uintptr_t)room->memory + ROOM - 1;
	case 5:  return 0xffff888000000000 + (below(1 << 20) << 12);
	default: return next() << 32 ^ next();
	}
}

/* Mostly such that the next byte cannot be read. */
static unsigned char *place_of(unsigned int which, size_t length)
{
	size_t room = ROOM - length;

	return rooms[which].memory +
	       (one_in(4) ? below(room < 8 ? room : 8) : room);
}

/* What is said of a pointer that is not what it should be. */
static uint64_t pointer_to(unsigned int which, unsigned char *place,
			   size_t length)
{
	const struct room *room = &rooms[which];

	if (one_in(40)) {
		note(" ro%u", which);
		return (uintptr_t)room->read_only + (place - room->memory);
	}
	if (one_in(40)) {
		uint64_t bad = bad_pointer(room, length);

		note(" bad%u=%#jx", which, (uintmax_t)bad);
		return bad;
	}
	return (uintptr_t)place;
}

static uint64_t put(unsigned int which, const void *data, size_t length)
{
	unsigned char *place = place_of(which, length);

	memcpy(place, data, length);
	return pointer_to(which, place, length);
}

/* A name is not terminated, and may be anything. */
static uint64_t put_string(unsigned int which, const char *text,
			   uint32_t *length)
{
	static char odd[5000];
	size_t real = strlen(text);

	note(" '%s'", text);
	if (one_in(24)) {
		static const size_t lengths[] = { 0, 1, 255, 1023, 1024, 4095,
						  4096, 4097, sizeof(odd) };

		real = lengths[below(sizeof(lengths) / sizeof(*lengths))];
		memset(odd, one_in(2) ? below(256) : 'x', sizeof(odd));
		note(" odd:%zu*%#x", real, (unsigned char)odd[0]);
		text = odd;
	}
	*length = real;
	return put(which, text, real);
}

static uint64_t put_message(uint32_t *length)
{
	static const uint32_t lengths[] = { 512, 512, 512, 1, 0, 20, ROOM,
					    UINT32_MAX };

	size_t room;

	*length = lengths[below(sizeof(lengths) / sizeof(*lengths))];
	if (one_in(4))
		return 0;
	room = *length < ROOM ? *length : ROOM;
	return pointer_to(FOR_MESSAGE, place_of(FOR_MESSAGE, room), room);
}

/* --- Files that ioctls are given --- */

static int keep(int fd)
{
	if (fd >= 0 && nr_opened < sizeof(opened) / sizeof(*opened))
		opened[nr_opened++] = fd;
	return fd;
}

/* Few stay open, so that what the driver has of them differs. */
static void close_all(void)
{
	while (nr_opened)
		close(opened[--nr_opened]);
}

static unsigned int odd_flags(void)
{
	static const unsigned int flags[] = {
		O_RDONLY, O_WRONLY, O_RDWR, O_PATH, O_RDWR | O_DIRECT,
		O_RDONLY | O_DIRECT, O_RDWR | O_APPEND, O_RDWR | O_SYNC,
		O_RDWR | O_NOATIME,
	};

	return flags[below(sizeof(flags) / sizeof(*flags))];
}

static int open_file(int which, bool write)
{
	unsigned int flags = write ? O_RDWR : O_RDONLY;

	if (which < 0)
		return -1;
	if (one_in(24)) {
		flags = odd_flags();
		note(" flags:%#x", flags);
	}
	return keep(open(files[which].path, flags | O_CLOEXEC));
}

static int open_pipe(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -1;
	keep(ends[1]);
	return keep(ends[0]);
}

/* An image that lies in memory, and that nobody else knows. */
static int open_memfd(void)
{
	const struct file *file = &files[below(nr_files)];
	int fd = keep(memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING));

	if (fd < 0 || !file->pristine)
		return fd;
	if (pwrite(fd, file->pristine, file->length, 0) < 0)
		note(" memfd?");
	if (one_in(3))
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK);
	return fd;
}

/* Not even these are to be written: they are open for reading. */
static int open_strange(unsigned int number)
{
	static const char *const paths[] = {
		"/proc/self/maps", "/proc/version", "/proc/sys/kernel/pid_max",
		"/sys/module/qcow/refcnt", "/dev/null", "/dev/zero", "/proc",
		"/sys/block", ".", "/proc/self/exe",
	};
	char path[64];

	if (one_in(3)) {
		snprintf(path, sizeof(path), "/sys/block/qcow%u/qcow/state",
			 number);
		return keep(open(path, O_RDONLY | O_CLOEXEC));
	}
	return keep(open(paths[below(sizeof(paths) / sizeof(*paths))],
			 O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

static int open_device(unsigned int number, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/qcow%u", number);
	return open(path, flags | O_CLOEXEC);
}

static unsigned int pick_number(void);

static int closed_fd(void)
{
	int fd = dup(control);

	close(fd);
	return fd;
}

/* Anything but the file that should be there. */
static int odd_fd(void)
{
	unsigned int number = pick_number(), kind = below(14);

	note(" odd-fd:%u", kind);
	switch (kind) {
	case 0:
	case 1:  return keep(open_device(number, O_RDWR));
	case 2:  return keep(open_device(number, O_RDONLY));
	case 3:  return open_pipe();
	case 4:  return open_memfd();
	case 5:  return open_strange(number);
	case 6:  return control;
	case 7:  return common;
	case 8:  return closed_fd();
	case 9:  return keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	case 10: return keep(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	case 11: return one_in(2) ? -1 - (int)below(200) : INT_MAX;
	case 12: return held[below(HELD)];
	default: return open_file(below(nr_files), one_in(2));
	}
}

/* --- Chains --- */

static struct qcow_layer layers[QCOW_MAX_LAYERS + 8];

static void add_layer(unsigned int *nr, int file, int data, bool write)
{
	if (file < 0)
		return;
	layers[(*nr)++] = (struct qcow_layer){
		.fd = open_file(file, write),
		.format = files[file].format,
		.data_fd = open_file(data, write),
	};
}

/* The files below the disk, and the first of them to be written, if need be. */
static unsigned int add_backing(const struct victim *v, unsigned int nr,
				bool write)
{
	add_layer(&nr, v->base, -1, write);
	add_layer(&nr, v->lower, -1, false);
	return nr;
}

static void spoil_layer(struct qcow_layer *l)
{
	switch (below(10)) {
	case 0:  l->fd = odd_fd(); break;
	case 1:  l->data_fd = odd_fd(); break;
	case 2:  l->format ^= 3; break;
	case 3:  l->format = interesting(l->format); break;
	case 4:  l->flags = interesting(0); break;
	case 5:  l->offset = 512 * below(64); break;
	case 6:  l->offset = interesting(0); break;
	case 7:  l->sizelimit = 512 * below(2000); break;
	case 8:  l->sizelimit = interesting(0); break;
	default: l->fd = l->data_fd; break;
	}
}

/* Return the number of layers that the driver is told of. */
static unsigned int spoil_chain(unsigned int nr)
{
	unsigned int i = below(nr);

	switch (below(6)) {
	case 0:
		return below(nr + 1);
	case 1:
		layers[nr] = layers[i];
		return nr + 1;
	case 2:
		layers[nr] = layers[i];
		layers[nr].fd = odd_fd();
		return nr + 1;
	case 3:
		for (i = nr; nr && i < QCOW_MAX_LAYERS + 8; i++)
			layers[i] = layers[nr - 1];
		return QCOW_MAX_LAYERS - 2 + below(4);
	default:
		if (nr)
			spoil_layer(&layers[i]);
		return nr;
	}
}

static uint64_t put_layers(unsigned int *nr)
{
	if (one_in(8)) {
		*nr = spoil_chain(*nr);
		note(" spoilt:%u", *nr);
	}
	return put(FOR_LAYERS, layers, *nr * sizeof(*layers));
}

/* --- Devices --- */

static bool exists(unsigned int number)
{
	char path[32];

	snprintf(path, sizeof(path), "/sys/block/qcow%u", number);
	return !access(path, F_OK);
}

static unsigned int count_devices(void)
{
	unsigned int number, count = 0;

	for (number = 0; number < MOST_DEVICES; number++)
		count += exists(number);
	return count;
}

/* One that exists, hidden ones too, but for now and then. */
static unsigned int pick_number(void)
{
	unsigned int from = below(MOST_DEVICES), i;

	if (one_in(30))
		return interesting(from);
	if (!one_in(3))
		return favourite;
	for (i = 0; i < MOST_DEVICES; i++)
		if (exists((from + i) % MOST_DEVICES))
			return (from + i) % MOST_DEVICES;
	return from;
}

static const struct victim *pick_victim(unsigned int *number)
{
	unsigned int first = __atomic_load_n(&shared->first, __ATOMIC_RELAXED);

	*number = one_in(8) ? below(nr_victims) :
			      (first + below(WINDOW)) % nr_victims;
	return &victims[*number];
}

/* What the device was attached with, mostly. */
static const struct victim *victim_of(unsigned int number)
{
	unsigned int which = number < MAX_NUMBERS ? shared->shown[number] : 0;

	return which && !one_in(12) ? &victims[which - 1] : pick_victim(&which);
}

static const char *snapshot_name(void)
{
	static char name[16];

	snprintf(name, sizeof(name), one_in(3) ? "%u" : "s%u",
		 (unsigned int)below(6));
	return name;
}

static uint64_t pick_size(void)
{
	if (one_in(12))
		return (1ULL << below(64)) + 512 * below(3) - 512;
	if (one_in(16))
		return below(1 << 20);
	return (1 + below(one_in(4) ? 1024 : 64)) * 16384;
}

/* --- Ioctls --- */

/** union argument - with room for what a newer caller may have to say */
static union argument {
	uint32_t size;
	uint32_t words[ROOM / 4];
	struct qcow_features features;
	struct qcow_attach attach;
	struct qcow_detach detach;
	struct qcow_query query;
	struct qcow_snapshot snapshot;
	struct qcow_resize resize;
	struct qcow_empty empty;
	struct qcow_fill fill;
	struct qcow_rebase rebase;
	struct qcow_merge merge;
} argument;

static void *new_argument(size_t size)
{
	memset(&argument, 0, sizeof(argument));
	argument.size = size;
	return &argument;
}

/* Only the end of what is said about the flags matters. */
static uint32_t flags_of(uint32_t known)
{
	uint32_t flags = next() & next() & known;

	return one_in(32) ? flags | 1U << below(32) : flags;
}

static void spoil_words(size_t size)
{
	unsigned int count = 1 + below(3), i;

	while (count--) {
		i = below(size / 4);
		argument.words[i] = interesting(argument.words[i]);
		note(" w%u=%#x", i, argument.words[i]);
	}
}

static size_t spoil_size(size_t size)
{
	static const uint32_t sizes[] = { 0, 3, 4, PAGE, PAGE + 1, PAGE - 8,
					  UINT32_MAX, INT_MAX };

	if (one_in(2))
		size = sizes[below(sizeof(sizes) / sizeof(*sizes))];
	else
		size += (int)below(65) - 32;
	argument.size = size;
	if (one_in(3))
		argument.words[below(ROOM / 4)] = next();
	note(" size=%u", argument.size);
	return size > ROOM ? ROOM : size;
}

/*
 * The argument goes to the driver, and comes back if the driver can write it.
 * Mostly through the control file of this task: merges and hidden devices
 * belong to one.
 */
static long call(unsigned int command)
{
	size_t size = argument.size, length = size;
	unsigned char *place;
	uint64_t pointer;
	int fd = one_in(4) ? common : control;
	long result;

	if (one_in(12))
		spoil_words(size);
	if (one_in(24))
		length = spoil_size(size);
	if (one_in(24))
		command = _IOC(below(4), _IOC_TYPE(command), _IOC_NR(command),
			       below(1 << _IOC_SIZEBITS));
	length = length < sizeof(uint32_t) ? sizeof(uint32_t) : length;
	place = place_of(FOR_ARGUMENT, length);
	memcpy(place, &argument, length);
	pointer = pointer_to(FOR_ARGUMENT, place, length);
	if (fd == common)
		note(" common");
	publish();
	arm();
	result = ioctl(fd, command, pointer);
	disarm();
	memcpy(&argument, place, length);
	return result;
}

static long do_features(void)
{
	new_argument(sizeof(struct qcow_features));
	return call(QCOW_FEATURES);
}

static long do_detach(void)
{
	struct qcow_detach *d = new_argument(sizeof(*d));

	d->number = pick_number();
	d->flags = one_in(3) ? QCOW_DETACH_LAZY : flags_of(0);
	note(" qcow%u %#x", d->number, d->flags);
	return call(QCOW_DETACH);
}

/* Devices lie on each other; in a circle, if that could be had. */
static unsigned int onto_device(int flags)
{
	unsigned int number = pick_number();

	note(" onto qcow%u", number);
	layers[0] = (struct qcow_layer){
		.fd = keep(open_device(number, flags)),
		.format = one_in(8) ? QCOW_FORMAT_QCOW2 : QCOW_FORMAT_RAW,
		.data_fd = -1,
	};
	return 1;
}

static void name_device(char *name)
{
	if (one_in(24))
		memset(name, one_in(2) ? 'n' : below(256), QCOW_NAME_LEN);
	else
		snprintf(name, QCOW_NAME_LEN, "name%u", (unsigned int)below(4));
}

static void show_snapshot(struct qcow_attach *a)
{
	if (!one_in(5))
		return;
	a->snapshot = put_string(FOR_NAME, snapshot_name(), &a->snapshot_len);
	if (!one_in(8))
		a->flags |= QCOW_ATTACH_READ_ONLY;
}

static uint32_t attach_flags(void)
{
	uint32_t flags = flags_of(0x3f & ~QCOW_ATTACH_READ_ONLY);

	if (one_in(3))
		flags |= QCOW_ATTACH_READ_ONLY;
	/* both at once are refused */
	return one_in(16) ? flags : flags & ~QCOW_ATTACH_DIO_ON;
}

/* The layers of an image; or of one that lies on a device of ours. */
static unsigned int pick_layers(bool write, unsigned int *which)
{
	const struct victim *v = pick_victim(which);
	unsigned int nr = 0;

	if (one_in(16))
		return onto_device(write ? O_RDWR : O_RDONLY);
	note(" %s", files[v->disk].path);
	add_layer(&nr, v->disk, v->data, write);
	return add_backing(v, nr, false);
}

static long do_attach(void)
{
	struct qcow_attach *a = new_argument(sizeof(*a));
	unsigned int which;
	long result;

	if (count_devices() >= MANY_DEVICES)
		return do_detach();
	a->flags = attach_flags();
	show_snapshot(a);
	a->nr_layers = pick_layers(!(a->flags & QCOW_ATTACH_READ_ONLY), &which);
	note(" %#x", a->flags);
	a->layers = put_layers(&a->nr_layers);
	a->sector_size = one_in(6) ? 4096 : 512 * below(2);
	a->cache_size = one_in(3) ? interesting(1 << 16) : 0;
	a->message = put_message(&a->message_len);
	if (one_in(6))
		name_device(a->name);
	result = call(QCOW_ATTACH);
	if (!result && a->number < MAX_NUMBERS) {
		favourite = a->number;
		shared->shown[a->number] = which + 1;
		note(" qcow%u", a->number);
	}
	return result;
}

static long do_query(void)
{
	struct qcow_query *q = new_argument(sizeof(*q));
	unsigned int which;

	if (one_in(4))
		q->fd = odd_fd();
	else
		q->fd = open_file(pick_victim(&which)->disk, one_in(2));
	return call(QCOW_QUERY);
}

static long do_snapshot(void)
{
	struct qcow_snapshot *s = new_argument(sizeof(*s));

	s->number = pick_number();
	s->flags = flags_of(QCOW_SNAPSHOT_FORCE);
	s->op = one_in(16) ? interesting(2) : 1 + below(3);
	note(" qcow%u %#x op %u", s->number, s->flags, s->op);
	s->name = put_string(FOR_NAME, snapshot_name(), &s->name_len);
	s->message = put_message(&s->message_len);
	s->freeze_timeout_ms = one_in(4) ? interesting(1) : 0;
	return call(QCOW_SNAPSHOT);
}

static long do_resize(void)
{
	struct qcow_resize *r = new_argument(sizeof(*r));

	r->number = pick_number();
	r->flags = one_in(2) ? QCOW_RESIZE_SHRINK : flags_of(0);
	r->disk_size = pick_size();
	note(" qcow%u %#x %#jx", r->number, r->flags, (uintmax_t)r->disk_size);
	r->message = put_message(&r->message_len);
	return call(QCOW_RESIZE);
}

static long do_empty(void)
{
	struct qcow_empty *e = new_argument(sizeof(*e));

	e->number = pick_number();
	e->flags = flags_of(0);
	note(" qcow%u %#x", e->number, e->flags);
	e->message = put_message(&e->message_len);
	return call(QCOW_EMPTY);
}

static long do_fill(void)
{
	struct qcow_fill *f = new_argument(sizeof(*f));
	long result;

	f->number = pick_number();
	f->start = one_in(4) ? interesting(0) : 4096 * below(256);
	f->length = one_in(4) ? interesting(0) : 4096 * below(256);
	note(" qcow%u %#jx+%#jx", f->number, (uintmax_t)f->start,
	     (uintmax_t)f->length);
	f->message = put_message(&f->message_len);
	result = call(QCOW_FILL);
	if (!result)
		changes = f->changes;
	return result;
}

static unsigned int new_backing(unsigned int number)
{
	unsigned int which;

	switch (below(6)) {
	case 0:  return 0;
	case 1:
	case 2:  return onto_device(O_RDONLY);
	case 3:  return add_backing(pick_victim(&which), 0, false);
	default: return add_backing(victim_of(number), 0, false);
	}
}

static long do_rebase(void)
{
	struct qcow_rebase *r = new_argument(sizeof(*r));

	r->number = pick_number();
	note(" qcow%u", r->number);
	r->nr_layers = new_backing(r->number);
	if (r->nr_layers || one_in(16)) {
		r->name = put_string(FOR_NAME, "base", &r->name_len);
		r->format = put_string(FOR_FORMAT, layers[0].format ==
				       QCOW_FORMAT_RAW ? "raw" : "qcow2",
				       &r->format_len);
	}
	r->layers = put_layers(&r->nr_layers);
	r->message = put_message(&r->message_len);
	if (one_in(3)) {
		r->flags = QCOW_REBASE_FILLED;
		r->changes = one_in(6) ? interesting(changes) : changes;
	}
	note(" %#x", r->flags);
	return call(QCOW_REBASE);
}

static long merge(unsigned int number, unsigned int op)
{
	struct qcow_merge *m = new_argument(sizeof(*m));
	long result;

	m->number = number;
	m->op = op;
	note(" qcow%u op %u", number, op);
	if (op == QCOW_MERGE_BEGIN || op == QCOW_MERGE_REOPEN) {
		m->nr_layers = add_backing(victim_of(number), 0,
					   op == QCOW_MERGE_BEGIN);
		m->layers = put_layers(&m->nr_layers);
	}
	if (op == QCOW_MERGE_BEGIN && one_in(2)) {
		m->flags = QCOW_MERGE_HOLD;
		m->hold_fds[0] = one_in(4) ? odd_fd() : -1;
		m->hold_fds[1] = one_in(8) ? (int)interesting(1000) : -1;
	}
	if (op == QCOW_MERGE_END)
		m->flags = flags_of(QCOW_MERGE_KEEP);
	m->message = put_message(&m->message_len);
	result = call(QCOW_MERGE);
	if (!result && op == QCOW_MERGE_BEGIN)
		merging = number;
	else if (number == merging && (!result || errno == ENOENT) &&
		 op != QCOW_MERGE_STEP)
		merging = QCOW_NO_DEVICE;
	return result;
}

static long go_on_merging(void)
{
	static const unsigned int ops[] = {
		QCOW_MERGE_STEP, QCOW_MERGE_STEP, QCOW_MERGE_END,
		QCOW_MERGE_STOP,
	};

	return merge(merging, ops[below(sizeof(ops) / sizeof(*ops))]);
}

static long do_merge(void)
{
	static const unsigned int ops[] = {
		QCOW_MERGE_BEGIN, QCOW_MERGE_BEGIN, QCOW_MERGE_BEGIN,
		QCOW_MERGE_REOPEN, QCOW_MERGE_STEP, QCOW_MERGE_END,
		QCOW_MERGE_STOP,
	};

	if (merging != QCOW_NO_DEVICE && !one_in(4))
		return go_on_merging();
	return merge(pick_number(), one_in(24) ? interesting(3) :
		     ops[below(sizeof(ops) / sizeof(*ops))]);
}

/* To a control file or to a device. */
static long do_unknown(void)
{
	unsigned int number = 0x3c + below(20);
	int fd = one_in(2) ? control : odd_fd();

	/* what other drivers do with theirs is not of interest */
	note(" %#x", number);
	publish();
	memset(&argument, below(256), sizeof(argument));
	return ioctl(fd, _IOC(below(4), QCOW_IOC_MAGIC, number, below(1 << 14)),
		     put(FOR_ARGUMENT, &argument, PAGE));
}

/* --- Requests --- */

static int pick_device(void)
{
	static const int flags[] = {
		O_RDONLY, O_RDWR, O_RDWR, O_RDWR | O_DIRECT, O_RDWR | O_DIRECT,
		O_RDONLY | O_DIRECT, O_RDWR | O_SYNC, O_RDWR | O_EXCL,
		O_WRONLY,
	};
	unsigned int i = below(HELD), number;
	int fd;

	if (held[i] >= 0 && one_in(3)) {
		note(" held");
		return held[i];
	}
	number = pick_number();
	fd = open_device(number, flags[below(sizeof(flags) / sizeof(*flags))]);
	note(" qcow%u", number);
	if (fd < 0 || !one_in(8))
		return keep(fd);
	close(held[i]);
	held[i] = fd;
	return fd;
}

/* Where there is something, or at the end, or behind it. */
static void pick_range(int fd, uint64_t range[2])
{
	uint64_t size = 0;

	ioctl(fd, BLKGETSIZE64, &size);
	range[1] = 512 * (1 + below(one_in(4) ? MAX_IO / 512 : 16));
	switch (below(8)) {
	case 0:
		range[0] = size - range[1] + 512 * below(3);
		break;
	case 1:
		range[0] = below(size);
		break;
	default:
		range[0] = 512 * below((size < 1 << 20 ? size : 1 << 20) / 512);
		break;
	}
	note(" %#jx+%#jx", (uintmax_t)range[0], (uintmax_t)range[1]);
}

static long do_read(void)
{
	uint64_t range[2];
	int fd = pick_device();

	pick_range(fd, range);
	publish();
	return pread(fd, buffer, range[1], range[0]);
}

static long do_write(void)
{
	uint64_t range[2];
	int fd = pick_device();
	long result;

	pick_range(fd, range);
	memset(buffer, below(256), range[1]);
	publish();
	arm();
	result = pwrite(fd, buffer, range[1], range[0]);
	disarm();
	return result;
}

static long do_discard(void)
{
	static const unsigned int requests[] = {
		BLKDISCARD, BLKZEROOUT, BLKSECDISCARD
	};
	static const int modes[] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE |
		FALLOC_FL_KEEP_SIZE, 0,
	};
	uint64_t range[2];
	int fd = pick_device();

	pick_range(fd, range);
	if (one_in(8))
		range[1] = below(LIMIT);
	publish();
	if (one_in(2))
		return ioctl(fd, requests[below(3)], range);
	return fallocate(fd, modes[below(4)], range[0], range[1]);
}

static long do_sync(void)
{
	int fd = pick_device();

	publish();
	return fsync(fd);
}

/* The common ioctls of disks, as far as they do no harm to others. */
static long do_disk(void)
{
	static const unsigned int requests[] = {
		BLKRRPART, BLKFLSBUF, BLKROGET, BLKSSZGET, BLKROSET,
	};
	unsigned int request = requests[below(5)];
	int fd = pick_device(), value = below(2);

	note(" %#x %d", request, value);
	publish();
	arm();
	value = ioctl(fd, request, &value);
	disarm();
	return value;
}

static bool is_word(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* A file of sysfs, any one of those that the driver has. */
static long do_look(void)
{
	unsigned int number = pick_number(), left = below(64);
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *folder;
	int fd;

	snprintf(path, sizeof(path), "/sys/block/qcow%u/qcow", number);
	folder = opendir(path);
	if (!folder)
		return -1;
	while ((entry = readdir(folder)) && (!is_word(entry) || left--))
		;
	if (!entry) {
		rewinddir(folder);
		while ((entry = readdir(folder)) && !is_word(entry))
			;
	}
	fd = entry ? keep(openat(dirfd(folder), entry->d_name,
				 O_RDONLY | O_CLOEXEC)) : -1;
	note(" qcow%u %s", number, entry ? entry->d_name : "-");
	closedir(folder);
	publish();
	return read(fd, buffer, MAX_IO);
}

/* --- Damage --- */

static uint64_t get64(int fd, uint64_t offset)
{
	uint64_t value = 0;

	if (pread(fd, &value, sizeof(value), offset) != sizeof(value))
		return 0;
	return be64toh(value);
}

static uint64_t get_offset(int fd, uint64_t offset)
{
	return get64(fd, offset) & 0x00fffffffffffe00;
}

/* Where the header says that something lies, or where such things lie. */
static uint64_t a_place(int fd)
{
	uint64_t entries = get64(fd, 36) >> 32, table = get64(fd, 48);
	uint64_t l1 = get64(fd, 40) + 8 * below(entries < 64 ? entries : 64);

	switch (below(8)) {
	case 0:  return below(104);
	case 1:  return 104 + below(200);
	case 2:  return l1;
	case 3:
	case 4:  return get_offset(fd, l1) + 8 * below(512);
	case 5:  return table + 8 * below(8);
	case 6:  return get_offset(fd, table) + below(512);
	default: return get64(fd, 64) + below(200);
	}
}

/* A file of any length would hold up everybody else. */
static uint64_t within(uint64_t offset)
{
	return offset & (LIMIT - 1);
}

static long damage_field(int fd)
{
	unsigned int width = 1 << below(4);
	uint64_t at = within(a_place(fd)) & -(uint64_t)width;
	uint64_t value = get64(fd, at);

	value >>= 64 - 8 * width;
	switch (below(4)) {
	case 0:
		value = a_place(fd) & ~511ULL;
		break;
	case 1:
		value = (value & 0xff000000000001ff) | (a_place(fd) & ~511ULL);
		break;
	default:
		value = interesting(value);
		break;
	}
	value <<= 64 - 8 * width;
	note(" %#jx:%u=%#jx", (uintmax_t)at, width,
	     (uintmax_t)value >> (64 - 8 * width));
	publish();
	value = htobe64(value);
	return pwrite(fd, &value, width, at);
}

/* A sector of something else. */
static long damage_sector(int fd)
{
	uint64_t from = within(a_place(fd)) & ~511ULL;
	uint64_t to = within(a_place(fd)) & ~511ULL;

	memset(buffer, 0, 512);
	if (!one_in(3) && pread(fd, buffer, 512, from) < 0)
		note(" zeros");
	note(" %#jx->%#jx", (uintmax_t)from, (uintmax_t)to);
	publish();
	return pwrite(fd, buffer, 512, to);
}

static const struct file *pick_file(void)
{
	unsigned int which;
	const struct victim *v = pick_victim(&which);
	int file = v->disk;

	if (one_in(4))
		file = v->base >= 0 ? v->base : v->data;
	return &files[file < 0 ? v->disk : file];
}

static long do_damage(void)
{
	const struct file *file = pick_file();
	int fd = keep(open(file->path, O_RDWR | O_CLOEXEC));

	note(" %s", file->path);
	if (fd < 0)
		return -1;
	if (!file->block && one_in(12)) {
		uint64_t length = one_in(2) ? file->length :
					      below(2 * file->length);

		note(" cut %#jx", (uintmax_t)length);
		publish();
		return ftruncate(fd, length);
	}
	return one_in(4) ? damage_sector(fd) : damage_field(fd);
}

/* As it was at first, in the same file or in another one of that name. */
static long restore(const struct file *file)
{
	bool anew = !file->block && one_in(2);
	char path[PATH_MAX + 16];
	int fd;

	/* a task that is killed here leaves the old file */
	if (anew)
		snprintf(path, sizeof(path), "%s.%u", file->path, task);
	else
		snprintf(path, sizeof(path), "%s", file->path);
	fd = keep(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	if (fd < 0)
		return -1;
	if (!file->block && ftruncate(fd, file->length))
		return -1;
	if (pwrite(fd, file->pristine, file->length, 0) < 0)
		return -1;
	return anew ? rename(path, file->path) : 0;
}

static long do_restore(void)
{
	const struct victim *v;
	unsigned int which;

	v = pick_victim(&which);
	note(" %s", files[v->disk].path);
	publish();
	if (v->data >= 0)
		restore(&files[v->data]);
	if (v->base >= 0)
		restore(&files[v->base]);
	if (v->lower >= 0)
		restore(&files[v->lower]);
	return restore(&files[v->disk]);
}

/* --- Steps --- */

static const struct step {
	const char *name;
	unsigned int weight;
	long (*run)(void);
} steps[] = {
	{ "features", 1, do_features },
	{ "attach", 14, do_attach },
	{ "detach", 9, do_detach },
	{ "query", 4, do_query },
	{ "snapshot", 10, do_snapshot },
	{ "resize", 6, do_resize },
	{ "empty", 3, do_empty },
	{ "fill", 4, do_fill },
	{ "rebase", 7, do_rebase },
	{ "merge", 12, do_merge },
	{ "unknown", 1, do_unknown },
	{ "read", 9, do_read },
	{ "write", 10, do_write },
	{ "discard", 5, do_discard },
	{ "sync", 3, do_sync },
	{ "disk", 2, do_disk },
	{ "look", 4, do_look },
	{ "damage", 5, do_damage },
	{ "restore", 6, do_restore },
};

#define NR_STEPS (sizeof(steps) / sizeof(*steps))

static const struct step *pick_step(void)
{
	unsigned int sum = 0, at;
	size_t i;

	for (i = 0; i < NR_STEPS; i++)
		sum += steps[i].weight;
	at = below(sum);
	for (i = 0; at >= steps[i].weight; i++)
		at -= steps[i].weight;
	return &steps[i];
}

static void one_step(uint64_t number)
{
	const struct step *step;
	long result;

	seed_step(number);
	step = pick_step();
	begin_line(number, step->name);
	errno = 0;
	result = step->run();
	end_line(result, errno);
	__atomic_add_fetch(&shared->done[step - steps][result >= 0], 1,
			   __ATOMIC_RELAXED);
	close_all();
	/* with it its merge stops, and its hidden devices go */
	if (one_in(200)) {
		close(control);
		control = open("/dev/" QCOW_CONTROL_NAME, O_RDWR | O_CLOEXEC);
	}
}

static void work(void)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	uint64_t number = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	make_rooms();
	if (posix_memalign((void **)&buffer, PAGE, MAX_IO))
		errx(2, "no memory");
	control = open("/dev/" QCOW_CONTROL_NAME, O_RDWR | O_CLOEXEC);
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED))
		one_step(number++);
	exit(0);
}

/* --- The parent --- */

/** struct child - a task as the parent sees it */
struct child {
	pid_t pid;
	unsigned int lives, seen;
	time_t moved;		/* when it was last seen to begin a step */
	time_t killed;		/* or 0 */
	uint64_t kill_at;	/* milliseconds */
};

static struct child children[MAX_TASKS];
static unsigned int slow, kills;

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static time_t seconds(void)
{
	return milliseconds() / 1000;
}

/* What a file of a process says, on lines of their own. */
static void print_file(pid_t pid, const char *name)
{
	char path[64], text[4096];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text));
	close(fd);
	if (got > 0)
		printf("%s:\n%.*s\n", path, (int)got, text);
}

static bool is_blocked(pid_t pid)
{
	char path[64], text[256] = "";
	const char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	end = strrchr(text, ')');
	return end && !strncmp(end, ") D", 3);
}

/* Print each task that sleeps in the kernel for long, and where it sleeps. */
static void print_blocked(void)
{
	struct dirent *entry;
	DIR *folder = opendir("/proc");

	while (folder && (entry = readdir(folder))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && is_blocked(pid)) {
			print_file(pid, "comm");
			print_file(pid, "stack");
		}
	}
	if (folder)
		closedir(folder);
}

__attribute__((noreturn))
static void stuck(pid_t pid, const char *what)
{
	printf("seed %ju: %s\n", (uintmax_t)option.seed, what);
	print_file(pid, "stack");
	print_blocked();
	fflush(stdout);
	_exit(1);
}

static void start(struct child *child)
{
	fflush(stdout);
	child->pid = fork();
	if (child->pid < 0)
		err(2, "fork");
	if (!child->pid) {
		task = child - children;
		life = child->lives;
		work();
	}
	child->lives++;
	child->seen = shared->begun[child - children];
	child->moved = seconds();
	child->killed = 0;
	child->kill_at = milliseconds() + 200 + below(6000);
}

static void slay(struct child *child)
{
	if (child->killed)
		return;
	kill(child->pid, SIGKILL);
	child->killed = seconds();
}

/* Return true if it has ended. */
static bool reap(struct child *child)
{
	int status;

	if (waitpid(child->pid, &status, WNOHANG) != child->pid)
		return false;
	if (status && status != SIGKILL) {
		printf("seed %ju: a task ended with status %#x\n",
		       (uintmax_t)option.seed, status);
		exit(1);
	}
	child->pid = 0;
	return true;
}

/* A step may be long, but it has to end when its task is killed. */
static void look_after(struct child *child)
{
	unsigned int begun = __atomic_load_n(&shared->begun[child - children],
					     __ATOMIC_RELAXED);
	time_t now = seconds();

	if (begun != child->seen) {
		child->seen = begun;
		child->moved = now;
	}
	if (child->killed && now - child->killed > (time_t)option.limit)
		stuck(child->pid, "a task was killed and does not end");
	if (!child->killed && now - child->moved > (time_t)option.limit / 2) {
		slow++;
		slay(child);
	}
}

static void fuzz(void)
{
	uint64_t end = milliseconds() + option.seconds * 1000, moves = 0;
	struct child *child, *all = children + option.tasks;

	for (child = children; child < all; child++)
		start(child);
	while (milliseconds() < end) {
		usleep(20000);
		if (milliseconds() > moves) {
			shared->first = below(nr_victims);
			moves = milliseconds() + 500 + below(3000);
		}
		for (child = children; child < all; child++) {
			if (reap(child)) {
				start(child);
				continue;
			}
			look_after(child);
			if (!child->killed && milliseconds() > child->kill_at) {
				kills++;
				slay(child);
			}
		}
	}
}

/* They end their steps, or are killed. */
static void end_all(void)
{
	struct child *child, *all = children + option.tasks;
	bool left = true;

	shared->stop = true;
	while (left) {
		left = false;
		for (child = children; child < all; child++) {
			if (!child->pid || reap(child))
				continue;
			left = true;
			look_after(child);
		}
		usleep(20000);
	}
}

/* Those on top first, by trying: what lies on others keeps them open. */
static bool detach_all(void)
{
	unsigned int number, left = 0;

	for (number = 0; number < MAX_NUMBERS; number++) {
		struct qcow_detach d = { .size = sizeof(d), .number = number };

		if (!exists(number))
			continue;
		left++;
		ioctl(common, QCOW_DETACH, &d);
	}
	return !left;
}

/* The next round finds the images as they were made. */
static void restore_all(void)
{
	unsigned int i;

	for (i = 0; i < nr_files; i++) {
		if (restore(&files[i]))
			err(2, "%s", files[i].path);
		close_all();
	}
}

static void print_devices(void)
{
	unsigned int number;

	for (number = 0; number < MAX_NUMBERS; number++)
		if (exists(number))
			printf("qcow%u is still there\n", number);
}

static void take_down(void)
{
	time_t end = seconds() + option.limit;
	pid_t pid = fork();

	if (!pid) {
		while (!detach_all())
			usleep(DETACH_PAUSE);
		_exit(0);
	}
	while (waitpid(pid, NULL, WNOHANG) != pid) {
		if (seconds() > end) {
			print_devices();
			stuck(pid, "not all devices can be detached");
		}
		usleep(DETACH_PAUSE);
	}
}

static void print_sum(void)
{
	unsigned int total = 0;
	size_t i;

	for (i = 0; i < option.tasks; i++)
		total += shared->begun[i];
	printf("steps %u kills %u slow %u\n", total, kills, slow);
	for (i = 0; i < NR_STEPS; i++)
		printf("%s %u of %u\n", steps[i].name, shared->done[i][1],
		       shared->done[i][0] + shared->done[i][1]);
}

/* --- Files --- */

static unsigned int format_of(const struct file *file)
{
	return file->length >= 4 && !memcmp(file->pristine, "QFI\xfb", 4) ?
	       QCOW_FORMAT_QCOW2 : QCOW_FORMAT_RAW;
}

/* Return its index, or -1. */
static int load(const char *folder, const char *name)
{
	struct file *file = &files[nr_files];
	struct stat st;
	int fd;

	snprintf(file->path, sizeof(file->path), "%s/%s", folder, name);
	fd = open(file->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (nr_files == MAX_FILES || fstat(fd, &st))
		err(2, "%s", file->path);
	file->block = S_ISBLK(st.st_mode);
	file->length = file->block ? BLOCK_PRISTINE : st.st_size;
	file->pristine = malloc(file->length + 1);
	if (!file->pristine ||
	    pread(fd, file->pristine, file->length, 0) != (ssize_t)file->length)
		err(2, "%s", file->path);
	close(fd);
	file->format = format_of(file);
	return nr_files++;
}

static void load_victim(const char *folder)
{
	struct victim *v = &victims[nr_victims++];

	if (nr_victims > MAX_VICTIMS)
		errx(2, "too many folders");
	v->disk = load(folder, "disk");
	if (v->disk < 0)
		err(2, "%s/disk", folder);
	v->data = load(folder, "data");
	v->base = load(folder, "base");
	v->lower = load(folder, "lower");
}

static const struct option options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "seconds", required_argument, NULL, 't' },
	{ "tasks", required_argument, NULL, 'n' },
	{ "limit", required_argument, NULL, 'l' },
	{ "ring", required_argument, NULL, 'r' },
	{ }
};

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 's': option.seed = strtoull(optarg, NULL, 0); break;
		case 't': option.seconds = strtoull(optarg, NULL, 0); break;
		case 'n': option.tasks = strtoull(optarg, NULL, 0); break;
		case 'l': option.limit = strtoull(optarg, NULL, 0); break;
		case 'r': option.ring = optarg; break;
		default:  exit(2);
		}
	}
	if (optind == argc || !option.tasks || option.tasks > MAX_TASKS)
		errx(2, "usage: fuzzioctl [OPTION...] FOLDER...");
}

static void prepare(char **folders)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(2, "memory");
	common = open("/dev/" QCOW_CONTROL_NAME, O_RDWR | O_CLOEXEC);
	if (common < 0)
		err(2, "/dev/" QCOW_CONTROL_NAME);
	if (option.ring)
		ring = open(option.ring, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			    0600);
	if (option.ring && ring < 0)
		err(2, "%s", option.ring);
	while (*folders)
		load_victim(*folders++);
	/* the parent's own numbers */
	task = MAX_TASKS;
	seed_step(0);
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	prepare(argv + optind);
	fuzz();
	end_all();
	/* the last merges stop, and the last hidden devices go */
	close(common);
	common = open("/dev/" QCOW_CONTROL_NAME, O_RDWR | O_CLOEXEC);
	take_down();
	restore_all();
	print_sum();
	return 0;
}
