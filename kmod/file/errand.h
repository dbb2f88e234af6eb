/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Do I/O on a file in the calling task, or have a worker do it where the task
 * cannot.
 *
 * An ioctl changes an image in the caller's task.  Two properties of that task
 * reach into the file system below, although they do not concern the image:
 *
 *  signals	  A task that is being killed cannot write to a page cache, and
 *		  does not wait for the server of a network file system.
 *  RLIMIT_FSIZE  The limit would apply to offsets of the image file: the I/O
 *		  would fail with -EFBIG, and SIGXFSZ would kill the task.
 *
 * A worker gets no signals and has no limit.
 */
#ifndef QCOW_FILE_ERRAND_H
#define QCOW_FILE_ERRAND_H

#include <linux/types.h>
#include <linux/workqueue.h>

/**
 * struct qcow_errand - I/O that a task waits for
 * @run: does the I/O, or what is left of it if a signal stopped an earlier call;
 *	 returns 0 or an error
 *
 * The other members are private.  The caller embeds the structure beside what
 * @run needs.
 */
struct qcow_errand {
	int (*run)(struct qcow_errand *errand);

	/* private */
	struct work_struct work;
	int result;
};

/**
 * qcow_errand_run - do the I/O and wait for it
 * @errand: on the caller's stack; @errand->run is set
 * @grows:  the I/O may make the file longer, or writes at some offset, so that
 *	    the file system looks at RLIMIT_FSIZE
 *
 * Context: may sleep.
 * Return: what @errand->run returned last.
 */
int qcow_errand_run(struct qcow_errand *errand, bool grows);

int qcow_errand_init(void);
void qcow_errand_exit(void);

#endif /* QCOW_FILE_ERRAND_H */
