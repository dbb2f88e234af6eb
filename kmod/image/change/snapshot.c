// SPDX-License-Identifier: GPL-2.0
/*
 * Create, apply and delete internal snapshots.  A new snapshot takes over the
 * L1 table and the L2 tables as they are, and the active disk gets new tables:
 * so its later writes find tables of its own.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "file/reason.h"
#include "format/header.h"
#include "format/l2.h"
#include "format/snapshot.h"
#include "image/change/beside.h"
#include "image/change/shadow.h"
#include "image/change/snapshot.h"
#include "image/change/tree.h"
#include "image/core/table.h"
#include "image/core/types.h"
#include "image/map/snaptable.h"

/* the size of QEMU's buffer for a name, the NUL included */
#define MAX_NAME	256

/**
 * struct sought - a search through the snapshot table
 * @string:	the id or the name that is sought
 * @len:	bytes at @string
 * @bytes:	bytes of the whole table
 * @found:	2: the entry was found by its id; 1: by its name; 0: not found
 * @s:		the entry; its strings are not valid any more
 * @at:		its offset in the table
 * @last_id:	the largest id that is a number
 */
struct sought {
	const char *string;
	u32 len;
	u64 bytes;
	int found;
	struct qcow2_snapshot s;
	u64 at;
	unsigned long last_id;
};

static unsigned long id_number(const struct qcow2_snapshot *s)
{
	char text[24];
	unsigned long n;

	if (s->id_len >= sizeof(text))
		return 0;
	memcpy(text, s->id, s->id_len);
	text[s->id_len] = '\0';
	return kstrtoul(text, 10, &n) ? 0 : n;
}

static int look_at_snapshot(struct qcow_image *image,
			    const struct qcow2_snapshot *s, void *ctx,
			    struct qcow_reason *why)
{
	struct sought *t = ctx;
	int found = qcow2_snapshot_matches_id(s, t->string, t->len) ? 2 :
		    qcow2_snapshot_matches_name(s, t->string, t->len);

	if (found > t->found) {
		t->found = found;
		t->s = *s;
		t->at = t->bytes;
	}
	t->last_id = max(t->last_id, id_number(s));
	t->bytes += s->entry_len;
	return 0;
}

static int look_up_snapshot(struct qcow_shadow *s,
			    const struct qcow_change *change,
			    struct sought *t)
{
	*t = (struct sought){ .string = change->name, .len = change->name_len };
	return qcow_snaptable_walk(s->image, look_at_snapshot, t, s->why);
}

static int find_sought(struct qcow_shadow *s, const struct qcow_change *change,
		       struct sought *t)
{
	int err = look_up_snapshot(s, change, t);

	if (!err && !t->found)
		err = qcow_refuse(s->why, -ENOENT, "%s: no snapshot '%.*s'",
				  s->image->path, (int)t->len, t->string);
	return err;
}

static u64 to_clusters(const struct qcow_shadow *s, u64 bytes)
{
	u8 bits = s->image->geo.cluster_bits;

	return (bytes + (1ULL << bits) - 1) >> bits;
}

static int drop_bytes(struct qcow_shadow *s, u64 offset, u64 bytes)
{
	return qcow_shadow_ref(s, offset >> s->image->geo.cluster_bits,
			       to_clusters(s, bytes), false);
}

/*
 * Write the snapshot table to new clusters and drop the old one.  @buf has room
 * for whole clusters.  If @bytes is 0, there is no new table.
 */
static int put_table(struct qcow_shadow *s, const struct sought *t, void *buf,
		     u64 bytes)
{
	int err = 0;

	if (t->bytes)
		err = drop_bytes(s, s->header.snapshots_offset, t->bytes);
	s->header.snapshots_offset = 0;
	if (err || !bytes)
		return err;
	return qcow_shadow_put(s, buf, to_clusters(s, bytes) <<
			       s->image->geo.cluster_bits,
			       &s->header.snapshots_offset);
}

/* Read the table as it is, into memory with room for @more bytes. */
static void *read_table(struct qcow_shadow *s, const struct sought *t,
			u64 more)
{
	u64 room = to_clusters(s, max(t->bytes + more, 1ULL)) <<
		   s->image->geo.cluster_bits;
	void *buf = kvzalloc(roundup_pow_of_two(room), GFP_NOIO);
	int err;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	err = qcow_file_read(s->image->file, buf, t->bytes,
			     s->header.snapshots_offset);
	if (err) {
		kvfree(buf);
		return ERR_PTR(err);
	}
	return buf;
}

static int add_entry(struct qcow_shadow *s, const struct sought *t,
		     const struct qcow2_snapshot *new)
{
	u32 more = qcow2_snapshot_encoded_len(new);
	void *buf;
	int err;

	if (s->header.nb_snapshots >= QCOW2_MAX_SNAPSHOTS ||
	    t->bytes + more > QCOW2_MAX_SNAPSHOT_TABLE)
		return qcow_refuse(s->why, -EFBIG,
				   "%s: there are too many snapshots",
				   s->image->path);
	buf = read_table(s, t, more);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	qcow2_snapshot_encode(buf + t->bytes, new);
	s->header.nb_snapshots++;
	err = put_table(s, t, buf, t->bytes + more);
	kvfree(buf);
	return err;
}

static int remove_entry(struct qcow_shadow *s, const struct sought *t)
{
	u64 end = t->at + t->s.entry_len;
	void *buf = read_table(s, t, 0);
	int err;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	memmove(buf + t->at, buf + end, t->bytes - end);
	memset(buf + t->bytes - t->s.entry_len, 0, t->s.entry_len);
	s->header.nb_snapshots--;
	err = put_table(s, t, buf, t->bytes - t->s.entry_len);
	kvfree(buf);
	return err;
}

/* Allocate memory for the active L1 table as it becomes. */
static int new_l1(struct qcow_shadow *s, u32 entries)
{
	s->header.l1_size = entries;
	s->l1 = qcow_table_alloc(entries, GFP_NOIO);
	return s->l1 ? 0 : -ENOMEM;
}

static int check_name(struct qcow_shadow *s, const struct qcow_change *change)
{
	if (!change->name_len || change->name_len >= MAX_NAME)
		return qcow_refuse(s->why, -EINVAL,
				   "a snapshot's name has 1 to %u bytes",
				   MAX_NAME - 1);
	if (!s->header.l1_size)
		return qcow_refuse(s->why, -EINVAL, "%s: the disk is empty",
				   s->image->path);
	return 0;
}

static int refuse_taken(struct qcow_shadow *s,
			const struct qcow_change *change)
{
	return qcow_refuse(s->why, -EEXIST,
			   "%s: there is a snapshot '%.*s' already",
			   s->image->path, (int)change->name_len,
			   change->name);
}

int qcow_snapshot_create_begin(struct qcow_shadow *s,
			       struct qcow_change *change)
{
	struct sought t;
	int err = check_name(s, change);

	if (!err)
		err = look_up_snapshot(s, change, &t);
	return !err && t.found ? refuse_taken(s, change) : err;
}

int qcow_snapshot_create(struct qcow_shadow *s, struct qcow_change *change)
{
	const struct qcow2_header *h = &s->image->header;
	struct timespec64 now;
	struct sought t;
	char id[24];
	int err;

	ktime_get_real_ts64(&now);
	err = look_up_snapshot(s, change, &t);
	if (!err)
		err = qcow_beside_active(s, change, true);
	if (!err)
		err = qcow_shadow_put_l1(s);
	if (err)
		return err;
	return add_entry(s, &t, &(struct qcow2_snapshot){
		.l1_table_offset = h->l1_table_offset,
		.l1_size = h->l1_size,
		.date_sec = now.tv_sec,
		.date_nsec = now.tv_nsec,
		.disk_size = h->size,
		.icount = QCOW2_SNAPSHOT_NO_ICOUNT,
		.id = id,
		.id_len = scnprintf(id, sizeof(id), "%lu", t.last_id + 1),
		.name = change->name,
		.name_len = change->name_len,
	});
}

/* Read the L1 table of the snapshot that was found, in CPU order. */
static u64 *read_l1(struct qcow_shadow *s, const struct sought *t)
{
	u64 bytes = (u64)t->s.l1_size * sizeof(u64);
	u64 *l1 = qcow_table_alloc(t->s.l1_size, GFP_NOIO);
	int err;

	if (!l1)
		return ERR_PTR(-ENOMEM);
	err = qcow_file_read(s->image->file, l1, bytes, t->s.l1_table_offset);
	if (err) {
		kvfree(l1);
		return ERR_PTR(err);
	}
	qcow2_be64_decode(l1, l1, t->s.l1_size);
	return l1;
}

/*
 * The L1 table of a snapshot may be shorter than the disk is today, if its entry
 * does not say the size of the disk.
 */
int qcow_snapshot_apply(struct qcow_shadow *s, struct qcow_change *change)
{
	struct sought t;
	u64 *l1;
	int err = find_sought(s, change, &t);

	if (err)
		return err;
	if (!t.s.l1_size)
		return qcow_refuse(s->why, -EINVAL,
				   "%s: the disk was empty then",
				   s->image->path);
	if (!IS_ALIGNED(t.s.disk_size, change->unit))
		return qcow_refuse(s->why, -EINVAL,
				   "%s: the disk had %llu bytes then, no multiple of the sector size %u",
				   s->image->path, t.s.disk_size,
				   change->unit);
	l1 = read_l1(s, &t);
	if (IS_ERR(l1))
		return PTR_ERR(l1);
	err = new_l1(s, max_t(u64, t.s.l1_size,
			      qcow2_l1_entries(&s->image->geo,
					       t.s.disk_size)));
	if (!err)
		err = qcow_tree_drop_active(s);
	if (!err)
		err = qcow_tree_take(s, l1, t.s.l1_size);
	kvfree(l1);
	if (!err)
		err = qcow_shadow_put_l1(s);
	s->header.size = t.s.disk_size;
	return err;
}

static int refuse_attached(struct qcow_shadow *s, const struct sought *t)
{
	struct qcow_view *view;

	list_for_each_entry(view, &s->image->snapshots, node)
		if (view->l1_table_offset == t->s.l1_table_offset)
			return qcow_refuse(s->why, -EBUSY,
					   "%s: the snapshot '%.*s' is attached",
					   s->image->path, (int)t->len,
					   t->string);
	return 0;
}

int qcow_snapshot_delete_begin(struct qcow_shadow *s,
			       struct qcow_change *change)
{
	struct sought t;
	u64 *l1;
	int err = find_sought(s, change, &t);

	if (!err)
		err = refuse_attached(s, &t);
	if (err)
		return err;
	l1 = read_l1(s, &t);
	if (IS_ERR(l1))
		return PTR_ERR(l1);
	err = qcow_tree_drop(s, l1, t.s.l1_size);
	kvfree(l1);
	return err ? err : drop_bytes(s, t.s.l1_table_offset,
				      (u64)t.s.l1_size * sizeof(u64));
}

/* The active disk gets an L1 table with the right flags. */
static int put_active(struct qcow_shadow *s, const struct qcow_change *change)
{
	const struct qcow2_header *h = &s->image->header;
	int err = qcow_beside_active(s, change, true);

	if (!h->l1_size) {
		kvfree(s->l1);
		s->l1 = NULL;
		return err;
	}
	if (!err)
		err = qcow_shadow_put_l1(s);
	return err ? err : drop_bytes(s, h->l1_table_offset,
				      (u64)h->l1_size * sizeof(u64));
}

int qcow_snapshot_delete(struct qcow_shadow *s, struct qcow_change *change)
{
	struct sought t;
	int err = find_sought(s, change, &t);

	if (!err)
		err = put_active(s, change);
	return err ? err : remove_entry(s, &t);
}
