// SPDX-License-Identifier: GPL-2.0
/* Views: read and free the L1 table of the active disk or of a snapshot. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/reason.h"
#include "format/header.h"
#include "image/core/table.h"
#include "image/core/types.h"
#include "image/map/cache.h"
#include "image/map/view.h"

int qcow_view_init(struct qcow_view *view, struct qcow_image *image, u64 size,
		   u64 l1_table_offset, u32 l1_size, struct qcow_reason *why)
{
	u64 need = qcow2_l1_entries(&image->geo, size);
	/*
	 * Commits write whole sectors of the table.  Behind the entries that
	 * the disk needs there may be those of a VM state, which must be kept.
	 */
	u64 entries = image->writable ? l1_size : need;
	int err;

	if (need > l1_size)
		return qcow_refuse(why, -EUCLEAN,
				   "%s: L1 table of %u entries is too small for %llu bytes",
				   image->path, l1_size, size);
	view->image = image;
	view->size = round_down(size, SECTOR_SIZE);
	view->l1_table_offset = l1_table_offset;
	view->l1_size = need;
	view->l1_table = qcow_table_alloc(entries, GFP_KERNEL_ACCOUNT);
	if (!view->l1_table)
		return -ENOMEM;
	err = qcow_table_read(image, view->l1_table, entries, l1_table_offset);
	if (err) {
		kvfree(view->l1_table);
		return qcow_refuse(why, err,
				   "%s: the L1 table at 0x%llx cannot be read (%d)",
				   image->path, l1_table_offset, err);
	}
	return 0;
}

void qcow_view_destroy(struct qcow_view *view)
{
	qcow_cache_drop_view(view);
	kvfree(view->l1_table);
}
