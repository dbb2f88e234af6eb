/* SPDX-License-Identifier: GPL-2.0 */
/* A repair's COPIED flags, by the references that the check has counted. */
#ifndef QCOWCTL_COPIED_H
#define QCOWCTL_COPIED_H

#include "plan.h"

/**
 * copied_mend_l1 - of the entries of the active L1 table
 * @set: also set what is missing; else only clear what is wrong
 *
 * Return: 0 or a negative errno.
 */
int copied_mend_l1(struct plan *p, bool set);

/** copied_mend_l2 - the same for the L2 tables that it leads to */
int copied_mend_l2(struct plan *p, bool set);

#endif /* QCOWCTL_COPIED_H */
