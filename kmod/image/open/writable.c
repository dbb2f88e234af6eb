// SPDX-License-Identifier: GPL-2.0
/* Set up, and take down, what a qcow2 image needs to be written. */
#include "file/reason.h"
#include "format/header.h"
#include "image/core/header.h"
#include "image/core/types.h"
#include "image/io/commit.h"
#include "image/io/cow.h"
#include "image/map/cache.h"
#include "image/map/l1.h"
#include "image/open/writable.h"
#include "image/space/alloc.h"
#include "image/space/metadata.h"
#include "image/space/refill.h"
#include "image/space/refs.h"

static void set_autoclear(void *header, const void *arg)
{
	qcow2_header_set_autoclear(header, *(const u64 *)arg);
}

/*
 * Clear autoclear bits durably before the first write of any kind: the bits of
 * bitmaps, which become stale, and of features that this driver does not
 * maintain.
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

static void init_members(struct qcow_image *image)
{
	qcow_cow_init(image);
	spin_lock_init(&image->health.lock);
	qcow_l1_init(&image->l1);
	spin_lock_init(&image->commit.lock);
	spin_lock_init(&image->metadata.lock);
	image->metadata.root = RB_ROOT;
	qcow_bits_init(&image->verified);
	qcow_header_init(image);
}

static int init_tables(struct qcow_image *image, struct qcow_reason *why)
{
	int err = qcow_refs_init(image);

	if (err)
		return err;
	err = qcow_metadata_init(image, why);
	if (!err)
		err = qcow_cache_init_copies(image);
	if (!err)
		err = qcow_alloc_init(image);
	if (!err)
		return 0;
	qcow_metadata_destroy(image);
	qcow_refs_destroy(image);
	return err;
}

static int destroy_tables(struct qcow_image *image, bool cut)
{
	int err = qcow_alloc_destroy(image, cut);

	qcow_bits_clear(&image->verified);
	qcow_metadata_destroy(image);
	qcow_refs_destroy(image);
	return err;
}

static void destroy_upkeep(struct qcow_image *image)
{
	destroy_workqueue(image->upkeep);
	image->upkeep = NULL;
}

int qcow_writable_init(struct qcow_image *image, struct qcow_reason *why)
{
	int err;

	init_members(image);
	image->upkeep = alloc_workqueue("qcow-image",
					WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!image->upkeep)
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
	destroy_upkeep(image);
	return qcow_refuse(why, err, "%s: cannot be prepared for writing (%d)",
			   image->path, err);
}

int qcow_writable_destroy(struct qcow_image *image)
{
	int err, err2;

	/* a refill may free an old refcount table, to be committed below */
	qcow_alloc_stop(image);
	err = qcow_commit_destroy(image);
	flush_work(&image->corrupted);
	err2 = destroy_tables(image, !err);
	destroy_upkeep(image);
	qcow_cow_destroy(image);
	return err ? err : err2;
}
