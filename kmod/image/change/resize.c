// SPDX-License-Identifier: GPL-2.0
/* Build the tables of an active disk of another size. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/reason.h"
#include "format/header.h"
#include "image/change/resize.h"
#include "image/change/shadow.h"
#include "image/change/tree.h"
#include "image/core/table.h"
#include "image/core/types.h"

static u64 to_clusters(const struct qcow_shadow *s, u64 bytes)
{
	u8 bits = s->image->geo.cluster_bits;

	return (bytes >> bits) + !!(bytes & ((1ULL << bits) - 1));
}

static int resize_check(struct qcow_shadow *s, const struct qcow_change *change)
{
	const struct qcow_image *image = s->image;

	if (!IS_ALIGNED(change->size, change->unit))
		return qcow_refuse(s->why, -EINVAL,
				   "%s: %llu bytes are no multiple of the sector size %u",
				   image->path, change->size, change->unit);
	if (change->size < image->header.size && !change->shrink)
		return qcow_refuse(s->why, -EINVAL,
				   "%s: the disk has %llu bytes; what is behind %llu would be lost (--shrink)",
				   image->path, image->header.size,
				   change->size);
	if (image->header.version < 3 && image->header.nb_snapshots)
		return qcow_refuse(s->why, -EOPNOTSUPP,
				   "%s: a version 2 image with snapshots, which do not know their own size, cannot be resized",
				   image->path);
	if (change->size > (QCOW2_MAX_L1_SIZE / sizeof(u64)) <<
			   (image->geo.l2_bits + image->geo.cluster_bits))
		return qcow_refuse(s->why, -EFBIG,
				   "%s: %llu bytes are too many for clusters of %lu bytes",
				   image->path, change->size,
				   1UL << image->geo.cluster_bits);
	return 0;
}

/*
 * A backing file may be longer than the disk was.  The part of it that lies in
 * the new range must not show through.
 */
static int hide_backing(struct qcow_shadow *s, u64 size)
{
	struct qcow_image *image = s->image;
	u64 first = to_clusters(s, image->header.size), end;

	if (!image->backing)
		return 0;
	end = to_clusters(s, min(size, image->backing->active.size));
	if (end <= first)
		return 0;
	if (image->header.version < 3)
		return qcow_refuse(s->why, -EOPNOTSUPP,
				   "%s: version 2 cannot hide the backing file, which is longer than the disk",
				   image->path);
	return qcow_tree_hide(s, first, end - first);
}

/*
 * Drop what lies behind the smaller of the two sizes.  This is also done to a
 * disk that grows: what lies behind its end now is not part of it.
 */
static int build_resized(struct qcow_shadow *s, u64 size)
{
	const struct qcow2_header *old = &s->image->header;
	int err = qcow_tree_cut(s, to_clusters(s, min(size, old->size)));

	s->header.l1_size = max(qcow2_l1_entries(&s->image->geo, size), 1ULL);
	if (!err)
		err = hide_backing(s, size);
	if (!err)
		err = qcow_shadow_put_l1(s);
	return err;
}

int qcow_resize(struct qcow_shadow *s, struct qcow_change *change)
{
	const struct qcow2_header *old = &s->image->header;
	u64 need = qcow2_l1_entries(&s->image->geo, change->size);
	u64 room = max_t(u64, old->l1_size, need);
	int err = resize_check(s, change);

	if (err)
		return err;
	s->l1 = qcow_table_alloc(room, GFP_NOIO);
	if (!s->l1)
		return -ENOMEM;
	memcpy(s->l1, s->image->active.l1_table,
	       old->l1_size * sizeof(u64));
	err = build_resized(s, change->size);
	if (!err)
		err = qcow_shadow_ref(s, old->l1_table_offset >>
				      s->image->geo.cluster_bits,
				      to_clusters(s, (u64)old->l1_size *
						  sizeof(u64)), false);
	s->header.size = change->size;
	return err;
}
