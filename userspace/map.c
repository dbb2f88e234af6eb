// SPDX-License-Identifier: GPL-2.0
/* qcowctl map: where the bytes of a disk lie in the files of its chain. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "command.h"
#include "error.h"
#include "output.h"
#include "probe.h"
#include "report.h"
#include "table.h"
#include "view.h"

enum { BACKING_FORMAT = TABLE_LAST, NO_BACKING, SNAPSHOT };

static const struct option_row options[] = {
	{ 'f', "format", "FORMAT", "raw or qcow2; else name and content must agree" },
	{ 'U', "force-share", NULL, "read it even while another process writes it" },
	{ SNAPSHOT, "snapshot", "ID|NAME", "an internal snapshot" },
	{ NO_BACKING, "no-backing", NULL, "as if there were no backing file" },
	{ BACKING_FORMAT, "backing-format", "FORMAT", "of backing files that declare none" },
	TABLE_COLUMNS("columns"),
	TABLE_STYLE,
	OUTPUT_ROW,
	{ 0 }
};

struct request {
	struct chain_options chain;
	struct table_options table;
	const char *snapshot;
	bool share;
};

static char *start_cell(const void *row, const struct table_options *o)
{
	(void)o;
	return xasprintf("%llu", ((const struct extent *)row)->start);
}

static char *length_cell(const void *row, const struct table_options *o)
{
	(void)o;
	return xasprintf("%llu", ((const struct extent *)row)->length);
}

static char *depth_cell(const void *row, const struct table_options *o)
{
	(void)o;
	return xasprintf("%u", ((const struct extent *)row)->depth);
}

static char *type_cell(const void *row, const struct table_options *o)
{
	const struct extent *e = row;

	(void)o;
	return xstrdup(e->compressed ? "compressed" : e->data ? "data" :
		       e->present ? "zero" : "hole");
}

static char *offset_cell(const void *row, const struct table_options *o)
{
	const struct extent *e = row;

	(void)o;
	return e->has_offset ? xasprintf("%llu", e->offset) : NULL;
}

static char *file_cell(const void *row, const struct table_options *o)
{
	const struct extent *e = row;

	(void)o;
	return e->present ? xstrdup(e->file->path) : NULL;
}

static const struct column columns[] = {
	{ "START", "START", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "where it is in the disk, bytes", start_cell },
	{ "LENGTH", "LENGTH", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "its length, bytes", length_cell },
	{ "DEPTH", "DEPTH", 1, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "the image of the chain that decides, 0 for the top one", depth_cell },
	{ "TYPE", "TYPE", 10, 0, SCOLS_JSON_STRING,
	  "data, compressed, zero, or hole (nothing in any image)", type_cell },
	{ "OFFSET", "OFFSET", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "where it is in the file, bytes", offset_cell },
	{ "FILE", "FILE", 0.3, 0, SCOLS_JSON_STRING,
	  "the file", file_cell },
	{ .name = NULL }
};

static const struct table extents_table = {
	.name = "extents",
	.columns = columns,
	.usual = "START,LENGTH,DEPTH,TYPE,OFFSET,FILE",
};

/* The members that qemu-img gives, in its order; "compressed" came late. */
static int report_extent(void *into, const struct extent *e)
{
	struct report *r = into;

	report_open(r, NULL);
	report_u64(r, "start", e->start);
	report_u64(r, "length", e->length);
	report_u64(r, "depth", e->depth);
	report_bool(r, "present", e->present);
	report_bool(r, "zero", e->zero);
	report_bool(r, "data", e->data);
	report_bool(r, "compressed", e->compressed);
	if (e->has_offset)
		report_u64(r, "offset", e->offset);
	report_close(r);
	return 0;
}

static int print_json(struct views *v)
{
	struct report r = { .out = stdout, .json = true, .compact = true };
	int ret;

	report_open_list(&r, NULL);
	ret = views_each(v, report_extent, &r);
	report_close_list(&r);
	return ret;
}

struct rows {
	struct extent *extents;
	size_t nr;
	size_t room;
};

static int add_extent(void *into, const struct extent *e)
{
	struct rows *rows = into;

	if (rows->nr == rows->room) {
		rows->room = rows->room ? 2 * rows->room : 64;
		rows->extents = xrealloc(rows->extents, rows->room,
					 sizeof(*rows->extents));
	}
	rows->extents[rows->nr++] = *e;
	return 0;
}

static int print_rows(const struct rows *rows, const struct table_options *o)
{
	const void **pointers = xcalloc(rows->nr, sizeof(*pointers));
	size_t i;
	int ret;

	for (i = 0; i < rows->nr; i++)
		pointers[i] = &rows->extents[i];
	ret = table_print(&extents_table, o, pointers, rows->nr);
	free(pointers);
	return ret;
}

static int print_table(struct views *v, const struct table_options *o)
{
	struct rows rows = { .nr = 0 };
	int ret;

	ret = views_each(v, add_extent, &rows) ?: print_rows(&rows, o);
	free(rows.extents);
	return ret;
}

static int print(const struct request *q, const struct chain *c,
		 const char *snapshot)
{
	struct views *v = xcalloc(1, sizeof(*v));
	int ret;

	ret = views_open(v, c, snapshot);
	if (!ret && q->table.json && !q->table.columns)
		ret = print_json(v);
	else if (!ret)
		ret = print_table(v, &q->table);
	views_close(v);
	free(v);
	return ret;
}

static int map(const struct request *q, const char *word)
{
	struct chain c = { .nr = 0 };
	char *snapshot;
	int ret;

	ret = claim_source(&c, word, &q->chain, q->share, q->snapshot,
			   &snapshot) ?:
	      print(q, &c, snapshot);
	free(snapshot);
	chain_close(&c);
	return ret;
}

static int take(void *into, int key, char *arg)
{
	struct request *q = into;
	int ret;

	if (output_option(&q->table.json, key, arg, &ret))
		return ret;
	switch (key) {
	case 'f':
		return format_option("-f", arg, &q->chain.format);
	case 'U':
		q->share = true;
		return 0;
	case SNAPSHOT:
		q->snapshot = arg;
		return 0;
	case NO_BACKING:
		q->chain.no_backing = true;
		return 0;
	case BACKING_FORMAT:
		return format_option("--backing-format", arg,
				     &q->chain.backing_format);
	default:
		return table_option(&q->table, key, arg) ? 0 : EXIT_USAGE;
	}
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .snapshot = NULL };
	int ret;

	ret = options_parse(cmd, argc, argv, take, &q);
	if (ret)
		return ret;
	if (argc - optind != 1)
		return command_usage_error(cmd, "one image is wanted");
	return table_check(&q.table) ?: map(&q, argv[optind]);
}

const struct command map_command = {
	.name = "map",
	.args = "IMAGE|DEVICE",
	.summary = "Say where the bytes of a disk lie in its files",
	.options = options,
	.table = &extents_table,
	.run = run,
};
