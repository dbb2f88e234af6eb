/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Do a structural change: bring the image to rest, build its new tables beside
 * the old ones, and switch to the new ones.
 */
#ifndef QCOW_IMAGE_CHANGE_SWITCH_H
#define QCOW_IMAGE_CHANGE_SWITCH_H

#include "image/core/types.h"

/**
 * qcow_change_build - build a change beside the running disk, as far as can be
 *
 * For creating and deleting snapshots.
 *
 * Context: may sleep; qcow_change_lock() is held.
 * Return: 0; -EINTR if a fatal signal came; or as qcow_change_run().
 */
int qcow_change_build(struct qcow_image *image, struct qcow_change *change,
		      struct qcow_reason *why);

/** qcow_change_follow - build what has changed since: see qcow_change_build() */
int qcow_change_follow(struct qcow_change *change);

/** qcow_change_give_up - undo what was built, unless it was switched to */
void qcow_change_give_up(struct qcow_change *change);

/**
 * qcow_change_quietly - bring the image to rest, then do one change to it
 *
 * qcow_change_run() does most changes by this.
 *
 * Return: 0 or an error.
 */
int qcow_change_quietly(struct qcow_image *image, struct qcow_change *change,
			struct qcow_reason *why);

#endif /* QCOW_IMAGE_CHANGE_SWITCH_H */
