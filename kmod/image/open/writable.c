// SPDX-License-Identifier: GPL-2.0
/* What a qcow2 image needs to be written, and its header's changes. */
#include <linux/slab.h>

#include "image/internal.h"

int qcow_header_change(struct qcow_image *image,
		       void (*change)(void *header, const void *arg),
		       const void *arg)
{
	u32 unit = max_t(u32, image->file->align, SECTOR_SIZE);
	void *buf = kmalloc(unit, GFP_NOIO);
	int err;

	if (!buf)
		return -ENOMEM;
	mutex_lock(&image->header_lock);
	err = qcow_file_read(image->file, buf, unit, 0);
	if (err)
		goto unlock;
	change(buf, arg);
	err = qcow_file_write(image->file, buf, unit, 0);
	if (!err)
		err = qcow_file_sync(image->file);
	if (err)
		/* it is the old one, or the new one: nobody knows */
		qcow_commit_fail(image, "changing the header", err);
unlock:
	mutex_unlock(&image->header_lock);
	kfree(buf);
	return err;
}

static void set_autoclear(void *header, const void *arg)
{
	qcow2_header_set_autoclear(header, *(const u64 *)arg);
}

/*
 * Before the first write of any kind: bitmaps that will be stale and features
 * that nobody here maintains lose their bits, durably.
 */
static int clear_autoclear(struct qcow_image *image)
{
	u64 keep = image->header.autoclear_features &
		   QCOW2_AUTOCLEAR_DATA_FILE_RAW;
	int err;

	if (image->header.version < 3 ||
	    image->header.autoclear_features == keep)
		return 0;
	err = qcow_header_change(image, set_autoclear, &keep);
	if (!err)
		image->header.autoclear_features = keep;
	return err;
}

static void set_corrupt(void *header, const void *arg)
{
	const struct qcow_image *image = arg;

	qcow2_header_set_incompatible(header,
				      image->header.incompatible_features |
				      QCOW2_INCOMPAT_CORRUPT);
}

/* As QEMU does: nobody writes to it until it was repaired. */
static void corrupted_work(struct work_struct *work)
{
	struct qcow_image *image =
		container_of(work, struct qcow_image, corrupted);
	unsigned int noio = memalloc_noio_save();

	if (image->geo.version >= 3 &&
	    !(image->header.incompatible_features & QCOW2_INCOMPAT_CORRUPT) &&
	    !qcow_header_change(image, set_corrupt, image))
		image->header.incompatible_features |= QCOW2_INCOMPAT_CORRUPT;
	memalloc_noio_restore(noio);
}

static void init_members(struct qcow_image *image)
{
	qcow_cow_init(image);
	spin_lock_init(&image->commit.lock);
	spin_lock_init(&image->metadata.lock);
	image->metadata.root = RB_ROOT;
	mutex_init(&image->header_lock);
	INIT_WORK(&image->corrupted, corrupted_work);
}

static int init_tables(struct qcow_image *image, struct qcow_reason *why)
{
	int err = qcow_refs_init(image);

	if (err)
		return err;
	err = qcow_metadata_init(image, why);
	if (!err)
		err = qcow_verify_init(image);
	if (!err)
		err = qcow_cache_init_copies(image);
	if (!err)
		err = qcow_alloc_init(image);
	if (!err)
		return 0;
	kvfree(image->verified);
	qcow_metadata_destroy(image);
	qcow_refs_destroy(image);
	return err;
}

static int destroy_tables(struct qcow_image *image, bool cut)
{
	int err = qcow_alloc_destroy(image, cut);

	kvfree(image->verified);
	qcow_metadata_destroy(image);
	qcow_refs_destroy(image);
	return err;
}

int qcow_writable_init(struct qcow_image *image, struct qcow_reason *why)
{
	int err;

	init_members(image);
	image->wq = alloc_workqueue("qcow-image",
				    WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!image->wq)
		return -ENOMEM;
	err = init_tables(image, why);
	if (err)
		goto destroy_wq;
	err = qcow_commit_init(image);
	if (err)
		goto destroy_tables;
	err = clear_autoclear(image);
	if (!err)
		return 0;
	qcow_commit_destroy(image);
destroy_tables:
	destroy_tables(image, false);
destroy_wq:
	destroy_workqueue(image->wq);
	return qcow_refuse(why, err, "%s: cannot be prepared for writing (%d)",
			   image->path, err);
}

int qcow_writable_destroy(struct qcow_image *image)
{
	int err, err2;

	/* a refill frees what the refcount table has outgrown, to be committed */
	qcow_alloc_stop(image);
	err = qcow_commit_destroy(image);
	flush_work(&image->corrupted);
	err2 = destroy_tables(image, !err);
	destroy_workqueue(image->wq);
	qcow_cow_destroy(image);
	return err ? err : err2;
}
