// SPDX-License-Identifier: GPL-2.0
/* qcowctl snapshot create, apply, delete: on a device in use, or on a file. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "above.h"
#include "command.h"
#include "control.h"
#include "error.h"
#include "session.h"

enum { FORCE = SESSION_LAST, FREEZE_TIMEOUT };

/* How long udev may take to look at what somebody wrote. */
enum { STEP_MS = 20, PATIENCE_MS = 2000 };

static const struct option_row options[] = {
	SESSION_OPTIONS,
	{ 0 }
};

static const struct option_row create_options[] = {
	SESSION_OPTIONS,
	{ FREEZE_TIMEOUT, "freeze-timeout", "SECONDS",
	  "to wait until file systems on it are frozen (10)" },
	{ FORCE, "force", NULL,
	  "although a file system on it cannot be frozen" },
	{ 0 }
};

static const struct option_row apply_options[] = {
	SESSION_OPTIONS,
	{ FORCE, "force", NULL, "although the device is open" },
	{ 0 }
};

struct request {
	struct chain_options chain;
	bool force;
	u32 freeze_timeout_ms;
};

static int take_timeout(struct request *r, const char *arg)
{
	char *end;
	double seconds = strtod(arg, &end);

	if (end == arg || *end || !(seconds >= 0.001 && seconds <= 1000000))
		return fail(EXIT_USAGE, "'%s' is no number of seconds", arg);
	r->freeze_timeout_ms = seconds * 1000;
	return 0;
}

static int take(void *into, int key, char *arg)
{
	struct request *r = into;

	if (key == FREEZE_TIMEOUT)
		return take_timeout(r, arg);
	if (key != FORCE)
		return session_option(&r->chain, key, arg);
	r->force = true;
	return 0;
}

/* How long the disk stood still, for who has it in use. */
static void tell_pause(const struct session *t, const char *done,
		       const char *name, u64 pause_ns)
{
	if (!t->hidden)
		printf("%s %s; %s stood still for %.1f ms\n", name, done,
		       t->node, pause_ns / 1e6);
}

/* The disk is another one: its partitions may be, too. */
static void rescan(const struct session *t)
{
	int fd = t->hidden ? -1 : open(t->node, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (ioctl(fd, BLKRRPART))
		warn("the partitions of %s were not read again: %m", t->node);
	close(fd);
}

static const struct {
	const char *verb;
	const char *done;
} words[] = {
	[QCOW_SNAPSHOT_CREATE] = { "create", "created" },
	[QCOW_SNAPSHOT_APPLY] = { "apply", "applied" },
	[QCOW_SNAPSHOT_DELETE] = { "delete", "deleted" },
};

/* A disk that nobody uses is in use for a moment, while udev looks at it. */
static int apply_patiently(struct qcow_snapshot *s)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	int waited = 0, err;

	while ((err = control_snapshot(s)) == -EBUSY && waited < PATIENCE_MS) {
		nanosleep(&step, NULL);
		waited += STEP_MS;
	}
	return err;
}

static int ask(const struct session *t, enum qcow_snapshot_op op,
	       const char *name, struct qcow_snapshot *s)
{
	char message[512] = "";
	char *what;
	int err, ret;

	s->size = sizeof(*s);
	s->number = t->number;
	s->op = op;
	s->name = (uintptr_t)name;
	s->name_len = strlen(name);
	s->message = (uintptr_t)message;
	s->message_len = sizeof(message);
	err = op == QCOW_SNAPSHOT_APPLY ? apply_patiently(s) :
	      control_snapshot(s);
	if (!err) {
		tell_pause(t, words[op].done, name, s->pause_ns);
		return 0;
	}
	what = xasprintf("%s the snapshot %s of", words[op].verb, name);
	ret = session_failed(t, what, err, message);
	free(what);
	return ret;
}

static int create(const struct session *t, const char *name,
		  const struct request *r)
{
	struct above above = { .nr_fds = 0 };
	int ret = t->hidden ? 0 : above_open(&above, t->number, r->force);
	struct qcow_snapshot s = {
		.freeze_timeout_ms = r->freeze_timeout_ms,
		.nr_above = above.nr_fds,
		.above = (uintptr_t)above.fds,
	};

	ret = ret ?: ask(t, QCOW_SNAPSHOT_CREATE, name, &s);
	if (!ret && !t->hidden)
		above_tell(&above);
	above_close(&above);
	return ret;
}

static int change(const struct session *t, enum qcow_snapshot_op op,
		  const char *name, const struct request *r)
{
	struct qcow_snapshot s = {
		.flags = r->force ? QCOW_SNAPSHOT_FORCE : 0,
	};
	int ret;

	if (op == QCOW_SNAPSHOT_CREATE)
		return create(t, name, r);
	ret = ask(t, op, name, &s);
	if (!ret && op == QCOW_SNAPSHOT_APPLY)
		rescan(t);
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv,
	       enum qcow_snapshot_op op)
{
	struct request r = { .force = false };
	struct session t;
	int ret;

	ret = options_parse(cmd, argc, argv, take, &r);
	if (ret)
		return ret;
	if (argc - optind != 2)
		return command_usage_error(cmd,
					   "an image and a snapshot are wanted");
	if (!*argv[optind + 1])
		return fail(EXIT_USAGE, "the snapshot's name is empty");
	ret = session_open(&t, argv[optind], &r.chain);
	if (ret)
		return ret;
	return session_close(&t, change(&t, op, argv[optind + 1], &r));
}

static int run_create(const struct command *cmd, int argc, char **argv)
{
	return run(cmd, argc, argv, QCOW_SNAPSHOT_CREATE);
}

static int run_apply(const struct command *cmd, int argc, char **argv)
{
	return run(cmd, argc, argv, QCOW_SNAPSHOT_APPLY);
}

static int run_delete(const struct command *cmd, int argc, char **argv)
{
	return run(cmd, argc, argv, QCOW_SNAPSHOT_DELETE);
}

const struct command snapshot_create_command = {
	.name = "snapshot create",
	.args = "IMAGE|DEVICE NAME",
	.summary = "Keep the disk as it is now, under a name",
	.options = create_options,
	.run = run_create,
};

const struct command snapshot_apply_command = {
	.name = "snapshot apply",
	.args = "IMAGE|DEVICE ID|NAME",
	.summary = "Make the disk what it was then",
	.options = apply_options,
	.run = run_apply,
};

const struct command snapshot_delete_command = {
	.name = "snapshot delete",
	.args = "IMAGE|DEVICE ID|NAME",
	.summary = "Forget a snapshot",
	.options = options,
	.run = run_delete,
};
