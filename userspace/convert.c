// SPDX-License-Identifier: GPL-2.0
/* qcowctl convert: a disk's content as a new image. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backing.h"
#include "claim.h"
#include "command.h"
#include "copy.h"
#include "error.h"
#include "keep.h"
#include "probe.h"
#include "pump.h"
#include "size.h"
#include "sysfs.h"

enum { BACKING_FORMAT = 256, TARGET_IS_ZERO };
enum { MAX_THREADS = 16 };

static const struct option_row options[] = {
	{ 'f', "format", "FORMAT", "of the source: raw or qcow2; else name and content must agree" },
	{ 'O', "output-format", "FORMAT", "of the new image: raw (as without) or qcow2" },
	{ 'c', "compress", NULL, "into compressed clusters" },
	{ 'o', "options", "NAME=VALUE,...", "of the new image; help lists them" },
	{ 'l', "snapshot", "ID|NAME", "an internal snapshot of the source" },
	{ 'B', "backing-file", "FILE", "of the new image: only what the source's top layer has is copied" },
	{ 'F', "backing-format", "FORMAT", "of that backing file: raw or qcow2" },
	{ 'n', "no-create", NULL, "into an image or a device that is there, which keeps its size and its options" },
	{ TARGET_IS_ZERO, "target-is-zero", NULL, "with -n: it reads as zeros already" },
	{ 'S', "sparse", "SIZE", "so many zeros take no room (4k); 0: all do" },
	{ 'm', "threads", "N", "1 to 16" },
	{ 't', "cache", "writeback|unsafe", "whether the new image is on the disk when it appears (writeback)" },
	PROGRESS_ROWS,
	{ 'U', "force-share", NULL, "read the source even while another process writes it" },
	{ BACKING_FORMAT, "source-backing-format", "FORMAT", "of the source's backing files that declare none" },
	{ 'q', "quiet", NULL, "say nothing but errors, as without" },
	{ 0 }
};

struct request {
	struct newimage n;
	struct chain_options chain;
	const char *snapshot;
	u64 sparse;
	u64 threads;
	bool compress;
	bool existing;
	bool zeroed;
	bool share;
	bool unsafe;
	enum progress_mode progress;
};

static int take_sparse(struct request *q, const char *arg)
{
	int ret = size_parse("-S", arg, &q->sparse);

	if (!ret && (q->sparse % 512 || q->sparse >> 32))
		return fail(EXIT_USAGE,
			    "-S %s: a multiple of 512 below 4G is wanted",
			    arg);
	return ret;
}

static int take_threads(struct request *q, const char *arg)
{
	char *end;

	q->threads = strtoull(arg, &end, 10);
	if (end == arg || *end || !q->threads || q->threads > MAX_THREADS)
		return fail(EXIT_USAGE, "-m %s: 1 to %d is wanted", arg,
			    MAX_THREADS);
	return 0;
}

static int take_cache(struct request *q, const char *arg)
{
	q->unsafe = !strcmp(arg, "unsafe");
	if (q->unsafe || !strcmp(arg, "writeback"))
		return 0;
	return fail(EXIT_USAGE, "-t %s: writeback or unsafe is wanted", arg);
}

/* "snapshot.id=1" and "snapshot.name=x" are as qemu-img has them. */
static int take_snapshot(struct request *q, const char *arg)
{
	static const char *const prefixes[] = {
		"snapshot.id=", "snapshot.name=",
	};
	size_t i;

	q->snapshot = arg;
	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(arg, prefixes[i], strlen(prefixes[i])))
			q->snapshot = arg + strlen(prefixes[i]);
	return 0;
}

static int take_switch(struct request *q, int key)
{
	switch (key) {
	case 'c':
		q->compress = true;
		break;
	case 'n':
		q->existing = true;
		break;
	case TARGET_IS_ZERO:
		q->zeroed = true;
		break;
	case 'U':
		q->share = true;
		break;
	default:
		progress_option(&q->progress, key);
	}
	return 0;
}

static int take(void *into, int key, char *arg)
{
	struct request *q = into;

	switch (key) {
	case 'f':
		return format_option("-f", arg, &q->chain.format);
	case 'O':
		return format_option("-O", arg, &q->n.format);
	case 'o':
		return newimage_option(&q->n, arg);
	case 'l':
		return take_snapshot(q, arg);
	case 'B':
		newimage_set(&q->n.backing, arg);
		return 0;
	case 'F':
		newimage_set(&q->n.backing_format, arg);
		return 0;
	case 'S':
		return take_sparse(q, arg);
	case 'm':
		return take_threads(q, arg);
	case 't':
		return take_cache(q, arg);
	case BACKING_FORMAT:
		return format_option("--source-backing-format", arg,
				     &q->chain.backing_format);
	default:
		return take_switch(q, key);
	}
}

/* --- What goes together --- */

static int check_compress(const struct request *q)
{
	if (!q->compress)
		return 0;
	if (q->n.format == QCOW_FORMAT_RAW)
		return fail(EXIT_USAGE, "-c: a raw image is never compressed");
	if (q->n.data_file)
		return fail(EXIT_USAGE,
			    "-c: an external data file holds no compressed clusters");
	if (q->n.preallocation)
		return fail(EXIT_USAGE,
			    "-c: preallocated clusters are not compressed");
	return 0;
}

static int check_existing(const struct request *q)
{
	if (!q->existing && q->zeroed)
		return fail(EXIT_USAGE, "--target-is-zero: only with -n");
	if (!q->existing)
		return 0;
	if (q->n.preallocation || q->n.nocow || q->n.foreign || q->n.backing)
		return fail(EXIT_USAGE, "-n: what is there has its options already");
	return 0;
}

static int check_request(const struct request *q)
{
	if (q->n.sized)
		return fail(EXIT_USAGE,
			    "-o size: the new image is as large as the source");
	return check_compress(q) ?: check_existing(q);
}

/* The new file may not be one of those that are read. */
static int check_other_file(const struct chain *c, const char *path)
{
	struct file to = FILE_CLOSED;
	unsigned int i;

	if (stat(path, &to.st))
		return 0;
	for (i = 0; i < c->nr; i++)
		if (file_same(&c->layers[i]->image.file, &to) ||
		    (c->layers[i]->data.fd >= 0 &&
		     file_same(&c->layers[i]->data, &to)))
			return fail(EXIT_IMAGE,
				    "%s is read by this: choose another name",
				    path);
	return 0;
}

/* --- Doing it --- */

static int open_target(const struct request *q, struct target *t,
		       const char *path)
{
	u64 size = q->n.size;
	int ret;

	/* A qcow2 image is replaced as a whole. */
	if (!q->existing || q->n.format == QCOW_FORMAT_QCOW2)
		return target_open(t, &q->n, path);
	ret = target_open_existing(t, &q->n, path);
	if (!ret && t->image.file.length < size)
		ret = fail(EXIT_IMAGE, "%s has %llu bytes: %llu are needed",
			   path, t->image.file.length, size);
	return ret;
}

/* What was not copied gets its room now; of an image when it is finished. */
static int give_room(const struct request *q, struct target *t)
{
	if (q->n.preallocation != PREALLOCATION_FALLOC ||
	    (q->n.format == QCOW_FORMAT_QCOW2 && !q->n.data_file))
		return 0;
	return fresh_allocate(target_data(t), 0, q->n.size);
}

/* Pieces to be compressed take long, and not equally long. */
static unsigned int threads(const struct request *q)
{
	return q->threads ? q->threads : pump_threads(q->compress ? 4 : 2);
}

static int copy_to(const struct request *q, struct views *v, const char *path)
{
	struct progress progress;
	struct target t;
	struct copy c = {
		.from = v, .to = &t, .sparse = q->sparse,
		.compress = q->compress, .top_only = q->n.backing,
		.zeroed = q->zeroed, .threads = threads(q),
		.progress = &progress,
	};
	int ret;

	progress_begin(&progress, q->progress, path, v->layers[0].size);
	ret = open_target(q, &t, path) ?: copy_run(&c) ?: give_room(q, &t) ?:
	      target_commit(&t, !q->unsafe);
	if (!ret)
		progress_end(&progress);
	target_close(&t);
	return ret;
}

static int check_new(struct request *q, const char *path)
{
	u64 backing_size;
	int ret = 0;

	if (q->existing && q->n.format == QCOW_FORMAT_QCOW2)
		ret = keep_options(&q->n, path);
	ret = ret ?: newimage_check(&q->n);
	if (!ret && q->n.backing)
		ret = backing_look(&q->n, path, &backing_size);
	return ret;
}

static int convert_chain(struct request *q, const struct chain *c,
			 const char *path)
{
	struct views *v = xcalloc(1, sizeof(*v));
	int ret;

	ret = views_open(v, c, q->snapshot);
	if (!ret) {
		q->n.size = v->layers[0].size;
		ret = check_new(q, path) ?: copy_to(q, v, path);
	}
	views_close(v);
	free(v);
	return ret;
}

/* A device is a disk like others: what is read goes through the driver. */
static int open_source(struct request *q, struct chain *c, const char *word)
{
	unsigned int number;
	int ret;

	if (sysfs_number_of(word, &number) && !q->chain.format)
		q->chain.format = QCOW_FORMAT_RAW;
	ret = chain_open(c, word, &q->chain);
	return ret || q->share ? ret : claim_chain(c, CLAIM_LOOK);
}

static int convert(const struct command *cmd, struct request *q, int nr,
		   char **words)
{
	struct chain c = { .nr = 0 };
	int ret;

	if (nr != 2)
		return command_usage_error(cmd, "a source and a target are wanted");
	ret = check_request(q) ?: open_source(q, &c, words[0]) ?:
	      check_other_file(&c, words[1]) ?:
	      convert_chain(q, &c, words[1]);
	chain_close(&c);
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .sparse = 4096 };
	int ret;

	newimage_init(&q.n);
	q.n.format = QCOW_FORMAT_RAW;
	ret = options_parse(cmd, argc, argv, take, &q);
	if (!ret && q.n.help)
		ret = newimage_help(q.n.format);
	else if (!ret)
		ret = convert(cmd, &q, argc - optind, argv + optind);
	newimage_free(&q.n);
	return ret;
}

const struct command convert_command = {
	.name = "convert",
	.args = "SOURCE TARGET",
	.summary = "Copy a disk's content into a new image",
	.options = options,
	.run = run,
};
