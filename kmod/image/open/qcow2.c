// SPDX-License-Identifier: GPL-2.0
/* The qcow2 format: open an image. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <linux/qcow.h>

#include "file/file.h"
#include "file/file_io.h"
#include "file/reason.h"
#include "format/fault.h"
#include "format/header.h"
#include "image/core/types.h"
#include "image/io/erase.h"
#include "image/map/cache.h"
#include "image/map/decompress.h"
#include "image/map/inflate.h"
#include "image/map/lookup.h"
#include "image/map/lookup_write.h"
#include "image/map/view.h"
#include "image/open/formats.h"
#include "image/open/writable.h"

static int refuse_writing(const struct qcow_image *image,
			  struct qcow_reason *why)
{
	if (image->header.incompatible_features & QCOW2_INCOMPAT_CORRUPT)
		return qcow_refuse(why, -EROFS,
				   "%s: the image is marked corrupt; attach it read-only, or repair it with qemu-img check -r all",
				   image->path);
	if (image->header.incompatible_features & QCOW2_INCOMPAT_DIRTY)
		return qcow_refuse(why, -EROFS,
				   "%s: the image is marked dirty: its refcounts may be wrong; repair it with qcowctl check -r all, or attach it read-only",
				   image->path);
	return 0;
}

static int check_supported(const struct qcow_image *image,
			   const struct qcow_layer_files *layer,
			   struct qcow_reason *why)
{
	const struct qcow2_header *h = &image->header;
	bool data_file = h->incompatible_features & QCOW2_INCOMPAT_DATA_FILE;

	if (h->crypt_method != QCOW2_CRYPT_NONE)
		return qcow_refuse(why, -EOPNOTSUPP,
				   "%s: encrypted images (crypt_method %u) are not supported",
				   image->path, h->crypt_method);
	if (!qcow_decompress_known(h->compression_type))
		return qcow_refuse(why, -EOPNOTSUPP,
				   "%s: compression type %u is not supported",
				   image->path, h->compression_type);
	if (data_file && !layer->data_file)
		return qcow_refuse(why, -EINVAL,
				   "%s: the image has an external data file, which was not given",
				   image->path);
	if (!data_file && layer->data_file)
		return qcow_refuse(why, -EINVAL,
				   "%s: the image has no external data file, but one was given",
				   image->path);
	if (image->writable)
		return refuse_writing(image, why);
	return 0;
}

/*
 * Read the first cluster, or as much of it as the file has: the header and its
 * extensions.
 */
static void *read_first_cluster(struct qcow_image *image, size_t *len,
				struct qcow_reason *why)
{
	u64 size = qcow_file_size(image->file);
	struct qcow2_header h;
	struct qcow_fault fault;
	u8 start[QCOW2_HEADER_MIN_READ];
	void *buf;
	int err;

	if (!size)
		return ERR_PTR(qcow_refuse(why, -EUCLEAN, "%s: is empty",
					   image->path));
	*len = min_t(u64, size, sizeof(start));
	err = qcow_file_read(image->file, start, *len, 0);
	if (err)
		return ERR_PTR(qcow_refuse(why, err, "%s: cannot be read (%d)",
					   image->path, err));
	err = qcow2_header_parse(start, *len, &h, &fault);
	if (err)
		return ERR_PTR(qcow_refuse_fault(why, err, image->path,
						 &fault));
	*len = min_t(u64, size, 1U << h.cluster_bits);
	buf = kvmalloc(*len, GFP_KERNEL);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	err = qcow_file_read(image->file, buf, *len, 0);
	if (err) {
		kvfree(buf);
		return ERR_PTR(qcow_refuse(why, err, "%s: cannot be read (%d)",
					   image->path, err));
	}
	return buf;
}

static int read_header(struct qcow_image *image, struct qcow_reason *why)
{
	struct qcow2_extensions ext;
	struct qcow_fault fault;
	size_t len;
	void *buf;
	int err;

	buf = read_first_cluster(image, &len, why);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	err = qcow2_header_parse(buf, len, &image->header, &fault);
	if (!err)
		err = qcow2_extensions_parse(&image->header, buf, len, &ext,
					     &fault);
	if (!err)
		err = qcow2_header_check_features(&image->header, &ext,
						  &fault);
	kvfree(buf);
	if (err)
		return qcow_refuse_fault(why, err, image->path, &fault);
	qcow2_geometry_init(&image->geo, &image->header);
	return 0;
}

/*
 * Let the file be used in the units in which clusters are written.  A read of
 * less than a unit of direct I/O goes through a bounce buffer.  A write must
 * not be less than such a unit, and it may be as little as is allocated at a
 * time.
 */
static int need_files(struct qcow_image *image, enum qcow_dio dio,
		      struct qcow_reason *why)
{
	const struct qcow2_geometry *geo = &image->geo;
	u32 granule = 1U << (image->writable ? geo->subcluster_bits :
					       geo->cluster_bits);
	int err = qcow_file_need(image->file, dio, granule, why);

	if (!err && image->data_file != image->file)
		err = qcow_file_need(image->data_file, dio, granule, why);
	return err;
}

static int qcow2_open(struct qcow_image *image, const struct qcow_open *open,
		      const struct qcow_layer_files *layer,
		      struct qcow_reason *why)
{
	const struct qcow2_header *h = &image->header;
	int err;

	err = read_header(image, why);
	if (!err)
		err = check_supported(image, layer, why);
	if (!err)
		err = need_files(image, open->dio, why);
	if (err)
		return err;
	if (layer->offset || layer->sizelimit)
		return qcow_refuse(why, -EINVAL,
				   "%s: offset and size limit are for raw images",
				   image->path);
	err = qcow_cache_init(image, layer == open->layers ?
			      open->cache_size : 0);
	if (err)
		return err;
	qcow_inflate_init(image);
	err = qcow_view_init(&image->active, image, h->size,
			     h->l1_table_offset, h->l1_size, why);
	if (!err && image->writable) {
		err = qcow_writable_init(image, why);
		if (err)
			qcow_view_destroy(&image->active);
	}
	if (err) {
		qcow_inflate_destroy(image);
		qcow_cache_destroy(image);
	}
	return err;
}

static int qcow2_close(struct qcow_image *image)
{
	int err = image->writable ? qcow_writable_destroy(image) : 0;

	qcow_view_destroy(&image->active);
	qcow_inflate_destroy(image);
	qcow_cache_destroy(image);
	return err;
}

const struct qcow_image_ops qcow_qcow2_ops = {
	.format = QCOW_FORMAT_QCOW2,
	.name = "qcow2",
	.open = qcow2_open,
	.close = qcow2_close,
	.map = qcow_qcow2_map,
	.map_write = qcow_qcow2_map_write,
	.erase = qcow_erase,
};
