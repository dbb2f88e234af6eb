// SPDX-License-Identifier: GPL-2.0
/* qcowctl compare: do two images show the same disk? */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk.h"
#include "claim.h"
#include "command.h"
#include "error.h"
#include "probe.h"
#include "progress.h"
#include "pump.h"
#include "sysfs.h"

/* The exit codes are those of "qemu-img compare", whatever the rest has. */
enum {
	COMPARE_SAME		= 0,
	COMPARE_DIFFERENT	= 1,
	COMPARE_NOT_OPENED	= 2,
	COMPARE_NO_MAP		= 3,
	COMPARE_NOT_READ	= 4,
};

enum { BACKING_FORMAT = 256, CHUNK = 1 << 20 };

static const struct option_row options[] = {
	{ 'f', "format", "FORMAT", "of the first: raw or qcow2; else name and content must agree" },
	{ 'F', "second-format", "FORMAT", "of the second" },
	{ 's', "strict", NULL, "the sizes too must be equal, and what is allocated" },
	{ 'U', "force-share", NULL, "read them even while another process writes them" },
	PROGRESS_ROWS,
	{ BACKING_FORMAT, "backing-format", "FORMAT", "of backing files that declare none" },
	{ 'q', "quiet", NULL, "print errors only" },
	{ 0 }
};

struct request {
	struct chain_options chains[2];
	enum progress_mode progress;
	bool strict;
	bool share;
	bool quiet;
};

/**
 * struct comparison - two disks
 * @views:	they
 * @strict:	what is allocated counts
 * @size:	of the longer one, bytes
 * @next:	where the next piece begins
 * @at:		where the first difference is
 * @what:	what differs there; NULL for nothing
 */
struct comparison {
	struct views *views[2];
	bool strict;
	u64 size;
	u64 next;
	u64 at;
	const char *what;
	struct progress progress;
};

/* The work of one thread. */
struct piece {
	struct chunk chunks[2];
	const char *what;
	u64 at;
};

static int take_piece(void *ctx, void *into)
{
	struct comparison *c = ctx;
	struct piece *p = into;
	u64 start = c->next, length = CHUNK;
	int i;

	if (start >= c->size)
		return PUMP_END;
	if (length > c->size - start)
		length = c->size - start;
	c->next += length;
	p->what = NULL;
	for (i = 0; i < 2; i++)
		if (chunk_look(&p->chunks[i], c->views[i], start, length))
			return COMPARE_NO_MAP;
	return 0;
}

static bool same_kind(const struct extent *a, const struct extent *b)
{
	return a->present == b->present && a->zero == b->zero &&
	       a->data == b->data;
}

/* Both lists cover the same bytes; their pieces end where they will. */
static void compare_maps(struct piece *p)
{
	const struct extent *a = p->chunks[0].extents;
	const struct extent *b = p->chunks[1].extents;
	u64 at = p->chunks[0].start, end = at + p->chunks[0].length;

	while (at < end) {
		if (!same_kind(a, b)) {
			p->what = "what is allocated differs";
			p->at = at;
			return;
		}
		at = a->start + a->length;
		if (b->start + b->length < at)
			at = b->start + b->length;
		a += a->start + a->length == at;
		b += b->start + b->length == at;
	}
}

static u64 first_difference(const u8 *a, const u8 *b, u64 length)
{
	u64 at = 0;

	while (at < length && a[at] == b[at])
		at++;
	return at;
}

static void compare_bytes(struct piece *p)
{
	const u8 *a = p->chunks[0].data, *b = p->chunks[1].data;
	u64 length = p->chunks[0].length, at;

	if (!memcmp(a, b, length))
		return;
	at = p->chunks[0].start + first_difference(a, b, length);
	if (p->what && p->at <= at)
		return;
	p->what = "content differs";
	p->at = at;
}

static int prepare(void *ctx, void *what)
{
	const struct comparison *c = ctx;
	struct piece *p = what;
	int i;

	if (c->strict)
		compare_maps(p);
	if (chunk_is_zero(&p->chunks[0]) && chunk_is_zero(&p->chunks[1]))
		return 0;
	for (i = 0; i < 2; i++)
		if (chunk_read(&p->chunks[i]))
			return COMPARE_NOT_READ;
	compare_bytes(p);
	return 0;
}

static int pass(void *ctx, void *what)
{
	struct comparison *c = ctx;
	const struct piece *p = what;

	progress_step(&c->progress, p->chunks[0].length);
	c->what = p->what;
	c->at = p->at;
	return c->what ? COMPARE_DIFFERENT : 0;
}

static const struct pump_steps steps = {
	.take = take_piece, .prepare = prepare, .pass = pass,
};

static struct piece *piece_new(void)
{
	struct piece *p = xcalloc(1, sizeof(*p));

	chunk_init(&p->chunks[0], CHUNK);
	chunk_init(&p->chunks[1], CHUNK);
	return p;
}

static void piece_free(struct piece *p)
{
	chunk_free(&p->chunks[0]);
	chunk_free(&p->chunks[1]);
	free(p);
}

static int run_pump(struct comparison *c)
{
	unsigned int threads = pump_threads(2), i;
	void **pieces = xcalloc(threads, sizeof(*pieces));
	int ret;

	for (i = 0; i < threads; i++)
		pieces[i] = piece_new();
	ret = pump_run(&steps, c, pieces, threads);
	for (i = 0; i < threads; i++)
		piece_free(pieces[i]);
	free(pieces);
	return ret;
}

/* --- The whole --- */

static void tell(const struct request *q, const struct comparison *c, int ret)
{
	if (q->quiet)
		return;
	if (ret == COMPARE_SAME)
		puts("the images are identical");
	else if (ret == COMPARE_DIFFERENT)
		printf("%s at offset %llu\n", c->what, c->at);
}

static int compare_views(const struct request *q, struct comparison *c)
{
	u64 a = c->views[0]->layers[0].size, b = c->views[1]->layers[0].size;
	int ret;

	c->size = a > b ? a : b;
	if (a != b && q->strict) {
		c->what = "one of them ends";
		c->at = a < b ? a : b;
		ret = COMPARE_DIFFERENT;
	} else {
		progress_begin(&c->progress, q->progress,
			       c->views[0]->layers[0].image->file.path,
			       c->size);
		ret = run_pump(c);
		progress_end(&c->progress);
	}
	if (a != b && !q->quiet && !q->strict)
		warn("the sizes differ: %llu and %llu bytes", a, b);
	tell(q, c, ret);
	return ret;
}

static int open_one(const struct request *q, int i, const char *word,
		    struct chain *c, struct views *v)
{
	struct chain_options o = q->chains[i];
	unsigned int number;
	int ret;

	if (sysfs_number_of(word, &number) && !o.format)
		o.format = QCOW_FORMAT_RAW;
	ret = chain_open(c, word, &o);
	if (!ret && !q->share)
		ret = claim_chain(c, CLAIM_LOOK);
	ret = ret ?: views_open(v, c, NULL);
	return ret ? COMPARE_NOT_OPENED : 0;
}

static int compare(const struct request *q, char **words)
{
	struct comparison c = { .strict = q->strict };
	struct chain chains[2] = { { .nr = 0 }, { .nr = 0 } };
	int ret = 0, i;

	for (i = 0; i < 2; i++)
		c.views[i] = xcalloc(1, sizeof(struct views));
	for (i = 0; !ret && i < 2; i++)
		ret = open_one(q, i, words[i], &chains[i], c.views[i]);
	if (!ret)
		ret = compare_views(q, &c);
	for (i = 0; i < 2; i++) {
		views_close(c.views[i]);
		free(c.views[i]);
		chain_close(&chains[i]);
	}
	return ret;
}

static int take_backing_format(struct request *q, const char *arg)
{
	int ret = format_option("--backing-format", arg,
				&q->chains[0].backing_format);

	q->chains[1].backing_format = q->chains[0].backing_format;
	return ret;
}

static int take(void *into, int key, char *arg)
{
	struct request *q = into;

	switch (key) {
	case 'f':
		return format_option("-f", arg, &q->chains[0].format);
	case 'F':
		return format_option("-F", arg, &q->chains[1].format);
	case 's':
		q->strict = true;
		return 0;
	case 'U':
		q->share = true;
		return 0;
	case BACKING_FORMAT:
		return take_backing_format(q, arg);
	default:
		progress_option(&q->progress, key);
		q->quiet |= key == 'q';
		return 0;
	}
}

/* A wrong word is not "they differ". */
static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .strict = false };

	if (options_parse(cmd, argc, argv, take, &q))
		return COMPARE_NOT_OPENED;
	if (argc - optind != 2) {
		command_usage_error(cmd, "two images are wanted");
		return COMPARE_NOT_OPENED;
	}
	return compare(&q, argv + optind);
}

const struct command compare_command = {
	.name = "compare",
	.args = "IMAGE IMAGE",
	.summary = "Say whether two images show the same disk",
	.options = options,
	.failed = COMPARE_NOT_OPENED,
	.run = run,
};
