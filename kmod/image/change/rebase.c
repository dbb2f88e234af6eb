// SPDX-License-Identifier: GPL-2.0
/*
 * Give the image of a device in use another backing file.  The first cluster of
 * the image file is written so that at any instant it is the old one or the new
 * one.  Then commands find the new backing file below the image.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "file/reason.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/rebase.h"
#include "image/change/rebase.h"
#include "image/core/header.h"
#include "image/core/health.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/open/describe.h"

/**
 * struct head - the first cluster of an image file
 * @bytes: its content
 * @work:  memory for another cluster
 * @len:   bytes at @bytes, and at @work
 * @first: its first sector as it was
 * @unit:  bytes that must be written at once
 */
struct head {
	u8 *bytes;
	u8 *work;
	size_t len;
	u8 *first;
	size_t unit;
};

static int head_init(struct head *head, const struct qcow_image *image)
{
	head->len = 1UL << image->geo.cluster_bits;
	head->unit = max_t(size_t, image->file->align, QCOW2_HEAD_SECTOR);
	head->unit = min(head->unit, head->len);
	/* the unit of I/O on the file may be larger than a cluster */
	head->bytes = kvzalloc(max_t(size_t, head->len, PAGE_SIZE), GFP_NOIO);
	head->work = kvzalloc(head->len, GFP_NOIO);
	head->first = kmalloc(QCOW2_HEAD_SECTOR, GFP_NOIO);
	return head->bytes && head->work && head->first ? 0 : -ENOMEM;
}

static void head_destroy(struct head *head)
{
	kvfree(head->bytes);
	kvfree(head->work);
	kfree(head->first);
}

static void set_head(void *header, const void *arg)
{
	const struct head *head = arg;

	memcpy(header, head->bytes, head->unit);
}

/*
 * The rest of the cluster is made durable before the first sector refers to it:
 * a write of several sectors may reach the disk sector by sector.
 */
static int write_head(struct qcow_image *image, const struct head *head)
{
	int err = 0;

	if (head->len > QCOW2_HEAD_SECTOR) {
		memcpy(head->work, head->bytes, head->len);
		memcpy(head->work, head->first, QCOW2_HEAD_SECTOR);
		err = qcow_file_write(image->file, head->work, head->len, 0);
	}
	if (!err)
		err = qcow_health_sync(image, image->file);
	return err ? err : qcow_header_change(image, set_head, head);
}

/* Take over into memory what the file has now. */
static void adopt_head(struct qcow_image *image, const struct head *head)
{
	struct qcow_fault fault;
	struct qcow2_header h;

	if (qcow2_header_parse(head->bytes, head->len, &h, &fault))
		return;
	image->header.backing_file_offset = h.backing_file_offset;
	image->header.backing_file_size = h.backing_file_size;
	image->header.autoclear_features = h.autoclear_features;
}

static int change_head(struct qcow_image *image,
		       const struct qcow_change *change, struct head *head,
		       struct qcow_reason *why)
{
	const struct qcow2_extensions names = {
		.backing_file = change->name,
		.backing_file_len = change->name_len,
		.backing_format = change->format,
		.backing_format_len = change->format_len,
	};
	struct qcow2_header h;
	struct qcow_fault fault;
	int err;

	memcpy(head->first, head->bytes, QCOW2_HEAD_SECTOR);
	err = qcow2_header_parse(head->bytes, head->len, &h, &fault);
	if (err)
		return qcow_refuse_fault(why, err, image->path, &fault);
	if (qcow2_head_rebase(&h, &names, head->bytes, head->len, head->work))
		return qcow_refuse(why, -ENAMETOOLONG,
				   "%s: there is no room for the name beside what its first cluster of %zu bytes holds",
				   image->path, head->len);
	err = write_head(image, head);
	if (!err)
		adopt_head(image, head);
	return err;
}

static int read_and_change(struct qcow_image *image,
			   const struct qcow_change *change,
			   struct qcow_reason *why)
{
	struct head head;
	int err = head_init(&head, image);

	if (!err)
		err = qcow_file_read(image->file, head.bytes, head.len, 0);
	if (!err)
		err = change_head(image, change, &head, why);
	head_destroy(&head);
	return err;
}

static int rebase_check(const struct qcow_image *image,
			const struct qcow_change *change,
			struct qcow_reason *why)
{
	/* requests to a snapshot are not at rest */
	if (!list_empty(&image->snapshots))
		return qcow_refuse(why, -EBUSY,
				   "%s: a snapshot of it is attached",
				   image->path);
	if (change->filled && change->changes != image->changes)
		return qcow_refuse(why, -ESTALE,
				   "%s: was changed meanwhile, by a snapshot or another size; once more, please",
				   image->path);
	if (change->name_len && image->header.autoclear_features &
				QCOW2_AUTOCLEAR_DATA_FILE_RAW)
		return qcow_refuse(why, -EINVAL,
				   "%s: has a raw data file, which shows all of the disk: there can be no backing file",
				   image->path);
	return 0;
}

/*
 * The alignment of the memory of requests was fixed at attach.  It must suffice
 * for the files of the new backing chain.
 */
int qcow_backing_check(const struct qcow_image *image,
		       const struct qcow_image *backing,
		       struct qcow_reason *why)
{
	if (!backing || qcow_view_align(&backing->active) <=
			max_t(u32, qcow_view_align(&image->active),
			      SECTOR_SIZE))
		return 0;
	return qcow_refuse(why, -EOPNOTSUPP,
			   "%s: lies where larger sectors are; detach %s first",
			   backing->path, image->path);
}

int qcow_rebase(struct qcow_image *image, struct qcow_change *change,
		struct qcow_reason *why)
{
	int err = rebase_check(image, change, why);

	if (!err)
		err = qcow_backing_check(image, change->layers, why);
	if (!err)
		err = read_and_change(image, change, why);
	if (err)
		return err;
	change->layers = qcow_backing_swap(image, change->layers);
	WRITE_ONCE(image->sealed, false);
	return 0;
}
