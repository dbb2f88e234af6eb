// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "chunk.h"
#include "error.h"

enum { ALIGNMENT = 4096 };

void chunk_init(struct chunk *c, size_t size)
{
	void *data;

	*c = (struct chunk){ .reader = reader_new() };
	if (posix_memalign(&data, ALIGNMENT, size))
		out_of_memory();
	c->data = data;
}

void chunk_free(struct chunk *c)
{
	reader_free(c->reader);
	free(c->extents);
	free(c->data);
}

/* One read for what lies together; inflated clusters are each their own. */
static void add(struct chunk *c, const struct extent *e)
{
	struct extent *last = c->nr ? &c->extents[c->nr - 1] : NULL;

	if (last && !e->compressed && extent_continues(last, e)) {
		last->length += e->length;
		return;
	}
	if (c->nr == c->room) {
		c->room = c->room ? 2 * c->room : 64;
		c->extents = xrealloc(c->extents, c->room,
				      sizeof(*c->extents));
	}
	c->extents[c->nr++] = *e;
}

/* What is behind the end of a shorter disk. */
static void add_end(struct chunk *c, u64 at, u64 end)
{
	const struct extent nothing = {
		.start = at, .length = end - at, .zero = true,
	};

	if (at < end)
		add(c, &nothing);
}

int chunk_look(struct chunk *c, struct views *v, u64 start, u64 length)
{
	u64 at = start, end = start + length, size = v->layers[0].size;
	struct extent e;
	int ret;

	c->start = start;
	c->length = length;
	c->nr = 0;
	for (; at < end && at < size; at += e.length) {
		ret = views_at(v, at, &e);
		if (ret)
			return ret;
		if (e.length > end - at)
			e.length = end - at;
		add(c, &e);
	}
	add_end(c, at, end);
	return 0;
}

bool chunk_is_zero(const struct chunk *c)
{
	size_t i;

	for (i = 0; i < c->nr; i++)
		if (c->extents[i].data)
			return false;
	return true;
}

int chunk_read(struct chunk *c)
{
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < c->nr; i++)
		ret = reader_read(c->reader, &c->extents[i],
				  c->data + (c->extents[i].start - c->start));
	return ret;
}
