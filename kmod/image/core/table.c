// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for long tables of 64-bit entries, and how to read them.  An image may
 * say that its L1 table has 32 MiB, and its refcount table 8 MiB.
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "format/l2.h"
#include "image/core/table.h"
#include "image/core/types.h"

/* So much is read at once, bytes. */
#define PART_BYTES	SZ_1M

u64 *qcow_table_alloc(u64 entries, gfp_t gfp)
{
	return kvzalloc(round_up(max(entries, 1ULL) * sizeof(u64), PAGE_SIZE),
			gfp);
}

static int read_part(struct qcow_image *image, u64 *table, u64 entries,
		     u64 offset)
{
	u64 bytes = entries * sizeof(u64);
	int err;

	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;
	if (qcow_file_is_hole(image->file, offset, bytes))
		return 0;
	err = qcow_file_read(image->file, table, bytes, offset);
	if (!err)
		qcow2_be64_decode(table, table, entries);
	return err;
}

int qcow_table_read(struct qcow_image *image, u64 *table, u64 entries,
		    u64 offset)
{
	u64 n;
	int err = 0;

	for (; entries && !err; entries -= n) {
		n = min_t(u64, entries, PART_BYTES / sizeof(u64));
		err = read_part(image, table, n, offset);
		table += n;
		offset += n * sizeof(u64);
	}
	return err;
}
