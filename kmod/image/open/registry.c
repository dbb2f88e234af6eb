// SPDX-License-Identifier: GPL-2.0
/*
 * Find images that are open already by the inode of their file, so that devices
 * and overlays share them.  Uses that cannot go together are refused:
 *
 *   a file that is written	has one device on its active disk and any number
 *				of devices on its snapshots, and backs nothing.
 *				Or an image is merged into it: then it backs one
 *				image that is written, and has no other user
 *				until the merge is over.
 *   a file that is only read	has any number of users.  Those that agree on
 *				its format, its data file, what backs it and its
 *				I/O mode share one image; others get another.
 */
#include <linux/fs.h>
#include <linux/mutex.h>

#include "file/file.h"
#include "file/reason.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/open/image.h"
#include "image/open/registry.h"

/*
 * Guards the list of images, their @users and their snapshot views.  Held while
 * an image is opened, so that two tasks that open one file get one image.
 * Never held while a device is added or removed.
 */
static DEFINE_MUTEX(registry_mutex);
static LIST_HEAD(images);

void qcow_registry_lock(void)
{
	mutex_lock(&registry_mutex);
}

int qcow_registry_lock_killable(void)
{
	return mutex_lock_killable(&registry_mutex);
}

void qcow_registry_unlock(void)
{
	mutex_unlock(&registry_mutex);
}

void qcow_registry_assert_locked(void)
{
	lockdep_assert_held(&registry_mutex);
}

static bool uses_inode(const struct qcow_image *image,
		       const struct inode *inode)
{
	return qcow_file_inode(image->file) == inode ||
	       qcow_file_inode(image->data_file) == inode;
}

static const struct inode *inode_of(const struct file *file)
{
	return file ? file->f_mapping->host : NULL;
}

bool qcow_image_is(const struct qcow_image *image,
		   const struct qcow_layer_files *layer,
		   const struct qcow_image *backing)
{
	const struct inode *data = image->data_file == image->file ?
				   NULL : qcow_file_inode(image->data_file);

	return qcow_file_inode(image->file) == inode_of(layer->file) &&
	       inode_of(layer->data_file) == data &&
	       image->ops->format == layer->format &&
	       image->offset == layer->offset &&
	       image->sizelimit == layer->sizelimit &&
	       image->backing == backing;
}

/*
 * Requests of a device with smaller sectors may be less than the file's unit of
 * direct I/O.
 */
static bool is_too_coarse(const struct qcow_image *image,
			  unsigned int sector_size)
{
	return max(image->file->align, image->data_file->align) > sector_size;
}

/* Does the image have the I/O mode that this attach demands? */
static bool has_dio(const struct qcow_image *image, enum qcow_dio dio)
{
	bool direct = image->file->direct && image->data_file->direct;
	bool buffered = !image->file->direct && !image->data_file->direct;

	return dio == QCOW_DIO_ON ? direct :
	       dio == QCOW_DIO_OFF ? buffered : true;
}

static bool suits(const struct qcow_image *image, const struct qcow_open *open)
{
	return !is_too_coarse(image, open->sector_size) &&
	       has_dio(image, open->dio);
}

static bool overlaps(const struct qcow_image *image,
		     const struct qcow_layer_files *layer)
{
	return uses_inode(image, inode_of(layer->file)) ||
	       (layer->data_file &&
		uses_inode(image, inode_of(layer->data_file)));
}

static int refuse_busy(const struct qcow_image *image, bool write,
		       struct qcow_reason *why)
{
	if (image->merged_into)
		return qcow_refuse(why, -EBUSY,
				   "%s: is being merged into", image->path);
	if (image->writable)
		return qcow_refuse(why, -EBUSY,
				   "%s: is attached for writing already",
				   image->path);
	return qcow_refuse(why, -EBUSY, "%s: is attached already%s",
			   image->path,
			   write ? ", so it cannot be written" : "");
}

/* The image is written, so its file cannot be opened a second time. */
static int refuse_unlike(const struct qcow_image *image,
			 const struct qcow_open *open, struct qcow_reason *why)
{
	if (has_dio(image, open->dio))
		return refuse_busy(image, false, why);
	return qcow_refuse(why, -EOPNOTSUPP,
			   "%s: is attached for writing, with %s I/O",
			   image->path,
			   image->file->direct ? "direct" : "buffered");
}

/*
 * Return true if the chain that is being opened replaces the image, and the
 * image has no other user.
 */
static bool gives_way(const struct qcow_image *image,
		      const struct qcow_open *open)
{
	return image == open->instead && image->users == 1;
}

/* Return: an image to share; NULL: open a new one; or -EBUSY, -EOPNOTSUPP. */
static struct qcow_image *find_shared(const struct qcow_open *open,
				      unsigned int layer,
				      const struct qcow_image *backing,
				      struct qcow_reason *why)
{
	const struct qcow_layer_files *files = &open->layers[layer];
	bool write = open->write && layer == 0;
	bool snapshot = open->snapshot && layer == 0;	/* beside the disk */
	struct qcow_image *image;

	list_for_each_entry(image, &images, node) {
		if (!overlaps(image, files) ||
		    (layer == 0 && gives_way(image, open)))
			continue;
		if (write || image->merged_into ||
		    (image->writable && !snapshot))
			return ERR_PTR(refuse_busy(image, write, why));
		if (qcow_image_is(image, files, backing) &&
		    suits(image, open))
			return image;
		if (image->writable)
			return ERR_PTR(refuse_unlike(image, open, why));
	}
	return NULL;
}

struct qcow_image *qcow_registry_get(const struct qcow_open *open,
				     unsigned int layer,
				     struct qcow_image *backing,
				     struct qcow_reason *why)
{
	struct qcow_image *image;

	qcow_registry_assert_locked();
	image = find_shared(open, layer, backing, why);
	if (!image) {
		image = qcow_image_open(open, layer, backing, why);
		if (!IS_ERR(image)) {
			image->users = 1;
			list_add(&image->node, &images);
			return image;
		}
	} else if (!IS_ERR(image)) {
		image->users++;
	}
	/* a shared image already has a reference to its backing image */
	qcow_registry_put(backing);
	return image;
}

int qcow_registry_put(struct qcow_image *image)
{
	int err = 0, err2;

	qcow_registry_assert_locked();
	while (image && !--image->users) {
		struct qcow_image *backing = image->backing;

		list_del(&image->node);
		err2 = qcow_image_close(image);
		err = err ? err : err2;
		image = backing;
	}
	return err;
}

int qcow_file_in_use(const struct inode *inode, bool *writable)
{
	struct qcow_image *image;
	int found = 0;

	*writable = false;
	/* a task that holds the mutex may wait for a stuck file system */
	if (mutex_lock_killable(&registry_mutex))
		return -EINTR;
	list_for_each_entry(image, &images, node) {
		if (uses_inode(image, inode)) {
			found = 1;
			*writable |= image->writable;
		}
	}
	mutex_unlock(&registry_mutex);
	return found;
}
