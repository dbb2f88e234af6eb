// SPDX-License-Identifier: GPL-2.0
/*
 * readat DEVICE MODEL COUNT [SEED]
 *
 * Reads at random places with random odd lengths, past the page cache and
 * from four threads at once, and compares with a file of the same content.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS		4
#define MAX_LENGTH	(1 << 20)

static const char *device_name;
static const unsigned char *model;
static uint64_t size;
static int device, sector;
static unsigned int count, seed;

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Mostly a few sectors, now and then up to a mebibyte. */
static uint64_t pick_length(uint64_t *state, uint64_t left)
{
	uint64_t max = next(state) % 16 ? 64 * (uint64_t)sector : MAX_LENGTH;
	uint64_t length = (1 + next(state) % (max / sector)) * sector;

	return length < left ? length : left;
}

static void compare(const unsigned char *got, uint64_t offset, uint64_t length)
{
	uint64_t i;

	for (i = 0; i < length; i++)
		if (got[i] != model[offset + i])
			errx(1, "%s: byte %ju is %#x, not %#x (seed %u)",
			     device_name, (uintmax_t)(offset + i), got[i],
			     model[offset + i], seed);
}

static void read_one(unsigned char *buffer, uint64_t *state)
{
	uint64_t offset = next(state) % (size / sector) * sector;
	uint64_t length = pick_length(state, size - offset);
	ssize_t got = pread(device, buffer, length, offset);

	if (got < 0)
		err(1, "%s: %ju bytes at %ju", device_name,
		    (uintmax_t)length, (uintmax_t)offset);
	if ((uint64_t)got != length)
		errx(1, "%s: %zd of %ju bytes at %ju", device_name, got,
		     (uintmax_t)length, (uintmax_t)offset);
	compare(buffer, offset, length);
}

static void *reader(void *arg)
{
	uint64_t state = (seed + 1ULL) * 0x9e3779b97f4a7c15 + (uintptr_t)arg;
	unsigned char *buffer = aligned_alloc(4096, MAX_LENGTH);
	unsigned int i;

	if (!buffer)
		err(1, "memory");
	for (i = 0; i < count / THREADS; i++)
		read_one(buffer, &state);
	free(buffer);
	return NULL;
}

static void open_both(const char *model_name)
{
	int fd = open(model_name, O_RDONLY);
	struct stat st;

	device = open(device_name, O_RDONLY | O_DIRECT);
	if (device < 0 || ioctl(device, BLKSSZGET, &sector) ||
	    ioctl(device, BLKGETSIZE64, &size))
		err(1, "%s", device_name);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", model_name);
	if ((uint64_t)st.st_size != size || !size)
		errx(1, "%s has %ju bytes, %s %ju", device_name,
		     (uintmax_t)size, model_name, (uintmax_t)st.st_size);
	model = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (model == MAP_FAILED)
		err(1, "%s", model_name);
	close(fd);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	uintptr_t i;

	if (argc < 4)
		errx(2, "usage: readat DEVICE MODEL COUNT [SEED]");
	device_name = argv[1];
	count = strtoul(argv[3], NULL, 0);
	seed = argc > 4 ? strtoul(argv[4], NULL, 0) : 1;
	open_both(argv[2]);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, reader, (void *)(i + 1)))
			errx(1, "no thread");
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
