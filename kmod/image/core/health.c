// SPDX-License-Identifier: GPL-2.0
/*
 * Keep the first error after which the state of the file is unknown, and mark
 * an image corrupt if its metadata is wrong.
 */
#include <linux/printk.h>

#include "file/file.h"
#include "file/file_io.h"
#include "format/fault.h"
#include "image/core/health.h"
#include "image/core/types.h"

void qcow_health_fail(struct qcow_image *image, const char *what, int err)
{
	struct qcow_health *health = &image->health;

	spin_lock(&health->lock);
	if (!health->error) {
		health->failed = what;
		/*
		 * Pairs with smp_load_acquire() in qcow_change_check_health()
		 * and qcow_view_degraded(): a reader of @error sees @failed.
		 */
		smp_store_release(&health->error, err);
		pr_err("%s: %s failed (%d): no more allocation, and flushes fail, until it is attached again\n",
		       image->path, what, err);
	}
	spin_unlock(&health->lock);
}

int qcow_health_sync(struct qcow_image *image, struct qcow_file *file)
{
	int err = qcow_file_sync(file);

	if (err)
		qcow_health_fail(image, "a sync", err);
	else if (READ_ONCE(image->health.error))
		/* another sync failed meanwhile, perhaps for the same data */
		err = -EIO;
	return err;
}

int qcow_image_corrupt(struct qcow_image *image, const struct qcow_fault *fault)
{
	if (__ratelimit(&image->complaints))
		pr_err("%s: corrupt %s: guest 0x%llx: %s (0x%llx)\n",
		       image->path, fault->structure, fault->where,
		       fault->problem, fault->value);
	if (image->upkeep) {
		qcow_health_fail(image, "using the metadata", -EUCLEAN);
		queue_work(image->upkeep, &image->corrupted);
	}
	return -EIO;
}
