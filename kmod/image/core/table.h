/* SPDX-License-Identifier: GPL-2.0 */
/* Memory for long tables of 64-bit entries, and how to read them. */
#ifndef QCOW_IMAGE_CORE_TABLE_H
#define QCOW_IMAGE_CORE_TABLE_H

#include <linux/types.h>

struct qcow_image;

/**
 * qcow_table_alloc - allocate memory for a table
 * @entries: number of entries; may be 0
 * @gfp:     as for kvzalloc()
 *
 * The memory has whole pages, because tables are written in whole sectors.
 *
 * Return: the table, all 0, for kvfree(); or NULL.
 */
u64 *qcow_table_alloc(u64 entries, gfp_t gfp);

/**
 * qcow_table_read - read a table of the image file into memory, in CPU order
 * @image:   the image
 * @table:   memory by qcow_table_alloc()
 * @entries: number of entries
 * @offset:  of the table in the file, bytes
 *
 * The table is read in parts, between which the task gives way to others.
 *
 * Context: attach; may sleep.
 * Return: 0; -EINTR if a fatal signal came; or another error.
 */
int qcow_table_read(struct qcow_image *image, u64 *table, u64 entries,
		    u64 offset);

#endif /* QCOW_IMAGE_CORE_TABLE_H */
