// SPDX-License-Identifier: GPL-2.0
/* qcowctl stat: what the driver has counted for a device. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "error.h"
#include "report.h"
#include "sysfs.h"
#include "table.h"

#define FOLDER	"qcow_statistics"

static const struct option_row options[] = {
	TABLE_OPTIONS,
	{ 0 }
};

struct counter {
	char *name;
	u64 value;
};

struct counters {
	struct counter *rows;
	size_t nr;
};

static char *name_cell(const void *row, const struct table_options *o)
{
	(void)o;
	return xstrdup(((const struct counter *)row)->name);
}

static char *value_cell(const void *row, const struct table_options *o)
{
	(void)o;
	return xasprintf("%llu", ((const struct counter *)row)->value);
}

static const struct column columns[] = {
	{ "NAME", "NAME", 10, 0, SCOLS_JSON_STRING,
	  "what is counted", name_cell },
	{ "VALUE", "VALUE", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "how often, or how much", value_cell },
	{ .name = NULL }
};

static const struct table counters_table = {
	.name = "statistics",
	.columns = columns,
	.usual = "NAME,VALUE",
};

/* A counter that cannot be read goes away, with the device. */
static void load(unsigned int number, struct counters *c)
{
	size_t i, n;
	char **names, *attribute;
	u64 value;

	n = sysfs_attributes(number, FOLDER, &names);
	c->rows = xcalloc(n, sizeof(*c->rows));
	for (i = 0; i < n; i++) {
		attribute = xasprintf(FOLDER "/%s", names[i]);
		if (sysfs_attribute_u64(number, attribute, &value))
			c->rows[c->nr++] = (struct counter){ names[i], value };
		else
			free(names[i]);
		free(attribute);
	}
	free(names);
}

static void unload(struct counters *c)
{
	while (c->nr)
		free(c->rows[--c->nr].name);
	free(c->rows);
}

static int print_json(unsigned int number, const struct counters *c)
{
	struct report r = { .out = stdout, .json = true };
	char *device = xasprintf("/dev/qcow%u", number);
	size_t i;

	report_open(&r, NULL);
	report_string(&r, "name", device);
	report_open(&r, "statistics");
	for (i = 0; i < c->nr; i++)
		report_u64(&r, c->rows[i].name, c->rows[i].value);
	report_close(&r);
	report_close(&r);
	free(device);
	return 0;
}

static int print_table(const struct counters *c, const struct table_options *o)
{
	const void **rows = xcalloc(c->nr, sizeof(*rows));
	size_t i;
	int ret;

	for (i = 0; i < c->nr; i++)
		rows[i] = &c->rows[i];
	ret = table_print(&counters_table, o, rows, c->nr);
	free(rows);
	return ret;
}

static int stat_device(unsigned int number, const struct table_options *o)
{
	struct counters c = { .nr = 0 };
	int ret;

	load(number, &c);
	if (!c.nr)
		ret = fail(EXIT_IMAGE, "/dev/qcow%u has no statistics: it is being detached, or the driver is another version",
			   number);
	else if (o->json && !o->columns)
		ret = print_json(number, &c);
	else
		ret = print_table(&c, o);
	unload(&c);
	return ret;
}

static int stat_word(const char *word, const struct table_options *o)
{
	unsigned int *numbers;
	size_t n = sysfs_find(word, &numbers);
	int ret = EXIT_IMAGE;

	if (n > 1)
		fail(ret, "%s is attached as %zu devices: name one of them",
		     word, n);
	else if (n)
		ret = stat_device(*numbers, o);
	free(numbers);
	return ret;
}

static int take(void *into, int key, char *arg)
{
	return table_option(into, key, arg) ? 0 : EXIT_USAGE;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct table_options o = { .columns = NULL };
	int ret;

	ret = options_parse(cmd, argc, argv, take, &o);
	if (ret)
		return ret;
	if (argc - optind != 1)
		return command_usage_error(cmd, "one device is wanted");
	return table_check(&o) ?: stat_word(argv[optind], &o);
}

const struct command stat_command = {
	.name = "stat",
	.args = "DEVICE|IMAGE",
	.summary = "Say what the driver has counted for a device",
	.options = options,
	.table = &counters_table,
	.run = run,
};
