/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Change the references of whole trees in a structural change.  A tree is an L1
 * table and all that it refers to.  Each reference through each L1 table
 * counts, even if two L1 tables refer to one L2 table.
 */
#ifndef QCOW_IMAGE_CHANGE_TREE_H
#define QCOW_IMAGE_CHANGE_TREE_H

#include <linux/types.h>

struct qcow_shadow;

/**
 * qcow_tree_load - read an L2 table into @s->table
 * @index: of its entry in L1
 *
 * Return: 1; 0 if there is no table; or a negative errno.
 */
int qcow_tree_load(struct qcow_shadow *s, u64 index, u64 l1_entry);

/**
 * qcow_tree_put - write @s->table to a new place
 * @l1_entry: set to the entry that leads there
 */
int qcow_tree_put(struct qcow_shadow *s, u64 *l1_entry);

/** qcow_tree_ref - add or drop what entries of @s->table from @from on refer to */
int qcow_tree_ref(struct qcow_shadow *s, u64 index, u32 from, bool more);

/**
 * qcow_tree_ref_changed - add what @s->table refers to, and drop what @s->old
 * refers to, where the two differ
 * @from: the first entry
 * @to:	  the entry behind the last one
 */
int qcow_tree_ref_changed(struct qcow_shadow *s, u64 index, u32 from, u32 to);

/**
 * qcow_tree_strip - clear COPIED in entries of @s->table
 *
 * Return: true if an entry had the flag.
 */
bool qcow_tree_strip(struct qcow_shadow *s, u32 from, u32 to);

/**
 * qcow_tree_mark - make COPIED right in entries of @s->table
 *
 * Called after all references were changed.
 *
 * Return: 1 if a flag changed; 0; or a negative errno.
 */
int qcow_tree_mark(struct qcow_shadow *s, u64 index, u32 from, u32 to);

/**
 * qcow_tree_take - make @s->l1 refer to all that another L1 table refers to
 * @from: the entries of the other table, CPU order; not changed
 * @count: how many
 *
 * The active disk gets references of its own to the data.  L2 tables with
 * COPIED flags, which become wrong, are copied without these flags.  Other L2
 * tables are shared.
 */
int qcow_tree_take(struct qcow_shadow *s, const u64 *from, u32 count);

/** qcow_tree_drop - drop one reference to each cluster of a tree */
int qcow_tree_drop(struct qcow_shadow *s, const u64 *l1, u32 count);

/** qcow_tree_drop_active - drop the active disk's tree and its L1 table */
int qcow_tree_drop_active(struct qcow_shadow *s);

/**
 * qcow_tree_cut - drop what @s->l1 refers to behind the first @clusters
 *
 * The entries become empty.
 */
int qcow_tree_cut(struct qcow_shadow *s, u64 clusters);

/**
 * qcow_tree_hide - make @count clusters from @first on read zeros
 *
 * Only entries that are empty are changed: a backing file would show through.
 */
int qcow_tree_hide(struct qcow_shadow *s, u64 first, u64 count);

#endif /* QCOW_IMAGE_CHANGE_TREE_H */
