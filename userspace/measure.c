// SPDX-License-Identifier: GPL-2.0
/* qcowctl measure: how large a new image with this content would become. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bitmaps.h"
#include "claim.h"
#include "command.h"
#include "error.h"
#include "format/l2.h"
#include "newimage.h"
#include "output.h"
#include "probe.h"
#include "report.h"
#include "size.h"
#include "view.h"

enum { CLUSTER_SIZE = 256, SIZE, BACKING_FORMAT, SNAPSHOT };
enum { L2_ENTRY = 8, L1_ENTRY = 8, REFTABLE_ENTRY = 8, REFCOUNT_BITS = 16 };
enum { BITMAP_TABLE_ENTRY = 8, BITMAP_DIRECTORY_ENTRY = 24 };

static const struct option_row options[] = {
	{ 'O', "output-format", "FORMAT", "of the new image: raw (as without) or qcow2" },
	{ CLUSTER_SIZE, "cluster-size", "SIZE", "of the new image (64k)" },
	{ SIZE, "size", "SIZE", "of an empty disk, in place of an image" },
	{ 'f', "format", "FORMAT", "raw or qcow2; else name and content must agree" },
	{ 'U', "force-share", NULL, "read it even while another process writes it" },
	{ SNAPSHOT, "snapshot", "ID|NAME", "an internal snapshot" },
	{ BACKING_FORMAT, "backing-format", "FORMAT", "of backing files that declare none" },
	JSON_ROW,
	OUTPUT_ROW,
	{ 0 }
};

struct request {
	struct chain_options chain;
	const char *snapshot;
	enum qcow_format output;
	u64 cluster_size;
	u64 size;
	bool sized;
	bool share;
	bool json;
};

/**
 * struct tally - what has been counted
 * @size:	of the disk, bytes
 * @data:	bytes of it in clusters that hold data
 * @counted_to:	the end of the last such cluster
 * @has_bitmaps: the source is of a kind that can have some
 * @bitmaps:	bytes that they would take
 */
struct tally {
	u64 size;
	u64 data;
	u64 counted_to;
	u64 cluster_size;
	bool has_bitmaps;
	u64 bitmaps;
};

static u64 round_up(u64 n, u64 unit)
{
	return DIV_ROUND_UP(n, unit) * unit;
}

/* Every cluster that an extent touches, each once. */
static int count_extent(void *into, const struct extent *e)
{
	struct tally *t = into;
	u64 from = e->start / t->cluster_size * t->cluster_size;
	u64 to = round_up(e->start + e->length, t->cluster_size);

	if (!e->data)
		return 0;
	if (from < t->counted_to)
		from = t->counted_to;
	t->data += to - from;
	t->counted_to = to;
	return 0;
}

/* Refcounts count their own blocks and table too: repeat until it is enough. */
static u64 refcount_clusters(u64 others, u64 cluster_size)
{
	u64 per_block = cluster_size * 8 / REFCOUNT_BITS;
	u64 per_table = cluster_size / REFTABLE_ENTRY;
	u64 own = 0, blocks, need;

	for (;;) {
		blocks = DIV_ROUND_UP(others + own, per_block);
		need = blocks + DIV_ROUND_UP(blocks, per_table);
		if (need <= own)
			return own;
		own = need;
	}
}

/* Bytes of metadata of an image with every cluster allocated. */
static u64 metadata_size(u64 size, u64 cluster_size)
{
	u64 data = DIV_ROUND_UP(size, cluster_size);
	u64 l2 = DIV_ROUND_UP(data, cluster_size / L2_ENTRY);
	u64 l1 = DIV_ROUND_UP(l2, cluster_size / L1_ENTRY);
	u64 header = 1;
	u64 metadata = header + l1 + l2;

	metadata += refcount_clusters(metadata + data, cluster_size);
	return metadata * cluster_size;
}

static void report(const struct request *q, const struct tally *t)
{
	struct report r = { .out = stdout, .json = q->json };
	u64 required = t->size, all = t->size;

	if (q->output == QCOW_FORMAT_QCOW2) {
		u64 metadata = metadata_size(t->size, q->cluster_size);

		required = metadata + t->data;
		all = metadata + round_up(t->size, q->cluster_size);
	}
	report_open(&r, NULL);
	report_u64(&r, "required", required);
	report_u64(&r, "fully-allocated", all);
	if (q->output == QCOW_FORMAT_QCOW2 && t->has_bitmaps)
		report_u64(&r, "bitmaps", t->bitmaps);
	report_close(&r);
}

/* --- Bitmaps: all of each, its table, and its part of the directory --- */

static u64 bitmap_size(const struct tally *t, const struct qcow2_bitmap *b)
{
	u64 bits = DIV_ROUND_UP(t->size, 1ULL << b->granularity_bits);
	u64 clusters = DIV_ROUND_UP(bits, 8 * t->cluster_size);

	return clusters * t->cluster_size +
	       round_up(clusters * BITMAP_TABLE_ENTRY, t->cluster_size);
}

static void count_bitmaps(struct tally *t, const struct bitmaps *b)
{
	u64 directory = 0;
	size_t i;

	for (i = 0; i < b->nr; i++) {
		t->bitmaps += bitmap_size(t, &b->entries[i]);
		directory += round_up(BITMAP_DIRECTORY_ENTRY +
				      b->entries[i].name_len, 8);
	}
	if (t->bitmaps)
		t->bitmaps += round_up(directory, t->cluster_size);
}

static int tally_bitmaps(const struct image *img, struct tally *t)
{
	struct bitmaps b = { .nr = 0 };
	int ret;

	t->has_bitmaps = img->format == QCOW_FORMAT_QCOW2 &&
			 img->header.version >= 3;
	if (!t->has_bitmaps)
		return 0;
	ret = bitmaps_load(img, &b);
	if (!ret)
		count_bitmaps(t, &b);
	bitmaps_free(&b);
	return ret;
}

static int tally_chain(const struct request *q, const struct chain *c,
		       const char *snapshot, struct tally *t)
{
	struct views *v = xcalloc(1, sizeof(*v));
	int ret;

	ret = views_open(v, c, snapshot);
	if (!ret) {
		t->size = v->layers[0].size;
		t->cluster_size = q->cluster_size;
		ret = views_each(v, count_extent, t) ?:
		      tally_bitmaps(&c->layers[0]->image, t);
	}
	views_close(v);
	free(v);
	return ret;
}

static int tally_image(const struct request *q, const char *word,
		       struct tally *t)
{
	struct chain c = { .nr = 0 };
	char *snapshot;
	int ret;

	ret = claim_source(&c, word, &q->chain, q->share, q->snapshot,
			   &snapshot) ?:
	      tally_chain(q, &c, snapshot, t);
	free(snapshot);
	chain_close(&c);
	return ret;
}

/* Of what cannot be made there is no size. */
static int check_possible(const struct request *q, u64 size)
{
	struct newimage n;
	int ret;

	newimage_init(&n);
	n.format = q->output;
	n.cluster_bits = __builtin_ctzll(q->cluster_size);
	n.size = size;
	ret = newimage_check(&n);
	newimage_free(&n);
	return ret;
}

static int measure(const struct request *q, const char *word)
{
	struct tally t = { .size = q->size };
	int ret = 0;

	if (!q->sized)
		ret = tally_image(q, word, &t);
	ret = ret ?: check_possible(q, t.size);
	if (!ret)
		report(q, &t);
	return ret;
}

static int take_cluster_size(struct request *q, const char *arg)
{
	u64 size;
	int ret = size_parse("--cluster-size", arg, &size);

	if (ret)
		return ret;
	if (size < 1ULL << QCOW2_MIN_CLUSTER_BITS ||
	    size > 1ULL << QCOW2_MAX_CLUSTER_BITS || size & (size - 1))
		return fail(EXIT_USAGE,
			    "--cluster-size %s: not a power of two from 512 to 2M",
			    arg);
	q->cluster_size = size;
	return 0;
}

static int take_size(struct request *q, const char *arg)
{
	int ret = size_parse("--size", arg, &q->size);

	q->sized = true;
	/* What is rounded up would be nothing. */
	if (!ret && q->size > ~511ULL)
		return fail(EXIT_USAGE, "--size: %s is too large", arg);
	q->size = round_up(q->size, 512);
	return ret;
}

static int take(void *into, int key, char *arg)
{
	struct request *q = into;
	int ret;

	if (output_option(&q->json, key, arg, &ret))
		return ret;
	switch (key) {
	case 'O':
		return format_option("-O", arg, &q->output);
	case CLUSTER_SIZE:
		return take_cluster_size(q, arg);
	case SIZE:
		return take_size(q, arg);
	case 'f':
		return format_option("-f", arg, &q->chain.format);
	case 'U':
		q->share = true;
		return 0;
	case SNAPSHOT:
		q->snapshot = arg;
		return 0;
	default:
		return format_option("--backing-format", arg,
				     &q->chain.backing_format);
	}
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = {
		.output = QCOW_FORMAT_RAW, .cluster_size = 65536,
	};
	int ret;

	ret = options_parse(cmd, argc, argv, take, &q);
	if (ret)
		return ret;
	if (argc - optind != !q.sized)
		return command_usage_error(cmd,
					   "either one image or --size is wanted");
	return measure(&q, argv[optind]);
}

const struct command measure_command = {
	.name = "measure",
	.args = "IMAGE|DEVICE | --size SIZE",
	.summary = "Say how large a new image with this content would become",
	.options = options,
	.run = run,
};
