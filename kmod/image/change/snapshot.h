/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Build the tables with which an internal snapshot is created, applied or
 * deleted; qcow_shadow_switch() makes them the image's.
 */
#ifndef QCOW_IMAGE_CHANGE_SNAPSHOT_H
#define QCOW_IMAGE_CHANGE_SNAPSHOT_H

struct qcow_change;
struct qcow_shadow;

/**
 * qcow_snapshot_create - build the tables with a new snapshot @change->name
 *
 * Context: the image is at rest, also for the two functions below.
 * Return: 0 or an error.
 */
int qcow_snapshot_create(struct qcow_shadow *s, struct qcow_change *change);
/**
 * qcow_snapshot_apply - build the tables of a disk that is a snapshot's again
 *
 * A snapshot whose id is @change->name is preferred to one with that name.
 */
int qcow_snapshot_apply(struct qcow_shadow *s, struct qcow_change *change);
/** qcow_snapshot_delete - build the tables without a snapshot, as above */
int qcow_snapshot_delete(struct qcow_shadow *s, struct qcow_change *change);

#endif /* QCOW_IMAGE_CHANGE_SNAPSHOT_H */
