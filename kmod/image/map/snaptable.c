// SPDX-License-Identifier: GPL-2.0
/* Read the table of internal snapshots in the image file, entry by entry. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "file/reason.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/snapshot.h"
#include "image/core/types.h"
#include "image/map/snaptable.h"

/* Bytes that are read first to look at one entry of the snapshot table. */
#define SNAPSHOT_READ	(QCOW2_MAX_SNAPSHOT_EXTRA + 512)

/* Parse the entry at t->offset.  If it is longer than the buffer, read more. */
static int table_entry(struct qcow_snaptable *t, struct qcow2_snapshot *s,
		       struct qcow_reason *why)
{
	size_t want = SNAPSHOT_READ;
	struct qcow_fault fault;
	int err;

	for (;;) {
		if (want > t->size) {
			kvfree(t->buf);
			t->size = want;
			t->buf = kvmalloc(want, GFP_KERNEL);
			if (!t->buf)
				return -ENOMEM;
		}
		err = qcow_file_read(t->image->file, t->buf, want, t->offset);
		if (err)
			return qcow_refuse(why, err,
					   "%s: the snapshot table at 0x%llx cannot be read (%d)",
					   t->image->path, t->offset, err);
		err = qcow2_snapshot_parse(&t->image->header, t->buf, want,
					   t->offset, s, &fault);
		if (err != -ENODATA)
			break;
		if (s->entry_len <= want)
			return qcow_refuse(why, -EUCLEAN,
					   "%s: the snapshot table entry at 0x%llx does not end",
					   t->image->path, t->offset);
		want = s->entry_len;
	}
	return err ? qcow_refuse_fault(why, err, t->image->path, &fault) : 0;
}

static int table_next(struct qcow_snaptable *t, const struct qcow2_snapshot *s,
		      struct qcow_reason *why)
{
	t->offset += s->entry_len;
	t->done += s->entry_len;
	if (t->done > QCOW2_MAX_SNAPSHOT_TABLE)
		return qcow_refuse(why, -EUCLEAN,
				   "%s: the snapshot table is longer than %llu bytes",
				   t->image->path, QCOW2_MAX_SNAPSHOT_TABLE);
	return 0;
}

/*
 * For a string that may be an id or a name, the caller looks for an id first
 * and then for a name, as qemu-img does.
 */
int qcow_snaptable_find(struct qcow_snaptable *t, const char *string, u32 len,
			bool (*matches)(const struct qcow2_snapshot *s,
					const char *string, size_t len),
			struct qcow2_snapshot *s, struct qcow_reason *why)
{
	u32 i;
	int err;

	t->offset = t->image->header.snapshots_offset;
	t->done = 0;
	for (i = 0; i < t->image->header.nb_snapshots; i++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = table_entry(t, s, why);
		if (err)
			return err;
		if (matches(s, string, len))
			return 0;
		err = table_next(t, s, why);
		if (err)
			return err;
	}
	return -ENOENT;
}

int qcow_snaptable_walk(struct qcow_image *image,
			   qcow_snapshot_call *call, void *ctx,
			   struct qcow_reason *why)
{
	struct qcow_snaptable t = { .image = image,
			   .offset = image->header.snapshots_offset };
	struct qcow2_snapshot s;
	int err = 0;
	u32 i;

	for (i = 0; i < image->header.nb_snapshots && !err; i++) {
		err = fatal_signal_pending(current) ? -EINTR :
		      table_entry(&t, &s, why);
		if (!err)
			err = call(image, &s, ctx, why);
		if (!err)
			err = table_next(&t, &s, why);
	}
	kvfree(t.buf);
	return err;
}
