// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>

#include "report.h"

#define LINES	6	/* about one state */

struct report report = { .limit = 5 };

const char *const promise_names[NR_PROMISES] = {
	[PROMISE_METADATA] = "metadata",
	[PROMISE_CONTENT]  = "content",
	[PROMISE_SNAPSHOT] = "snapshot",
};

static u64 problems(void)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < NR_PROMISES; i++)
		sum += report.problems[i];
	return sum;
}

void report_problem(enum promise promise, const char *format, ...)
{
	u64 before = problems();
	va_list ap;

	report.problems[promise]++;
	if (report.bad_states >= report.limit || before >= LINES)
		return;
	if (!before && report.state)
		report.state(report.ctx);
	printf("#   %s: ", promise_names[promise]);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

void report_state(void)
{
	int i;

	report.states++;
	report.bad_states += !!problems();
	for (i = 0; i < NR_PROMISES; i++) {
		report.violations[i] += !!report.problems[i];
		report.problems[i] = 0;
	}
}
