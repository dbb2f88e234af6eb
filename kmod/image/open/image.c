// SPDX-License-Identifier: GPL-2.0
/* Open and close one image file: what all formats have in common. */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "file/file.h"
#include "file/file_io.h"
#include "file/reason.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/map/cache.h"
#include "image/open/formats.h"
#include "image/open/image.h"
#include "image/open/writable.h"

static const struct qcow_image_ops *const formats[] = {
	&qcow_raw_ops,
	&qcow_qcow2_ops,
};

static const struct qcow_image_ops *find_format(u32 format)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i]->format == format)
			return formats[i];
	return NULL;
}

static char *path_of(struct file *file)
{
	char *page = kmalloc(PAGE_SIZE, GFP_KERNEL), *path;

	if (!page)
		return NULL;
	path = file_path(file, page, PAGE_SIZE);
	path = kstrdup(IS_ERR(path) ? "(unreachable)" : path,
		       GFP_KERNEL_ACCOUNT);
	kfree(page);
	return path;
}

static int open_files(struct qcow_image *image, const struct qcow_open *open,
		      const struct qcow_layer_files *layer,
		      struct qcow_reason *why)
{
	image->file = qcow_file_open(layer->file, image->writable, open->dio,
				     open->sector_size, why);
	if (IS_ERR(image->file))
		return PTR_ERR(image->file);
	image->data_file = image->file;
	if (!layer->data_file)
		return 0;
	if (layer->data_file->f_mapping->host == qcow_file_inode(image->file)) {
		/*
		 * guest offsets, used in the data file, would hit the metadata
		 */
		qcow_file_close(image->file);
		return qcow_refuse(why, -EINVAL,
				   "%s: cannot be its own data file",
				   image->path);
	}
	image->data_file = qcow_file_open(layer->data_file, image->writable,
					  open->dio, open->sector_size, why);
	if (!IS_ERR(image->data_file)) {
		image->data_file->number = 1;
		return 0;
	}
	qcow_file_close(image->file);
	return PTR_ERR(image->data_file);
}

static void close_files(struct qcow_image *image)
{
	if (image->data_file != image->file)
		qcow_file_close(image->data_file);
	qcow_file_close(image->file);
}

/*
 * The number of images opened so far.  The upper half of @changes begins with
 * it, so no opening of an image counts its changes from the same number as
 * another one.
 */
static atomic64_t openings;

const struct inode *qcow_inode_of(const struct file *file)
{
	return file ? file->f_mapping->host : NULL;
}

struct qcow_image *qcow_image_alloc(const struct qcow_open *open,
				    unsigned int number,
				    struct qcow_reason *why)
{
	const struct qcow_layer_files *layer = &open->layers[number];
	struct qcow_image *image = kzalloc(sizeof(*image), GFP_KERNEL_ACCOUNT);

	if (!image)
		return ERR_PTR(-ENOMEM);
	image->ops = find_format(layer->format);
	if (!image->ops) {
		kfree(image);
		return ERR_PTR(qcow_refuse(why, -EINVAL, "unknown format %u",
					   layer->format));
	}
	image->stats = alloc_percpu_gfp(struct qcow_stats, GFP_KERNEL_ACCOUNT);
	image->path = path_of(layer->file);
	if (!image->stats || !image->path) {
		free_percpu(image->stats);
		kfree(image->path);
		kfree(image);
		return ERR_PTR(-ENOMEM);
	}
	INIT_LIST_HEAD(&image->snapshots);
	mutex_init(&image->change_lock);
	image->file_use.inode = qcow_inode_of(layer->file);
	image->data_use.inode = qcow_inode_of(layer->data_file);
	image->file_use.image = image;
	image->data_use.image = image;
	image->writable = open->write && number == 0;
	image->active.image = image;
	image->changes = (u64)atomic64_inc_return(&openings) << 32;
	ratelimit_state_init(&image->complaints, 5 * HZ, 3);
	ratelimit_set_flags(&image->complaints, RATELIMIT_MSG_ON_RELEASE);
	return image;
}

int qcow_image_need_wq(struct qcow_image *image, unsigned int number)
{
	struct workqueue_struct *wq;

	if (READ_ONCE(image->wq))
		return 0;
	wq = alloc_workqueue("qcow%u", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, number);
	if (!wq)
		return -ENOMEM;
	/* another device may be attached to a snapshot at the same time */
	if (cmpxchg(&image->wq, NULL, wq))
		destroy_workqueue(wq);
	return 0;
}

void qcow_image_free(struct qcow_image *image)
{
	if (image->wq)
		destroy_workqueue(image->wq);
	ratelimit_state_exit(&image->complaints);
	free_percpu(image->stats);
	kfree(image->path);
	kfree(image);
}

int qcow_image_open(struct qcow_image *image, const struct qcow_open *open,
		    unsigned int layer, struct qcow_image *backing,
		    struct qcow_reason *why)
{
	const struct qcow_layer_files *files = &open->layers[layer];
	int err;

	if (image->writable && open->snapshot)
		return qcow_refuse(why, -EROFS,
				   "%s: a snapshot can only be attached read-only",
				   image->path);
	err = open_files(image, open, files, why);
	if (err)
		return err;
	err = image->ops->open(image, open, files, why);
	if (err)
		close_files(image);
	else
		image->backing = backing;
	return err;
}

int qcow_image_close(struct qcow_image *image)
{
	int err = image->ops->close(image);

	close_files(image);
	return err;
}

int qcow_image_settle(struct qcow_image *image)
{
	int err = image->upkeep ? qcow_writable_destroy(image) :
				  qcow_file_sync(image->file);

	WRITE_ONCE(image->writable, false);
	return err;
}

int qcow_image_init(void)
{
	return qcow_cache_module_init();
}

void qcow_image_exit(void)
{
	qcow_cache_module_exit();
}
