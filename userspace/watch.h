/* SPDX-License-Identifier: GPL-2.0 */
/* How far files that take room have got, seen from outside. */
#ifndef QCOWCTL_WATCH_H
#define QCOWCTL_WATCH_H

#include <pthread.h>

#include "file.h"
#include "progress.h"

enum { WATCH_FILES = 2 };

/**
 * struct watch - who looks, now and then, until told to stop
 * @progress:	its total is the room that there is to be in the end
 * @files:	closed ones do not count
 * @lock:	guards @stop
 */
struct watch {
	struct progress progress;
	const struct file *files[WATCH_FILES];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	bool stop;
	bool looks;
};

/**
 * watch_begin - tell of two files, which others write
 *
 * One system call may take all the room, so nobody can count on the way; the
 * file system knows.  Without a thread for it nothing is told until the end.
 */
void watch_begin(struct watch *w, enum progress_mode mode, u64 total,
		 const struct file *a, const struct file *b);

/** watch_end - that was all; @done: of it */
void watch_end(struct watch *w, bool done);

#endif /* QCOWCTL_WATCH_H */
