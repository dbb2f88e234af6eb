/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commits: write metadata that changed in memory to the image file, and
 * release freed clusters.
 */
#ifndef QCOW_IMAGE_IO_COMMIT_H
#define QCOW_IMAGE_IO_COMMIT_H

#include <linux/types.h>

struct qcow_cmd;
struct qcow_file;
struct qcow_image;

/** qcow_commit_init - set up the commits of a writable qcow2 image */
int qcow_commit_init(struct qcow_image *image);

/**
 * qcow_commit_destroy - run the last commits, and free what they needed
 *
 * Context: process context, may sleep; no command is in flight.
 * Return: 0 if all that was written is durable, or a negative errno.
 */
int qcow_commit_destroy(struct qcow_image *image);

/** qcow_commit_run - run a commit that begins now, wait, return its result */
int qcow_commit_run(struct qcow_image *image);

/**
 * qcow_commit_calm - have commands that change metadata wait early for a commit
 *
 * Then what is dirty stays little, and qcow_commit_quiesce() is soon done.
 * Reads, and writes in place, are not affected.
 */
void qcow_commit_calm(struct qcow_image *image, bool calm);

/**
 * qcow_commit_drain - run a commit, and wait until freed clusters are released,
 * but for those that were freed since the last commit but one
 *
 * Context: may sleep.
 * Return: 0; the error of the commit; or -EINTR if a fatal signal came.
 */
int qcow_commit_drain(struct qcow_image *image);

/**
 * qcow_commit_quiesce - commit until nothing is dirty or to be released
 *
 * Afterwards all of the image is durable.
 *
 * Context: may sleep; no command to the active disk is in flight, and none
 * starts meanwhile.
 * Return: 0 or a negative errno.
 */
int qcow_commit_quiesce(struct qcow_image *image);

/**
 * qcow_commit_wait - park a FLUSH until the next commit is durable
 *
 * That commit begins after the call, so it covers every write that completed
 * before.
 */
void qcow_commit_wait(struct qcow_image *image, struct qcow_cmd *cmd);

/**
 * qcow_commit_idle - are all mappings durable, and is no commit running?
 *
 * If so, only data was written since the last commit, and a FLUSH needs no
 * commit but a sync.
 */
bool qcow_commit_idle(struct qcow_image *image);

/**
 * qcow_commit_throttle - park a writing command if too much metadata is dirty
 *
 * Return: true if the command is parked: it belongs to the commit then, and
 * the caller must not touch it any more.
 */
bool qcow_commit_throttle(struct qcow_image *image, struct qcow_cmd *cmd);

#endif /* QCOW_IMAGE_IO_COMMIT_H */
