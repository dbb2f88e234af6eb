// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "error.h"
#include "move.h"
#include "probe.h"

enum { PIECE = 1 << 20 };

void move_init(struct move *m, const struct image *img, move_put *put,
	       void *into)
{
	u64 cluster = 1ULL << img->header.cluster_bits;

	m->unit = cluster < PIECE ? cluster : PIECE;
	m->put = put;
	m->into = into;
	chunk_init(&m->chunks[0], PIECE);
	chunk_init(&m->chunks[1], PIECE);
}

void move_destroy(struct move *m)
{
	chunk_free(&m->chunks[0]);
	chunk_free(&m->chunks[1]);
}

static int read_side(struct chunk *c, struct views *v, u64 start, u64 length)
{
	int ret;

	memset(c->data, 0, length);
	if (!v->nr)
		return 0;
	ret = chunk_look(c, v, start, length);
	return ret ?: chunk_read(c);
}

static bool differs(const struct move *m, u64 at, u64 length)
{
	return memcmp(m->chunks[0].data + at, m->chunks[1].data + at, length);
}

/* Neighbouring units that differ go together; @run: where they begin. */
static int put_run(struct move *m, u64 start, u64 run, u64 end)
{
	return run == end ? 0 : m->put(m->into, start + run, end - run);
}

/* Units are counted from where clusters begin. */
static int move_piece(struct move *m, u64 start, u64 length)
{
	u64 at, n, run = 0;
	int ret;

	ret = read_side(&m->chunks[0], m->old, start, length) ?:
	      read_side(&m->chunks[1], m->new, start, length);
	for (at = 0; !ret && at < length; at += n) {
		n = m->unit - ((start + at) & (m->unit - 1));
		if (n > length - at)
			n = length - at;
		if (differs(m, at, n))
			continue;
		ret = put_run(m, start, run, at);
		run = at + n;
	}
	ret = ret ?: put_run(m, start, run, length);
	progress_step(&m->progress, length);
	return ret;
}

int move_range(struct move *m, u64 start, u64 length)
{
	u64 at, n;
	int ret = 0;

	for (at = 0; !ret && at < length; at += n) {
		n = length - at < PIECE ? length - at : PIECE;
		ret = move_piece(m, start + at, n);
	}
	return ret;
}

static int check_no_loop(const struct image *img, const struct chain *c)
{
	unsigned int i;

	for (i = 0; i < c->nr; i++)
		if (file_same(&c->layers[i]->image.file, &img->file))
			return fail(EXIT_IMAGE, "%s cannot back itself",
				    img->file.path);
	return 0;
}

int move_open(struct chain *c, const struct image *img, const char *name,
	      const char *format)
{
	struct chain_options o = { .format = 0 };
	char *path;
	int ret;

	if (!name)
		return 0;
	if (!format || !format_parse(format))
		return fail(EXIT_IMAGE,
			    "%s does not declare the format of its backing file \"%s\", or not one that is supported",
			    img->file.path, name);
	o.format = format_parse(format);
	ret = chain_resolve(img->file.path, "backing file", name, &path);
	if (ret)
		return ret;
	ret = chain_open(c, path, &o) ?: check_no_loop(img, c) ?:
	      claim_chain(c, CLAIM_DISK);
	free(path);
	return ret;
}
