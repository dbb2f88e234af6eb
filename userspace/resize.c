// SPDX-License-Identifier: GPL-2.0
/* qcowctl resize: another size of the disk, in use or not. */
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "control.h"
#include "error.h"
#include "probe.h"
#include "size.h"
#include "sysfs.h"
#include "session.h"

enum { BACKING_FORMAT = 256, SHRINK };

static const struct option_row options[] = {
	{ 'f', "format", "FORMAT", "raw or qcow2; else name and content must agree" },
	{ BACKING_FORMAT, "backing-format", "FORMAT", "of backing files that declare none" },
	{ SHRINK, "shrink", NULL, "it may become smaller; what is behind the end is lost" },
	{ 0 }
};

struct request {
	struct chain_options chain;
	bool shrink;
};

static int take(void *into, int key, char *arg)
{
	struct request *r = into;

	switch (key) {
	case 'f':
		return format_option("-f", arg, &r->chain.format);
	case BACKING_FORMAT:
		return format_option("--backing-format", arg,
				     &r->chain.backing_format);
	case SHRINK:
		r->shrink = true;
		return 0;
	}
	return EXIT_USAGE;
}

/* @word: SIZE, +SIZE or -SIZE */
static int new_size(const struct session *t, const char *word, u64 *size)
{
	bool more = *word == '+', less = *word == '-';
	u64 sectors, by;
	int ret;

	if (!more && !less)
		return size_parse("SIZE", word, size);
	if (!sysfs_attribute_u64(t->number, "size", &sectors))
		return fail(EXIT_IMAGE, "%s: its size cannot be read", t->word);
	ret = size_parse("SIZE", word + 1, &by);
	if (ret)
		return ret;
	if (less && by > sectors * 512)
		return fail(EXIT_USAGE, "%s has %llu bytes: %s is too much",
			    t->word, sectors * 512, word);
	*size = more ? sectors * 512 + by : sectors * 512 - by;
	return 0;
}

static int resize(const struct session *t, const char *word, bool shrink)
{
	char message[512] = "";
	struct qcow_resize r = {
		.size = sizeof(r),
		.flags = shrink ? QCOW_RESIZE_SHRINK : 0,
		.number = t->number,
		.message = (uintptr_t)message,
		.message_len = sizeof(message),
	};
	u64 size;
	int ret = new_size(t, word, &size), err;

	if (ret)
		return ret;
	r.disk_size = size;
	err = control_resize(&r);
	if (err)
		return session_failed(t, "resize", err, message);
	if (!t->hidden)
		printf("/dev/" QCOW_DISK_PREFIX "%u has %llu bytes now; it stood still for %.1f ms\n",
		       t->number, size, r.pause_ns / 1e6);
	return 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request r = { .shrink = false };
	const char *size = argv[argc - 1];
	struct session t;
	int ret;

	/* apart, as it may look like an option */
	if (argc < 3 || !strcmp(size, "--help"))
		return options_parse(cmd, argc, argv, take, &r) ?:
		       command_usage_error(cmd, "an image and a size are wanted");
	ret = options_parse(cmd, argc - 1, argv, take, &r);
	if (ret)
		return ret;
	if (argc - 1 - optind != 1)
		return command_usage_error(cmd, "an image and a size are wanted");
	ret = session_open(&t, argv[optind], &r.chain);
	if (ret)
		return ret;
	return session_close(&t, resize(&t, size, r.shrink));
}

const struct command resize_command = {
	.name = "resize",
	.args = "IMAGE|DEVICE [+|-]SIZE",
	.summary = "Give a disk another size",
	.options = options,
	.run = run,
};
