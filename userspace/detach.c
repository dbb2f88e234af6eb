// SPDX-License-Identifier: GPL-2.0
/* qcowctl detach: take devices away. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <time.h>

#include "command.h"
#include "control.h"
#include "detach.h"
#include "error.h"
#include "holders.h"
#include "sysfs.h"

enum { ALL = 'a', LAZY = 256 };
enum { STEP_MS = 50, PATIENCE_MS = 2000 };

static const struct option_row options[] = {
	{ ALL, "all", NULL, "every device" },
	{ LAZY, "lazy", NULL, "as soon as nobody has it open" },
	{ 0 }
};

struct request {
	bool all;
	unsigned int flags;
};

static int take(void *into, int key, char *arg)
{
	struct request *r = into;

	(void)arg;
	if (key == ALL)
		r->all = true;
	else
		r->flags |= QCOW_DETACH_LAZY;
	return 0;
}

static int held(unsigned int number)
{
	char *holders = holders_name(number);

	fail(EXIT_BUSY, "cannot detach /dev/qcow%u: it is in use%s%s; end that first, or detach with --lazy",
	     number, holders ? ": " : "", holders ? holders : "");
	free(holders);
	return EXIT_BUSY;
}

static int detach_failed(unsigned int number, int err)
{
	switch (err) {
	case -EBUSY:
		return held(number);
	case -ENXIO:
		return fail(EXIT_IMAGE, "cannot detach /dev/qcow%u: no such device",
			    number);
	case -EPERM:
		return fail(EXIT_PERMISSION,
			    "cannot detach /dev/qcow%u: this needs root (CAP_SYS_ADMIN)",
			    number);
	case -EINVAL:
	case -EINTR:
		return fail_errno(-err, "cannot detach /dev/qcow%u", number);
	default:
		return fail_errno(-err,
				  "/dev/qcow%u is detached, but the last writes to its image failed",
				  number);
	}
}

/* udev probes a device whenever a writer closes it: for a moment it is busy
 * though nobody uses it.
 */
int detach_device(unsigned int number, unsigned int flags)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	int waited = 0, err;

	while ((err = control_detach(number, flags)) == -EBUSY &&
	       waited < PATIENCE_MS) {
		nanosleep(&step, NULL);
		waited += STEP_MS;
	}
	return err ? detach_failed(number, err) : 0;
}

/* As many as can be; the first failure is the result. */
static int detach_each(const unsigned int *numbers, size_t n,
		       unsigned int flags)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		int err = detach_device(numbers[i], flags);

		ret = ret ?: err;
	}
	return ret;
}

static int detach_word(const struct request *r, const char *word)
{
	unsigned int *numbers;
	size_t n = sysfs_find(word, &numbers);
	int ret;

	ret = n ? detach_each(numbers, n, r->flags) : EXIT_IMAGE;
	free(numbers);
	return ret;
}

/* The newest first: an image may be attached that lies on another device. */
static int detach_all(const struct request *r)
{
	unsigned int *numbers;
	size_t n = sysfs_devices(&numbers);
	int ret = 0;

	while (n) {
		int err = detach_device(numbers[--n], r->flags);

		ret = ret ?: err;
	}
	free(numbers);
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request r = { .all = false };
	int ret;

	ret = options_parse(cmd, argc, argv, take, &r);
	if (ret)
		return ret;
	if (r.all ? argc != optind : argc == optind)
		return command_usage_error(cmd, "devices are wanted, or --all");
	ret = control_open();
	if (ret)
		return ret;
	if (r.all)
		return detach_all(&r);
	for (; optind < argc; optind++) {
		int err = detach_word(&r, argv[optind]);

		ret = ret ?: err;
	}
	return ret;
}

const struct command detach_command = {
	.name = "detach",
	.args = "DEVICE|IMAGE ... | --all",
	.summary = "Take devices away, after everything is in their images",
	.options = options,
	.run = run,
};
