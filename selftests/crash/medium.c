// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "medium.h"

static u64 units(const struct medium *m)
{
	return m->capacity >> m->unit_bits;
}

static void *must_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		err(1, "%zu bytes", size);
	return p;
}

static void read_all(int fd, u8 *to, u64 size, const char *path)
{
	ssize_t got;

	while (size) {
		got = read(fd, to, size);
		if (got <= 0)
			err(1, "%s", path);
		to += got;
		size -= got;
	}
}

/* Room for a cluster that begins at the end. */
static u64 capacity_for(u64 size, u64 reach)
{
	u64 capacity = size > reach ? size : reach;

	return (capacity + (4 << 20)) >> 21 << 21;
}

void medium_load(struct medium *m, const char *path, u64 reach,
		 unsigned int unit_bits)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	m->durable_size = st.st_size;
	m->state_size = st.st_size;
	m->capacity = capacity_for(st.st_size, reach);
	m->unit_bits = unit_bits;
	m->durable = must_alloc(m->capacity);
	m->state = must_alloc(m->capacity);
	m->touched = must_alloc(units(m) * sizeof(*m->touched));
	m->clock = 1;
	read_all(fd, m->durable, m->durable_size, path);
	memcpy(m->state, m->durable, m->durable_size);
	medium_touch(m, 0, m->capacity);
	close(fd);
}

void medium_touch(struct medium *m, u64 pos, u64 len)
{
	u64 first = pos >> m->unit_bits;
	u64 last = (pos + len - 1) >> m->unit_bits;

	if (!len)
		return;
	m->changed = m->clock;
	for (; first <= last; first++)
		m->touched[first] = m->clock;
}

bool medium_is_touched(const struct medium *m, u32 since, u64 pos, u64 len)
{
	u64 first = pos >> m->unit_bits;
	u64 last = (pos + len - 1) >> m->unit_bits;

	if (pos >= m->capacity || len > m->capacity - pos)
		return true;
	for (; first <= last; first++)
		if (m->touched[first] > since)
			return true;
	return false;
}

void medium_settle(struct medium *m)
{
	m->clock++;
}

static u64 first_difference(const u8 *a, const u8 *b, u64 size)
{
	u64 i;

	for (i = 0; i < size; i++)
		if (a[i] != b[i])
			break;
	return i;
}

void medium_compare(const struct medium *m, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	u64 size, at;
	u8 *file;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	size = st.st_size;
	if (size != m->state_size)
		errx(1, "%s has %llu bytes, by the record it has %llu", path,
		     size, m->state_size);
	file = must_alloc(size + 1);
	read_all(fd, file, size, path);
	at = first_difference(file, m->state, size);
	if (at < size)
		errx(1, "%s differs from what was recorded at %#llx", path, at);
	free(file);
	close(fd);
}

void medium_save(const struct medium *m, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	u64 done = 0;
	ssize_t put;

	if (fd < 0)
		err(1, "%s", path);
	while (done < m->state_size) {
		put = write(fd, m->state + done, m->state_size - done);
		if (put < 0)
			err(1, "%s", path);
		done += put;
	}
	close(fd);
}
