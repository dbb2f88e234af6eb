/* SPDX-License-Identifier: GPL-2.0 */
/* A check's way through the snapshot table and the bitmap directory. */
#ifndef QCOWCTL_LISTS_H
#define QCOWCTL_LISTS_H

#include "walk.h"

/** lists_walk_snapshots - the table, and each snapshot's L1; 0 or -errno */
int lists_walk_snapshots(struct walk *w);

/** lists_walk_bitmaps - the directory, and all it leads to; 0 or -errno */
int lists_walk_bitmaps(struct walk *w);

#endif /* QCOWCTL_LISTS_H */
