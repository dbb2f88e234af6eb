/* SPDX-License-Identifier: GPL-2.0 */
/* Start a commit: when the timer says so, or at once. */
#ifndef QCOW_IMAGE_CORE_KICK_H
#define QCOW_IMAGE_CORE_KICK_H

#include "image/core/types.h"

/** qcow_commit_hurry - one that begins soon, whatever there is to do for it */
void qcow_commit_hurry(struct qcow_image *image);

/** qcow_commit_soon - something became dirty: see that the timer runs */
void qcow_commit_soon(struct qcow_image *image);

/** qcow_has_commits - is the metadata written by commits?  Not of raw images,
 * nor of those that are only read.
 */
static inline bool qcow_has_commits(const struct qcow_image *image)
{
	return image->commit.wq;
}

#endif /* QCOW_IMAGE_CORE_KICK_H */
