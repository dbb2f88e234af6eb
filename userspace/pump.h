/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pipeline of threads whose pieces of work go through a gate in order.
 *
 * Each thread takes a piece (one at a time, in order), prepares it beside the
 * others, passes the gate when all pieces before it have, and finishes it,
 * again beside the others.  So what decides where things go is done by one
 * thread at a time and in order, and all that takes time by all of them.
 */
#ifndef QCOWCTL_PUMP_H
#define QCOWCTL_PUMP_H

#include "format/port.h"

enum { PUMP_END = -1 };

/**
 * struct pump_steps - what is done with a piece; each returns 0 or an exit code
 * @take:	what the next piece is; PUMP_END: there is none; one at a time
 * @prepare:	may be NULL, as all below
 * @pass:	in the order of @take, one at a time, beside neither it nor @take
 * @finish:	the rest
 */
struct pump_steps {
	int (*take)(void *ctx, void *piece);
	int (*prepare)(void *ctx, void *piece);
	int (*pass)(void *ctx, void *piece);
	int (*finish)(void *ctx, void *piece);
};

/**
 * pump_run - until there is no piece any more, or one of them fails
 * @pieces:	one for each thread, to be used again and again
 * @nr:		of threads
 *
 * Of the failures one is told, the one that ended it.
 *
 * Return: 0 or the exit code of what failed first.
 */
int pump_run(const struct pump_steps *steps, void *ctx, void **pieces,
	     unsigned int nr);

/**
 * pump_threads - how many are good, on this machine
 * @each: for each processor; more than one, as some wait while others work
 */
unsigned int pump_threads(unsigned int each);

#endif /* QCOWCTL_PUMP_H */
