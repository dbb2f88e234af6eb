// SPDX-License-Identifier: GPL-2.0
/* qcowctl rebase: another backing file for an image, in use or not. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "command.h"
#include "error.h"
#include "head.h"
#include "live.h"
#include "newimage.h"
#include "probe.h"
#include "session.h"

static const struct option_row options[] = {
	{ 'b', "backing-file", "FILE", "the new one, as the image is to name it; \"\" for none" },
	{ 'F', "backing-format", "FORMAT", "its format: raw or qcow2" },
	{ 'u', "unsafe", NULL, "write the name only: the content of both is the same" },
	{ 'f', "format", "FORMAT", "of the image: qcow2" },
	PROGRESS_ROWS,
	{ 'q', "quiet", NULL, "say nothing but errors, as without" },
	{ 0 }
};

struct request {
	struct newimage n;
	enum qcow_format format;
	enum progress_mode progress;
	bool named;
	bool unsafe;
};

static int take(void *into, int key, char *arg)
{
	struct request *q = into;

	switch (key) {
	case 'b':
		q->named = true;
		newimage_set(&q->n.backing, arg);
		return 0;
	case 'F':
		newimage_set(&q->n.backing_format, arg);
		return 0;
	case 'f':
		return format_option("-f", arg, &q->format);
	case 'u':
		q->unsafe = true;
		return 0;
	default:
		progress_option(&q->progress, key);
		return 0;
	}
}

static int check_request(const struct command *cmd, const struct request *q)
{
	if (!q->named)
		return command_usage_error(cmd,
					   "-b is wanted, \"\" for no backing file");
	if (q->format == QCOW_FORMAT_RAW)
		return fail(EXIT_USAGE, "a raw image has no backing file");
	return newimage_check(&q->n);
}

static int check_image(const struct request *q, const struct image *img)
{
	const struct qcow2_header *h = &img->header;
	struct qcow_fault fault;
	int ret;

	ret = qcow2_header_check_features(h, &img->ext, &fault);
	if (ret)
		return image_fault(img->file.path, ret, &fault);
	if (h->incompatible_features & QCOW2_INCOMPAT_CORRUPT)
		return fail(EXIT_IMAGE,
			    "%s is marked as corrupt: qcowctl check -r all first",
			    img->file.path);
	if (q->n.backing &&
	    h->autoclear_features & QCOW2_AUTOCLEAR_DATA_FILE_RAW)
		return fail(EXIT_IMAGE,
			    "%s has a raw data file, which shows all of the disk: there can be no backing file",
			    img->file.path);
	return 0;
}

static int open_image(const struct request *q, struct image *img,
		      const char *path)
{
	*img = (struct image){
		.file = FILE_CLOSED, .format = QCOW_FORMAT_QCOW2,
	};
	return file_open(&img->file, path, true) ?:
	       claim_file(&img->file, CLAIM_TARGET) ?: image_load(img) ?:
	       check_image(q, img);
}

/* --- The name --- */

static int rename_backing(const struct request *q, const char *path)
{
	struct image img;
	int ret;

	ret = open_image(q, &img, path) ?:
	      head_rebase(&img, q->n.backing, q->n.backing_format);
	image_close(&img);
	return ret;
}

/* --- All of it --- */

/* The driver does it: attached already, or for the time. */
static int rebase_session(const struct request *q, const char *word)
{
	const struct live l = {
		.backing = q->n.backing, .format = q->n.backing_format,
		.progress = q->progress, .unsafe = q->unsafe,
	};
	const struct chain_options o = { .format = QCOW_FORMAT_QCOW2 };
	struct session s;
	int ret = session_open(&s, word, &o);

	return ret ?: session_close(&s, live_rebase(&l, &s));
}

/* The old backing file may be gone, where only the name is to change. */
static int rebase(const struct request *q, const char *word)
{
	unsigned int number;

	if (q->unsafe && !session_find(word, &number))
		return rename_backing(q, word);
	return rebase_session(q, word);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .named = false };
	int ret;

	newimage_init(&q.n);
	ret = options_parse(cmd, argc, argv, take, &q);
	if (!ret && argc - optind != 1)
		ret = command_usage_error(cmd, "one image or device is wanted");
	ret = ret ?: check_request(cmd, &q);
	if (!ret)
		ret = rebase(&q, argv[optind]);
	newimage_free(&q.n);
	return ret;
}

const struct command rebase_command = {
	.name = "rebase",
	.args = "IMAGE|DEVICE",
	.summary = "Give an image another backing file",
	.options = options,
	.run = run,
};
