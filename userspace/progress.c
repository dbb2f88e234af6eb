// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"
#include "report.h"
#include "size.h"

enum { STEP_MS = 200 };

bool progress_option(enum progress_mode *mode, int key)
{
	switch (key) {
	case 'p':
		if (!*mode)
			*mode = PROGRESS_TERMINAL;
		return true;
	case PROGRESS_JSON_KEY:
		*mode = PROGRESS_JSON;
		return true;
	case 'q':
		if (*mode != PROGRESS_JSON)
			*mode = PROGRESS_QUIET;
		return true;
	default:
		return false;
	}
}

static u64 ms_between(const struct timespec *a, const struct timespec *b)
{
	return (b->tv_sec - a->tv_sec) * 1000LL +
	       (b->tv_nsec - a->tv_nsec) / 1000000;
}

static void tell_json(const struct progress *p, u64 speed, u64 eta_ms)
{
	struct report r = { .out = stdout, .json = true, .compact = true };

	report_open(&r, NULL);
	report_string(&r, "device", p->what);
	report_u64(&r, "bytes", p->done);
	report_u64(&r, "total", p->total);
	report_u64(&r, "speed", speed);
	report_u64(&r, "eta_ms", eta_ms);
	report_close(&r);
	fflush(stdout);
}

static void tell_terminal(const struct progress *p, u64 speed, u64 eta_ms)
{
	char *human = size_human(speed);
	double percent = p->total ? 100.0 * p->done / p->total : 100;

	/* The next one covers it, or what is to be said of a failure. */
	fprintf(stderr, "%6.2f%%  %s/s  %llu s left   \r", percent, human,
		(eta_ms + 999) / 1000);
	free(human);
}

static void tell(struct progress *p, const struct timespec *now)
{
	u64 ms = ms_between(&p->began, now);
	u64 speed = ms ? p->done / ms * 1000 : p->done;
	u64 left = p->done ? (p->total - p->done) * (double)ms / p->done : 0;

	p->told = *now;
	if (p->mode == PROGRESS_JSON)
		tell_json(p, speed, left);
	else
		tell_terminal(p, speed, left);
}

void progress_begin(struct progress *p, enum progress_mode mode,
		    const char *what, u64 total)
{
	*p = (struct progress){ .mode = mode, .what = what, .total = total };
	if (mode == PROGRESS_QUIET)
		p->mode = PROGRESS_NONE;
	clock_gettime(CLOCK_MONOTONIC, &p->began);
	p->told = p->began;
}

void progress_step(struct progress *p, u64 bytes)
{
	struct timespec now;

	p->done += bytes;
	if (!p->mode)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (ms_between(&p->told, &now) >= STEP_MS)
		tell(p, &now);
}

void progress_end(struct progress *p)
{
	struct timespec now;

	if (!p->mode)
		return;
	p->done = p->total;
	clock_gettime(CLOCK_MONOTONIC, &now);
	tell(p, &now);
	if (p->mode == PROGRESS_TERMINAL)
		fputc('\n', stderr);
}
