/* SPDX-License-Identifier: GPL-2.0 */
/* Copy on write, for clusters and L2 tables that may not change in place. */
#ifndef QCOW_IMAGE_IO_COW_H
#define QCOW_IMAGE_IO_COW_H

#include <linux/types.h>

struct qcow_cmd;
struct qcow_image;
struct qcow_run;

/* Memory kept for later copies, per image: bytes, but at least one cluster. */
#define QCOW_COW_SPARE_BYTES	(1U << 20)

void qcow_cow_init(struct qcow_image *image);
void qcow_cow_destroy(struct qcow_image *image);

/**
 * qcow_cow_write - write the next bytes of a command by copying their cluster
 * @run: the run at these bytes; its @len is set to how many were written
 *
 * The bytes and the old ones around them go to another host cluster, or, with
 * extended L2 or an external data file, to the one that is there already.
 *
 * Context: a worker.
 * Return: 1 if the bytes are written and linked; 0 if the caller must look the
 * cluster up again; -EIOCBQUEUED if the command is parked; or a negative errno.
 */
int qcow_cow_write(struct qcow_cmd *cmd, struct qcow_run *run);

/**
 * qcow_free_entry - free the clusters of an L2 entry that was replaced
 * @guest: guest offset of the entry or of one near it, bytes, for messages
 * @entry: the entry before it was replaced
 *
 * Nothing in memory leads to these clusters any more.  Context: a worker.
 * Return: 0 or a negative errno.
 */
int qcow_free_entry(struct qcow_image *image, u64 guest, u64 entry);

/**
 * qcow_cow_table - give the active disk its own copy of a shared L2 table
 *
 * Context: a worker.
 * Return: 0 if the caller must look the table up again; -EIOCBQUEUED if the
 * command is parked; or a negative errno.
 */
int qcow_cow_table(struct qcow_cmd *cmd, u64 l1_index);

#endif /* QCOW_IMAGE_IO_COW_H */
