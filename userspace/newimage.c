// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "image.h"
#include "newimage.h"
#include "size.h"

enum { MIN_EXTENDED_L2_BITS = 14, V2_REFCOUNT_ORDER = 4 };

/* The largest size that an off_t and whole sectors allow. */
#define MAX_SIZE	(~0ULL >> 1 & ~511ULL)

static const char *const preallocations[] = {
	[PREALLOCATION_OFF]		= "off",
	[PREALLOCATION_METADATA]	= "metadata",
	[PREALLOCATION_FALLOC]		= "falloc",
	[PREALLOCATION_FULL]		= "full",
};

static int bad_value(const char *name, const char *value, const char *wanted)
{
	return fail(EXIT_USAGE, "-o %s=%s: %s is wanted", name, value, wanted);
}

/* --- Each option --- */

static int take_switch(const char *name, const char *value, bool *on)
{
	*on = !strcmp(value, "on");
	if (*on || !strcmp(value, "off"))
		return 0;
	return bad_value(name, value, "on or off");
}

static int take_compat(struct newimage *n, const char *value)
{
	if (!strcmp(value, "0.10") || !strcmp(value, "v2"))
		n->version = 2;
	else if (!strcmp(value, "1.1") || !strcmp(value, "v3"))
		n->version = 3;
	else
		return bad_value("compat", value, "0.10 (v2) or 1.1 (v3)");
	return 0;
}

static bool log2_of(u64 value, unsigned int *bits)
{
	if (!value || value & (value - 1))
		return false;
	*bits = __builtin_ctzll(value);
	return true;
}

static int take_cluster_size(struct newimage *n, const char *value)
{
	u64 size;
	int ret = size_parse("-o cluster_size", value, &size);

	if (ret)
		return ret;
	if (log2_of(size, &n->cluster_bits) &&
	    n->cluster_bits >= QCOW2_MIN_CLUSTER_BITS &&
	    n->cluster_bits <= QCOW2_MAX_CLUSTER_BITS)
		return 0;
	return bad_value("cluster_size", value,
			 "a power of two from 512 to 2M");
}

static int take_refcount_bits(struct newimage *n, const char *value)
{
	char *end;
	u64 bits = strtoull(value, &end, 10);

	if (end != value && !*end && bits <= 64 &&
	    log2_of(bits, &n->refcount_order))
		return 0;
	return bad_value("refcount_bits", value, "a power of two up to 64");
}

static int take_compression_type(struct newimage *n, const char *value)
{
	n->compression_type = QCOW2_COMPRESSION_ZLIB;
	if (!strcmp(value, "zlib"))
		return 0;
	n->compression_type = QCOW2_COMPRESSION_ZSTD;
	return strcmp(value, "zstd") ?
		bad_value("compression_type", value, "zlib or zstd") : 0;
}

static int take_preallocation(struct newimage *n, const char *value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(preallocations); i++) {
		if (!strcmp(value, preallocations[i])) {
			n->preallocation = i;
			return 0;
		}
	}
	return bad_value("preallocation", value,
			 "off, metadata, falloc or full");
}

static int take_size(struct newimage *n, const char *value)
{
	n->sized = true;
	return size_parse("-o size", value, &n->size);
}

static int take_extended_l2(struct newimage *n, const char *value)
{
	return take_switch("extended_l2", value, &n->extended_l2);
}

static int take_lazy_refcounts(struct newimage *n, const char *value)
{
	return take_switch("lazy_refcounts", value, &n->lazy_refcounts);
}

static int take_data_file_raw(struct newimage *n, const char *value)
{
	return take_switch("data_file_raw", value, &n->data_file_raw);
}

static int take_nocow(struct newimage *n, const char *value)
{
	return take_switch("nocow", value, &n->nocow);
}

static int take_backing_file(struct newimage *n, const char *value)
{
	newimage_set(&n->backing, value);
	return 0;
}

static int take_backing_format(struct newimage *n, const char *value)
{
	newimage_set(&n->backing_format, value);
	return 0;
}

static int take_data_file(struct newimage *n, const char *value)
{
	newimage_set(&n->data_file, value);
	return 0;
}

static const struct {
	const char *name;
	const char *arg;
	const char *help;
	int (*take)(struct newimage *n, const char *value);
	bool raw;
} options[] = {
	{ "backing_file", "FILE", "what shows through where the image has nothing",
	  take_backing_file, false },
	{ "backing_fmt", "raw|qcow2", "its format", take_backing_format, false },
	{ "cluster_size", "SIZE", "512 to 2M (64k)", take_cluster_size, false },
	{ "compat", "0.10|1.1", "version 2 or 3 of the format (1.1)",
	  take_compat, false },
	{ "compression_type", "zlib|zstd", "of compressed clusters (zlib)",
	  take_compression_type, false },
	{ "data_file", "FILE", "data goes there, metadata into the image",
	  take_data_file, false },
	{ "data_file_raw", "on|off", "that file is a raw image by itself",
	  take_data_file_raw, false },
	{ "extended_l2", "on|off", "a cluster has 32 subclusters",
	  take_extended_l2, false },
	{ "lazy_refcounts", "on|off", "refcounts may be brought up to date late",
	  take_lazy_refcounts, false },
	{ "nocow", "on|off", "no copy-on-write below the image (btrfs)",
	  take_nocow, true },
	{ "preallocation", "off|metadata|falloc|full",
	  "take room now, for tables or for all (off)", take_preallocation, true },
	{ "refcount_bits", "N", "1 to 64 (16)", take_refcount_bits, false },
	{ "size", "SIZE", "of the disk", take_size, true },
};

/* --- The list --- */

static void print_option(size_t i)
{
	char left[64];

	snprintf(left, sizeof(left), "%s=%s", options[i].name, options[i].arg);
	printf("  %-40s %s\n", left, options[i].help);
}

int newimage_help(enum qcow_format format)
{
	bool raw = format == QCOW_FORMAT_RAW;
	size_t i;

	printf("Options of -o for %s images:\n", format_name(format));
	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (!raw || options[i].raw)
			print_option(i);
	return EXIT_DONE;
}

static int take_one(struct newimage *n, const char *name, const char *value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (strcmp(options[i].name, name))
			continue;
		if (!options[i].raw)
			n->foreign = options[i].name;
		return options[i].take(n, value);
	}
	return fail(EXIT_USAGE, "-o %s: no such option; -o help lists them",
		    name);
}

/* Up to a comma that has no twin; what is behind it, or NULL at the end. */
static const char *next_word(const char *list, char *word)
{
	for (; *list; *word++ = *list++) {
		if (*list != ',')
			continue;
		list++;
		if (*list != ',')
			break;
	}
	*word = '\0';
	return list;
}

/* A switch alone is on. */
static int take_word(struct newimage *n, char *word)
{
	char *equals = strchr(word, '=');

	if (!strcmp(word, "help") || !strcmp(word, "?")) {
		n->help = true;
		return 0;
	}
	if (!equals)
		return take_one(n, word, "on");
	*equals = '\0';
	return take_one(n, word, equals + 1);
}

int newimage_option(struct newimage *n, const char *arg)
{
	char *word = xcalloc(1, strlen(arg) + 1);
	int ret = 0;

	while (!ret && *arg) {
		arg = next_word(arg, word);
		ret = take_word(n, word);
	}
	free(word);
	return ret;
}

void newimage_set(char **name, const char *value)
{
	char *copy = value && *value ? xstrdup(value) : NULL;

	free(*name);
	*name = copy;
}

void newimage_init(struct newimage *n)
{
	*n = (struct newimage){
		.format = QCOW_FORMAT_QCOW2, .version = 3,
		.cluster_bits = 16, .refcount_order = 4,
	};
}

void newimage_free(struct newimage *n)
{
	free(n->backing);
	free(n->backing_format);
	free(n->data_file);
	newimage_init(n);
}

/* --- What goes together --- */

static int check_raw(const struct newimage *n)
{
	if (n->backing || n->backing_format)
		return fail(EXIT_USAGE, "a raw image has no backing file");
	if (n->foreign)
		return fail(EXIT_USAGE, "-o %s: not for raw images",
			    n->foreign);
	if (n->preallocation == PREALLOCATION_METADATA)
		return fail(EXIT_USAGE,
			    "a raw image has no metadata to preallocate: falloc or full");
	return 0;
}

static int check_version(const struct newimage *n)
{
	const char *what = NULL;

	if (n->version >= 3)
		return 0;
	if (n->lazy_refcounts)
		what = "lazy_refcounts";
	else if (n->extended_l2)
		what = "extended_l2";
	else if (n->data_file)
		what = "data_file";
	else if (n->compression_type != QCOW2_COMPRESSION_ZLIB)
		what = "compression_type other than zlib";
	else if (n->refcount_order != V2_REFCOUNT_ORDER)
		what = "refcount_bits other than 16";
	if (!what)
		return 0;
	return fail(EXIT_USAGE, "-o %s: not in version 2 of the format (compat=0.10)",
		    what);
}

static int check_backing(const struct newimage *n)
{
	if (!n->backing)
		return n->backing_format ?
			fail(EXIT_USAGE, "a backing format (-F) without a backing file (-b)") :
			0;
	if (!n->backing_format)
		return fail(EXIT_USAGE,
			    "the format of the backing file is wanted: -F raw or -F qcow2");
	if (!format_parse(n->backing_format))
		return fail(EXIT_USAGE, "-F: unknown format \"%s\": raw or qcow2",
			    n->backing_format);
	if (strlen(n->backing) > QCOW2_MAX_BACKING_NAME)
		return fail(EXIT_USAGE,
			    "the backing file's name is longer than %d bytes",
			    QCOW2_MAX_BACKING_NAME);
	if (n->data_file_raw)
		return fail(EXIT_USAGE,
			    "a raw data file shows all of the disk: there can be no backing file");
	if (n->preallocation && !n->extended_l2)
		return fail(EXIT_USAGE,
			    "preallocated clusters would hide the backing file: only with extended_l2=on");
	return 0;
}

static int check_size(const struct newimage *n)
{
	struct qcow2_header h = newimage_header(n);
	struct qcow2_geometry geo;
	u64 entries;

	if (n->size > MAX_SIZE)
		return fail(EXIT_USAGE, "%llu bytes are too many for an image",
			    n->size);
	if (n->format == QCOW_FORMAT_RAW)
		return 0;
	qcow2_geometry_init(&geo, &h);
	entries = qcow2_l1_entries(&geo, n->size);
	if (entries <= QCOW2_MAX_L1_SIZE / sizeof(u64))
		return 0;
	return fail(EXIT_USAGE,
		    "%llu bytes are too many for clusters of %llu: choose a larger cluster_size",
		    n->size, 1ULL << n->cluster_bits);
}

int newimage_check(const struct newimage *n)
{
	if (n->format == QCOW_FORMAT_RAW)
		return check_raw(n) ?: check_size(n);
	if (n->extended_l2 && n->cluster_bits < MIN_EXTENDED_L2_BITS)
		return fail(EXIT_USAGE,
			    "-o extended_l2: clusters of 16k at least are wanted");
	if (n->data_file_raw && !n->data_file)
		return fail(EXIT_USAGE, "-o data_file_raw: there is no data_file");
	return check_version(n) ?: check_backing(n) ?: check_size(n);
}

/* --- The header --- */

struct qcow2_header newimage_header(const struct newimage *n)
{
	struct qcow2_header h = {
		.version = n->version,
		.cluster_bits = n->cluster_bits,
		.size = n->size,
		.refcount_order = n->refcount_order,
		.compression_type = n->compression_type,
	};

	if (n->data_file)
		h.incompatible_features |= QCOW2_INCOMPAT_DATA_FILE;
	if (n->compression_type != QCOW2_COMPRESSION_ZLIB)
		h.incompatible_features |= QCOW2_INCOMPAT_COMPRESSION;
	if (n->extended_l2)
		h.incompatible_features |= QCOW2_INCOMPAT_EXTL2;
	if (n->lazy_refcounts)
		h.compatible_features |= QCOW2_COMPAT_LAZY_REFCOUNTS;
	if (n->data_file_raw)
		h.autoclear_features |= QCOW2_AUTOCLEAR_DATA_FILE_RAW;
	return h;
}

struct qcow2_extensions newimage_extensions(const struct newimage *n)
{
	struct qcow2_extensions ext = {
		.backing_file = n->backing,
		.backing_format = n->backing_format,
		.data_file = n->data_file,
	};

	if (n->backing)
		ext.backing_file_len = strlen(n->backing);
	if (n->backing_format)
		ext.backing_format_len = strlen(n->backing_format);
	if (n->data_file)
		ext.data_file_len = strlen(n->data_file);
	return ext;
}
