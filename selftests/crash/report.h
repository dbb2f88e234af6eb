/* SPDX-License-Identifier: GPL-2.0 */
/* What was found to be wrong, said and counted. */
#ifndef CRASH_REPORT_H
#define CRASH_REPORT_H

#include "format/port.h"

enum promise {
	PROMISE_METADATA,	/* the image is consistent but for leaks */
	PROMISE_CONTENT,	/* a sector reads what it may */
	PROMISE_SNAPSHOT,	/* so do the snapshots */
	NR_PROMISES,
};

extern const char *const promise_names[NR_PROMISES];

/**
 * struct report - of one record
 * @state:	what the state is, for the first line about it; @ctx is its
 * @limit:	states that are described; of the others the first line
 * @violations:	states that broke a promise
 * @problems:	in this state, of each promise
 */
struct report {
	void (*state)(void *ctx);
	void *ctx;
	u64 limit;
	u64 violations[NR_PROMISES];
	u64 states;
	u64 bad_states;
	u64 problems[NR_PROMISES];
};

extern struct report report;

/** report_problem - something in this state breaks a promise */
void __attribute__((format(printf, 2, 3)))
report_problem(enum promise promise, const char *format, ...);

/** report_state - the state was looked at: count it */
void report_state(void);

#endif /* CRASH_REPORT_H */
