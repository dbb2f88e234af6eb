// SPDX-License-Identifier: GPL-2.0
/* qcowctl list: the attached devices, from sysfs. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "error.h"
#include "file.h"
#include "sysfs.h"
#include "table.h"

static const struct option_row options[] = {
	TABLE_OPTIONS,
	{ 0 }
};

/* A row of the listing is a device's number. */
static unsigned int number_of(const void *row)
{
	return *(const unsigned int *)row;
}

/* An empty attribute is an empty cell, and null in JSON. */
static char *attribute(const void *row, const char *name)
{
	char *text = sysfs_attribute(number_of(row), name);

	if (text && !*text) {
		free(text);
		return NULL;
	}
	return text;
}

static char *name_cell(const void *row, const struct table_options *o)
{
	(void)o;
	return xasprintf("/dev/qcow%u", number_of(row));
}

static char *vsize_cell(const void *row, const struct table_options *o)
{
	u64 sectors;

	if (!sysfs_attribute_u64(number_of(row), "size", &sectors))
		return NULL;
	return table_size(sectors * 512, o);
}

static char *size_cell(const void *row, const struct table_options *o)
{
	char *path = attribute(row, "qcow/backing_file");
	struct stat st;
	bool found = path && !stat(path, &st);

	free(path);
	return found ? table_size(file_actual_size(&st), o) : NULL;
}

static char *cluster_cell(const void *row, const struct table_options *o)
{
	u64 size;

	if (!sysfs_attribute_u64(number_of(row), "qcow/cluster_size", &size) ||
	    !size)
		return NULL;
	return table_size(size, o);
}

/* "ID\tNAME" of the snapshot: the name, or the id where it has none. */
static char *snapshot_cell(const void *row, const struct table_options *o)
{
	char *text = attribute(row, "qcow/snapshot");
	char *tab = text ? strchr(text, '\t') : NULL;
	char *name;

	(void)o;
	if (!tab)
		return text;
	*tab = '\0';
	name = xstrdup(tab[1] ? tab + 1 : text);
	free(text);
	return name;
}

/* A line for each layer; a newline in the name of a file is none. */
static char *layers_cell(const void *row, const struct table_options *o)
{
	struct sysfs_layer *layers;
	size_t i, n = sysfs_layers(number_of(row), &layers);
	char *text = NULL, *more, *c;

	(void)o;
	for (i = 0; i < n; i++) {
		for (c = layers[i].file; *c; c++)
			if (*c == '\n')
				*c = '?';
		more = xasprintf("%s%s%s %s %s", text ?: "", text ? "\n" : "",
				 layers[i].format,
				 layers[i].direct ? "DIO" : "BUF",
				 layers[i].file);
		free(text);
		text = more;
	}
	sysfs_layers_free(layers, n);
	return text;
}

#define ATTRIBUTE_CELL(cell, name)					\
static char *cell(const void *row, const struct table_options *o)	\
{									\
	(void)o;							\
	return attribute(row, name);					\
}

ATTRIBUTE_CELL(format_cell, "qcow/format")
ATTRIBUTE_CELL(ro_cell, "ro")
ATTRIBUTE_CELL(dio_cell, "qcow/direct_io")
ATTRIBUTE_CELL(state_cell, "qcow/state")
ATTRIBUTE_CELL(chain_cell, "qcow/layers")
ATTRIBUTE_CELL(back_file_cell, "qcow/backing_file")
ATTRIBUTE_CELL(data_file_cell, "qcow/data_file")
ATTRIBUTE_CELL(label_cell, "qcow/name")
ATTRIBUTE_CELL(features_cell, "qcow/features")
ATTRIBUTE_CELL(lazy_cell, "qcow/lazy")
ATTRIBUTE_CELL(log_sec_cell, "queue/logical_block_size")
ATTRIBUTE_CELL(dev_cell, "dev")

static const struct column columns[] = {
	{ "NAME", "NAME", 0.10, 0, SCOLS_JSON_STRING,
	  "the device", name_cell },
	{ "FORMAT", "FORMAT", 6, 0, SCOLS_JSON_STRING,
	  "of the image: raw or qcow2", format_cell },
	{ "VSIZE", "VIRTUAL-SIZE", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "size of the disk", vsize_cell },
	{ "SIZE", "ACTUAL-SIZE", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "what the image takes on its file system", size_cell },
	{ "RO", "RO", 1, SCOLS_FL_RIGHT, SCOLS_JSON_BOOLEAN,
	  "read-only", ro_cell },
	{ "DIO", "DIO", 1, SCOLS_FL_RIGHT, SCOLS_JSON_BOOLEAN,
	  "direct I/O on the image", dio_cell },
	{ "SNAPSHOT", "SNAPSHOT", 0.1, 0, SCOLS_JSON_STRING,
	  "the internal snapshot that it shows", snapshot_cell },
	{ "STATE", "STATE", 9, 0, SCOLS_JSON_STRING,
	  "live, degraded (no allocation), read-only or dead", state_cell },
	{ "CHAIN", "CHAIN", 1, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "images in the chain, with the top one", chain_cell },
	{ "BACK-FILE", "BACK-FILE", 0.3, SCOLS_FL_NOEXTREMES, SCOLS_JSON_STRING,
	  "the image file", back_file_cell },
	{ "LABEL", "LABEL", 0.1, 0, SCOLS_JSON_STRING,
	  "the name given by attach --name", label_cell },
	{ "DATA-FILE", "DATA-FILE", 0.3, 0, SCOLS_JSON_STRING,
	  "the external data file", data_file_cell },
	{ "FEATURES", "FEATURES", 0.2, 0, SCOLS_JSON_STRING,
	  "feature bits that are set in the image", features_cell },
	{ "CLUSTER", "CLUSTER-SIZE", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "cluster size", cluster_cell },
	{ "LOG-SEC", "LOG-SEC", 5, SCOLS_FL_RIGHT, SCOLS_JSON_NUMBER,
	  "logical block size of the device", log_sec_cell },
	{ "LAZY", "LAZY", 1, SCOLS_FL_RIGHT, SCOLS_JSON_BOOLEAN,
	  "goes away when nobody has it open", lazy_cell },
	{ "LAYERS", "LAYERS", 0.4, SCOLS_FL_WRAP, SCOLS_JSON_ARRAY_STRING,
	  "each image: format, DIO or BUF, file", layers_cell },
	{ "MAJ:MIN", "MAJ:MIN", 5, 0, SCOLS_JSON_STRING,
	  "device number", dev_cell },
	{ .name = NULL }
};

static const struct table devices_table = {
	.name = "devices",
	.columns = columns,
	.usual = "NAME,FORMAT,VSIZE,SIZE,RO,DIO,SNAPSHOT,STATE,CHAIN,BACK-FILE",
};

static int take(void *into, int key, char *arg)
{
	return table_option(into, key, arg) ? 0 : EXIT_USAGE;
}

static void add_numbers(unsigned int **all, size_t *nr,
			const unsigned int *more, size_t n)
{
	*all = xrealloc(*all, *nr + n, sizeof(**all));
	if (n)
		memcpy(*all + *nr, more, n * sizeof(**all));
	*nr += n;
}

/* The devices that the words name, or all there are. */
static int collect(char **words, size_t nr_words, unsigned int **all,
		   size_t *nr)
{
	unsigned int *found;
	size_t i, n;

	*all = NULL;
	*nr = 0;
	if (!nr_words)
		*nr = sysfs_devices(all);
	for (i = 0; i < nr_words; i++) {
		n = sysfs_find(words[i], &found);
		add_numbers(all, nr, found, n);
		free(found);
		if (!n)
			return EXIT_IMAGE;
	}
	return 0;
}

static int print(const struct table_options *o, const unsigned int *numbers,
		 size_t nr)
{
	const void **rows = xcalloc(nr, sizeof(*rows));
	size_t i;
	int ret;

	for (i = 0; i < nr; i++)
		rows[i] = &numbers[i];
	ret = table_print(&devices_table, o, rows, nr);
	free(rows);
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct table_options o = { .columns = NULL };
	unsigned int *numbers;
	size_t nr;
	int ret;

	ret = options_parse(cmd, argc, argv, take, &o);
	if (ret)
		return ret;
	ret = collect(argv + optind, argc - optind, &numbers, &nr) ?:
	      print(&o, numbers, nr);
	free(numbers);
	return ret;
}

const struct command list_command = {
	.name = "list",
	.args = "[DEVICE|IMAGE ...]",
	.summary = "List the attached devices",
	.options = options,
	.table = &devices_table,
	.run = run,
};
