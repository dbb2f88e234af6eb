// SPDX-License-Identifier: GPL-2.0
/*
 * qcowctl commit: merge an image into its backing file.
 *
 * What the image has is written to its backing file, through the driver.  As
 * long as the image has it too, it shows the same disk all the while; when all
 * is on the disk, the driver empties it in one step.
 */
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "command.h"
#include "control.h"
#include "disk.h"
#include "error.h"
#include "probe.h"
#include "progress.h"
#include "reader.h"
#include "session.h"
#include "view.h"

enum { BACKING_FORMAT = 256, PROGRESS_LINES, PIECE = 1 << 20 };

static const struct option_row options[] = {
	{ 'f', "format", "FORMAT", "of the image: qcow2; else name and content must agree" },
	{ 'd', "keep", NULL, "do not empty the image afterwards" },
	{ 'p', "progress", NULL, "show how far it got" },
	{ PROGRESS_LINES, "progress-json", NULL, "the same as lines of JSON on standard output" },
	{ BACKING_FORMAT, "backing-format", "FORMAT", "of backing files that declare none" },
	{ 'q', "quiet", NULL, "say nothing but errors, as without" },
	{ 0 }
};

struct request {
	struct chain_options chain;
	enum progress_mode progress;
	bool keep;
};

/**
 * struct merge - one image going into another
 * @from:	the image alone
 * @to:		the disk of its backing file
 * @buf:	PIECE bytes
 */
struct merge {
	struct views *from;
	struct disk *to;
	struct reader *reader;
	u8 *buf;
	struct progress progress;
};

/* No longer than the buffer; of a compressed cluster a part will do. */
static int merge_data(struct merge *m, struct extent *e)
{
	int ret;

	if (e->length > PIECE)
		e->length = PIECE;
	ret = reader_read(m->reader, e, m->buf);
	return ret ?: fresh_write(&m->to->node, m->buf, e->length, e->start);
}

static int merge_extent(struct merge *m, struct extent *e)
{
	if (!e->present)
		return 0;
	if (e->data)
		return merge_data(m, e);
	return fresh_zero(&m->to->node, e->start, e->length);
}

static int merge_all(struct merge *m)
{
	u64 at = 0, size = m->from->layers[0].size;
	struct extent e;
	int ret = 0;

	for (; !ret && at < size; at += e.length) {
		ret = views_at(m->from, at, &e);
		ret = ret ?: merge_extent(m, &e);
		progress_step(&m->progress, e.length);
	}
	return ret;
}

static int merge(const struct request *q, const struct chain *top,
		 struct disk *base)
{
	struct merge m = {
		.to = base, .reader = reader_new(), .buf = xcalloc(1, PIECE),
		.from = xcalloc(1, sizeof(struct views)),
	};
	int ret;

	ret = views_open(m.from, top, NULL);
	if (!ret) {
		progress_begin(&m.progress, q->progress,
			       top->layers[0]->image.file.path,
			       m.from->layers[0].size);
		ret = merge_all(&m);
	}
	if (!ret)
		progress_end(&m.progress);
	views_close(m.from);
	free(m.from);
	free(m.buf);
	reader_free(m.reader);
	return ret;
}

static int base_format(const struct request *q, const struct image *top,
		       enum qcow_format *format)
{
	*format = q->chain.backing_format;
	if (top->backing_format)
		*format = format_parse(top->backing_format);
	if (*format)
		return 0;
	return fail(EXIT_IMAGE,
		    "%s does not declare the format of its backing file \"%s\", or not one that is supported: name it with --backing-format raw or qcow2",
		    top->file.path, top->backing);
}

static int merge_into_base(const struct request *q, const struct chain *top)
{
	const struct image *img = &top->layers[0]->image;
	struct chain_options o = { .backing_format = q->chain.backing_format };
	struct disk base;
	char *path;
	int ret;

	if (!img->backing)
		return fail(EXIT_IMAGE, "%s has no backing file",
			    img->file.path);
	ret = base_format(q, img, &o.format) ?:
	      chain_resolve(img->file.path, "backing file", img->backing,
			    &path);
	if (ret)
		return ret;
	ret = disk_open(&base, path, &o, img->size);
	if (!ret)
		ret = disk_close(&base, merge(q, top, &base));
	free(path);
	return ret;
}

static int empty(const struct session *s)
{
	char message[512] = "";
	struct qcow_empty e = {
		.size = sizeof(e), .number = s->number,
		.message = (uintptr_t)message, .message_len = sizeof(message),
	};
	int err = control_empty(&e);

	return err ? session_failed(s, "empty", err, message) : 0;
}

/* The driver has it by now, so that nobody else writes to it. */
static int open_top(const struct request *q, struct chain *c, const char *path)
{
	struct chain_options o = q->chain;

	o.no_backing = true;
	return chain_open(c, path, &o) ?: claim_chain(c, CLAIM_LOOK);
}

static int commit(const struct request *q, const char *path)
{
	struct chain_options o = q->chain;
	struct chain top = { .nr = 0 };
	struct session s;
	int ret;

	o.no_backing = true;
	ret = session_open(&s, path, &o);
	if (ret)
		return ret;
	if (!s.hidden)
		return fail(EXIT_BUSY, "%s is attached as /dev/qcow%u: detach that first",
			    path, s.number);
	ret = open_top(q, &top, path) ?: merge_into_base(q, &top);
	chain_close(&top);
	if (!ret && !q->keep)
		ret = empty(&s);
	return session_close(&s, ret);
}

static int take(void *into, int key, char *arg)
{
	struct request *q = into;

	switch (key) {
	case 'f':
		return format_option("-f", arg, &q->chain.format);
	case 'd':
		q->keep = true;
		return 0;
	case 'p':
		q->progress = PROGRESS_TERMINAL;
		return 0;
	case PROGRESS_LINES:
		q->progress = PROGRESS_JSON;
		return 0;
	case BACKING_FORMAT:
		return format_option("--backing-format", arg,
				     &q->chain.backing_format);
	default:
		return 0;
	}
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .keep = false };
	int ret;

	ret = options_parse(cmd, argc, argv, take, &q);
	if (!ret && argc - optind != 1)
		ret = command_usage_error(cmd, "one image is wanted");
	return ret ?: commit(&q, argv[optind]);
}

const struct command commit_command = {
	.name = "commit",
	.args = "IMAGE",
	.summary = "Merge an image into its backing file",
	.options = options,
	.run = run,
};
