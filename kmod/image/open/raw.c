// SPDX-License-Identifier: GPL-2.0
/*
 * The raw format: open an image whose guest bytes are the bytes of the file
 * from an offset on.
 */
#include <linux/kernel.h>

#include <linux/qcow.h>

#include "file/file.h"
#include "file/file_io.h"
#include "file/reason.h"
#include "image/core/types.h"
#include "image/map/map.h"
#include "image/open/formats.h"

static int raw_open(struct qcow_image *image, const struct qcow_open *open,
		    const struct qcow_layer_files *layer,
		    struct qcow_reason *why)
{
	u64 size = qcow_file_size(image->file);

	if (layer->data_file)
		return qcow_refuse(why, -EINVAL,
				   "%s: a raw image has no data file",
				   image->path);
	if (!IS_ALIGNED(layer->offset | layer->sizelimit, SECTOR_SIZE))
		return qcow_refuse(why, -EINVAL,
				   "%s: offset and size limit must be multiples of 512",
				   image->path);
	if (layer->offset && layer->offset >= size)
		return qcow_refuse(why, -EINVAL,
				   "%s: offset %llu is beyond the end (%llu)",
				   image->path, layer->offset, size);
	if (!IS_ALIGNED(layer->offset, image->file->align))
		return qcow_refuse(why, -EINVAL,
				   "%s: offset %llu is not a multiple of the direct I/O unit (%u); attach with buffered I/O",
				   image->path, layer->offset,
				   image->file->align);
	image->offset = layer->offset;
	image->sizelimit = layer->sizelimit;
	size -= image->offset;
	if (layer->sizelimit)
		size = min(size, layer->sizelimit);
	/* if the file ends within a sector, the rest of it reads zeros */
	size = round_up(size, SECTOR_SIZE);
	image->geo.cluster_bits = PAGE_SHIFT;
	image->active.size = size;
	return 0;
}

static int raw_close(struct qcow_image *image)
{
	return image->writable ? qcow_file_sync(image->file) : 0;
}

static int raw_discard(struct qcow_image *image, u64 pos, u32 len)
{
	return qcow_file_discard(image->file, image->offset + pos, len);
}

static int raw_zero(struct qcow_image *image, u64 pos, u32 len, bool unmap)
{
	return qcow_file_zero(image->file, image->offset + pos, len, unmap);
}

const struct qcow_image_ops qcow_raw_ops = {
	.format = QCOW_FORMAT_RAW,
	.name = "raw",
	.open = raw_open,
	.close = raw_close,
	.map = qcow_raw_map,
	.map_write = qcow_raw_map,
	.discard = raw_discard,
	.zero = raw_zero,
};
