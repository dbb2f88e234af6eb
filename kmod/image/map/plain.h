/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The common case of a lookup, in few instructions: standard clusters in the
 * image file, without extended L2.
 */
#ifndef QCOW_IMAGE_MAP_PLAIN_H
#define QCOW_IMAGE_MAP_PLAIN_H

#include <linux/rcupdate.h>

#include "format/l2.h"
#include "image/core/types.h"
#include "image/map/cache.h"
#include "image/map/run.h"
#include "image/map/slice.h"

/*
 * Private to qcow_map_quickly().  @flags is QCOW2_OFLAG_COPIED to accept only
 * clusters that have it, or 0.
 */
static __always_inline bool
qcow_map_plain(struct qcow_image *image, const struct qcow_slice *slice,
	       u64 pos, u32 len, u64 flags, struct qcow_run *run)
{
	const u64 telling = QCOW2_OFLAG_COMPRESSED | QCOW2_OFLAG_ZERO |
			    QCOW2_L2E_OFFSET_MASK | flags;
	u32 entries = image->cache.entries, size = image->cache.cluster_size;
	u32 index = (pos >> image->geo.cluster_bits) & (entries - 1);
	u64 host = (READ_ONCE(slice->entries[index]) & telling) ^ flags;
	u32 offset = pos & (size - 1);

	if (!host || (host & (QCOW2_OFLAG_COMPRESSED | (size - 1) | flags)))
		return false;
	run->type = QCOW_RUN_DATA;
	run->image = image;
	run->file = image->file;
	run->host = host + offset;
	run->len = size - offset;
	while (run->len < len && ++index < entries) {
		host += size;
		if (((READ_ONCE(slice->entries[index]) & telling) ^ flags) !=
		    host)
			break;
		run->len += size;
	}
	run->len = min(run->len, len);
	return true;
}

/**
 * qcow_map_quickly - look up standard clusters that are contiguous in the file
 * @write: for a write: they are written in place
 *
 * The arguments are those of qcow_image_ops.map and qcow_image_ops.map_write,
 * which the caller calls if this was not enough.
 *
 * Context: any.
 * Return: false if the image is not that simple, its slice is not resident or
 * may not be written through, or the first entry is of another kind or
 * malformed.
 */
static __always_inline bool qcow_map_quickly(struct qcow_view *view, u64 pos,
					     u32 len, bool write,
					     struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	struct qcow_slice *slice;
	const bool *usable;
	bool found = false;

	if (!image->cache.plain)
		return false;
	rcu_read_lock();
	slice = qcow_cache_seek(view, pos >> image->cache.disk_shift);
	if (unlikely(!slice))
		goto unlock;
	usable = write ? &slice->writable : &slice->ready;
	/* pairs with qcow_slice_set_writable() and slice_publish() */
	found = smp_load_acquire(usable) &&
		qcow_map_plain(image, slice, pos, len,
			       write ? QCOW2_OFLAG_COPIED : 0, run);
	if (likely(found))
		qcow_slice_use(image, slice);
unlock:
	rcu_read_unlock();
	return found;
}

#endif /* QCOW_IMAGE_MAP_PLAIN_H */
