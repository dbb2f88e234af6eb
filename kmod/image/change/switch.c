// SPDX-License-Identifier: GPL-2.0
/*
 * Do a structural change step by step: build the new tables beside the old
 * ones, as far as that can be done while the disk is in use; bring the image to
 * rest; build the rest; switch the file to the new tables, and then the image in
 * memory.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "file/reason.h"
#include "file/record.h"
#include "format/header.h"
#include "format/l2.h"
#include "image/change/beside.h"
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

int qcow_change_build(struct qcow_image *image, struct qcow_change *change,
		      struct qcow_reason *why)
{
	unsigned int noio = memalloc_noio_save();
	struct qcow_shadow *s;
	int err;

	s = qcow_shadow_alloc(image, why);
	err = PTR_ERR_OR_ZERO(s);
	if (err)
		goto restore;
	change->shadow = s;
	qcow_record_step(QCOW_STEP_SHADOW);
	err = change->op == QCOW_CHANGE_SNAPSHOT_CREATE ?
	      qcow_snapshot_create_begin(s, change) :
	      qcow_snapshot_delete_begin(s, change);
	if (!err)
		err = qcow_beside_rounds(s, change);
restore:
	memalloc_noio_restore(noio);
	return err;
}

int qcow_change_follow(struct qcow_change *change)
{
	unsigned int noio = memalloc_noio_save();
	int err = qcow_beside_rounds(change->shadow, change);

	memalloc_noio_restore(noio);
	return err;
}

void qcow_change_give_up(struct qcow_change *change)
{
	if (!change->shadow || change->shadow->switched)
		return;
	qcow_beside_end(change->shadow);
	qcow_shadow_free(change->shadow);
	change->shadow = NULL;
}

/*
 * Add the L2 tables that the active disk takes over from a snapshot to the
 * metadata index.  Some of them may be in the index already.
 */
static int note_tables(const struct qcow_shadow *s)
{
	u32 i;

	for (i = 0; i < s->header.l1_size; i++) {
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
static int prepare_switch(const struct qcow_shadow *s,
			  const struct qcow_change *change)
{
	u32 size = max(s->header.l1_size, s->image->header.l1_size);
	int err = qcow_l1_resize(s->image, size);

	if (err)
		return err;
	/* from now on no slice of the active disk is verified */
	qcow_bits_clear(&s->image->verified);
	return change->op == QCOW_CHANGE_SNAPSHOT_APPLY ? note_tables(s) : 0;
}

/* The file is the new image now.  Make the image in memory the same. */
static void adopt_shadow(struct qcow_shadow *s)
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
	qcow2_header_copy_structure(&image->header, &s->header);
}

/* Called with the image at rest. */
static int build_and_switch(struct qcow_shadow *s, struct qcow_change *change)
{
	int err;

	qcow_record_step(QCOW_STEP_SHADOW);
	err = builders[change->op](s, change);
	qcow_beside_end(s);
	if (!err)
		err = prepare_switch(s, change);
	if (!err)
		err = qcow_shadow_switch(s);
	if (!err)
		adopt_shadow(s);
	return err;
}

static int change_tables(struct qcow_image *image, struct qcow_change *change,
			 struct qcow_reason *why)
{
	struct qcow_shadow *s = change->shadow;

	if (!s)
		s = qcow_shadow_alloc(image, why);
	if (IS_ERR(s))
		return PTR_ERR(s);
	change->shadow = s;
	return build_and_switch(s, change);
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
	u32 record;
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
	      change_tables(image, change, why);
	if (!err)
		image->changes++;
	qcow_record_end(QCOW_RECORD_CHANGE_END, record, err);
	qcow_record_step(QCOW_STEP_NONE);
	return err;
}

/** struct release - clusters are being freed; @runs: in how many runs so far */
struct release {
	unsigned int runs;
};

static int release_run(struct qcow_image *image, u64 first, u64 count,
		       void *ctx)
{
	struct release *r = ctx;
	u64 n;

	while (count) {
		n = min_t(u64, count, S32_MAX);
		qcow_epoch_free(image, first, n);
		first += n;
		count -= n;
	}
	if (!(++r->runs % RELEASE_RUNS))
		qcow_commit_run(image);
	cond_resched();
	return 0;
}

/*
 * Free the clusters that only the old tables used, as all freed clusters are
 * freed: a commit, then the refcounts fall, then the clusters are punched.
 */
void qcow_change_release(struct qcow_view *view, struct qcow_change *change)
{
	struct release r = { };

	qcow_change_give_up(change);
	if (!change->shadow)
		return;
	qcow_record_step(QCOW_STEP_SHADOW_RELEASE);
	qcow_shadow_each_freed(change->shadow, release_run, &r);
	qcow_commit_run(view->image);
	qcow_shadow_free(change->shadow);
	change->shadow = NULL;
}
