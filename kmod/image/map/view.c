// SPDX-License-Identifier: GPL-2.0
/* L1 roots: the active disk, and internal snapshots beside it. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "format/snapshot.h"
#include "image/internal.h"

/* Bytes of the snapshot table that are read to look at one entry. */
#define SNAPSHOT_READ	(QCOW2_MAX_SNAPSHOT_EXTRA + 512)

int qcow_view_init(struct qcow_view *view, struct qcow_image *image, u64 size,
		   u64 l1_table_offset, u32 l1_size, struct qcow_reason *why)
{
	u64 need = qcow2_l1_entries(&image->geo, size);
	/* whole sectors of it are written: they may hold VM state behind it */
	size_t bytes = (image->writable ? l1_size : need) * sizeof(u64);
	int err;

	if (need > l1_size)
		return qcow_refuse(why, -EUCLEAN,
				   "%s: L1 table of %u entries is too small for %llu bytes",
				   image->path, l1_size, size);
	view->image = image;
	view->size = round_down(size, SECTOR_SIZE);
	view->l1_table_offset = l1_table_offset;
	view->l1_size = need;
	xa_init_flags(&view->slices, XA_FLAGS_LOCK_IRQ);
	view->l1_table = kvzalloc(round_up(bytes + 1, PAGE_SIZE), GFP_KERNEL);
	if (!view->l1_table)
		return -ENOMEM;
	err = bytes ? qcow_file_read(image->file, view->l1_table, bytes,
				     l1_table_offset) : 0;
	if (err) {
		kvfree(view->l1_table);
		return qcow_refuse(why, err,
				   "%s: the L1 table at 0x%llx cannot be read (%d)",
				   image->path, l1_table_offset, err);
	}
	qcow2_be64_decode(view->l1_table, view->l1_table,
			  bytes / sizeof(u64));
	return 0;
}

void qcow_view_destroy(struct qcow_view *view)
{
	qcow_cache_drop_view(view);
	xa_destroy(&view->slices);
	kvfree(view->l1_table);
}

/* A growing window over the snapshot table. */
struct table {
	struct qcow_image *image;
	u64 offset;		/* of the entry in the file */
	u64 done;		/* bytes of entries before it */
	void *buf;
	size_t size;
};

/* Parse the entry at t->offset, reading more where it goes on. */
static int table_entry(struct table *t, struct qcow2_snapshot *s,
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

static int table_next(struct table *t, const struct qcow2_snapshot *s,
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
 * As qemu-img does, an id is what was meant if there is one, else a name.
 * @s leads into t->buf.
 */
static int table_find(struct table *t, const char *string, u32 len,
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

int qcow_walk_snapshots(struct qcow_image *image,
			   qcow_snapshot_call *call, void *ctx,
			   struct qcow_reason *why)
{
	struct table t = { .image = image,
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

static struct qcow_view *view_alloc(struct qcow_image *image,
				    const struct qcow2_snapshot *s,
				    struct qcow_reason *why)
{
	struct qcow_view *view = kzalloc(sizeof(*view), GFP_KERNEL);
	int err = -ENOMEM;

	if (!view)
		return ERR_PTR(-ENOMEM);
	view->snapshot = kasprintf(GFP_KERNEL, "%.*s\t%.*s", s->id_len, s->id,
				   s->name_len, s->name);
	if (!view->snapshot)
		goto free_view;
	err = qcow_view_init(view, image, s->disk_size, s->l1_table_offset,
			     s->l1_size, why);
	if (err)
		goto free_name;
	view->users = 1;
	list_add(&view->node, &image->snapshots);
	return view;

free_name:
	kfree(view->snapshot);
free_view:
	kfree(view);
	return ERR_PTR(err);
}

static struct qcow_view *view_attached(struct qcow_image *image,
				       const struct qcow2_snapshot *s)
{
	struct qcow_view *view;

	/* by what it shows: ids are the image's word, and may be anything */
	list_for_each_entry(view, &image->snapshots, node) {
		if (view->l1_table_offset == s->l1_table_offset &&
		    view->size == round_down(s->disk_size, SECTOR_SIZE)) {
			view->users++;
			return view;
		}
	}
	return NULL;
}

struct qcow_view *qcow_view_open_snapshot(struct qcow_image *image,
					  const char *string, u32 len,
					  struct qcow_reason *why)
{
	struct table t = { .image = image };
	struct qcow2_snapshot s;
	struct qcow_view *view;
	int err;

	qcow_registry_assert_locked();
	err = table_find(&t, string, len, qcow2_snapshot_matches_id, &s, why);
	if (err == -ENOENT)
		err = table_find(&t, string, len, qcow2_snapshot_matches_name,
				 &s, why);
	if (err == -ENOENT)
		qcow_refuse(why, err, "%s: no snapshot '%.*s'", image->path,
			    (int)len, string);
	if (err) {
		kvfree(t.buf);
		return ERR_PTR(err);
	}
	view = view_attached(image, &s);
	if (!view)
		view = view_alloc(image, &s, why);
	kvfree(t.buf);
	return view;
}

void qcow_view_close_snapshot(struct qcow_view *view)
{
	qcow_registry_assert_locked();
	if (--view->users)
		return;
	list_del(&view->node);
	qcow_view_destroy(view);
	kfree(view->snapshot);
	kfree(view);
}
