/* SPDX-License-Identifier: GPL-2.0 */
/* Change the active L1 table, and write the changes for a commit. */
#ifndef QCOW_IMAGE_MAP_L1_H
#define QCOW_IMAGE_MAP_L1_H

#include "image/core/types.h"

/** qcow_l1_init - there are no changes, and no memory for them */
void qcow_l1_init(struct qcow_l1 *l1);

/**
 * qcow_l1_prepare - allocate the memory that a commit needs to write an entry
 *
 * Return: 0 or -ENOMEM.
 */
int qcow_l1_prepare(struct qcow_image *image, u64 index, gfp_t gfp);

/**
 * qcow_l1_set - change an entry of the active L1 table
 *
 * If a task sees the new entry and then asks for a commit, that commit writes
 * the entry.
 *
 * Context: qcow_l1_prepare() was called for the entry; the caller holds
 * @image->l1.lock.
 */
void qcow_l1_set(struct qcow_image *image, u64 index, u64 entry);

/** qcow_l1_is_dirty - is there a change that no commit has copied yet? */
bool qcow_l1_is_dirty(const struct qcow_image *image);

/** qcow_l1_copy - copy the dirty units, for a commit; they are clean then */
void qcow_l1_copy(struct qcow_image *image);

/** qcow_l1_has_copy - was any unit dirty when the copy was taken? */
bool qcow_l1_has_copy(const struct qcow_image *image);

/** qcow_l1_write - write the copied units; no sync */
int qcow_l1_write(struct qcow_image *image);

/** qcow_l1_undo_copy - the commit failed: the copied units are dirty again */
void qcow_l1_undo_copy(struct qcow_image *image);

/**
 * qcow_l1_resize - allocate for an L1 table of @l1_size entries, none dirty
 *
 * Return: 0; or -ENOMEM, and the old state stays.
 */
int qcow_l1_resize(struct qcow_image *image, u32 l1_size);

/** qcow_l1_free - free what qcow_l1_resize() allocated */
void qcow_l1_free(struct qcow_l1 *l1);

#endif /* QCOW_IMAGE_MAP_L1_H */
