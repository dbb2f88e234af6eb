// SPDX-License-Identifier: GPL-2.0
/*
 * The index of a writable image's metadata: an rbtree of the clusters in which
 * it lies.  Before guest data is written to a cluster for the first time, or a
 * cluster is freed, the driver looks here whether the cluster holds metadata.
 */
#include <linux/bitmap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "file/file.h"
#include "file/reason.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/l2.h"
#include "format/refcount.h"
#include "format/snapshot.h"
#include "image/core/types.h"
#include "image/map/snaptable.h"
#include "image/space/metadata.h"
#include "image/space/refs.h"

/* So many entries or notes are looked at before other tasks may run. */
#define LOOKS		1024

/*
 * An image can have millions of notes, so the two numbers share a word.  The
 * clusters of a file of 2^56 bytes have numbers of 47 bits, and no structure
 * has more than 2^17 of them: the snapshot table, of 64 MiB at most.
 */
struct qcow_metadata {
	struct rb_node node;
	u64 first : 47;
	u64 rest : 17;		/* clusters behind the first one */
};

static u64 note_end(const struct qcow_metadata *m)
{
	return (u64)m->first + m->rest + 1;
}

struct qcow_metadata *qcow_metadata_alloc(gfp_t gfp)
{
	return kmalloc(sizeof(struct qcow_metadata), gfp);
}

struct qcow_metadata *qcow_metadata_add(struct qcow_image *image,
					struct qcow_metadata *m, u64 first,
					u64 count)
{
	struct qcow_metadata_index *index = &image->metadata;
	struct rb_node **link, *parent = NULL;
	struct qcow_metadata *other;

	m->first = first;
	m->rest = count - 1;
	spin_lock(&index->lock);
	link = &index->root.rb_node;
	while (*link) {
		parent = *link;
		other = rb_entry(parent, struct qcow_metadata, node);
		if (first + count <= other->first) {
			link = &parent->rb_left;
		} else if (first >= note_end(other)) {
			link = &parent->rb_right;
		} else {
			spin_unlock(&index->lock);
			return m;
		}
	}
	rb_link_node(&m->node, parent, link);
	rb_insert_color(&m->node, &index->root);
	spin_unlock(&index->lock);
	return NULL;
}

static struct qcow_metadata *find_metadata(struct qcow_metadata_index *index,
					   u64 first, u64 count)
{
	struct rb_node *node = index->root.rb_node;

	while (node) {
		struct qcow_metadata *m = rb_entry(node, struct qcow_metadata,
						   node);

		if (first + count <= m->first)
			node = node->rb_left;
		else if (first >= note_end(m))
			node = node->rb_right;
		else
			return m;
	}
	return NULL;
}

bool qcow_is_metadata(struct qcow_image *image, u64 first, u64 count)
{
	bool found;

	spin_lock(&image->metadata.lock);
	found = find_metadata(&image->metadata, first, count);
	spin_unlock(&image->metadata.lock);
	return found;
}

void qcow_metadata_remove(struct qcow_image *image, u64 first)
{
	struct qcow_metadata *m;

	spin_lock(&image->metadata.lock);
	m = find_metadata(&image->metadata, first, 1);
	if (m)
		rb_erase(&m->node, &image->metadata.root);
	spin_unlock(&image->metadata.lock);
	kfree(m);
}

/* Return the first note that does not lie before cluster @first. */
static struct qcow_metadata *first_note(struct qcow_metadata_index *index,
					u64 first)
{
	struct rb_node *node = index->root.rb_node;
	struct qcow_metadata *found = NULL;

	lockdep_assert_held(&index->lock);
	while (node) {
		struct qcow_metadata *m = rb_entry(node, struct qcow_metadata,
						   node);

		if (first < note_end(m)) {
			found = m;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

bool qcow_metadata_find(struct qcow_image *image, u64 first, u64 count,
			u64 *at, u64 *n)
{
	struct qcow_metadata *m;
	bool found = false;

	spin_lock(&image->metadata.lock);
	m = first_note(&image->metadata, first);
	if (m && m->first < first + count) {
		*at = m->first;
		*n = note_end(m) - m->first;
		found = true;
	}
	spin_unlock(&image->metadata.lock);
	return found;
}

u64 qcow_metadata_end(struct qcow_image *image)
{
	struct rb_node *last = rb_last(&image->metadata.root);
	struct qcow_metadata *m = rb_entry_safe(last, struct qcow_metadata,
						node);

	return m ? note_end(m) : 0;
}

/* Called for each entry of a table: give way, and return -EINTR if killed. */
static int look_around(u32 i)
{
	if (i % LOOKS)
		return 0;
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/*
 * Note a structure that the file says lies at @offset.
 * @what: the structure's name, for messages
 */
static int note_place(struct qcow_image *image, const char *what, u64 offset,
		      u64 bytes, struct qcow_reason *why)
{
	u8 bits = image->geo.cluster_bits;
	u64 count = (bytes + (1ULL << bits) - 1) >> bits;
	struct qcow_metadata *m;

	if (!count)
		return 0;
	m = qcow_metadata_alloc(GFP_KERNEL_ACCOUNT);
	if (!m)
		return -ENOMEM;
	if (!qcow_metadata_add(image, m, offset >> bits, count))
		return 0;
	kfree(m);
	return qcow_refuse(why, -EUCLEAN,
			   "%s: the %s at 0x%llx overlaps other metadata; repair it with qcowctl check -r all",
			   image->path, what, offset);
}

static int note_refblocks(struct qcow_image *image, struct qcow_reason *why)
{
	struct qcow_fault fault;
	u32 i;
	int err;

	for (i = 0; i < image->refs.held; i++) {
		u64 entry = qcow_refs_entry(image, i);

		if (look_around(i))
			return -EINTR;
		if (qcow2_reftable_entry_check(&image->geo, i, entry, &fault))
			return qcow_refuse_fault(why, -EUCLEAN, image->path,
						 &fault);
		entry &= QCOW2_REFTABLE_OFFSET_MASK;
		if (entry && entry >= qcow_file_size(image->file))
			/*
			 * Behind its end the file reads zeros: all clusters
			 * that the block counts would seem free.
			 */
			return qcow_refuse(why, -EUCLEAN,
					   "%s: the refcount block at 0x%llx lies behind the end of the file, of which a part is missing; repair it with qcowctl check -r all",
					   image->path, entry);
		err = entry ? note_place(image, "refcount block", entry, 1,
					 why) : 0;
		if (err)
			return err;
	}
	return 0;
}

static int note_l2_tables(struct qcow_image *image, struct qcow_reason *why)
{
	struct qcow_fault fault;
	u32 i;
	int err;

	for (i = 0; i < image->active.l1_size; i++) {
		u64 entry = image->active.l1_table[i];

		if (look_around(i))
			return -EINTR;
		/* a malformed entry is reported by the lookup that uses it */
		if (qcow2_l1_entry_check(&image->geo, i, entry, &fault))
			continue;
		entry &= QCOW2_L1E_OFFSET_MASK;
		err = entry ? note_place(image, "L2 table", entry, 1, why) : 0;
		if (err)
			return err;
	}
	return 0;
}

/* Note a snapshot's L1 table, and add up the length of the snapshot table. */
static int note_snapshot(struct qcow_image *image,
			 const struct qcow2_snapshot *s, void *ctx,
			 struct qcow_reason *why)
{
	u64 *table_end = ctx;

	*table_end += s->entry_len;
	return note_place(image, "L1 table of a snapshot", s->l1_table_offset,
			  (u64)s->l1_size * sizeof(u64), why);
}

static int note_snapshots(struct qcow_image *image, struct qcow_reason *why)
{
	u64 bytes = 0;
	int err = qcow_snaptable_walk(image, note_snapshot, &bytes, why);

	return err ? err : note_place(image, "snapshot table",
				      image->header.snapshots_offset, bytes,
				      why);
}

int qcow_metadata_init(struct qcow_image *image, struct qcow_reason *why)
{
	const struct qcow2_header *h = &image->header;
	int err;

	err = note_place(image, "header", 0, 1, why);
	if (!err)
		err = note_place(image, "L1 table", h->l1_table_offset,
				 (u64)h->l1_size * sizeof(u64), why);
	if (!err)
		err = note_place(image, "refcount table",
				 h->refcount_table_offset,
				 (u64)h->refcount_table_clusters <<
				 h->cluster_bits, why);
	if (!err)
		err = note_refblocks(image, why);
	if (!err)
		err = note_l2_tables(image, why);
	if (!err)
		err = note_snapshots(image, why);
	return err;
}

void qcow_metadata_destroy(struct qcow_image *image)
{
	struct qcow_metadata *m, *next;
	unsigned int n = 0;

	rbtree_postorder_for_each_entry_safe(m, next, &image->metadata.root,
					     node) {
		kfree(m);
		if (!(++n % LOOKS))
			cond_resched();
	}
	image->metadata.root = RB_ROOT;
}
