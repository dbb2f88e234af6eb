// SPDX-License-Identifier: GPL-2.0
/* qcowctl create: a new, empty image. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "backing.h"
#include "command.h"
#include "error.h"
#include "probe.h"
#include "size.h"
#include "target.h"
#include "watch.h"

static const struct option_row options[] = {
	{ 'f', "format", "FORMAT", "raw or qcow2; else as the name ends, qcow2 with -b" },
	{ 'b', "backing-file", "FILE", "what shows through where the image has nothing" },
	{ 'F', "backing-format", "FORMAT", "of the backing file: raw or qcow2" },
	{ 'o', "options", "NAME=VALUE,...", "of the new image; help lists them" },
	{ 'u', "unsafe", NULL, "do not look at the backing file" },
	PROGRESS_ROWS,
	{ 'q', "quiet", NULL, "say nothing but errors, as without" },
	{ 0 }
};

struct request {
	struct newimage n;
	enum qcow_format format;
	bool unsafe;
	enum progress_mode progress;
};

static int take(void *into, int key, char *arg)
{
	struct request *q = into;

	switch (key) {
	case 'f':
		return format_option("-f", arg, &q->format);
	case 'b':
		newimage_set(&q->n.backing, arg);
		return 0;
	case 'F':
		newimage_set(&q->n.backing_format, arg);
		return 0;
	case 'o':
		return newimage_option(&q->n, arg);
	case 'u':
		q->unsafe = true;
		return 0;
	default:
		progress_option(&q->progress, key);
		return 0;
	}
}

static int choose_format(struct request *q, const char *path)
{
	q->n.format = q->format;
	if (!q->n.format && q->n.backing)
		q->n.format = QCOW_FORMAT_QCOW2;
	if (!q->n.format)
		q->n.format = probe_name(path);
	if (q->n.format)
		return 0;
	return fail(EXIT_USAGE,
		    "%s: the name does not tell the format: add -f qcow2 or -f raw",
		    path);
}

static int take_size(struct request *q, const char *word)
{
	int ret = word ? size_parse("SIZE", word, &q->n.size) : 0;

	q->n.sized |= word != NULL;
	if (!ret && q->n.size > ~511ULL)
		ret = fail(EXIT_USAGE, "%s is too large", word);
	q->n.size = (q->n.size + 511) & ~511ULL;
	return ret;
}

static int look_at_backing(struct request *q, const char *path)
{
	u64 size;
	int ret = backing_look(&q->n, path, &size);

	if (!ret && !q->n.sized)
		q->n.size = size;
	q->n.sized = true;
	return ret;
}

static int check_backing(struct request *q, const char *path)
{
	if (q->n.backing && !q->unsafe)
		return look_at_backing(q, path);
	if (q->n.sized)
		return 0;
	return fail(EXIT_USAGE, "%s: its size is wanted", path);
}

/* An empty image is there at once; what is to have room may take long. */
static int preallocate(const struct request *q, struct target *t)
{
	struct watch w;
	int ret;

	watch_begin(&w, q->progress, q->n.size, &t->image.file, &t->data.file);
	ret = target_preallocate(t);
	watch_end(&w, !ret);
	return ret;
}

static int make(const struct request *q, const char *path)
{
	struct target t;
	int ret;

	ret = target_open(&t, &q->n, path) ?: preallocate(q, &t) ?:
	      target_commit(&t, true);
	target_close(&t);
	return ret;
}

static int create(const struct command *cmd, struct request *q, int nr,
		  char **words)
{
	const char *path = words[0], *size = nr == 2 ? words[1] : NULL;

	if (nr != 1 && nr != 2)
		return command_usage_error(cmd, "a file and its size are wanted");
	/* What makes no sense is told before other files are looked at. */
	return choose_format(q, path) ?: take_size(q, size) ?:
	       newimage_check(&q->n) ?: check_backing(q, path) ?:
	       newimage_check(&q->n) ?: make(q, path);
}

/* There may be no file yet whose name would tell the format. */
static int help(const struct request *q, const char *path)
{
	enum qcow_format format = q->format;

	if (!format && !q->n.backing && path)
		format = probe_name(path);
	return newimage_help(format ?: QCOW_FORMAT_QCOW2);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .format = 0 };
	int ret;

	newimage_init(&q.n);
	ret = options_parse(cmd, argc, argv, take, &q);
	if (!ret && q.n.help)
		ret = help(&q, argv[optind]);
	else if (!ret)
		ret = create(cmd, &q, argc - optind, argv + optind);
	newimage_free(&q.n);
	return ret;
}

const struct command create_command = {
	.name = "create",
	.args = "FILE [SIZE]",
	.summary = "Make a new, empty image",
	.options = options,
	.run = run,
};
