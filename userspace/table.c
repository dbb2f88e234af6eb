// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "size.h"
#include "table.h"
#include "text.h"

enum { MAX_COLUMNS = 64 };

/* The columns that were asked for, in their order. */
struct choice {
	const struct column *columns[MAX_COLUMNS];
	size_t nr;
};

bool table_option(struct table_options *o, int key, const char *arg)
{
	switch (key) {
	case 'o':
		o->columns = arg;
		return true;
	case 'J':
		o->json = true;
		return true;
	case TABLE_RAW:
		o->raw = true;
		return true;
	case 'n':
		o->noheadings = true;
		return true;
	case 'b':
		o->bytes = true;
		return true;
	default:
		return false;
	}
}

char *table_size(u64 size, const struct table_options *o)
{
	if (o->bytes || o->json || o->raw)
		return xasprintf("%llu", size);
	return size_human(size);
}

void table_help(const struct table *t)
{
	const struct column *c;

	puts("\nColumns:");
	for (c = t->columns; c->name; c++)
		printf("  %-15s %s\n", c->name, c->help);
}

static const struct column *find_column(const struct table *t,
					const char *name, size_t len)
{
	const struct column *c;

	for (c = t->columns; c->name; c++)
		if (strlen(c->name) == len && !strncasecmp(c->name, name, len))
			return c;
	return NULL;
}

static int choose_by_names(const struct table *t, const char *names,
			   struct choice *choice)
{
	while (*names) {
		size_t len = strcspn(names, ",");
		const struct column *c = find_column(t, names, len);

		if (!c)
			return fail(EXIT_USAGE,
				    "no such column: \"%.*s\"; --help names them",
				    (int)len, names);
		if (choice->nr == MAX_COLUMNS)
			return fail(EXIT_USAGE, "too many columns");
		choice->columns[choice->nr++] = c;
		names += len;
		names += *names == ',';
	}
	return 0;
}

static int choose(const struct table *t, const struct table_options *o,
		  struct choice *choice)
{
	choice->nr = 0;
	if (!o->columns)
		return choose_by_names(t, t->usual, choice);
	if (*o->columns != '+')
		return choose_by_names(t, o->columns, choice);
	return choose_by_names(t, t->usual, choice) ?:
	       choose_by_names(t, o->columns + 1, choice);
}

static void *need(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

static void add_columns(struct libscols_table *out, const struct choice *choice,
			const struct table_options *o)
{
	size_t i;

	for (i = 0; i < choice->nr; i++) {
		const struct column *c = choice->columns[i];
		struct libscols_column *column;

		column = need(scols_table_new_column(out,
					o->json ? c->key : c->name, c->width,
					c->flags));
		scols_column_set_json_type(column, c->json);
		if (c->flags & SCOLS_FL_WRAP) {
			scols_column_set_wrapfunc(column,
						  scols_wrapnl_chunksize,
						  scols_wrapnl_nextchunk, NULL);
			scols_column_set_safechars(column, "\n");
		}
	}
}

static void add_row(struct libscols_table *out, const struct choice *choice,
		    const struct table_options *o, const void *row)
{
	struct libscols_line *line = need(scols_table_new_line(out, NULL));
	size_t i;

	for (i = 0; i < choice->nr; i++) {
		char *text = choice->columns[i]->cell(row, o);

		if (text && o->json)
			text_clean(text);
		if (text && scols_line_refer_data(line, i, text))
			need(NULL);
	}
}

static struct libscols_table *new_table(const struct table *t,
					const struct table_options *o)
{
	struct libscols_table *out;

	scols_init_debug(0);
	out = need(scols_new_table());
	scols_table_set_name(out, t->name);
	scols_table_enable_json(out, o->json);
	scols_table_enable_raw(out, o->raw);
	scols_table_enable_noheadings(out, o->noheadings);
	return out;
}

int table_check(const struct table_options *o)
{
	if (o->json && o->raw)
		return fail(EXIT_USAGE, "--json and --raw exclude each other");
	if (o->columns && !*o->columns)
		return fail(EXIT_USAGE, "-o: no column is named");
	return 0;
}

int table_print(const struct table *t, const struct table_options *o,
		const void *const *rows, size_t nr)
{
	struct libscols_table *out;
	struct choice choice;
	size_t i;
	int ret;

	ret = table_check(o) ?: choose(t, o, &choice);
	if (ret)
		return ret;
	out = new_table(t, o);
	add_columns(out, &choice, o);
	for (i = 0; i < nr; i++)
		add_row(out, &choice, o, rows[i]);
	if (nr || o->json)
		ret = scols_print_table(out);
	scols_unref_table(out);
	return ret ? fail_errno(-ret, "cannot print the table") : 0;
}
