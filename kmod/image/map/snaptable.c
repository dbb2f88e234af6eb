// SPDX-License-Identifier: GPL-2.0
/* Read the table of internal snapshots in the image file, entry by entry. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "file/reason.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/snapshot.h"
#include "image/core/types.h"
#include "image/map/snaptable.h"

/* So much of the snapshot table is read at once: many entries, mostly. */
#define TABLE_READ	SZ_64K

/* Have the part of the table with @want bytes of the entry in the buffer. */
static int table_fill(struct qcow_snaptable *t, size_t want)
{
	struct qcow_file *file = t->image->file;
	u64 end = t->offset + max_t(size_t, want, TABLE_READ);

	kvfree(t->buf);
	t->start = round_down(t->offset, (u64)file->align);
	t->size = round_up(end, (u64)file->align) - t->start;
	t->buf = kvmalloc(t->size, GFP_KERNEL);
	if (!t->buf)
		return -ENOMEM;
	return qcow_file_read(file, t->buf, t->size, t->start);
}

/* How many bytes from the entry on are in the buffer? */
static size_t table_has(const struct qcow_snaptable *t)
{
	if (!t->buf || t->offset < t->start ||
	    t->offset >= t->start + t->size)
		return 0;
	return t->start + t->size - t->offset;
}

/*
 * Parse the entry at t->offset.  If not all of it is in the buffer, the parser
 * says how much of it is needed; then read on.
 */
static int table_entry(struct qcow_snaptable *t, struct qcow2_snapshot *s,
		       struct qcow_reason *why)
{
	struct qcow_fault fault;
	size_t want = 1;
	int err;

	do {
		err = table_has(t) < want ? table_fill(t, want) : 0;
		if (err)
			return qcow_refuse(why, err,
					   "%s: the snapshot table at 0x%llx cannot be read (%d)",
					   t->image->path, t->offset, err);
		err = qcow2_snapshot_parse(&t->image->header,
					   t->buf + (t->offset - t->start),
					   table_has(t), t->offset, s, &fault);
		want = s->entry_len;
	} while (err == -ENODATA);
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
		cond_resched();
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
		cond_resched();
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
