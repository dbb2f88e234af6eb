// SPDX-License-Identifier: GPL-2.0
/*
 * Do a structural change step by step: bring the image to rest, build the new
 * tables beside the old ones, switch the file to the new tables, and then the
 * image in memory.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/reason.h"
#include "file/record.h"
#include "format/header.h"
#include "format/l2.h"
#include "image/change/empty.h"
#include "image/change/rebase.h"
#include "image/change/resize.h"
#include "image/change/shadow.h"
#include "image/change/snapshot.h"
#include "image/change/switch.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/io/cmd.h"
#include "image/io/commit.h"
#include "image/io/verify.h"
#include "image/map/cache.h"
#include "image/map/l1.h"
#include "image/space/alloc.h"
#include "image/space/epoch.h"
#include "image/space/metadata.h"
#include "image/space/refs.h"

/* So many runs of clusters are freed between two waits for a commit. */
#define RELEASE_RUNS	4096

static int (*const builders[])(struct qcow_shadow *, struct qcow_change *) = {
	[QCOW_CHANGE_SNAPSHOT_CREATE]	= qcow_snapshot_create,
	[QCOW_CHANGE_SNAPSHOT_APPLY]	= qcow_snapshot_apply,
	[QCOW_CHANGE_SNAPSHOT_DELETE]	= qcow_snapshot_delete,
	[QCOW_CHANGE_RESIZE]		= qcow_resize,
	[QCOW_CHANGE_EMPTY]		= qcow_empty,
};

/*
 * Add the L2 tables of the new active L1 table to the metadata index.  Some of
 * them may be in the index already.
 */
static int note_tables(const struct qcow_shadow *s)
{
	u32 i;

	for (i = 0; s->l1 && i < s->header.l1_size; i++) {
		u64 offset = s->l1[i] & QCOW2_L1E_OFFSET_MASK;
		struct qcow_metadata *m;

		if (!offset)
			continue;
		m = qcow_metadata_alloc(GFP_NOIO);
		if (!m)
			return -ENOMEM;
		kfree(qcow_metadata_add(s->image, m, offset >>
					s->image->geo.cluster_bits, 1));
	}
	return 0;
}

/*
 * Do everything that may fail before the switch, because after it nothing may
 * fail.
 */
static int prepare_switch(const struct qcow_shadow *s)
{
	u32 size = max(s->header.l1_size, s->image->header.l1_size);
	int err = qcow_l1_resize(s->image, size);

	if (!err)
		err = qcow_verify_reset(s->image, size);
	return err ? err : note_tables(s);
}

/* The file is the new image now.  Make the image in memory the same. */
static void adopt_shadow(struct qcow_shadow *s, struct qcow_change *change)
{
	struct qcow_image *image = s->image;
	struct qcow_view *active = &image->active;

	qcow_refs_replace(image, s->reftable, s->reftable_entries);
	s->reftable = NULL;
	qcow_cache_drop_view(active);
	if (s->l1) {
		swap(active->l1_table, s->l1);
		active->l1_table_offset = s->header.l1_table_offset;
		active->l1_size = qcow2_l1_entries(&image->geo,
						   s->header.size);
	}
	active->size = round_down(s->header.size, SECTOR_SIZE);
	image->header = s->header;
	image->alloc.end = s->next;
	qcow_metadata_remove_all(image, s->freed, s->start);
	change->freed = s->freed;
	change->clusters = s->start;
	s->freed = NULL;
}

/* Called with the image at rest. */
static int build_and_switch(struct qcow_image *image,
			    struct qcow_change *change,
			    struct qcow_reason *why)
{
	struct qcow_shadow s;
	int err = qcow_shadow_init(&s, image, why);

	if (err)
		return err;
	qcow_record_step(QCOW_STEP_SHADOW);
	err = builders[change->op](&s, change);
	if (!err)
		err = prepare_switch(&s);
	if (!err)
		err = qcow_shadow_switch(&s);
	if (!err)
		adopt_shadow(&s, change);
	qcow_shadow_destroy(&s, err);
	return err;
}

/*
 * If a disk that ends within a cluster grows, the rest of its last cluster must
 * read zeros.  It may hold old data, or the backing file may show through
 * there.  So the rest is zeroed while it still lies behind the end of the disk.
 */
static int zero_rest(struct qcow_view *view, const struct qcow_change *change)
{
	u64 size = view->size, end;
	int err;

	end = round_up(size, 1ULL << view->image->geo.cluster_bits);
	if (change->op != QCOW_CHANGE_RESIZE || change->size <= size ||
	    end == size)
		return 0;
	view->size = end;
	err = qcow_cmd_wait(view, QCOW_OP_ZERO, size, end - size);
	view->size = size;
	return err;
}

int qcow_change_quietly(struct qcow_image *image, struct qcow_change *change,
			struct qcow_reason *why)
{
	u64 record;
	int err;

	err = zero_rest(&image->active, change);
	/* a refill would make refcount blocks dirty */
	qcow_alloc_stop(image);
	if (!err)
		err = qcow_commit_quiesce(image);
	if (err)
		return err;
	qcow_alloc_withdraw(image);
	record = qcow_record_change(change->op, change->size, change->name,
				    change->name_len);
	err = change->op == QCOW_CHANGE_REBASE ?
	      qcow_rebase(image, change, why) :
	      build_and_switch(image, change, why);
	if (!err)
		image->changes++;
	qcow_record_end(QCOW_RECORD_CHANGE_END, record, err);
	qcow_record_step(QCOW_STEP_NONE);
	return err;
}

/*
 * Free the clusters that only the old tables used, as all freed clusters are
 * freed: a commit, then the refcounts fall, then the clusters are punched.
 */
void qcow_change_release(struct qcow_view *view, struct qcow_change *change)
{
	struct qcow_image *image = view->image;
	unsigned long first, end;
	unsigned int runs = 0;

	if (!change->freed)
		return;
	qcow_record_step(QCOW_STEP_SHADOW_RELEASE);
	for_each_set_bitrange(first, end, change->freed, change->clusters) {
		qcow_epoch_free(image, first, end - first);
		if (!(++runs % RELEASE_RUNS))
			qcow_commit_run(image);
		cond_resched();
	}
	qcow_commit_run(image);
	kvfree(change->freed);
	change->freed = NULL;
}
