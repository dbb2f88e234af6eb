/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Build the tables after an internal snapshot is made, applied or deleted, for
 * the switch.
 */
#ifndef QCOW_IMAGE_CHANGE_SNAPSHOT_H
#define QCOW_IMAGE_CHANGE_SNAPSHOT_H

struct qcow_change;
struct qcow_shadow;

int qcow_snapshot_create(struct qcow_shadow *s, struct qcow_change *change);
int qcow_snapshot_apply(struct qcow_shadow *s, struct qcow_change *change);
int qcow_snapshot_delete(struct qcow_shadow *s, struct qcow_change *change);

#endif /* QCOW_IMAGE_CHANGE_SNAPSHOT_H */
