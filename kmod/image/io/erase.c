// SPDX-License-Identifier: GPL-2.0
/*
 * Discard and write zeroes.
 *
 * Whole clusters are unlinked, and released when that is durable.  Parts of
 * clusters at the ends of the range are different.  A discard leaves them as
 * they are, but has the file system below free whole subclusters that may be
 * written in place.  Write zeroes has the file system below zero a part that
 * may be written in place, and copies any other part with zeros laid over it.
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

/* Clusters that are unlinked at most while a slice's lock is held. */
#define UNLINK_BATCH	64

/** struct unlinked - @nr entries that were replaced, to be released */
struct unlinked {
	unsigned int nr;
	u64 entries[UNLINK_BATCH];
};

/*
 * Set @e to the entry of a whole cluster that reads zeros.
 *
 * Return: false if there is no such entry: version 2 has no flag that hides the
 * backing file.
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

/* Does the whole cluster read zeros, without space of its own? */
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

/*
 * Are the bytes zeroed where they lie?  They are if the issuer wants to keep
 * the space, and in an external data file, whose clusters have no refcounts.
 */
static bool stays_in_place(const struct qcow_cmd *cmd)
{
	return cmd->view->image->geo.external_data ||
	       (cmd->op == QCOW_OP_ZERO && !cmd->unmap);
}

/* May any part of the cluster be zeroed where it lies? */
static bool has_to_stay(const struct qcow_cmd *cmd,
			const struct qcow2_l2_entry *e)
{
	const struct qcow2_geometry *geo = &cmd->view->image->geo;

	return stays_in_place(cmd) &&
	       qcow2_cluster_type(geo, e->entry) == QCOW2_CLUSTER_NORMAL &&
	       (geo->external_data || e->entry & QCOW2_OFLAG_COPIED);
}

/*
 * Set @new to the entry after the erase.
 *
 * Return: 0; -EOPNOTSUPP if changing the entry does not suffice; -EUCLEAN if
 * the old entry is malformed.
 */
static int erase_entry(const struct qcow_cmd *cmd, u64 guest_offset,
		       const struct qcow2_l2_entry *old,
		       struct qcow2_l2_entry *new)
{
	const struct qcow_image *image = cmd->view->image;
	struct qcow_fault fault;

	/* a lookup at this place reports the fault */
	if (qcow2_l2_entry_check(&image->geo, guest_offset, old, &fault))
		return -EUCLEAN;
	if (has_to_stay(cmd, old) || !erased_entry(image, guest_offset, new))
		return -EOPNOTSUPP;
	return 0;
}

/*
 * Change entries from @cluster on, and collect the old ones in @u.
 *
 * Return: how many clusters are done; 0 if the caller must look the slice up
 * again; -EOPNOTSUPP if changing the first entry does not suffice; -EUCLEAN.
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

/* How many bytes of whole clusters does the command erase from @pos on? */
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

/* The next @len bytes are done. */
static int erase_skip(struct qcow_cmd *cmd, struct qcow_run *run, u64 len)
{
	run->len = min_t(u64, len, cmd->len - cmd->dispatched);
	return 1;
}

/*
 * Without an L2 table the range is unallocated.  Often there is nothing to do.
 *
 * Return: 1 then; 0 if a table is needed for entries that hide a backing file.
 */
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

/* Erase whole clusters by changing entries only. */
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

/* Have the file system below zero the bytes where they lie. */
static int erase_in_place(struct qcow_cmd *cmd, struct qcow_run *run)
{
	bool unmap = cmd->op == QCOW_OP_DISCARD || cmd->unmap;
	int err = qcow_file_zero(run->file, run->host, run->len, unmap);

	return err ? err : 1;
}

/*
 * Have the file system below free the whole subclusters of a part of a cluster.
 * They keep their place in the image.  So nothing has to wait for a commit: as
 * after zeros that are written in place, a crash leaves the old bytes or zeros.
 */
static int discard_part(struct qcow_cmd *cmd, struct qcow_run *run, u64 pos)
{
	const struct qcow2_geometry *geo = &cmd->view->image->geo;
	u64 size = 1ULL << geo->subcluster_bits;
	u64 first = round_up(pos, size), end = round_down(pos + run->len, size);
	int err = -EOPNOTSUPP;

	if (geo->extended_l2 && run->type == QCOW_RUN_DATA && first < end)
		err = qcow_file_discard(run->file, run->host + (first - pos),
					end - first);
	return err && err != -EOPNOTSUPP ? err : 1;
}

/* Erase a part of a cluster, or a cluster for which no entry suffices. */
static int erase_part(struct qcow_cmd *cmd, struct qcow_run *run, u64 pos)
{
	u32 size = 1U << cmd->view->image->geo.cluster_bits;

	/* one cluster at a time: the next one may be erased as a whole */
	run->len = min_t(u32, run->len, size - (pos & (size - 1)));
	if (cmd->op == QCOW_OP_DISCARD)
		return discard_part(cmd, run, pos);
	if (run->type == QCOW_RUN_FRESH)
		return 1;
	if (run->type == QCOW_RUN_DATA)
		return erase_in_place(cmd, run);
	return qcow_write_prepare(cmd, run, false);
}

/* There is no slice that may be changed: skip the range, or prepare one. */
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
