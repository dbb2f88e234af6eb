// SPDX-License-Identifier: GPL-2.0
/*
 * Write to the active disk of a qcow2 image: prepare clusters that may not be
 * written in place.
 */
#include <linux/slab.h>

#include "format/l2.h"
#include "image/core/kick.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/io/commit.h"
#include "image/io/cow.h"
#include "image/io/verify.h"
#include "image/io/write.h"
#include "image/map/cache.h"
#include "image/map/l1.h"
#include "image/map/lookup_write.h"
#include "image/map/run.h"
#include "image/map/slice.h"
#include "image/space/alloc.h"
#include "image/space/metadata.h"

/*
 * Link a new L2 table.  A fresh cluster reads zeros, which is an empty table:
 * so nothing is written to the cluster before it is linked.
 */
static int new_table(struct qcow_cmd *cmd, u64 l1_index, bool nowait)
{
	struct qcow_image *image = cmd->view->image;
	u64 *entry = &image->active.l1_table[l1_index], fresh;
	gfp_t gfp = nowait ? GFP_NOWAIT | __GFP_NOWARN : GFP_NOIO;
	struct qcow_metadata *m = qcow_metadata_alloc(gfp);
	u32 got = 1;

	if (!m || qcow_prepare_table_verified(image, l1_index, gfp) ||
	    qcow_l1_prepare(image, l1_index, gfp)) {
		kfree(m);
		return nowait ? -EAGAIN : -ENOMEM;
	}
	spin_lock(&image->l1.lock);
	if (!(*entry & QCOW2_L1E_OFFSET_MASK)) {
		got = qcow_alloc_take(image, 1, &fresh);
		if (got) {
			m = qcow_metadata_add(image, m, fresh, 1);
			qcow_set_table_verified(image, l1_index);
			qcow_l1_set(image, l1_index,
				    (fresh << image->geo.cluster_bits) |
				    QCOW2_OFLAG_COPIED);
		}
	}
	spin_unlock(&image->l1.lock);
	kfree(m);
	if (!got)
		return qcow_alloc_wait(image, cmd);
	qcow_stat_inc(image, tables);
	qcow_commit_soon(image);
	return 0;
}

/* How many entries from @index on, at most @max, need a fresh cluster? */
static u32 count_fresh(const struct qcow_image *image,
		       const struct qcow_slice *slice, u32 index,
		       u64 guest_offset, u32 max)
{
	struct qcow_run run;
	u32 n;

	for (n = 0; n < max; n++) {
		struct qcow2_l2_entry e = qcow_slice_entry(&image->geo, slice,
							   index + n);

		qcow_classify(image, &e, guest_offset +
			      ((u64)n << image->geo.cluster_bits), 0, &run);
		if (run.type != QCOW_RUN_FRESH)
			break;
	}
	return n;
}

static void link_clusters(const struct qcow_image *image,
			  struct qcow_slice *slice, u32 index, u64 first,
			  u32 count)
{
	struct qcow2_l2_entry e = {
		.entry = (first << image->geo.cluster_bits) |
			 QCOW2_OFLAG_COPIED,
		.bitmap = image->geo.extended_l2 ? U32_MAX : 0,
	};

	for (; count; count--, index++) {
		qcow_slice_set(&image->geo, slice, index, e);
		e.entry += 1ULL << image->geo.cluster_bits;
	}
}

/*
 * Link fresh clusters before data is written to them.  Until then, and after a
 * crash, they read zeros, as the guest's clusters did before.
 */
static int link_fresh(struct qcow_cmd *cmd, const struct qcow_run *run)
{
	struct qcow_image *image = cmd->view->image;
	u8 bits = image->geo.cluster_bits;
	u64 pos = cmd->pos + cmd->dispatched, cluster = pos >> bits, first;
	u32 index = cluster & ((1U << image->entry_bits) - 1);
	u32 want = ((pos + run->len - 1) >> bits) - cluster + 1, got = 0;
	struct qcow_slice *slice;

	slice = qcow_slice_lock(cmd->view, cluster >> image->entry_bits);
	if (!slice)
		return 0;
	want = count_fresh(image, slice, index, cluster << bits, want);
	if (want)
		got = qcow_alloc_take(image, want, &first);
	link_clusters(image, slice, index, first, got);
	qcow_slice_unlock(slice);
	if (want && !got)
		return qcow_alloc_wait(image, cmd);
	this_cpu_add(image->stats->allocations, got);
	qcow_commit_soon(image);
	return 0;
}

int qcow_write_prepare(struct qcow_cmd *cmd, struct qcow_run *run, bool nowait)
{
	struct qcow_image *image = cmd->view->image;

	if (READ_ONCE(image->health.error))
		return -EIO;
	if (qcow_commit_throttle(image, cmd))
		return -EIOCBQUEUED;
	switch (run->type) {
	case QCOW_RUN_FRESH:
		return link_fresh(cmd, run);
	case QCOW_RUN_NO_TABLE:
		return new_table(cmd, run->host, nowait);
	case QCOW_RUN_UNVERIFIED:
		return nowait ? -EAGAIN : qcow_verify_slice(cmd);
	case QCOW_RUN_SHARED_TABLE:
		return nowait ? -EAGAIN : qcow_cow_table(cmd, run->host);
	case QCOW_RUN_COPY:
		return nowait ? -EAGAIN : qcow_cow_write(cmd, run);
	default:
		return -EIO;
	}
}
