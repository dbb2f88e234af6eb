// SPDX-License-Identifier: GPL-2.0
/*
 * Replace a full refcount table by a longer one.
 *
 * The new table is built in clusters behind the end of the file, which no
 * refcount counts yet, together with the refcount blocks that count these
 * clusters.  Then one write of the header's sector makes it the image's table.
 * A crash before that write leaves clusters that are not even leaked, as no
 * refcount counts them.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "file/record.h"
#include "format/header.h"
#include "format/l2.h"
#include "image/core/header.h"
#include "image/core/health.h"
#include "image/core/table.h"
#include "image/core/types.h"
#include "image/space/epoch.h"
#include "image/space/metadata.h"
#include "image/space/refs.h"
#include "image/space/reftable.h"

/* The same limit as QEMU's. */
#define MAX_TABLE_BYTES	(8ULL << 20)

/**
 * struct layout - where the new structures lie, in clusters
 * @first:    where the new blocks begin; the table follows them
 * @blocks:   number of new blocks, which count the clusters of the layout
 * @clusters: number of clusters of the table
 * @index:    of the first new block in the table
 */
struct layout {
	u64 first;
	u64 blocks;
	u64 clusters;
	unsigned long index;
};

static u64 layout_end(const struct layout *l)
{
	return l->first + l->blocks + l->clusters;
}

/*
 * The new table is twice as long as the old one, or longer: it uses at most
 * half of its entries for what there is then, itself included.  At the limit it
 * is as long as the limit allows.
 */
static int make_layout(const struct qcow_image *image, u64 first,
		       struct layout *l)
{
	u8 bits = image->geo.cluster_bits;
	u64 entries_per_cluster = (1ULL << bits) / sizeof(u64), last;
	u64 most = MAX_TABLE_BYTES >> bits;

	l->first = first;
	l->index = qcow_refblock_index(image, first);
	l->clusters = min(2ULL * image->header.refcount_table_clusters, most);
	for (l->blocks = 1;;) {
		last = qcow_refblock_index(image, layout_end(l) - 1);
		if (last - l->index + 1 > l->blocks)
			l->blocks = last - l->index + 1;
		else if (l->clusters * entries_per_cluster < 2 * (last + 1) &&
			 l->clusters < most)
			l->clusters = min(2 * l->clusters, most);
		else
			break;
	}
	return last < l->clusters * entries_per_cluster ? 0 : -EFBIG;
}

static void drop_blocks(struct qcow_image *image, struct qcow_refblock **b,
			u64 count)
{
	while (count--)
		qcow_refblock_put(image, b[count]);
}

/* Make the blocks.  They count all of the layout, themselves included. */
static int make_blocks(struct qcow_image *image, const struct layout *l,
		       struct qcow_refblock **b)
{
	u64 i, cluster;

	for (i = 0; i < l->blocks; i++) {
		b[i] = qcow_refblock_create(image, l->index + i,
					    (l->first + i) <<
					    image->geo.cluster_bits);
		if (IS_ERR(b[i])) {
			int err = PTR_ERR(b[i]);

			drop_blocks(image, b, i);
			return err;
		}
	}
	for (cluster = l->first; cluster < layout_end(l); cluster++)
		qcow_refs_set(image, b[qcow_refblock_index(image, cluster) -
				       l->index], cluster, 1, 1);
	return 0;
}

static int write_blocks(struct qcow_image *image, const struct layout *l,
			struct qcow_refblock **b)
{
	int err = 0;
	u64 i;

	for (i = 0; i < l->blocks && !err; i++)
		err = qcow_refs_write_new(image, b[i]);
	return err;
}

/* Make the new table in CPU order: the old entries and those of new blocks. */
static u64 *make_table(struct qcow_image *image, const struct layout *l,
		       struct qcow_refblock **b)
{
	size_t bytes = l->clusters << image->geo.cluster_bits;
	u64 *table = qcow_table_alloc(bytes / sizeof(u64), GFP_NOIO), i;

	if (!table)
		return NULL;
	for (i = 0; i < image->refs.entries; i++)
		table[i] = qcow_refs_entry(image, i);
	for (i = 0; i < l->blocks; i++)
		table[l->index + i] = b[i]->host;
	return table;
}

static int write_table(struct qcow_image *image, const struct layout *l,
		       const u64 *table)
{
	size_t bytes = l->clusters << image->geo.cluster_bits;
	void *copy = kvmalloc(roundup_pow_of_two(bytes), GFP_NOIO);
	int err;

	if (!copy)
		return -ENOMEM;
	qcow2_be64_encode(copy, table, bytes / sizeof(u64));
	err = qcow_file_write(image->file, copy, bytes,
			      (l->first + l->blocks) <<
			      image->geo.cluster_bits);
	kvfree(copy);
	return err ? err : qcow_health_sync(image, image->file);
}

static void set_reftable(void *header, const void *arg)
{
	const struct qcow2_header *h = arg;

	qcow2_header_set_refcount_table(header, h->refcount_table_offset,
					h->refcount_table_clusters);
}

static int switch_header(struct qcow_image *image, const struct layout *l)
{
	struct qcow2_header h = image->header;
	int err;

	qcow_record_step(QCOW_STEP_SWITCH);
	h.refcount_table_offset = (l->first + l->blocks) <<
				  image->geo.cluster_bits;
	h.refcount_table_clusters = l->clusters;
	err = qcow_header_change(image, set_reftable, &h);
	if (err)
		return err;
	image->header.refcount_table_offset = h.refcount_table_offset;
	image->header.refcount_table_clusters = h.refcount_table_clusters;
	return 0;
}

static int note_structure(struct qcow_image *image, u64 first, u64 count)
{
	struct qcow_metadata *m = qcow_metadata_alloc(GFP_NOIO);

	if (!m)
		return -ENOMEM;
	kfree(qcow_metadata_add(image, m, first, count));
	return 0;
}

/* Note each block separately: one may be replaced without the others. */
static int note_new(struct qcow_image *image, const struct layout *l)
{
	int err = note_structure(image, l->first + l->blocks, l->clusters);
	u64 i;

	for (i = 0; i < l->blocks && !err; i++)
		err = note_structure(image, l->first + i, 1);
	return err;
}

static void forget_new(struct qcow_image *image, const struct layout *l)
{
	u64 cluster;

	for (cluster = l->first; cluster < layout_end(l); cluster++)
		qcow_metadata_remove(image, cluster);
}

static int replace_table(struct qcow_image *image, const struct layout *l,
			 struct qcow_refblock **b)
{
	u64 old = image->header.refcount_table_offset >>
		  image->geo.cluster_bits;
	u32 count = image->header.refcount_table_clusters;
	struct qcow_refs *refs = &image->refs;
	u64 *table = make_table(image, l, b);
	int err;

	if (!table)
		return -ENOMEM;
	err = write_blocks(image, l, b);
	if (!err)
		err = write_table(image, l, table);
	if (!err)
		err = note_new(image, l);
	if (!err)
		err = switch_header(image, l);
	if (err) {
		kvfree(table);
		forget_new(image, l);
		return err;
	}
	mutex_lock(&refs->mutex);
	qcow_refs_set_table(image, table,
			    (l->clusters << image->geo.cluster_bits) /
			    sizeof(u64));
	mutex_unlock(&refs->mutex);
	qcow_metadata_remove(image, old);
	/*
	 * The header leads to the new table: from here on this function must
	 * not fail, as the caller would undo what the image now uses.
	 */
	qcow_epoch_free(image, old, count);
	return 0;
}

int qcow_reftable_grow(struct qcow_image *image, u64 first, u64 *used)
{
	struct qcow_refblock **b;
	struct layout l;
	int err;

	err = make_layout(image, first, &l);
	if (err)
		return err;
	b = kvmalloc_array(l.blocks, sizeof(*b), GFP_NOIO);
	if (!b)
		return -ENOMEM;
	err = qcow_file_extend(image->file, first << image->geo.cluster_bits,
			       (layout_end(&l) - first) <<
			       image->geo.cluster_bits);
	if (!err) {
		*used = layout_end(&l) - first;
		err = make_blocks(image, &l, b);
		if (!err) {
			err = replace_table(image, &l, b);
			drop_blocks(image, b, l.blocks);
		}
		if (err)
			qcow_refblocks_forget(image, l.index, l.blocks);
	}
	kvfree(b);
	return err;
}
