/* SPDX-License-Identifier: GPL-2.0 */
/* Commits: how changed metadata gets to the disk, and freed clusters back. */
#ifndef QCOW_IMAGE_IO_COMMIT_H
#define QCOW_IMAGE_IO_COMMIT_H

#include <linux/types.h>

struct qcow_cmd;
struct qcow_file;
struct qcow_image;

int qcow_commit_init(struct qcow_image *image);

/**
 * qcow_commit_destroy - the last commits; no command is under way
 *
 * Return: 0 if all that was written is durable.
 */
int qcow_commit_destroy(struct qcow_image *image);

/** qcow_commit_run - a commit that begins now; wait for it.  Return: its result */
int qcow_commit_run(struct qcow_image *image);

/**
 * qcow_commit_quiesce - all of the image is durable, and nothing to release
 *
 * Context: no command is under way on the active disk, and none will be.
 * Return: 0, or why not.
 */
int qcow_commit_quiesce(struct qcow_image *image);

/** qcow_commit_wait - park a FLUSH until a commit that begins now is durable */
void qcow_commit_wait(struct qcow_image *image, struct qcow_cmd *cmd);

/** qcow_commit_idle - are all mappings durable, and no commit under way? */
bool qcow_commit_idle(struct qcow_image *image);

/**
 * qcow_commit_throttle - park a command that would make more dirty, if need be
 *
 * Return: true, it is parked and no longer the caller's.
 */
bool qcow_commit_throttle(struct qcow_image *image, struct qcow_cmd *cmd);

#endif /* QCOW_IMAGE_IO_COMMIT_H */
