// SPDX-License-Identifier: GPL-2.0
/*
 * Open and close chains of images and the views on them.  A chain is opened
 * from the bottom up, and each image holds a reference to the image below.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <linux/qcow.h>

#include "file/reason.h"
#include "format/snapshot.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/io/commit.h"
#include "image/map/snaptable.h"
#include "image/map/view.h"
#include "image/open/chain.h"
#include "image/open/registry.h"

struct qcow_image *qcow_layers_open(const struct qcow_open *open,
				    struct qcow_reason *why)
{
	struct qcow_image *image = NULL;
	unsigned int layer = open->nr_layers;

	while (layer--) {
		if (image && open->layers[layer].format == QCOW_FORMAT_RAW) {
			qcow_registry_put(image);
			return ERR_PTR(qcow_refuse(why, -EINVAL,
				"layer %u is raw and cannot have a backing file",
				layer));
		}
		image = qcow_registry_get(open, layer, image, why);
		if (IS_ERR(image))
			break;
	}
	return image;
}

static struct qcow_view *view_alloc(struct qcow_image *image,
				    const struct qcow2_snapshot *s,
				    struct qcow_reason *why)
{
	struct qcow_view *view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!view)
		return ERR_PTR(-ENOMEM);
	view->snapshot = kasprintf(GFP_KERNEL_ACCOUNT, "%.*s\t%.*s", s->id_len,
				   s->id, s->name_len, s->name);
	if (!view->snapshot)
		goto free_view;
	err = qcow_view_init(view, image, s->disk_size, s->l1_table_offset,
			     s->l1_size, why);
	if (err)
		goto free_name;
	view->users = 1;
	list_add(&view->node, &image->snapshots);
	return view;

free_name:
	kfree(view->snapshot);
free_view:
	kfree(view);
	return ERR_PTR(err);
}

static struct qcow_view *view_attached(struct qcow_image *image,
				       const struct qcow2_snapshot *s)
{
	struct qcow_view *view;

	/* compare what it shows: an image may use an id more than once */
	list_for_each_entry(view, &image->snapshots, node) {
		if (view->l1_table_offset == s->l1_table_offset &&
		    view->size == round_down(s->disk_size, SECTOR_SIZE)) {
			view->users++;
			return view;
		}
	}
	return NULL;
}

static struct qcow_view *snapshot_view_open(struct qcow_image *image,
					    const char *string, u32 len,
					    struct qcow_reason *why)
{
	struct qcow_snaptable t = { .image = image };
	struct qcow2_snapshot s;
	struct qcow_view *view;
	int err;

	lockdep_assert_held(&image->change_lock);
	err = qcow_snaptable_find(&t, string, len, qcow2_snapshot_matches_id,
				  &s, why);
	if (err == -ENOENT)
		err = qcow_snaptable_find(&t, string, len,
					  qcow2_snapshot_matches_name, &s,
					  why);
	if (err == -ENOENT)
		qcow_refuse(why, err, "%s: no snapshot '%.*s'", image->path,
			    (int)len, string);
	if (err) {
		kvfree(t.buf);
		return ERR_PTR(err);
	}
	view = view_attached(image, &s);
	if (!view)
		view = view_alloc(image, &s, why);
	kvfree(t.buf);
	return view;
}

static void snapshot_view_close(struct qcow_view *view)
{
	lockdep_assert_held(&view->image->change_lock);
	if (--view->users)
		return;
	list_del(&view->node);
	qcow_view_destroy(view);
	kfree(view->snapshot);
	kfree(view);
}

static struct qcow_view *chain_open_view(struct qcow_image *image,
					 const struct qcow_open *open,
					 struct qcow_reason *why)
{
	struct qcow_view *view;

	if (!open->snapshot)
		return &image->active;
	if (image->ops->format != QCOW_FORMAT_QCOW2)
		return ERR_PTR(qcow_refuse(why, -EINVAL,
					   "%s: a %s image has no snapshots",
					   image->path, image->ops->name));
	if (mutex_lock_killable(&image->change_lock))
		return ERR_PTR(-EINTR);
	if (qcow_chain_is(image, open->layers, open->nr_layers))
		view = snapshot_view_open(image, open->snapshot,
					  open->snapshot_len, why);
	else
		view = ERR_PTR(qcow_refuse(why, -ESTALE,
				"%s: its backing file was changed meanwhile",
				image->path));
	mutex_unlock(&image->change_lock);
	return view;
}

struct qcow_view *qcow_chain_open(const struct qcow_open *open,
				  struct qcow_reason *why)
{
	struct qcow_image *image = qcow_layers_open(open, why);
	struct qcow_view *view;

	if (IS_ERR(image))
		return ERR_CAST(image);
	view = chain_open_view(image, open, why);
	if (IS_ERR(view))
		qcow_registry_put(image);
	return view;
}

int qcow_chain_close(struct qcow_view *view)
{
	struct qcow_image *image = view->image;
	int err = 0, err2;

	if (view != &image->active) {
		mutex_lock(&image->change_lock);
		snapshot_view_close(view);
		mutex_unlock(&image->change_lock);
	} else if (qcow_registry_hide(image) && image->upkeep) {
		/*
		 * a snapshot of the image stays attached: make this disk's
		 * writes durable
		 */
		err = qcow_commit_run(image);
	}
	err2 = qcow_registry_put(image);
	return err ? err : err2;
}
