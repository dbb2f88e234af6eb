/* SPDX-License-Identifier: GPL-2.0 */
/* Another backing file for an image, by its first cluster alone. */
#ifndef QCOW_FORMAT_REBASE_H
#define QCOW_FORMAT_REBASE_H

#include "header.h"
#include "port.h"

/* What a disk writes as one. */
#define QCOW2_HEAD_SECTOR	512

/**
 * qcow2_head_rebase - the first cluster with another backing file
 * @h:    the header that @head has
 * @names: backing_file and backing_format as they are to be, NULL for none
 * @head: one cluster; changed
 * @len:  its size, bytes
 * @work: another cluster to work in
 *
 * All that the old header leads to stays where it is but for what is in the
 * first sector.  So who writes the rest, waits until it is on the disk, and
 * writes the first sector then, has one image or the other at any instant.
 * Feature names, which are there for people, are left out where they stand in
 * the way.  Unknown autoclear features are cleared, as before any write.
 *
 * Return: 0, or -ENOSPC with nothing changed: there is no room for the names.
 */
int qcow2_head_rebase(const struct qcow2_header *h,
		      const struct qcow2_extensions *names, void *head,
		      size_t len, void *work);

#endif /* QCOW_FORMAT_REBASE_H */
