/* SPDX-License-Identifier: GPL-2.0 */
/* Read the table of internal snapshots in the image file, entry by entry. */
#ifndef QCOW_IMAGE_MAP_SNAPTABLE_H
#define QCOW_IMAGE_MAP_SNAPTABLE_H

#include <linux/types.h>

struct qcow2_snapshot;
struct qcow_image;
struct qcow_reason;

/** struct qcow_snaptable - a growing window over the snapshot table */
struct qcow_snaptable {
	struct qcow_image *image;
	u64 offset;		/* of the entry in the file */
	u64 done;		/* bytes of entries before it */
	void *buf;
	size_t size;
};

typedef int qcow_snapshot_call(struct qcow_image *image,
			       const struct qcow2_snapshot *s, void *ctx,
			       struct qcow_reason *why);

/** qcow_snaptable_walk - read the snapshot table, and @call for each */
int qcow_snaptable_walk(struct qcow_image *image,
			   qcow_snapshot_call *call, void *ctx,
			   struct qcow_reason *why);

/**
 * qcow_snaptable_find - the first snapshot that matches
 * @t:	whose @image is set; its @buf is the caller's to free
 * @s:	leads into @t->buf
 *
 * Return: 0; -ENOENT; or an error.
 */
int qcow_snaptable_find(struct qcow_snaptable *t, const char *string, u32 len,
			bool (*matches)(const struct qcow2_snapshot *s,
					const char *string, size_t len),
			struct qcow2_snapshot *s, struct qcow_reason *why);

#endif /* QCOW_IMAGE_MAP_SNAPTABLE_H */
