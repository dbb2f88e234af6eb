/* SPDX-License-Identifier: GPL-2.0 */
/* How far long work has got: for people, or as lines of JSON. */
#ifndef QCOWCTL_PROGRESS_H
#define QCOWCTL_PROGRESS_H

#include <time.h>

#include "format/port.h"

enum progress_mode {
	PROGRESS_NONE,
	PROGRESS_TERMINAL,	/* one line on standard error, over and over */
	PROGRESS_JSON,		/* one object a line, on standard output */
	PROGRESS_QUIET,		/* none, whatever else is said of the terminal */
};

/* The rows of a command's table of options that progress_option() knows. */
enum { PROGRESS_JSON_KEY = 520 };
#define PROGRESS_ROWS \
	{ 'p', "progress", NULL, "show how far it got" }, \
	{ PROGRESS_JSON_KEY, "progress-json", NULL, "the same as lines of JSON on standard output" }

/**
 * progress_option - take one of these, or -q, in whatever order they come
 *
 * -q silences -p, but not lines that a program has asked for.
 *
 * Return: false if it is none of them.
 */
bool progress_option(enum progress_mode *mode, int key);

/**
 * struct progress - work under way
 * @what:	the file that is worked on
 * @done:	bytes, of @total
 */
struct progress {
	enum progress_mode mode;
	const char *what;
	u64 total;
	u64 done;
	struct timespec began;
	struct timespec told;
};

void progress_begin(struct progress *p, enum progress_mode mode,
		    const char *what, u64 total);

/** progress_step - so many bytes more; not by two threads at once */
void progress_step(struct progress *p, u64 bytes);

/** progress_end - all of it is done */
void progress_end(struct progress *p);

#endif /* QCOWCTL_PROGRESS_H */
