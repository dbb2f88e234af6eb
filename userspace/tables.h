/* SPDX-License-Identifier: GPL-2.0 */
/* A check's way through L1 and L2 tables. */
#ifndef QCOWCTL_TABLES_H
#define QCOWCTL_TABLES_H

#include "walk.h"

/**
 * tables_walk_l1 - count an L1 table, and the L2 tables it leads to
 * @active: it is the disk's, whose COPIED flags must be right
 *
 * Return: 0 or a negative errno.
 */
int tables_walk_l1(struct walk *w, u64 offset, u32 size, bool active);

/** tables_walk_l2 - count what these refer to, each once for all L1 tables */
int tables_walk_l2(struct walk *w);

#endif /* QCOWCTL_TABLES_H */
