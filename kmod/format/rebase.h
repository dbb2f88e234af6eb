/* SPDX-License-Identifier: GPL-2.0 */
/* Change the backing file in the first cluster of an image. */
#ifndef QCOW_FORMAT_REBASE_H
#define QCOW_FORMAT_REBASE_H

#include "header.h"
#include "port.h"

/* Bytes that a disk writes atomically. */
#define QCOW2_HEAD_SECTOR	512

/**
 * qcow2_head_rebase - change the backing file in a first cluster
 * @h:    the header that @head has
 * @names: backing_file and backing_format as they become, NULL for none
 * @head: one cluster; changed
 * @len:  its size, bytes
 * @work: memory for another cluster
 *
 * All that the old header refers to stays where it is, except what lies in the
 * first sector.  So the caller first writes the rest, then syncs, and then
 * writes the first sector: at any instant the file is the old or the new image.
 * Feature names are only for people; they are left out if there is no room for
 * them.  Unknown autoclear features are cleared, as before any write.
 *
 * Return: 0, or -ENOSPC with @head unchanged: there is no room for the names.
 */
int qcow2_head_rebase(const struct qcow2_header *h,
		      const struct qcow2_extensions *names, void *head,
		      size_t len, void *work);

#endif /* QCOW_FORMAT_REBASE_H */
