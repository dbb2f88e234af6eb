// SPDX-License-Identifier: GPL-2.0
/* The qcow2 format: open an image, and find what its tables say of a place. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>

#include <linux/qcow.h>

#include "image/internal.h"
#include "image/map/decompress.h"
#include "image/map/plain.h"

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

/* The first cluster, as much of it as there is: header and extensions. */
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
 * Reads of less than what direct I/O takes are bounced; a write must not be
 * less, and it may be as little as what is allocated at a time.
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
	qcow_cache_init(image, layer == open->layers ? open->cache_size : 0);
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

static const enum qcow_run_type run_types[] = {
	[QCOW2_CLUSTER_UNALLOCATED]	= QCOW_RUN_BACKING,
	[QCOW2_CLUSTER_ZERO_PLAIN]	= QCOW_RUN_ZERO,
	[QCOW2_CLUSTER_ZERO_ALLOC]	= QCOW_RUN_ZERO,
	[QCOW2_CLUSTER_NORMAL]		= QCOW_RUN_DATA,
	[QCOW2_CLUSTER_COMPRESSED]	= QCOW_RUN_COMPRESSED,
};

/* The run that begins at @offset in one cluster and ends in it at the latest. */
static int map_entry(struct qcow_image *image, const struct qcow2_l2_entry *e,
		     u64 guest_offset, u32 offset, struct qcow_run *run)
{
	const struct qcow2_geometry *geo = &image->geo;
	enum qcow2_cluster_type type = qcow2_cluster_type(geo, e->entry);
	struct qcow_fault fault;
	u32 end = 1U << geo->cluster_bits;
	unsigned int sc;

	if (qcow2_l2_entry_check(geo, guest_offset, e, &fault))
		return qcow_image_corrupt(image, &fault);
	run->image = image;
	if (geo->extended_l2 && type != QCOW2_CLUSTER_COMPRESSED) {
		sc = offset >> geo->subcluster_bits;
		end = (sc + qcow2_subcluster_run(type, e->bitmap, sc)) <<
		      geo->subcluster_bits;
		type = qcow2_subcluster_type(type, e->bitmap, sc);
	}
	run->type = run_types[type];
	run->len = end - offset;
	if (run->type == QCOW_RUN_DATA) {
		run->file = image->data_file;
		run->host = (e->entry & QCOW2_L2E_OFFSET_MASK) + offset;
	} else if (run->type == QCOW_RUN_COMPRESSED) {
		qcow2_compressed_decode(geo, e->entry, &run->compressed);
		run->offset = offset;
	}
	return 0;
}

static bool run_continues(const struct qcow_run *run,
			  const struct qcow_run *next)
{
	if (run->type != next->type || run->type == QCOW_RUN_COMPRESSED)
		return false;
	return run->type != QCOW_RUN_DATA ||
	       run->host + run->len == next->host;
}

/* Any kind of entry, and neighbours that are alike. */
static int map_slice(struct qcow_view *view, const struct qcow_slice *slice,
		     u64 pos, u32 len, struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	u8 bits = image->geo.cluster_bits;
	u32 entries = 1U << image->cache.entry_bits;
	u32 index = (pos >> bits) & (entries - 1);
	u64 guest_offset = round_down(pos, 1ULL << bits);
	struct qcow2_l2_entry e = qcow_slice_entry(&image->geo, slice, index);
	struct qcow_run next;
	int err;

	err = map_entry(image, &e, guest_offset, pos - guest_offset, run);
	if (err)
		return err;
	while (run->len < len && ++index < entries &&
	       IS_ALIGNED(pos + run->len, 1ULL << bits)) {
		guest_offset += 1ULL << bits;
		e = qcow_slice_entry(&image->geo, slice, index);
		/* a bad neighbour is reported when it is its turn */
		if (qcow2_l2_entry_check(&image->geo, guest_offset, &e,
					 &(struct qcow_fault){ }) ||
		    map_entry(image, &e, guest_offset, 0, &next) ||
		    !run_continues(run, &next))
			break;
		run->len += next.len;
	}
	run->len = min(run->len, len);
	return 0;
}

/* No slice: there is no L2 table, or the slice has to be read. */
static int map_no_slice(struct qcow_view *view, unsigned long number, u64 pos,
			u32 len, struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	u8 bits = image->geo.l2_bits + image->geo.cluster_bits;
	u64 index = pos >> bits;
	u64 entry = READ_ONCE(view->l1_table[index]);
	struct qcow_fault fault;

	if (qcow2_l1_entry_check(&image->geo, index, entry, &fault))
		return qcow_image_corrupt(image, &fault);
	if (entry & QCOW2_L1E_OFFSET_MASK) {
		run->missing = view;
		run->slice = number;
		return -EAGAIN;
	}
	run->type = QCOW_RUN_BACKING;
	run->len = min_t(u64, len, ((index + 1) << bits) - pos);
	return 0;
}

int qcow_qcow2_map(struct qcow_view *view, u64 pos, u32 len,
		   struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	unsigned long number = pos >> (image->geo.cluster_bits +
				       image->cache.entry_bits);
	struct qcow_slice *slice;
	int ret;

	rcu_read_lock();
	slice = qcow_cache_find(view, number);
	if (unlikely(!slice)) {
		ret = map_no_slice(view, number, pos, len, run);
		goto unlock;
	}
	qcow_stat_inc(image, slice_hits);
	if (!image->geo.extended_l2 && !image->geo.external_data &&
		 qcow_map_plain(image, slice, pos, len, 0, run))
		ret = 0;
	else
		ret = map_slice(view, slice, pos, len, run);
unlock:
	rcu_read_unlock();
	return ret;
}

int qcow_qcow2_map_sync(struct qcow_view *view, u64 pos, u32 len,
			struct qcow_run *run)
{
	struct qcow_image *image = view->image;
	u32 size = 1U << image->cache.slice_bits;
	struct qcow_slice slice = { .view = view };
	int err = qcow_qcow2_map(view, pos, len, run);

	if (err != -EAGAIN)
		return err;
	slice.number = run->slice;
	spin_lock_init(&slice.lock);
	seqcount_spinlock_init(&slice.seq, &slice.lock);
	slice.entries = kmalloc(size, GFP_NOIO);
	if (!slice.entries)
		return -ENOMEM;
	err = qcow_file_read(image->file, slice.entries, size,
			     qcow_slice_host(&slice));
	if (!err) {
		qcow2_be64_decode(slice.entries, slice.entries,
				  size / sizeof(u64));
		err = map_slice(view, &slice, pos, len, run);
	}
	kfree(slice.entries);
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
