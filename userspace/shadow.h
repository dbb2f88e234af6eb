/* SPDX-License-Identifier: GPL-2.0 */
/* A repair's new refcount table and blocks. */
#ifndef QCOWCTL_SHADOW_H
#define QCOWCTL_SHADOW_H

#include "plan.h"

/**
 * shadow_rebuild - write refcounts by p->aim aside, and make them valid
 *
 * p->aim is AT_LEAST or EXACT.
 *
 * Return: 0; -EUCLEAN: no place is surely free, or -errno.
 */
int shadow_rebuild(struct plan *p);

#endif /* QCOWCTL_SHADOW_H */
