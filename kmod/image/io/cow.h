/* SPDX-License-Identifier: GPL-2.0 */
/* Copy on write: clusters that may not be written where they are. */
#ifndef QCOW_IMAGE_IO_COW_H
#define QCOW_IMAGE_IO_COW_H

#include <linux/types.h>

struct qcow_cmd;
struct qcow_image;
struct qcow_run;

#define QCOW_COW_SPARE_BYTES	(1U << 20)

void qcow_cow_init(struct qcow_image *image);
void qcow_cow_destroy(struct qcow_image *image);

/**
 * qcow_cow_write - write the next bytes of a command, which are in one
 * cluster, into a new cluster together with what is around them
 * @run: its @len is set to how many they were
 *
 * Context: a worker.
 * Return: 1, written and linked; 0, look again; -EIOCBQUEUED, parked; or an
 * error.
 */
int qcow_cow_write(struct qcow_cmd *cmd, struct qcow_run *run);

/** qcow_free_entry - nothing in memory leads to this entry's clusters now
 * @guest: where it was, or near that, for messages
 */
int qcow_free_entry(struct qcow_image *image, u64 guest, u64 entry);

/** qcow_cow_table - give the active disk an L2 table of its own; 0: look again */
int qcow_cow_table(struct qcow_cmd *cmd, u64 l1_index);

#endif /* QCOW_IMAGE_IO_COW_H */
