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
 * qcow_snapshot_create_begin - see whether a snapshot @change->name can be made
 *
 * Context: the disk may be in use, also for the next function.
 * Return: 0 or an error.
 */
int qcow_snapshot_create_begin(struct qcow_shadow *s,
			       struct qcow_change *change);

/** qcow_snapshot_delete_begin - drop what the snapshot refers to */
int qcow_snapshot_delete_begin(struct qcow_shadow *s,
			       struct qcow_change *change);

/**
 * qcow_snapshot_create - build the tables with the new snapshot
 *
 * Context: the image is at rest, also for the two functions below;
 * qcow_snapshot_create_begin() and qcow_beside_rounds() were called.
 * Return: 0 or an error.
 */
int qcow_snapshot_create(struct qcow_shadow *s, struct qcow_change *change);

/**
 * qcow_snapshot_apply - build the tables of a disk that is a snapshot's again
 *
 * A snapshot whose id is @change->name is preferred to one with that name.
 */
int qcow_snapshot_apply(struct qcow_shadow *s, struct qcow_change *change);

/** qcow_snapshot_delete - build the tables without the snapshot */
int qcow_snapshot_delete(struct qcow_shadow *s, struct qcow_change *change);

#endif /* QCOW_IMAGE_CHANGE_SNAPSHOT_H */
