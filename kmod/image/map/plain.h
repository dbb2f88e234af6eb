/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The common case of a lookup, in few instructions: standard clusters in the
 * image file, without extended L2.
 */
#ifndef QCOW_IMAGE_MAP_PLAIN_H
#define QCOW_IMAGE_MAP_PLAIN_H

#include "format/l2.h"
#include "image/core/types.h"
#include "image/map/run.h"
#include "image/map/slice.h"

/**
 * qcow_map_plain - look up standard clusters that are contiguous in the file
 * @flags: QCOW2_OFLAG_COPIED to accept only clusters that have it, or 0
 *
 * Return: false if the image is not that simple, or the first entry is of
 * another kind or malformed; then the caller has to do a full lookup.
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

	if (!image->cache.plain || !host ||
	    (host & (QCOW2_OFLAG_COMPRESSED | (size - 1) | flags)))
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

#endif /* QCOW_IMAGE_MAP_PLAIN_H */
