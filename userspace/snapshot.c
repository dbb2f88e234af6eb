// SPDX-License-Identifier: GPL-2.0
/* qcowctl snapshot list: the internal snapshots of an image. */
#include <getopt.h>
#include <stdlib.h>
#include <time.h>

#include "command.h"
#include "error.h"
#include "snapshots.h"
#include "source.h"
#include "table.h"

static const struct option_row options[] = {
	SOURCE_OPTIONS,
	TABLE_OPTIONS,
	{ 0 }
};

struct request {
	struct source_options source;
	struct table_options table;
};

static char *id_cell(const void *row, const struct table_options *o)
{
	const struct qcow2_snapshot *s = row;

	(void)o;
	return xstrndup(s->id, s->id_len);
}

static char *tag_cell(const void *row, const struct table_options *o)
{
	const struct qcow2_snapshot *s = row;

	(void)o;
	return xstrndup(s->name, s->name_len);
}

static char *vm_size_cell(const void *row, const struct table_options *o)
{
	return table_size(((const struct qcow2_snapshot *)row)->vm_state_size,
			  o);
}

static char *disk_size_cell(const void *row, const struct table_options *o)
{
	return table_size(((const struct qcow2_snapshot *)row)->disk_size, o);
}

static char *date_cell(const void *row, const struct table_options *o)
{
	const struct qcow2_snapshot *s = row;
	time_t when = s->date_sec;
	char text[32];
	struct tm tm;

	if (o->json)
		return xasprintf("%u", s->date_sec);
	localtime_r(&when, &tm);
	strftime(text, sizeof(text), "%F %T", &tm);
	return xstrdup(text);
}

/* The guest's own time, in hours, minutes, seconds. */
static char *vm_clock_cell(const void *row, const struct table_options *o)
{
	u64 ms = ((const struct qcow2_snapshot *)row)->vm_clock_nsec / 1000000;

	(void)o;
	return xasprintf("%02llu:%02llu:%02llu.%03llu", ms / 3600000,
			 ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

static char *icount_cell(const void *row, const struct table_options *o)
{
	const struct qcow2_snapshot *s = row;

	(void)o;
	if (s->icount == QCOW2_SNAPSHOT_NO_ICOUNT)
		return NULL;
	return xasprintf("%llu", s->icount);
}

static const struct column columns[] = {
	{ "ID", "ID", 2, 0, SCOLS_JSON_STRING,
	  "its id, unique", id_cell },
	{ "NAME", "NAME", 0.3, 0, SCOLS_JSON_STRING,
	  "its name", tag_cell },
	{ "VM-SIZE", "VM-STATE-SIZE", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "size of the machine state in it", vm_size_cell },
	{ "DATE", "DATE-SEC", 19, 0, SCOLS_JSON_NUMBER,
	  "when it was made (JSON: seconds since 1970)", date_cell },
	{ "VM-CLOCK", "VM-CLOCK", 12, SCOLS_FL_RIGHT, SCOLS_JSON_STRING,
	  "how long the machine had run", vm_clock_cell },
	{ "VSIZE", "VIRTUAL-SIZE", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "size of the disk then", disk_size_cell },
	{ "ICOUNT", "ICOUNT", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "instructions the machine had run, if counted", icount_cell },
	{ .name = NULL }
};

static const struct table snapshots_table = {
	.name = "snapshots",
	.columns = columns,
	.usual = "ID,NAME,VM-SIZE,DATE,VM-CLOCK,VSIZE",
};

static int print(const struct snapshots *s, const struct table_options *o)
{
	const void **rows = xcalloc(s->nr, sizeof(*rows));
	size_t i;
	int ret;

	for (i = 0; i < s->nr; i++)
		rows[i] = &s->entries[i];
	ret = table_print(&snapshots_table, o, rows, s->nr);
	free(rows);
	return ret;
}

static int list(const struct request *q, const char *word)
{
	struct snapshots s = { .nr = 0 };
	struct image img;
	int ret;

	ret = source_open(&img, word, &q->source) ?:
	      snapshots_load(&img, &s) ?:
	      print(&s, &q->table);
	snapshots_free(&s);
	image_close(&img);
	return ret;
}

static int take(void *into, int key, char *arg)
{
	struct request *q = into;
	int ret;

	if (source_option(&q->source, key, arg, &ret))
		return ret;
	return table_option(&q->table, key, arg) ? 0 : EXIT_USAGE;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .table.columns = NULL };
	int ret;

	ret = options_parse(cmd, argc, argv, take, &q);
	if (ret)
		return ret;
	if (argc - optind != 1)
		return command_usage_error(cmd, "one image is wanted");
	return list(&q, argv[optind]);
}

const struct command snapshot_list_command = {
	.name = "snapshot list",
	.args = "IMAGE|DEVICE",
	.summary = "List the internal snapshots of an image",
	.options = options,
	.table = &snapshots_table,
	.run = run,
};
