/* SPDX-License-Identifier: GPL-2.0 */
/* Start a commit: at once, or when the timer expires. */
#ifndef QCOW_IMAGE_CORE_KICK_H
#define QCOW_IMAGE_CORE_KICK_H

#include "image/core/types.h"

/** qcow_commit_hurry - start a commit now, whether or not anything is dirty */
void qcow_commit_hurry(struct qcow_image *image);

/**
 * qcow_commit_soon - something became dirty: start the timer
 *
 * If much is dirty, a commit starts at once.
 */
void qcow_commit_soon(struct qcow_image *image);

/**
 * qcow_has_commits - do commits write the image's metadata?
 *
 * They do for a qcow2 image that is open for writing.
 */
static inline bool qcow_has_commits(const struct qcow_image *image)
{
	return image->commit.wq;
}

#endif /* QCOW_IMAGE_CORE_KICK_H */
