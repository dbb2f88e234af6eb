/* SPDX-License-Identifier: GPL-2.0 */
/* The active L1 table: changes of its entries, and how they get to the disk. */
#ifndef QCOW_IMAGE_MAP_L1_H
#define QCOW_IMAGE_MAP_L1_H

#include "image/core/types.h"

/** qcow_l1_units - what the table is written in: as much as one write takes */
unsigned long qcow_l1_units(const struct qcow_image *image);

/**
 * qcow_commit_l1 - change an entry of the active L1 table
 *
 * Whoever sees it and asks for a commit then has it in that commit.
 *
 * Context: @image->cow.lock is held.
 */
void qcow_commit_l1(struct qcow_image *image, u64 index, u64 entry);

/** qcow_l1_copy - take a copy of what is dirty, for a commit */
void qcow_l1_copy(struct qcow_image *image);

/** qcow_l1_write - write the copy; no sync */
int qcow_l1_write(struct qcow_image *image);

/** qcow_commit_set_l1 - for an L1 table of @l1_size entries, none dirty */
int qcow_commit_set_l1(struct qcow_image *image, u32 l1_size);

/** qcow_l1_free - what qcow_commit_set_l1() allocated */
void qcow_l1_free(struct qcow_commit *commit);

#endif /* QCOW_IMAGE_MAP_L1_H */
