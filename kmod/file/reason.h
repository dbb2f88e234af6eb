/* SPDX-License-Identifier: GPL-2.0 */
/* The sentence that goes back to the caller of an attach with an error code. */
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
 * qcow_refuse - note the reason of a refusal and return @err
 *
 * If a reason is noted already, it is kept.
 *
 * Return: @err, so that a check reads "return qcow_refuse(...)".
 */
__printf(3, 4)
int qcow_refuse(struct qcow_reason *why, int err, const char *fmt, ...);

/**
 * qcow_refuse_fault - as qcow_refuse(), for a fault that kmod/format found
 * @name: the path of the image
 */
int qcow_refuse_fault(struct qcow_reason *why, int err, const char *name,
		      const struct qcow_fault *fault);

#endif /* QCOW_FILE_REASON_H */
