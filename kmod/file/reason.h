/* SPDX-License-Identifier: GPL-2.0 */
/* The sentence that goes with an error code back to who asked for an attach. */
#ifndef QCOW_FILE_REASON_H
#define QCOW_FILE_REASON_H

#include <linux/compiler.h>

struct qcow_fault;

#define QCOW_REASON_LEN	512

/** struct qcow_reason - why something was refused; empty if nothing was */
struct qcow_reason {
	char text[QCOW_REASON_LEN];
};

/**
 * qcow_refuse - note the reason, keeping the first one, and pass @err on
 *
 * Return: @err, so that a check reads "return qcow_refuse(...)".
 */
__printf(3, 4)
int qcow_refuse(struct qcow_reason *why, int err, const char *fmt, ...);

/**
 * qcow_refuse_fault - the same for what kmod/format found
 * @name: the image's path
 */
int qcow_refuse_fault(struct qcow_reason *why, int err, const char *name,
		      const struct qcow_fault *fault);

#endif /* QCOW_FILE_REASON_H */
