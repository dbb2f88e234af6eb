// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "format/l2.h"
#include "walk.h"

#define PIECE	4096		/* entries of a long table read at once */

void walk_vsay(struct walk *w, const char *fmt, va_list args)
{
	char line[320];

	vsnprintf(line, sizeof(line), fmt, args);
	w->report(w->ctx, line);
}

void walk_say(struct walk *w, const char *fmt, ...)
{
	va_list args;

	if (!w->report)
		return;
	va_start(args, fmt);
	walk_vsay(w, fmt, args);
	va_end(args);
}

void walk_corrupt(struct walk *w, u64 times, const char *fmt, ...)
{
	va_list args;

	w->r->corruptions += times;
	if (!w->report)
		return;
	va_start(args, fmt);
	walk_vsay(w, fmt, args);
	va_end(args);
}

int walk_refused(struct walk *w, int err, const struct qcow_fault *f)
{
	if (f->feature[0])
		walk_say(w, "unsupported %s: %s", f->structure, f->feature);
	else
		walk_say(w, "%s %s: at 0x%llx: %s (0x%llx)",
			 err == -EOPNOTSUPP ? "unsupported" : "corrupt",
			 f->structure, f->where, f->problem, f->value);
	return err;
}

/* --- Memory and bytes --- */

int buffer_need(struct check_buffer *b, size_t size)
{
	void *bytes;

	if (b->bytes && size <= b->room)
		return 0;
	bytes = realloc(b->bytes, size ? size : 1);
	if (!bytes)
		return -ENOMEM;
	b->bytes = bytes;
	b->room = size;
	return 0;
}

void buffer_free(struct check_buffer *b)
{
	free(b->bytes);
	*b = (struct check_buffer){ .bytes = NULL };
}

/* @b is used where the source has nothing to point to. */
int walk_fetch(struct walk *w, struct check_buffer *b, u64 pos, size_t len,
	       const void **bytes)
{
	const struct check_source *src = w->src;
	int err;

	if (src->map) {
		*bytes = src->map(src->ctx, pos, len);
		if (*bytes)
			return 0;
	}
	err = buffer_need(b, len);
	if (err)
		return err;
	*bytes = b->bytes;
	err = src->read(src->ctx, b->bytes, len, pos);
	if (err)
		walk_say(w, "cannot read %zu bytes at 0x%llx: %s", len, pos,
			 strerror(-err));
	return err;
}

/* @n words of a table, in CPU order, in c->table. */
int walk_words(struct walk *w, u64 pos, size_t n, const u64 **words)
{
	struct check *c = w->c;
	const void *raw;
	int err;

	err = walk_fetch(w, &c->raw, pos, n * sizeof(u64), &raw) ?:
	      buffer_need(&c->table, n * sizeof(u64));
	if (err)
		return err;
	qcow2_be64_decode(c->table.bytes, raw, n);
	*words = c->table.bytes;
	return 0;
}

/* Each word but zeros of a table that may be long. */
int walk_each_word(struct walk *w, u64 pos, u64 n, walk_see see, void *into)
{
	const u64 *words;
	u64 at, i, piece;
	int err;

	for (at = 0; at < n; at += piece) {
		piece = n - at < PIECE ? n - at : PIECE;
		err = walk_words(w, pos + at * sizeof(u64), piece, &words);
		for (i = 0; !err && i < piece; i++)
			if (words[i])
				err = see(w, into, at + i, words[i]);
		if (err)
			return err;
	}
	return 0;
}

/* --- Counting --- */

static void count_cluster(struct walk *w, u64 cluster, u32 kind, u64 times)
{
	u64 excess = census_add(&w->c->census, cluster, kind, times);

	if (unlikely(excess))
		walk_corrupt(w, excess,
			     "cluster %llu: more references than a refcount can hold",
			     cluster);
}

bool check_within(const struct check *c, u64 pos, u64 len)
{
	u64 end;

	if (check_add_overflow(pos, len, &end))
		return false;
	return end <= c->size || end - c->size < 1ULL << c->geo.cluster_bits;
}

void walk_count(struct walk *w, const char *what, u64 pos, u64 len,
		u32 kind, u64 times)
{
	u64 cluster, last;

	if (!len)
		return;
	if (!check_within(w->c, pos, len)) {
		if (pos < w->c->beyond)
			w->c->beyond = pos;
		walk_corrupt(w, times, "%s at 0x%llx: ends beyond the file", what,
			     pos);
		return;
	}
	last = (pos + len - 1) >> cluster_bits(w);
	for (cluster = pos >> cluster_bits(w); cluster <= last; cluster++)
		count_cluster(w, cluster, kind, times);
}
