/* SPDX-License-Identifier: GPL-2.0 */
/* The driver's control device. */
#ifndef QCOWCTL_CONTROL_H
#define QCOWCTL_CONTROL_H

#include <linux/qcow.h>

#include "file.h"

/** control_open - 0, or an exit code after saying why there is no driver */
int control_open(void);

/** control_attach - QCOW_ATTACH; 0 or a negative errno, with a->number set */
int control_attach(struct qcow_attach *a);

/** control_detach - QCOW_DETACH; 0 or a negative errno */
int control_detach(unsigned int number, unsigned int flags);

/** control_snapshot - QCOW_SNAPSHOT; 0 or a negative errno */
int control_snapshot(struct qcow_snapshot *s);

/** control_resize - QCOW_RESIZE; 0 or a negative errno */
int control_resize(struct qcow_resize *r);

/** control_fill - QCOW_FILL; 0 or a negative errno */
int control_fill(struct qcow_fill *f);

/** control_rebase - QCOW_REBASE; 0 or a negative errno */
int control_rebase(struct qcow_rebase *r);

/** control_merge - QCOW_MERGE; 0 or a negative errno */
int control_merge(struct qcow_merge *m);

/**
 * control_query - does the driver have this file open?
 *
 * Without the driver, or without the right to ask it: no.  (QEMU's locks, which
 * the driver keeps, tell even so.)
 *
 * Return: 0 with @q filled in, or an exit code.
 */
int control_query(const struct file *f, struct qcow_query *q);

#endif /* QCOWCTL_CONTROL_H */
