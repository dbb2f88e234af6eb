// SPDX-License-Identifier: GPL-2.0
/* Look up what a read finds at a place, down the whole chain of images. */
#include <linux/indirect_call_wrapper.h>

#include <linux/qcow.h>

#include "image/core/types.h"
#include "image/map/lookup.h"
#include "image/map/map.h"
#include "image/map/plain.h"
#include "image/map/run.h"

static int map_zero(struct qcow_view *view, u32 len, struct qcow_run *run)
{
	run->type = QCOW_RUN_ZERO;
	run->len = len;
	run->image = view->image;
	return 0;
}

/* Behind its end a layer reads zeros, even if the layer below is longer. */
int qcow_map_lookup(struct qcow_view *view, u64 pos, u32 len,
		    struct qcow_run *run)
{
	for (;;) {
		struct qcow_image *image = view->image;
		int ret;

		if (unlikely(pos >= view->size))
			return map_zero(view, len, run);
		len = min_t(u64, len, view->size - pos);
		if (likely(qcow_map_quickly(view, pos, len, false, run)))
			return 0;
		ret = INDIRECT_CALL_2(image->ops->map, qcow_qcow2_map,
				      qcow_raw_map, view, pos, len, run);
		if (ret || run->type != QCOW_RUN_BACKING)
			return ret;
		if (!image->backing)
			return map_zero(view, run->len, run);
		view = &image->backing->active;
		len = run->len;
	}
}

int qcow_raw_map(struct qcow_view *view, u64 pos, u32 len,
		 struct qcow_run *run)
{
	run->type = QCOW_RUN_DATA;
	run->len = len;
	run->image = view->image;
	run->file = view->image->file;
	run->host = view->image->offset + pos;
	return 0;
}

int qcow_map_sync(struct qcow_view *view, u64 pos, u32 len,
		  struct qcow_run *run)
{
	for (;;) {
		struct qcow_image *image = view->image;
		int err;

		run->type = QCOW_RUN_ZERO;
		run->len = len;
		if (pos >= view->size)
			return 0;
		len = min_t(u64, len, view->size - pos);
		err = image->ops->format == QCOW_FORMAT_RAW ?
		      qcow_raw_map(view, pos, len, run) :
		      qcow_qcow2_map_sync(view, pos, len, run);
		if (err || run->type != QCOW_RUN_BACKING)
			return err;
		len = run->len;
		if (!image->backing) {
			run->type = QCOW_RUN_ZERO;
			return 0;
		}
		view = &image->backing->active;
	}
}
