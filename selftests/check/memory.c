// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "format/l2.h"
#include "memory.h"

static void need(struct memory *m, u64 size)
{
	if (m->room >= size)
		return;
	m->room = size + size / 4 + 1;
	m->bytes = realloc(m->bytes, m->room);
	if (!m->bytes)
		err(1, "memory");
}

void memory_load(struct memory *m, const char *path)
{
	FILE *f = fopen(path, "re");
	struct stat st;

	if (!f || fstat(fileno(f), &st))
		err(1, "%s", path);
	*m = (struct memory){ .bytes = NULL };
	need(m, st.st_size + 1);
	m->size = st.st_size;
	if (fread(m->bytes, 1, m->size, f) != m->size)
		err(1, "%s", path);
	fclose(f);
}

void memory_save(const struct memory *m, const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f || fwrite(m->bytes, 1, m->size, f) != m->size || fclose(f))
		err(1, "%s", path);
}

void memory_copy(struct memory *to, const struct memory *from)
{
	need(to, from->size + 1);
	to->size = from->size;
	memcpy(to->bytes, from->bytes, from->size);
}

void memory_free(struct memory *m)
{
	free(m->bytes);
	*m = (struct memory){ .bytes = NULL };
}

void memory_write(struct memory *m, const void *buf, size_t len, u64 pos)
{
	if (!len)
		return;
	if (pos + len > m->size) {
		need(m, pos + len);
		memset(m->bytes + m->size, 0, pos + len - m->size);
		m->size = pos + len;
	}
	memcpy(m->bytes + pos, buf, len);
}

static int source_read(void *ctx, void *buf, size_t len, u64 pos)
{
	const struct memory *m = ctx;
	size_t there = 0;

	if (pos < m->size)
		there = m->size - pos < len ? m->size - pos : len;
	if (there)
		memcpy(buf, m->bytes + pos, there);
	memset((u8 *)buf + there, 0, len - there);
	return 0;
}

static const void *source_map(void *ctx, u64 pos, size_t len)
{
	const struct memory *m = ctx;

	return pos < m->size && len <= m->size - pos ? m->bytes + pos : NULL;
}

struct check_source memory_source(struct memory *m)
{
	return (struct check_source){
		.read = source_read, .map = source_map, .ctx = m,
		.size = m->size,
	};
}

static int sink_write(void *ctx, const void *buf, size_t len, u64 pos)
{
	memory_write(ctx, buf, len, pos);
	return 0;
}

static int sink_sync(void *ctx)
{
	(void)ctx;
	return 0;
}

struct repair_sink memory_sink(struct memory *m)
{
	return (struct repair_sink){
		.write = sink_write, .sync = sink_sync, .ctx = m,
	};
}

u64 memory_word(const struct memory *m, u64 pos)
{
	u64 word;

	if (pos + sizeof(word) > m->size)
		return 0;
	qcow2_be64_decode(&word, m->bytes + pos, 1);
	return word;
}

void memory_set_word(struct memory *m, u64 pos, u64 value)
{
	u8 raw[sizeof(value)];

	qcow2_be64_encode(raw, &value, 1);
	memory_write(m, raw, sizeof(raw), pos);
}
