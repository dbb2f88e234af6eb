// SPDX-License-Identifier: GPL-2.0
/*
 * Structural changes: quiet the image, have the shadow built, switch to it,
 * and go on as what the file is then.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/record.h"
#include "image/internal.h"
#include "image/change/shadow.h"

/* Runs of clusters that are released before it is waited for a commit. */
#define RELEASE_RUNS	4096

int qcow_change_lock(const struct qcow_change *change)
{
	if (change->op != QCOW_CHANGE_MERGE_STOP)
		return qcow_registry_lock_killable();
	qcow_registry_lock();
	return 0;
}

void qcow_change_unlock(void)
{
	qcow_registry_unlock();
}

static int (*const builders[])(struct qcow_shadow *, struct qcow_change *) = {
	[QCOW_CHANGE_SNAPSHOT_CREATE]	= qcow_snapshot_create,
	[QCOW_CHANGE_SNAPSHOT_APPLY]	= qcow_snapshot_apply,
	[QCOW_CHANGE_SNAPSHOT_DELETE]	= qcow_snapshot_delete,
	[QCOW_CHANGE_RESIZE]		= qcow_resize,
	[QCOW_CHANGE_EMPTY]		= qcow_empty,
};

int qcow_change_check(const struct qcow_view *view, struct qcow_reason *why)
{
	const struct qcow_image *image = view->image;

	if (image->ops->format != qcow_qcow2_ops.format)
		return qcow_refuse(why, -EOPNOTSUPP, "%s is %s, not qcow2",
				   image->path, image->ops->name);
	if (!image->writable || view != &image->active)
		return qcow_refuse(why, -EROFS, "%s: is attached read-only",
				   image->path);
	return 0;
}

static int check(const struct qcow_view *view, enum qcow_change_op op,
		 struct qcow_reason *why)
{
	const struct qcow_image *image = view->image;
	int err = qcow_change_check(view, why);

	if (err)
		return err;
	if (image->geo.external_data && op != QCOW_CHANGE_REBASE &&
	    op != QCOW_CHANGE_MERGE_STOP)
		return qcow_refuse(why, -EOPNOTSUPP,
				   "%s: has an external data file, which knows no other size and no snapshots",
				   image->path);
	return 0;
}

int qcow_change_open(struct qcow_view *view, struct qcow_change *change,
		     struct qcow_reason *why)
{
	struct qcow_image *layers;

	if (change->op == QCOW_CHANGE_MERGE_BEGIN ||
	    change->op == QCOW_CHANGE_REOPEN)
		return check(view, change->op, why) ?:
		       qcow_merge_open(view->image, change, why);
	if (change->op != QCOW_CHANGE_REBASE)
		return 0;
	layers = qcow_layers_open(change->backing, why);
	if (IS_ERR(layers))
		return PTR_ERR(layers);
	change->layers = layers;
	return 0;
}

void qcow_change_close(struct qcow_change *change)
{
	qcow_registry_put(change->layers);
	change->layers = NULL;
	qcow_merge_free(change->merge);
	change->merge = NULL;
}

/* The tables that the active disk will have, or has already, are metadata. */
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

/* All that may fail, before it is too late to. */
static int prepare(const struct qcow_shadow *s)
{
	u32 size = max(s->header.l1_size, s->image->header.l1_size);
	int err = qcow_commit_set_l1(s->image, size);

	if (!err)
		err = qcow_verify_reset(s->image, size);
	return err ? err : note_tables(s);
}

/* The file is it: so is the image. */
static void adopt(struct qcow_shadow *s, struct qcow_change *change)
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

/* The image is quiet. */
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
		err = prepare(&s);
	if (!err)
		err = qcow_shadow_switch(&s);
	if (!err)
		adopt(&s, change);
	qcow_shadow_destroy(&s, err);
	return err;
}

/*
 * A disk that ends within a cluster and is to grow: what lies in the rest of
 * it, or what of the backing file would show through there, becomes zeros
 * while it is still behind the end.
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

static int change_quietly(struct qcow_image *image, struct qcow_change *change,
			  struct qcow_reason *why)
{
	u64 record;
	int err;

	err = zero_rest(&image->active, change);
	/* a refill makes refcount blocks dirty */
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

/* To everybody else this is no change: the disk reads as before. */
static int merge_and_empty(struct qcow_image *image, struct qcow_change *change,
			   struct qcow_reason *why)
{
	int err = qcow_merge_end(image, why);

	if (err || change->keep)
		return err;
	change->op = QCOW_CHANGE_EMPTY;
	err = change_quietly(image, change, why);
	change->op = QCOW_CHANGE_MERGE_END;
	return err;
}

static int change_image(struct qcow_image *image, struct qcow_change *change,
			struct qcow_reason *why)
{
	if (change->op == QCOW_CHANGE_MERGE_STOP)
		return qcow_merge_stop(image);
	if (READ_ONCE(image->commit.error))
		return qcow_refuse(why, -EIO,
				   "%s: cannot be changed since %s failed; detach it first",
				   image->path, image->commit.failed);
	switch (change->op) {
	case QCOW_CHANGE_REOPEN:
		change->layers = qcow_backing_swap(image, change->layers);
		return 0;
	case QCOW_CHANGE_MERGE_BEGIN:
		return qcow_merge_begin(image, change, why);
	case QCOW_CHANGE_MERGE_END:
		return merge_and_empty(image, change, why);
	default:
		return change_quietly(image, change, why);
	}
}

int qcow_change_run(struct qcow_view *view, struct qcow_change *change,
		    struct qcow_reason *why)
{
	struct qcow_image *image = view->image;
	unsigned int noio;
	int err;

	qcow_registry_assert_locked();
	err = check(view, change->op, why);
	if (err)
		return err;
	noio = memalloc_noio_save();
	err = change_image(image, change, why);
	memalloc_noio_restore(noio);
	if (err == -ENOSPC || err == -EDQUOT)
		return qcow_refuse(why, err, "%s: there is no room for its new tables",
				   image->path);
	return err ? qcow_refuse(why, err, "%s: could not be changed (%d)",
				 image->path, err) : 0;
}

/* Through the usual way of freed clusters: commit, count down, punch. */
void qcow_change_release(struct qcow_view *view, struct qcow_change *change)
{
	struct qcow_image *image = view->image;
	unsigned long first, end;
	unsigned int runs = 0;

	if (!change->freed)
		return;
	qcow_record_step(QCOW_STEP_SHADOW_RELEASE);
	for_each_set_bitrange(first, end, change->freed, change->clusters) {
		qcow_commit_free(image, first, end - first);
		if (!(++runs % RELEASE_RUNS))
			qcow_commit_run(image);
		cond_resched();
	}
	qcow_commit_run(image);
	kvfree(change->freed);
	change->freed = NULL;
}
