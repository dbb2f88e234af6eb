/* SPDX-License-Identifier: GPL-2.0 */
/* Read the table of internal snapshots in the image file, entry by entry. */
#ifndef QCOW_IMAGE_MAP_SNAPTABLE_H
#define QCOW_IMAGE_MAP_SNAPTABLE_H

#include <linux/types.h>

struct qcow2_snapshot;
struct qcow_image;
struct qcow_reason;

/**
 * struct qcow_snaptable - an entry of the snapshot table, and a buffer
 * @image:  the image
 * @offset: of the entry in the file, bytes
 * @done:   bytes of the entries before it
 * @buf:    a part of the table, or NULL
 * @size:   bytes at @buf
 * @start:  offset of that part in the file, bytes
 */
struct qcow_snaptable {
	struct qcow_image *image;
	u64 offset;
	u64 done;
	void *buf;
	size_t size;
	u64 start;
};

typedef int qcow_snapshot_call(struct qcow_image *image,
			       const struct qcow2_snapshot *s, void *ctx,
			       struct qcow_reason *why);

/**
 * qcow_snaptable_walk - read the snapshot table, and call @call for each entry
 * @ctx: passed to @call
 * @why: set if an entry is refused
 *
 * Context: may sleep.
 * Return: 0; -EINTR if a fatal signal came; the first error of @call; or
 * another error.
 */
int qcow_snaptable_walk(struct qcow_image *image,
			   qcow_snapshot_call *call, void *ctx,
			   struct qcow_reason *why);

/**
 * qcow_snaptable_find - find the first snapshot that matches
 * @t:	     the caller sets its @image, and afterwards frees its @buf
 * @string:  an id or a name
 * @len:     bytes at @string
 * @matches: tells whether @s has that id or name
 * @s:	     set to the entry; its strings lie in @t->buf
 * @why:     set if an entry is refused
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if none matches; -EINTR; or another error.
 */
int qcow_snaptable_find(struct qcow_snaptable *t, const char *string, u32 len,
			bool (*matches)(const struct qcow2_snapshot *s,
					const char *string, size_t len),
			struct qcow2_snapshot *s, struct qcow_reason *why);

#endif /* QCOW_IMAGE_MAP_SNAPTABLE_H */
