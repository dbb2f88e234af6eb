/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whole trees, an L1 table and all that it leads to, in a structural change.
 * Every reference through each L1 table counts, also where two L1 tables lead
 * to one L2 table.
 */
#ifndef QCOW_IMAGE_CHANGE_TREE_H
#define QCOW_IMAGE_CHANGE_TREE_H

#include <linux/types.h>

struct qcow_shadow;

/**
 * qcow_tree_take - have @s->l1 lead to all that another table leads to
 * @from: its entries, CPU order, @count of them; left as they are
 *
 * The active disk gets references of its own to the data.  L2 tables with
 * COPIED flags, which become untrue, are copied without; others are shared.
 */
int qcow_tree_take(struct qcow_shadow *s, const u64 *from, u32 count);

/** qcow_tree_drop - the references of a tree, one less each */
int qcow_tree_drop(struct qcow_shadow *s, const u64 *l1, u32 count);

/** qcow_tree_drop_active - those of the active disk, its L1 table included */
int qcow_tree_drop_active(struct qcow_shadow *s);

/**
 * qcow_tree_mark - make the COPIED flags of @s->l1's tree true
 *
 * Once all references are what they become.  Tables that change are copied.
 */
int qcow_tree_mark(struct qcow_shadow *s);

/**
 * qcow_tree_cut - drop what @s->l1 leads to behind the first @clusters
 *
 * And empty the entries.
 */
int qcow_tree_cut(struct qcow_shadow *s, u64 clusters);

/**
 * qcow_tree_hide - have @count clusters from @first on read zeros
 *
 * Where nothing is, and a backing file would show through.
 */
int qcow_tree_hide(struct qcow_shadow *s, u64 first, u64 count);

#endif /* QCOW_IMAGE_CHANGE_TREE_H */
