// SPDX-License-Identifier: GPL-2.0
/* qcowctl attach: open the chain, lock it, hand it to the driver. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "command.h"
#include "control.h"
#include "error.h"
#include "mend.h"
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

/* The command line. */
struct request {
	struct chain_options chain;
	const char *snapshot;
	const char *name;
	u32 flags;
	u64 cache_size;
	u64 sector_size;
	u64 offset;
	u64 sizelimit;
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
static int take_name(struct request *r, const char *name)
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

static int take_sector_size(struct request *r, const char *arg)
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
	struct request *r = into;

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

static int check_request(const struct request *r, const struct chain *c)
{
	const struct image *top = &c->layers[0]->image;

	if (r->snapshot && top->format == QCOW_FORMAT_RAW)
		return fail(EXIT_IMAGE, "%s is raw: it has no snapshots",
			    top->file.path);
	if (r->snapshot && !*r->snapshot)
		return fail(EXIT_USAGE, "--snapshot: empty");
	if ((r->offset || r->sizelimit) && top->format != QCOW_FORMAT_RAW)
		return fail(EXIT_USAGE,
			    "%s is %s: --offset and --sizelimit are for raw images",
			    top->file.path, format_name(top->format));
	if (r->offset && r->offset >= top->file.length)
		return fail(EXIT_IMAGE, "%s has %llu bytes: --offset %llu leaves nothing",
			    top->file.path, top->file.length, r->offset);
	return 0;
}

static struct qcow_layer *fill_layers(const struct request *r,
				      const struct chain *c)
{
	struct qcow_layer *layers = xcalloc(c->nr, sizeof(*layers));
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		layers[i].fd = c->layers[i]->image.file.fd;
		layers[i].format = c->layers[i]->image.format;
		layers[i].data_fd = c->layers[i]->data.fd;
	}
	layers[0].offset = r->offset;
	layers[0].sizelimit = r->sizelimit;
	return layers;
}

/* What to do about it, unless the driver has said so itself. */
static const char *hint_for(const struct request *r, int err,
			    const char *message)
{
	if (r->flags & QCOW_ATTACH_READ_ONLY)
		return "";
	if (strstr(message, "read-only"))
		return " (-r)";
	if (err == -EROFS || err == -EOPNOTSUPP || err == -EUCLEAN)
		return "; it may be attached read-only with -r";
	return "";
}

static int attach_refused(const struct request *r, const struct chain *c,
			  int err, const char *message)
{
	return fail(exit_code_of(-err), "cannot attach %s: %s%s",
		    c->layers[0]->image.file.path,
		    *message ? message : strerror(-err),
		    hint_for(r, err, message));
}

static int attach_chain(const struct request *r, const struct chain *c,
			unsigned int *number)
{
	struct qcow_layer *layers = fill_layers(r, c);
	char message[512] = "";
	struct qcow_attach a = {
		.size = sizeof(a),
		.flags = r->flags,
		.layers = (uintptr_t)layers,
		.nr_layers = c->nr,
		.sector_size = r->sector_size,
		.snapshot = (uintptr_t)r->snapshot,
		.snapshot_len = r->snapshot ? strlen(r->snapshot) : 0,
		.cache_size = r->cache_size,
		.message = (uintptr_t)message,
		.message_len = sizeof(message),
	};
	int err;

	if (r->name)
		strcpy(a.name, r->name);
	err = control_attach(&a);
	free(layers);
	message[sizeof(message) - 1] = '\0';
	*number = a.number;
	return err ? attach_refused(r, c, err, message) : 0;
}

static bool is_dirty(const struct image *img)
{
	u64 features = img->header.incompatible_features;

	return img->format == QCOW_FORMAT_QCOW2 &&
	       features & QCOW2_INCOMPAT_DIRTY &&
	       !(features & QCOW2_INCOMPAT_CORRUPT);
}

/* Who wrote it last has left its refcounts behind: bring them up to date. */
static int mend_dirty(const struct request *r, struct chain *c)
{
	struct image *top = &c->layers[0]->image;
	struct mended m;
	int ret;

	if (r->flags & QCOW_ATTACH_READ_ONLY || !is_dirty(top))
		return 0;
	ret = mend_file(&top->file, REPAIR_ALL, &m, NULL);
	if (ret)
		return fail(ret, "cannot attach %s: it was not closed and could not be repaired; it may be attached read-only with -r",
			    top->file.path);
	if (m.left.dirty)
		return fail(EXIT_IMAGE, "cannot attach %s: it was not closed, and of its errors %llu cannot be repaired (see qcowctl check); it may be attached read-only with -r",
			    top->file.path,
			    m.left.corruptions + m.left.check_errors);
	warn("%s was not closed: its refcounts were repaired (%llu wrong, %llu leaked clusters)",
	     top->file.path, m.found.corruptions, m.found.leaks);
	return 0;
}

static int attach(const struct request *r, const char *path)
{
	struct chain c = { .nr = 0 };
	unsigned int number;
	int ret;

	ret = chain_open(&c, path, &r->chain) ?:
	      check_request(r, &c) ?:
	      control_open() ?:
	      claim_chain(&c, r->snapshot ? CLAIM_SNAPSHOT : CLAIM_DISK) ?:
	      mend_dirty(r, &c) ?:
	      attach_chain(r, &c, &number);
	if (!ret) {
		node_await(number);
		printf("/dev/" QCOW_DISK_PREFIX "%u\n", number);
	}
	chain_close(&c);
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request r = { .flags = 0 };
	int ret;

	ret = options_parse(cmd, argc, argv, take, &r);
	if (ret)
		return ret;
	if (argc - optind != 1)
		return command_usage_error(cmd, "one image is wanted");
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
