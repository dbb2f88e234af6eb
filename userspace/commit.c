// SPDX-License-Identifier: GPL-2.0
/* qcowctl commit: merge an image into its backing file, in use or not. */
#include <getopt.h>

#include "command.h"
#include "merge.h"
#include "session.h"

static const struct option_row options[] = {
	{ 'f', "format", "FORMAT", "of the image: qcow2; else name and content must agree" },
	{ 'd', "keep", NULL, "do not empty the image afterwards" },
	PROGRESS_ROWS,
	{ SESSION_BACKING_FORMAT, "backing-format", "FORMAT", "of backing files that declare none" },
	{ 'q', "quiet", NULL, "say nothing but errors" },
	{ 0 }
};

struct request {
	struct chain_options chain;
	struct merge merge;
};

static bool is_dirty(const struct image *img)
{
	return img->format == QCOW_FORMAT_QCOW2 &&
	       img->header.incompatible_features & QCOW2_INCOMPAT_DIRTY;
}

/* Who attaches it for writing repairs it. */
static int attach_once(const struct image *img,
		       enum qcow_format backing_format)
{
	const struct chain_options o = {
		.format = img->format, .backing_format = backing_format,
	};
	struct session s;

	return session_open(&s, img->file.path, &o) ?: session_close(&s, 0);
}

/* The driver does not write to one that was not closed. */
static int mend_base(const struct request *q, const char *path)
{
	struct chain c = { .nr = 0 };
	int ret = chain_open(&c, path, &q->chain);

	if (!ret && c.nr > 1 && is_dirty(&c.layers[1]->image))
		ret = attach_once(&c.layers[1]->image,
				  q->chain.backing_format);
	chain_close(&c);
	return ret;
}

static int commit(const struct request *q, const char *path)
{
	struct session s;
	unsigned int number;
	int ret = 0;

	if (!session_find(path, &number))
		ret = mend_base(q, path);
	ret = ret ?: session_open(&s, path, &q->chain);
	return ret ?: session_close(&s, merge_live(&q->merge, &s));
}

static int take(void *into, int key, char *arg)
{
	struct request *q = into;

	if (progress_option(&q->merge.progress, key))
		return 0;
	if (key != 'd')
		return session_option(&q->chain, key, arg);
	q->merge.keep = true;
	return 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .merge = { .keep = false } };
	int ret;

	ret = options_parse(cmd, argc, argv, take, &q);
	q.merge.backing_format = q.chain.backing_format;
	if (!ret && argc - optind != 1)
		ret = command_usage_error(cmd, "one image or device is wanted");
	return ret ?: commit(&q, argv[optind]);
}

const struct command commit_command = {
	.name = "commit",
	.args = "IMAGE|DEVICE",
	.summary = "Merge an image into its backing file",
	.options = options,
	.run = run,
};
