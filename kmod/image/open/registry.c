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
#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include <linux/qcow.h>

#include "file/file.h"
#include "file/reason.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/open/image.h"
#include "image/open/registry.h"

/*
 * Guards the table of images, and of each image what struct qcow_image names.
 * Nothing is waited for while it is held: an image is opened and closed without
 * it, and until that is over @state keeps others from the image's files.
 */
static DEFINE_MUTEX(registry_mutex);
static DEFINE_HASHTABLE(uses, 8);

/* Woken, and counted, when an image was opened or closed. */
static DECLARE_WAIT_QUEUE_HEAD(settled);
static unsigned long settlements;

static void settle(void)
{
	lockdep_assert_held(&registry_mutex);
	WRITE_ONCE(settlements, settlements + 1);
	wake_up_all(&settled);
}

/* Is the image what the layer over @backing asks for? */
static bool image_is(const struct qcow_image *image,
		     const struct qcow_layer_files *layer,
		     const struct qcow_image *backing)
{
	return image->file_use.inode == qcow_inode_of(layer->file) &&
	       image->data_use.inode == qcow_inode_of(layer->data_file) &&
	       image->ops->format == layer->format &&
	       image->offset == layer->offset &&
	       image->sizelimit == layer->sizelimit &&
	       READ_ONCE(image->backing) == backing;
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

bool qcow_chain_is(const struct qcow_image *image,
		   const struct qcow_layer_files *layers, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr && image; i++) {
		if (!image_is(image, &layers[i], image->backing))
			return false;
		image = image->backing;
	}
	return i == nr && !image;
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

/* Is the layer the active disk that a device is to show? */
static bool is_shown(const struct qcow_open *open, unsigned int layer)
{
	return open->disk && layer == 0 && !open->snapshot;
}

/*
 * May the device that is being attached show the active disk of an image that is
 * written?  It may if there is none that does: the last one was detached, and
 * devices on snapshots keep the image open.
 */
static bool takes_over(const struct qcow_image *image,
		       const struct qcow_open *open, unsigned int layer)
{
	return is_shown(open, layer) && image->writable &&
	       !image->merged_into && !image->shown;
}

/*
 * The image uses one of the files that are to be opened.
 *
 * Return: 0: it is not in the way; 1: it is the one to share; -EAGAIN: wait
 * until an image is opened or closed; or -EBUSY, -EOPNOTSUPP.
 */
static int judge(const struct qcow_image *image, const struct qcow_open *open,
		 unsigned int layer, const struct qcow_image *backing,
		 struct qcow_reason *why)
{
	bool write = open->write && layer == 0;
	bool snapshot = open->snapshot && layer == 0;	/* beside the disk */
	bool over;

	if (layer == 0 && gives_way(image, open))
		return 0;
	if (image->state != QCOW_IMAGE_OPEN)
		return -EAGAIN;
	over = takes_over(image, open, layer);
	if (!over && (write || image->merged_into ||
		      (image->writable && !snapshot)))
		return refuse_busy(image, write, why);
	if (image_is(image, &open->layers[layer], backing) &&
	    suits(image, open))
		return 1;
	return image->writable ? refuse_unlike(image, open, why) : 0;
}

/* Return: an image to share; NULL: none uses the file; or as judge(). */
static struct qcow_image *find_shared(const struct qcow_open *open,
				      unsigned int layer,
				      const struct qcow_image *backing,
				      const struct file *file,
				      struct qcow_reason *why)
{
	const struct inode *inode = qcow_inode_of(file);
	struct qcow_inode_use *use;
	int verdict;

	if (!inode)
		return NULL;
	hash_for_each_possible(uses, use, node, (unsigned long)inode) {
		if (use->inode != inode)
			continue;
		verdict = judge(use->image, open, layer, backing, why);
		if (verdict)
			return verdict < 0 ? ERR_PTR(verdict) : use->image;
	}
	return NULL;
}

static void add_use(struct qcow_inode_use *use)
{
	lockdep_assert_held(&registry_mutex);
	if (use->inode)
		hash_add(uses, &use->node, (unsigned long)use->inode);
}

/*
 * Find an image to share, or have @new in the table, which is to be opened then.
 *
 * Return: one of them; -EINTR; or as find_shared().
 */
static struct qcow_image *find_or_add(const struct qcow_open *open,
				      unsigned int layer,
				      const struct qcow_image *backing,
				      struct qcow_image *new,
				      struct qcow_reason *why)
{
	const struct qcow_layer_files *files = &open->layers[layer];
	struct qcow_image *image;
	unsigned long seen;

	for (;;) {
		mutex_lock(&registry_mutex);
		image = find_shared(open, layer, backing, files->file, why);
		if (!image)
			image = find_shared(open, layer, backing,
					    files->data_file, why);
		if (!image) {
			image = new;
			add_use(&new->file_use);
			add_use(&new->data_use);
			if (open->instead && layer == 0)
				/* nobody else may share it any more */
				open->instead->state = QCOW_IMAGE_CLOSING;
		}
		if (!IS_ERR(image)) {
			image->users++;
			image->shown |= is_shown(open, layer);
		}
		seen = settlements;
		mutex_unlock(&registry_mutex);
		if (image != ERR_PTR(-EAGAIN))
			return image;
		if (wait_event_killable(settled,
					READ_ONCE(settlements) != seen))
			return ERR_PTR(-EINTR);
	}
}

static void remove_image(struct qcow_image *image)
{
	mutex_lock(&registry_mutex);
	hash_del(&image->file_use.node);
	hash_del(&image->data_use.node);
	settle();
	mutex_unlock(&registry_mutex);
	qcow_image_free(image);
}

void qcow_registry_keep(struct qcow_image *image)
{
	mutex_lock(&registry_mutex);
	image->state = QCOW_IMAGE_OPEN;
	settle();
	mutex_unlock(&registry_mutex);
}

static int need_wq(struct qcow_image *image, const struct qcow_open *open,
		   unsigned int layer)
{
	return layer == 0 && (open->disk || open->write) ?
	       qcow_image_need_wq(image, open->number) : 0;
}

struct qcow_image *qcow_registry_get(const struct qcow_open *open,
				     unsigned int layer,
				     struct qcow_image *backing,
				     struct qcow_reason *why)
{
	struct qcow_image *new = qcow_image_alloc(open, layer, why), *image;
	int err;

	if (IS_ERR(new)) {
		qcow_registry_put(backing);
		return new;
	}
	image = find_or_add(open, layer, backing, new, why);
	if (image != new) {
		qcow_image_free(new);
		/* a shared image already has a reference to its backing image */
		qcow_registry_put(backing);
		err = IS_ERR(image) ? 0 : need_wq(image, open, layer);
		if (!err)
			return image;
		qcow_registry_put(image);
		return ERR_PTR(err);
	}
	err = need_wq(new, open, layer);
	if (!err)
		err = qcow_image_open(new, open, layer, backing, why);
	if (!err) {
		qcow_registry_keep(new);
		return new;
	}
	if (open->instead && layer == 0)
		qcow_registry_keep(open->instead);
	remove_image(new);
	qcow_registry_put(backing);
	return ERR_PTR(err);
}

/* Drop a user.  Return: true if it was the last one, and the caller closes. */
static bool drop_user(struct qcow_image *image)
{
	bool last;

	mutex_lock(&registry_mutex);
	last = !--image->users;
	if (last)
		image->state = QCOW_IMAGE_CLOSING;
	mutex_unlock(&registry_mutex);
	return last;
}

int qcow_registry_put(struct qcow_image *image)
{
	int err = 0, err2;

	while (image && drop_user(image)) {
		struct qcow_image *backing = image->backing;

		err2 = qcow_image_close(image);
		err = err ? err : err2;
		remove_image(image);
		image = backing;
	}
	return err;
}

bool qcow_registry_hide(struct qcow_image *image)
{
	bool others;

	mutex_lock(&registry_mutex);
	image->shown = false;
	others = image->users > 1;
	mutex_unlock(&registry_mutex);
	return others;
}

bool qcow_registry_has_others(const struct qcow_image *image)
{
	bool others;

	mutex_lock(&registry_mutex);
	others = image->users > 1;
	mutex_unlock(&registry_mutex);
	return others;
}

void qcow_registry_set_merged_into(struct qcow_image *image, bool merged_into)
{
	mutex_lock(&registry_mutex);
	image->merged_into = merged_into;
	mutex_unlock(&registry_mutex);
}

unsigned int qcow_file_use(const struct inode *inode)
{
	const struct qcow_inode_use *use;
	unsigned int flags = 0;

	mutex_lock(&registry_mutex);
	hash_for_each_possible(uses, use, node, (unsigned long)inode) {
		const struct qcow_image *image = use->image;
		bool writable = READ_ONCE(image->writable);

		if (use->inode != inode)
			continue;
		flags |= QCOW_QUERY_OPEN |
			 (writable ? QCOW_QUERY_WRITABLE : 0);
		if (writable && !image->merged_into && !image->shown)
			flags |= QCOW_QUERY_UNSHOWN;
	}
	mutex_unlock(&registry_mutex);
	return flags;
}
