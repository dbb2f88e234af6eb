/* SPDX-License-Identifier: GPL-2.0 */
/* Listings: a table of columns, drawn by libsmartcols. */
#ifndef QCOWCTL_TABLE_H
#define QCOWCTL_TABLE_H

#include <libsmartcols/libsmartcols.h>
#include <stdbool.h>

#include "command.h"
#include "format/port.h"

/**
 * struct table_options - how the user wants a listing
 * @columns:	the argument of -o; NULL for the default ones
 * @json:	as JSON, sizes in bytes
 * @raw:	as words with a space between, sizes in bytes
 * @noheadings:	without the line of names
 * @bytes:	sizes in bytes for people too
 */
struct table_options {
	const char *columns;
	bool json;
	bool raw;
	bool noheadings;
	bool bytes;
};

/* The rows of a command's table of options that table_option() knows. */
enum { TABLE_RAW = 256, TABLE_LAST };
#define TABLE_COLUMNS(name) \
	{ 'o', name, "COLUMNS", "which columns; +COLUMN adds to the usual ones" }
#define TABLE_STYLE \
	{ 'J', "json", NULL, "as JSON, sizes in bytes" }, \
	{ TABLE_RAW, "raw", NULL, "as words without padding, sizes in bytes" }, \
	{ 'n', "noheadings", NULL, "without the line of names" }, \
	{ 'b', "bytes", NULL, "sizes in bytes" }
#define TABLE_OPTIONS	TABLE_COLUMNS("output"), TABLE_STYLE

/** table_option - take an option of TABLE_OPTIONS; false if it is not one */
bool table_option(struct table_options *o, int key, const char *arg);

/**
 * struct column - one column of a listing
 * @name:	its heading, and its name for -o
 * @key:	its name in JSON, upper case as libsmartcols wants it
 * @width:	libsmartcols' width hint
 * @flags:	SCOLS_FL_*
 * @json:	SCOLS_JSON_*
 * @help:	one line
 * @cell:	its text for a row, to be freed; NULL for none
 */
struct column {
	const char *name;
	const char *key;
	double width;
	int flags;
	int json;
	const char *help;
	char *(*cell)(const void *row, const struct table_options *o);
};

/**
 * struct table - a listing
 * @name:	of the array in JSON
 * @columns:	all there are; a row without name ends them
 * @usual:	the ones shown without -o, as one would write them there
 */
struct table {
	const char *name;
	const struct column *columns;
	const char *usual;
};

/** table_check - do these go together?  0 or EXIT_USAGE */
int table_check(const struct table_options *o);

/**
 * table_print - draw it
 * @rows: pointers to what the columns' cell() know
 *
 * Return: 0, or an exit code: an unknown column.
 */
int table_print(const struct table *t, const struct table_options *o,
		const void *const *rows, size_t nr);

/** table_help - print what its columns are */
void table_help(const struct table *t);

/** table_size - a size for a cell, as @o wants it */
char *table_size(u64 size, const struct table_options *o);

#endif /* QCOWCTL_TABLE_H */
