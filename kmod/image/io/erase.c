// SPDX-License-Identifier: GPL-2.0
/*
 * Discard and write zeroes.  Whole clusters are unlinked, and released when
 * that is durable.  What is left of a range is zeroed by the file system
 * below where it lies in place, and else copied with zeros laid over it; to a
 * discard it is not worth that.
 */
#include "file/file_io.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/l2.h"
#include "image/core/kick.h"
#include "image/core/types.h"
#include "image/io/commit.h"
#include "image/io/cow.h"
#include "image/io/erase.h"
#include "image/io/write.h"
#include "image/map/cache.h"
#include "image/map/lookup_write.h"
#include "image/map/run.h"
#include "image/map/slice.h"

/* Clusters that are unlinked under one lock. */
#define UNLINK_BATCH	64

/** struct unlinked - @nr entries that were replaced, to be released */
struct unlinked {
	unsigned int nr;
	u64 entries[UNLINK_BATCH];
};

/*
 * What a whole cluster becomes.
 *
 * Return: false where that cannot be said in the entry: version 2 has no flag
 * that hides a backing file.
 */
static bool erased_entry(const struct qcow_image *image, u64 guest_offset,
			 struct qcow2_l2_entry *e)
{
	*e = (struct qcow2_l2_entry){ };
	if (!qcow_has_backing_data(image, guest_offset))
		return true;
	if (image->geo.version < 3)
		return false;
	if (image->geo.extended_l2)
		e->bitmap = (u64)U32_MAX << 32;
	else
		e->entry = QCOW2_OFLAG_ZERO;
	return true;
}

static bool is_zero(const struct qcow_image *image,
		    const struct qcow2_l2_entry *e, u64 guest_offset)
{
	switch (qcow2_cluster_type(&image->geo, e->entry)) {
	case QCOW2_CLUSTER_ZERO_PLAIN:
		return true;
	case QCOW2_CLUSTER_UNALLOCATED:
		return !qcow_has_backing_data(image, guest_offset) ||
		       !~QCOW2_L2_BITMAP_ZERO(e->bitmap);
	default:
		return false;
	}
}

/* Space that is to stay, or that no refcount counts: its bytes are zeroed. */
static bool stays_in_place(const struct qcow_cmd *cmd)
{
	return cmd->view->image->geo.external_data ||
	       (cmd->op == QCOW_OP_ZERO && !cmd->unmap);
}

/* A part of the cluster at least is such. */
static bool has_to_stay(const struct qcow_cmd *cmd,
			const struct qcow2_l2_entry *e)
{
	const struct qcow2_geometry *geo = &cmd->view->image->geo;

	return stays_in_place(cmd) &&
	       qcow2_cluster_type(geo, e->entry) == QCOW2_CLUSTER_NORMAL &&
	       (geo->external_data || e->entry & QCOW2_OFLAG_COPIED);
}

/* Return: 0; -EOPNOTSUPP: it cannot be said in the entry; -EUCLEAN. */
static int erase_entry(const struct qcow_cmd *cmd, u64 guest_offset,
		       const struct qcow2_l2_entry *old,
		       struct qcow2_l2_entry *new)
{
	const struct qcow_image *image = cmd->view->image;
	struct qcow_fault fault;

	/* who comes to it first says what is wrong */
	if (qcow2_l2_entry_check(&image->geo, guest_offset, old, &fault))
		return -EUCLEAN;
	if (has_to_stay(cmd, old) || !erased_entry(image, guest_offset, new))
		return -EOPNOTSUPP;
	return 0;
}

/*
 * Return: how many clusters from @cluster on are done; 0, look again;
 * -EOPNOTSUPP: it cannot be said of this one.
 */
static int unlink_clusters(const struct qcow_cmd *cmd, u64 cluster, u32 count,
			   struct unlinked *u)
{
	struct qcow_image *image = cmd->view->image;
	u32 index = cluster & ((1U << image->entry_bits) - 1), n;
	struct qcow2_l2_entry old, new;
	struct qcow_slice *slice;
	int err = 0;

	u->nr = 0;
	slice = qcow_slice_lock(&image->active,
				cluster >> image->entry_bits);
	if (!slice)
		return 0;
	count = min(count, (1U << image->entry_bits) - index);
	for (n = 0; n < count && u->nr < UNLINK_BATCH; n++) {
		u64 guest_offset = (cluster + n) << image->geo.cluster_bits;

		old = qcow_slice_entry(&image->geo, slice, index + n);
		if (is_zero(image, &old, guest_offset))
			continue;
		err = erase_entry(cmd, guest_offset, &old, &new);
		if (err)
			break;
		qcow_slice_set(&image->geo, slice, index + n, new);
		if (old.entry)
			u->entries[u->nr++] = old.entry;
	}
	qcow_slice_unlock(slice);
	return n ? (int)n : err;
}

static int release_unlinked(struct qcow_image *image, u64 guest,
			    const struct unlinked *u)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < u->nr && !err; i++)
		err = qcow_free_entry(image, guest, u->entries[i]);
	return err;
}

/* Bytes of whole clusters that the command wants erased from @pos on. */
static u32 whole_clusters(const struct qcow_cmd *cmd, u64 pos)
{
	u64 size = 1ULL << cmd->view->image->geo.cluster_bits;
	u64 end = cmd->pos + cmd->len;

	if (end == cmd->view->size)
		end = round_up(end, size);
	if (!IS_ALIGNED(pos, size) || end - pos < size)
		return 0;
	return min_t(u64, round_down(end - pos, size), 1U << 30);
}

static int erase_skip(struct qcow_cmd *cmd, struct qcow_run *run, u64 len)
{
	run->len = min_t(u64, len, cmd->len - cmd->dispatched);
	return 1;
}

/* Where there is no table, a backing file may have to be hidden all the same */
static int erase_no_table(struct qcow_cmd *cmd, struct qcow_run *run, u64 pos)
{
	const struct qcow_image *image = cmd->view->image;
	u8 bits = image->geo.l2_bits + image->geo.cluster_bits;

	if (!qcow_has_backing_data(image, pos) ||
	    (cmd->op == QCOW_OP_DISCARD && image->geo.version < 3))
		return erase_skip(cmd, run,
				  round_up(pos + 1, 1ULL << bits) - pos);
	return 0;
}

/* Only entries change. */
static int erase_whole(struct qcow_cmd *cmd, struct qcow_run *run, u64 pos,
		       u32 len)
{
	struct qcow_image *image = cmd->view->image;
	u8 bits = image->geo.cluster_bits;
	struct unlinked u;
	int done, err;

	if (qcow_commit_throttle(image, cmd))
		return -EIOCBQUEUED;
	done = unlink_clusters(cmd, pos >> bits, len >> bits, &u);
	if (done <= 0)
		return done;
	err = release_unlinked(image, pos, &u);
	qcow_commit_soon(image);
	return err ? err : erase_skip(cmd, run, (u64)done << bits);
}

/* The bytes stay where they are, and read zeros. */
static int erase_in_place(struct qcow_cmd *cmd, struct qcow_run *run)
{
	bool unmap = cmd->op == QCOW_OP_DISCARD || cmd->unmap;
	int err = qcow_file_zero(run->file, run->host, run->len, unmap);

	return err ? err : 1;
}

/* A part of a cluster, or what its entry cannot say. */
static int erase_part(struct qcow_cmd *cmd, struct qcow_run *run, u64 pos)
{
	u32 size = 1U << cmd->view->image->geo.cluster_bits;

	/* one cluster at a time: the next may be a whole one */
	run->len = min_t(u32, run->len, size - (pos & (size - 1)));
	if (cmd->op == QCOW_OP_DISCARD || run->type == QCOW_RUN_FRESH)
		return 1;
	if (run->type == QCOW_RUN_DATA)
		return erase_in_place(cmd, run);
	return qcow_write_prepare(cmd, run, false);
}

static int erase_absent(struct qcow_cmd *cmd, struct qcow_run *run, u64 pos)
{
	int ret = run->type == QCOW_RUN_NO_TABLE ?
		  erase_no_table(cmd, run, pos) : 0;

	return ret ? ret : qcow_write_prepare(cmd, run, false);
}

int qcow_erase(struct qcow_cmd *cmd, struct qcow_run *run)
{
	struct qcow_image *image = cmd->view->image;
	u64 pos = cmd->pos + cmd->dispatched;
	u32 whole = whole_clusters(cmd, pos);
	int ret = -EOPNOTSUPP;

	if (READ_ONCE(image->health.error))
		return -EIO;
	if (!run->len)
		return erase_absent(cmd, run, pos);
	if (run->type == QCOW_RUN_DATA && stays_in_place(cmd))
		return erase_in_place(cmd, run);
	if (whole)
		ret = erase_whole(cmd, run, pos, whole);
	return ret == -EOPNOTSUPP ? erase_part(cmd, run, pos) : ret;
}
