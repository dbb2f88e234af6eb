// SPDX-License-Identifier: GPL-2.0
/* qcowctl attach: make a block device of an image. */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "attachment.h"
#include "command.h"
#include "error.h"
#include "file.h"
#include "node.h"
#include "probe.h"
#include "size.h"

enum {
	NAME = 256, SNAPSHOT, NO_PARTSCAN, DIRECT_IO, DISCARD, NO_BACKING,
	BACKING_FORMAT, CACHE_SIZE, SECTOR_SIZE, OFFSET, SIZELIMIT,
};

static const struct option_row options[] = {
	{ 'f', "format", "FORMAT", "raw or qcow2; else name and content must agree" },
	{ 'r', "read-only", NULL, "the device cannot be written" },
	{ NAME, "name", "NAME", "for /dev/disk/by-qcow/NAME" },
	{ SNAPSHOT, "snapshot", "ID|NAME", "an internal snapshot, read-only" },
	{ NO_PARTSCAN, "no-partscan", NULL, "do not look for partitions" },
	{ DIRECT_IO, "direct-io", "on|off|auto", "past the page cache of the host (auto)" },
	{ DISCARD, "discard", "unmap|ignore", "what discards do to the image (unmap)" },
	{ NO_BACKING, "no-backing", NULL, "as if there were no backing file" },
	{ BACKING_FORMAT, "backing-format", "FORMAT", "of backing files that declare none" },
	{ CACHE_SIZE, "cache-size", "SIZE", "of L2 tables kept in memory" },
	{ SECTOR_SIZE, "sector-size", "512|4096", "logical block size of the device (512)" },
	{ OFFSET, "offset", "SIZE", "raw: where the disk begins in the file" },
	{ SIZELIMIT, "sizelimit", "SIZE", "raw: use that much of the file" },
	{ 0 }
};

/* A word out of a few, as the flag that goes with it. */
struct word {
	const char *name;
	u32 flag;
};

static int take_word(const char *option, const char *arg,
		     const struct word *words, u32 *flags)
{
	u32 all = 0;
	size_t i, hit = 3;

	for (i = 0; i < 3 && words[i].name; i++) {
		all |= words[i].flag;
		if (!strcmp(words[i].name, arg))
			hit = i;
	}
	if (hit == 3)
		return fail(EXIT_USAGE, "%s: not \"%s\"; see qcowctl attach --help",
			    option, arg);
	*flags = (*flags & ~all) | words[hit].flag;
	return 0;
}

static const struct word direct_io_words[3] = {
	{ "on", QCOW_ATTACH_DIO_ON }, { "off", QCOW_ATTACH_DIO_OFF },
	{ "auto", 0 },
};

static const struct word discard_words[3] = {
	{ "unmap", 0 }, { "ignore", QCOW_ATTACH_NO_DISCARD },
};

/* It becomes a file name below /dev. */
static int take_name(struct attachment *r, const char *name)
{
	const char *c;

	if (!*name || strlen(name) >= QCOW_NAME_LEN)
		return fail(EXIT_USAGE, "--name: 1 to %d characters",
			    QCOW_NAME_LEN - 1);
	if (!isalnum((unsigned char)*name) && *name != '_')
		return fail(EXIT_USAGE, "--name %s: begin with a letter or a digit",
			    name);
	for (c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.:@+=-", *c))
			return fail(EXIT_USAGE,
				    "--name %s: only letters, digits and _.:@+=-",
				    name);
	r->name = name;
	return 0;
}

static int take_sector_size(struct attachment *r, const char *arg)
{
	int ret = size_parse("--sector-size", arg, &r->sector_size);

	if (!ret && r->sector_size != 512 && r->sector_size != 4096)
		return fail(EXIT_USAGE, "--sector-size: 512 or 4096, not %s",
			    arg);
	return ret;
}

static int take_part(const char *option, const char *arg, u64 *size)
{
	int ret = size_parse(option, arg, size);

	if (!ret && *size % 512)
		return fail(EXIT_USAGE, "%s %s: not a multiple of 512", option,
			    arg);
	return ret;
}

static int take(void *into, int key, char *arg)
{
	struct attachment *r = into;

	switch (key) {
	case 'f':
		return format_option("-f", arg, &r->chain.format);
	case 'r':
		r->flags |= QCOW_ATTACH_READ_ONLY;
		return 0;
	case NAME:
		return take_name(r, arg);
	case SNAPSHOT:
		r->snapshot = arg;
		r->flags |= QCOW_ATTACH_READ_ONLY;
		return 0;
	case NO_PARTSCAN:
		r->flags |= QCOW_ATTACH_NO_PARTSCAN;
		return 0;
	case DIRECT_IO:
		return take_word("--direct-io", arg, direct_io_words,
				 &r->flags);
	case DISCARD:
		return take_word("--discard", arg, discard_words, &r->flags);
	case NO_BACKING:
		r->chain.no_backing = true;
		return 0;
	case BACKING_FORMAT:
		return format_option("--backing-format", arg,
				     &r->chain.backing_format);
	case CACHE_SIZE:
		return size_parse("--cache-size", arg, &r->cache_size);
	case SECTOR_SIZE:
		return take_sector_size(r, arg);
	case OFFSET:
		return take_part("--offset", arg, &r->offset);
	case SIZELIMIT:
		return take_part("--sizelimit", arg, &r->sizelimit);
	}
	return EXIT_USAGE;
}

static int attach(const struct attachment *r, const char *path)
{
	unsigned int number;
	int ret = attachment_make(r, path, &number);

	if (!ret) {
		node_await(number);
		printf("/dev/" QCOW_DISK_PREFIX "%u\n", number);
	}
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct attachment r = { .flags = 0 };
	int ret;

	ret = options_parse(cmd, argc, argv, take, &r);
	if (ret)
		return ret;
	if (argc - optind != 1)
		return command_usage_error(cmd, "one image is wanted");
	file_advise_reading("attach it read-only with -r");
	r.chain.writable = !(r.flags & QCOW_ATTACH_READ_ONLY);
	return attach(&r, argv[optind]);
}

const struct command attach_command = {
	.name = "attach",
	.args = "IMAGE",
	.summary = "Make a block device of an image file, and print its name",
	.options = options,
	.run = run,
};
