// SPDX-License-Identifier: GPL-2.0
/* Chains: opened from the bottom up, each layer holding the one below. */
#include <linux/kernel.h>

#include <linux/qcow.h>

#include "image/internal.h"

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

static struct qcow_view *open_view(struct qcow_image *image,
				   const struct qcow_open *open,
				   struct qcow_reason *why)
{
	if (!open->snapshot)
		return &image->active;
	if (image->ops->format != QCOW_FORMAT_QCOW2)
		return ERR_PTR(qcow_refuse(why, -EINVAL,
					   "%s: a %s image has no snapshots",
					   image->path, image->ops->name));
	return qcow_view_open_snapshot(image, open->snapshot,
				       open->snapshot_len, why);
}

struct qcow_view *qcow_chain_open(const struct qcow_open *open,
				  struct qcow_reason *why)
{
	struct qcow_image *image;
	struct qcow_view *view;

	if (qcow_registry_lock_killable())
		return ERR_PTR(-EINTR);
	image = qcow_layers_open(open, why);
	if (IS_ERR(image)) {
		view = ERR_CAST(image);
		goto unlock;
	}
	view = open_view(image, open, why);
	if (IS_ERR(view))
		qcow_registry_put(image);
unlock:
	qcow_registry_unlock();
	return view;
}

int qcow_chain_close(struct qcow_view *view)
{
	struct qcow_image *image = view->image;
	int err = 0, err2;

	qcow_registry_lock();
	if (view != &image->active)
		qcow_view_close_snapshot(view);
	else if (image->wq && image->users > 1)
		/* a snapshot of it stays; this disk's writes are over */
		err = qcow_commit_run(image);
	err2 = qcow_registry_put(image);
	qcow_registry_unlock();
	return err ? err : err2;
}
