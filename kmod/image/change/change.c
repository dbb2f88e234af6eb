// SPDX-License-Identifier: GPL-2.0
/*
 * Structural changes begin here: check what the block layer asks for, then do
 * it or refuse it.
 */
#include <linux/sched/mm.h>

#include "file/reason.h"
#include "image/change/check.h"
#include "image/change/merge.h"
#include "image/change/switch.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/open/chain.h"
#include "image/open/describe.h"
#include "image/open/registry.h"

int qcow_change_lock(struct qcow_view *view, const struct qcow_change *change)
{
	struct mutex *lock = &view->image->change_lock;

	if (change->op != QCOW_CHANGE_MERGE_STOP)
		return mutex_lock_killable(lock);
	mutex_lock(lock);
	return 0;
}

void qcow_change_unlock(struct qcow_view *view)
{
	mutex_unlock(&view->image->change_lock);
}

int qcow_change_open(struct qcow_view *view, struct qcow_change *change,
		     struct qcow_reason *why)
{
	struct qcow_image *layers;

	if (change->op == QCOW_CHANGE_MERGE_BEGIN ||
	    change->op == QCOW_CHANGE_REOPEN)
		return qcow_change_check_op(view, change->op, why) ?:
		       qcow_merge_open(view->image, change, why);
	if (change->op != QCOW_CHANGE_REBASE)
		return 0;
	layers = qcow_layers_open(change->backing, why);
	if (IS_ERR(layers))
		return PTR_ERR(layers);
	change->layers = layers;
	return 0;
}

/* Is the change built beside the running disk, as far as that can be? */
static bool is_built(const struct qcow_change *change)
{
	return change->op == QCOW_CHANGE_SNAPSHOT_CREATE ||
	       change->op == QCOW_CHANGE_SNAPSHOT_DELETE;
}

int qcow_change_prepare(struct qcow_view *view, struct qcow_change *change,
			struct qcow_reason *why)
{
	int err;

	lockdep_assert_held(&view->image->change_lock);
	if (!is_built(change))
		return 0;
	err = qcow_change_check_op(view, change->op, why);
	if (!err)
		err = qcow_change_check_health(view->image, why);
	if (!err)
		err = qcow_change_build(view->image, change, why);
	return err ? qcow_change_result(view->image, err, why) : 0;
}

int qcow_change_catch_up(struct qcow_view *view, struct qcow_change *change,
			 struct qcow_reason *why)
{
	int err;

	if (!is_built(change))
		return 0;
	err = qcow_change_follow(change);
	return err ? qcow_change_result(view->image, err, why) : 0;
}

void qcow_change_close(struct qcow_view *view, struct qcow_change *change)
{
	qcow_change_give_up(change);
	qcow_registry_put(change->layers);
	change->layers = NULL;
	/* what was to replace it does not: others may share it again */
	if (view->image->backing)
		qcow_registry_keep(view->image->backing);
	qcow_merge_free(change->merge);
	change->merge = NULL;
}

/*
 * The caller must not see QCOW_CHANGE_EMPTY in @change->op: for the caller the
 * content does not change, because the disk reads as before.
 */
static int merge_and_empty(struct qcow_image *image, struct qcow_change *change,
			   struct qcow_reason *why)
{
	int err = qcow_merge_end(image, why);

	if (err || change->keep)
		return err;
	change->op = QCOW_CHANGE_EMPTY;
	err = qcow_change_quietly(image, change, why);
	change->op = QCOW_CHANGE_MERGE_END;
	return err;
}

static int change_image(struct qcow_image *image, struct qcow_change *change,
			struct qcow_reason *why)
{
	int err;

	if (change->op == QCOW_CHANGE_MERGE_STOP)
		return qcow_merge_stop(image);
	err = qcow_change_check_health(image, why);
	if (err)
		return err;
	switch (change->op) {
	case QCOW_CHANGE_REOPEN:
		change->layers = qcow_backing_swap(image, change->layers);
		return 0;
	case QCOW_CHANGE_MERGE_BEGIN:
		return qcow_merge_begin(image, change, why);
	case QCOW_CHANGE_MERGE_END:
		return merge_and_empty(image, change, why);
	default:
		return qcow_change_quietly(image, change, why);
	}
}

int qcow_change_run(struct qcow_view *view, struct qcow_change *change,
		    struct qcow_reason *why)
{
	struct qcow_image *image = view->image;
	unsigned int noio;
	int err;

	lockdep_assert_held(&image->change_lock);
	err = qcow_change_check_op(view, change->op, why);
	if (err)
		return err;
	noio = memalloc_noio_save();
	err = change_image(image, change, why);
	memalloc_noio_restore(noio);
	return qcow_change_result(image, err, why);
}
