// SPDX-License-Identifier: GPL-2.0
/*
 * Change the header of an image file durably.  All fields in one sector change
 * at once.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "format/header.h"
#include "image/core/header.h"
#include "image/core/health.h"
#include "image/core/types.h"

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
		/* the file may hold the old header or the new one */
		qcow_health_fail(image, "changing the header", err);
unlock:
	mutex_unlock(&image->header_lock);
	kfree(buf);
	return err;
}

static void set_corrupt(void *header, const void *arg)
{
	const struct qcow_image *image = arg;

	qcow2_header_set_incompatible(header,
				      image->header.incompatible_features |
				      QCOW2_INCOMPAT_CORRUPT);
}

/*
 * Set the corrupt bit, as QEMU does: no program is to write to the image before
 * it is repaired.
 */
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

void qcow_header_init(struct qcow_image *image)
{
	mutex_init(&image->header_lock);
	INIT_WORK(&image->corrupted, corrupted_work);
}
