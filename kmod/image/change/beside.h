/* SPDX-License-Identifier: GPL-2.0 */
/* Build the tables of a structural change beside the running disk. */
#ifndef QCOW_IMAGE_CHANGE_BESIDE_H
#define QCOW_IMAGE_CHANGE_BESIDE_H

#include <linux/types.h>

struct qcow_change;
struct qcow_shadow;

/**
 * qcow_beside_active - have @s->l1 lead to what the active disk becomes
 *
 * The first call looks at all L2 tables of the active disk, the next ones at
 * what a commit has changed since.
 *
 * For QCOW_CHANGE_SNAPSHOT_CREATE each table is copied without COPIED flags, as
 * the snapshot takes over the table itself; both then refer to the data.  A
 * table that other snapshots have, too, is shared with one more.
 *
 * For QCOW_CHANGE_SNAPSHOT_DELETE COPIED is set where only the active disk
 * refers to a cluster after the change; tables that change by that are copied.
 * The references of the snapshot were dropped before.
 *
 * Context: may sleep.  Ends the looking if a fatal signal came; but not if
 * @last is set, and the image is at rest.
 * Return: 0; -EINTR; or another error.
 */
int qcow_beside_active(struct qcow_shadow *s, const struct qcow_change *change,
		       bool last);

/** qcow_beside_end - commits need not note any more what they write */
void qcow_beside_end(struct qcow_shadow *s);

/**
 * qcow_beside_rounds - look at the active disk while it is in use, and again
 * until little is left
 *
 * Commits are made, so that what tasks changed in memory can be looked at.
 *
 * Context: may sleep; qcow_change_lock() is held.
 * Return: 0; -EINTR if a fatal signal came; the error of a commit, for want of
 * space for example; or another error.
 */
int qcow_beside_rounds(struct qcow_shadow *s, const struct qcow_change *change);

#endif /* QCOW_IMAGE_CHANGE_BESIDE_H */
