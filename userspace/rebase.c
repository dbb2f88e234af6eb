// SPDX-License-Identifier: GPL-2.0
/*
 * qcowctl rebase: another backing file for an image.
 *
 * Where the image has nothing and the two backing files differ, it gets what
 * the old one shows, written through the driver: it shows the same disk as
 * before.  When that is on the disk, the name in its first cluster changes, and
 * it shows the same disk again.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "chunk.h"
#include "claim.h"
#include "command.h"
#include "disk.h"
#include "error.h"
#include "head.h"
#include "newimage.h"
#include "probe.h"
#include "progress.h"

enum { PIECE = 1 << 20 };

static const struct option_row options[] = {
	{ 'b', "backing-file", "FILE", "the new one, as the image is to name it; \"\" for none" },
	{ 'F', "backing-format", "FORMAT", "its format: raw or qcow2" },
	{ 'u', "unsafe", NULL, "write the name only: the content of both is the same" },
	{ 'f', "format", "FORMAT", "of the image: qcow2" },
	{ 'p', "progress", NULL, "show how far it got" },
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
	case 'p':
		q->progress = PROGRESS_TERMINAL;
		return 0;
	default:
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

/* --- What the image has to get before --- */

/* Where the image has nothing, noted before it is written to. */
struct holes {
	struct extent *extents;
	size_t nr;
	size_t room;
};

static int note_hole(void *into, const struct extent *e)
{
	struct holes *h = into;

	if (e->present)
		return 0;
	if (h->nr == h->room) {
		h->room = h->room ? 2 * h->room : 64;
		h->extents = xrealloc(h->extents, h->room, sizeof(*e));
	}
	h->extents[h->nr++] = *e;
	return 0;
}

/**
 * struct move - from one backing file to another
 * @old, @new:	the disks that they show; without layers: all zeros
 * @disk:	the image's
 * @unit:	bytes that are written together
 */
struct move {
	struct views *old;
	struct views *new;
	struct chunk chunks[2];
	struct disk *disk;
	u64 unit;
	struct progress progress;
};

static int read_side(struct chunk *c, struct views *v, u64 start, u64 length)
{
	int ret;

	memset(c->data, 0, length);
	if (!v->nr)
		return 0;
	ret = chunk_look(c, v, start, length);
	return ret ?: chunk_read(c);
}

static int put_unit(struct move *m, u64 start, u64 at, u64 length)
{
	const u8 *old = m->chunks[0].data + at;

	if (!memcmp(old, m->chunks[1].data + at, length))
		return 0;
	if (bytes_are_zero(old, length))
		return fresh_zero(&m->disk->node, start + at, length);
	return fresh_write(&m->disk->node, old, length, start + at);
}

/* Units are counted from where clusters begin. */
static int move_piece(struct move *m, u64 start, u64 length)
{
	u64 at, n;
	int ret;

	ret = read_side(&m->chunks[0], m->old, start, length) ?:
	      read_side(&m->chunks[1], m->new, start, length);
	for (at = 0; !ret && at < length; at += n) {
		n = m->unit - ((start + at) & (m->unit - 1));
		if (n > length - at)
			n = length - at;
		ret = put_unit(m, start, at, n);
	}
	progress_step(&m->progress, length);
	return ret;
}

static int move_hole(struct move *m, const struct extent *e)
{
	u64 at, n;
	int ret = 0;

	for (at = 0; !ret && at < e->length; at += n) {
		n = e->length - at < PIECE ? e->length - at : PIECE;
		ret = move_piece(m, e->start + at, n);
	}
	return ret;
}

static int move_all(struct move *m, const struct holes *h)
{
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < h->nr; i++)
		ret = move_hole(m, &h->extents[i]);
	return ret;
}

/* --- The files --- */

/* An image, what backs it, and what is to back it. */
struct files {
	struct chain top;
	struct chain old;
	struct chain new;
};

static int open_backing(struct chain *c, const struct image *img,
			const char *name, const char *format)
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
	ret = chain_open(c, path, &o) ?: claim_chain(c, CLAIM_LOOK);
	free(path);
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

static int open_files(const struct request *q, struct files *f,
		      const char *path)
{
	const struct chain_options o = {
		.format = QCOW_FORMAT_QCOW2, .no_backing = true,
	};
	const struct image *img;
	int ret;

	ret = chain_open(&f->top, path, &o) ?:
	      claim_chain(&f->top, CLAIM_LOOK);
	if (ret)
		return ret;
	img = &f->top.layers[0]->image;
	return check_image(q, img) ?:
	       open_backing(&f->old, img, img->backing, img->backing_format) ?:
	       open_backing(&f->new, img, q->n.backing, q->n.backing_format) ?:
	       check_no_loop(img, &f->new);
}

static void close_files(struct files *f)
{
	chain_close(&f->new);
	chain_close(&f->old);
	chain_close(&f->top);
}

static u64 unit_of(const struct image *img)
{
	u64 cluster = 1ULL << img->header.cluster_bits;

	return cluster < PIECE ? cluster : PIECE;
}

static int move(const struct request *q, const struct files *f,
		struct disk *d, struct views *top, struct move *m)
{
	const struct image *img = &f->top.layers[0]->image;
	struct holes holes = { .nr = 0 };
	int ret;

	m->disk = d;
	m->unit = unit_of(img);
	chunk_init(&m->chunks[0], PIECE);
	chunk_init(&m->chunks[1], PIECE);
	ret = views_open(top, &f->top, NULL) ?:
	      views_open(m->old, &f->old, NULL) ?:
	      views_open(m->new, &f->new, NULL) ?:
	      views_each(top, note_hole, &holes);
	progress_begin(&m->progress, q->progress, img->file.path, img->size);
	ret = ret ?: move_all(m, &holes);
	if (!ret)
		progress_end(&m->progress);
	free(holes.extents);
	chunk_free(&m->chunks[0]);
	chunk_free(&m->chunks[1]);
	return ret;
}

static int move_content(const struct request *q, const struct files *f,
			struct disk *d)
{
	struct views *views = xcalloc(3, sizeof(*views));
	struct move m = { .old = &views[1], .new = &views[2] };
	int ret, i;

	ret = move(q, f, d, &views[0], &m);
	for (i = 0; i < 3; i++)
		views_close(&views[i]);
	free(views);
	return ret;
}

/* Nobody else can write to it as long as the driver has it for us. */
static int rebase_attached(const struct request *q, const char *path)
{
	const struct chain_options o = { .format = QCOW_FORMAT_QCOW2 };
	struct files f = { .top.nr = 0 };
	struct disk d;
	int ret;

	ret = disk_open(&d, path, &o, 0);
	if (ret)
		return ret;
	ret = open_files(q, &f, path) ?: move_content(q, &f, &d);
	close_files(&f);
	return disk_close(&d, ret);
}

static int rebase(const struct request *q, const char *path)
{
	int ret = q->unsafe ? 0 : rebase_attached(q, path);

	return ret ?: rename_backing(q, path);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .named = false };
	int ret;

	newimage_init(&q.n);
	ret = options_parse(cmd, argc, argv, take, &q);
	if (!ret && argc - optind != 1)
		ret = command_usage_error(cmd, "one image is wanted");
	ret = ret ?: check_request(cmd, &q);
	if (!ret)
		ret = rebase(&q, argv[optind]);
	newimage_free(&q.n);
	return ret;
}

const struct command rebase_command = {
	.name = "rebase",
	.args = "IMAGE",
	.summary = "Give an image another backing file",
	.options = options,
	.run = run,
};
