// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attachment.h"
#include "control.h"
#include "error.h"
#include "holders.h"
#include "probe.h"
#include "sysfs.h"
#include "session.h"

static bool shows_snapshot(unsigned int number)
{
	char *snapshot = sysfs_attribute(number, "qcow/snapshot");
	bool any = snapshot && *snapshot;

	free(snapshot);
	return any;
}

/* The device of the active disk of the image at @path, if it is attached. */
static bool find_attached(const char *path, unsigned int *number)
{
	unsigned int *numbers;
	bool found = false;
	struct stat st;
	size_t i, n;

	if (stat(path, &st))
		return false;
	n = sysfs_devices(&numbers);
	for (i = 0; i < n && !found; i++) {
		found = sysfs_shows_image(numbers[i], &st) &&
			!shows_snapshot(numbers[i]);
		*number = numbers[i];
	}
	free(numbers);
	return found;
}

bool session_find(const char *word, unsigned int *number)
{
	return sysfs_number_of(word, number) || find_attached(word, number);
}

int session_option(struct chain_options *o, int key, const char *arg)
{
	switch (key) {
	case 'f':
		return format_option("-f", arg, &o->format);
	case SESSION_BACKING_FORMAT:
		return format_option("--backing-format", arg,
				     &o->backing_format);
	default:
		return EXIT_USAGE;
	}
}

static int find_or_make(struct session *s, const char *word,
			const struct chain_options *o)
{
	struct attachment a = {
		.chain = *o,
		.flags = QCOW_ATTACH_HIDDEN | QCOW_ATTACH_NO_PARTSCAN,
	};

	*s = (struct session){ .word = word };
	if (session_find(word, &s->number))
		return control_open();
	a.chain.writable = true;
	s->hidden = true;
	return attachment_make(&a, word, &s->number);
}

int session_open(struct session *s, const char *word,
		 const struct chain_options *o)
{
	int ret = find_or_make(s, word, o);

	snprintf(s->node, sizeof(s->node), "/dev/" QCOW_DISK_PREFIX "%u",
		 s->number);
	return ret;
}

const char *session_disk(const struct session *s)
{
	return s->hidden ? s->word : s->node;
}

int session_close(struct session *s, int ret)
{
	int err;

	if (!s->hidden)
		return ret;
	err = control_detach(s->number, 0);
	if (err)
		return fail_errno(-err, "the last writes to %s failed",
				  s->word);
	return ret;
}

int session_failed(const struct session *s, const char *what, int err,
		   const char *message)
{
	char *holders = NULL;
	int ret;

	if (err == -EBUSY && !s->hidden)
		holders = holders_name(s->number);
	ret = fail(exit_code_of(-err), "cannot %s %s: %s%s%s", what, s->word,
		   *message ? message : strerror(-err), holders ? ": " : "",
		   holders ? holders : "");
	free(holders);
	return ret;
}
