// SPDX-License-Identifier: GPL-2.0
/* qcowctl resize: another size of the disk, in use or not. */
#include <ctype.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>

#include "command.h"
#include "control.h"
#include "error.h"
#include "size.h"
#include "sysfs.h"
#include "session.h"

enum { SHRINK = SESSION_LAST };

static const struct option_row options[] = {
	SESSION_OPTIONS,
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

	if (key != SHRINK)
		return session_option(&r->chain, key, arg);
	r->shrink = true;
	return 0;
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
		printf("%s has %llu bytes now; it stood still for %.1f ms\n",
		       t->node, size, r.pause_ns / 1e6);
	return 0;
}

/* "-5M" looks like an option: its dash is hidden.  The word behind it. */
static const char *hide_dash(char **words)
{
	for (; *words; words++)
		if (**words == '-' && isdigit((unsigned char)(*words)[1]))
			return ++*words;
	return NULL;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	const char *hidden = hide_dash(argv), *size;
	struct request r = { .shrink = false };
	struct session t;
	int ret;

	ret = options_parse(cmd, argc, argv, take, &r);
	if (ret)
		return ret;
	if (argc - optind != 2 || argv[optind] == hidden)
		return command_usage_error(cmd, "an image and a size are wanted");
	size = argv[optind + 1] == hidden ? hidden - 1 : argv[optind + 1];
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
