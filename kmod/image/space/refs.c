// SPDX-License-Identifier: GPL-2.0
/*
 * The refcounts of a writable image.
 *
 * Refcount blocks are read when they are needed, and change in memory only; a
 * commit writes their dirty parts.  A block that is pinned or dirty stays in
 * memory; of the others some are kept.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/l2.h"
#include "format/refcount.h"
#include "image/core/health.h"
#include "image/core/table.h"
#include "image/core/types.h"
#include "image/space/free.h"
#include "image/space/refs.h"

/* Blocks kept in memory though they are not pinned: bytes, and a minimum. */
#define KEEP_BYTES	(4U << 20)
#define KEEP_MIN	4U

/* Dirty ranges are rounded to this, to spare the layers below reads. */
#define WRITE_UNIT	QCOW_REFS_PIECE

/* A commit can copy so much of a block even if there is no memory, bytes. */
#define COPY_BYTES	SZ_16K

/*
 * If a block is not in memory, a look at it reads at most so many bytes: with
 * the rest of their first sector they fit in 4 KiB.
 */
#define PIECE		(4096U - SECTOR_SIZE)

/* If memory runs out, writing a table entry is tried so many times. */
#define PUBLISH_TRIES		20
#define PUBLISH_DELAY_MS	20

static void block_free(struct qcow_refblock *b)
{
	kvfree(b->data);
	kfree(b);
}

void qcow_refs_destroy(struct qcow_image *image)
{
	struct qcow_refblock *b;
	unsigned long index;

	xa_for_each(&image->refs.blocks, index, b)
		block_free(b);
	xa_destroy(&image->refs.blocks);
	WARN_ON_ONCE(!xa_empty(&image->refs.watched));
	kvfree(image->refs.table);
	kvfree(image->refs.scanned);
	kfree(image->refs.copy);
	kfree(image->refs.piece);
}

/*
 * The entries to hold in memory if @used of them are not 0: whole units of
 * write_entry().
 */
static u32 entries_to_hold(const struct qcow_image *image, u32 used)
{
	u32 unit = max_t(u32, image->file->align, PAGE_SIZE) / sizeof(u64);

	return round_up(max(used, 1U), unit);
}

/*
 * Take over a table, and hold what is used of it: a table has at least a
 * cluster, which is enough for far more than most images contain.
 */
static void hold_table(struct qcow_image *image, u64 *table, u32 entries,
		       gfp_t gfp)
{
	struct qcow_refs *refs = &image->refs;
	u32 used = entries, held;
	u64 *less = NULL;

	while (used && !table[used - 1])
		used--;
	held = entries_to_hold(image, used);
	if (held < entries)
		less = kvmalloc_array(held, sizeof(*less), gfp);
	if (less) {
		memcpy(less, table, held * sizeof(*less));
		kvfree(table);
	}
	refs->table = less ? less : table;
	refs->held = less ? held : entries;
	refs->entries = entries;
}

/* Have the entry in memory, to be set. */
static int hold_entry(struct qcow_image *image, u32 index)
{
	struct qcow_refs *refs = &image->refs;
	u32 held = entries_to_hold(image, index + 1);
	u64 *table;

	lockdep_assert_held(&refs->mutex);
	if (index < refs->held)
		return 0;
	table = kvcalloc(held, sizeof(*table), GFP_NOIO);
	if (!table)
		return -ENOMEM;
	memcpy(table, refs->table, refs->held * sizeof(*table));
	kvfree(refs->table);
	refs->table = table;
	refs->held = held;
	return 0;
}

int qcow_refs_init(struct qcow_image *image)
{
	struct qcow_refs *refs = &image->refs;
	const struct qcow2_header *h = &image->header;
	size_t bytes = (size_t)h->refcount_table_clusters <<
		       h->cluster_bits;
	u32 entries = bytes / sizeof(u64);
	u64 *table;
	int err;

	mutex_init(&refs->mutex);
	spin_lock_init(&refs->lock);
	INIT_LIST_HEAD(&refs->dirty);
	INIT_LIST_HEAD(&refs->found);
	xa_init(&refs->blocks);
	xa_init(&refs->watched);
	table = qcow_table_alloc(bytes / sizeof(u64), GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;
	err = qcow_table_read(image, table, entries, h->refcount_table_offset);
	if (err) {
		kvfree(table);
		return err;
	}
	hold_table(image, table, entries, GFP_KERNEL_ACCOUNT);
	refs->nr_scanned = min(refs->held, refs->entries);
	refs->scanned = kvcalloc(BITS_TO_LONGS(refs->nr_scanned), sizeof(long),
				 GFP_KERNEL_ACCOUNT);
	refs->copy = kmalloc(min(COPY_BYTES, 1U << h->cluster_bits),
			     GFP_KERNEL_ACCOUNT);
	refs->piece = kmalloc(PIECE + SECTOR_SIZE, GFP_KERNEL_ACCOUNT);
	if (refs->copy && refs->scanned && refs->piece)
		return 0;
	qcow_refs_destroy(image);
	return -ENOMEM;
}

unsigned long qcow_refblock_index(const struct qcow_image *image, u64 cluster)
{
	return cluster >> qcow2_refcount_block_bits(&image->geo);
}

/* @flags: __GFP_ZERO; 0 for a block that is about to be read */
static struct qcow_refblock *block_alloc(struct qcow_image *image,
					 unsigned long index, u64 host,
					 gfp_t flags)
{
	struct qcow_refblock *b = kzalloc(sizeof(*b), GFP_NOIO);

	if (!b)
		return NULL;
	b->data = kvmalloc(1UL << image->geo.cluster_bits, GFP_NOIO | flags);
	if (!b->data) {
		kfree(b);
		return NULL;
	}
	b->index = index;
	b->host = host;
	INIT_LIST_HEAD(&b->dirty);
	return b;
}

/* Free blocks that are neither pinned nor dirty, to make room for another. */
static void evict_blocks(struct qcow_image *image)
{
	unsigned int keep = max(KEEP_BYTES >> image->geo.cluster_bits,
				KEEP_MIN);
	struct qcow_refs *refs = &image->refs;
	struct qcow_refblock *b;
	unsigned long index;

	lockdep_assert_held(&refs->mutex);
	if (refs->count < keep)
		return;
	xa_for_each(&refs->blocks, index, b) {
		/* only a pinned block can become dirty: no need for @lock */
		if (b->pins || !list_empty(&b->dirty))
			continue;
		xa_erase(&refs->blocks, index);
		refs->count--;
		block_free(b);
		if (refs->count < keep)
			break;
	}
}

static int insert_block(struct qcow_image *image, struct qcow_refblock *b)
{
	struct qcow_refs *refs = &image->refs;
	int err;

	lockdep_assert_held(&refs->mutex);
	evict_blocks(image);
	err = xa_insert(&refs->blocks, b->index, b, GFP_NOIO);
	if (!err) {
		b->pins = 1;
		refs->count++;
	}
	return err;
}

static struct qcow_refblock *load_block(struct qcow_image *image,
					unsigned long index)
{
	u64 entry = qcow_refs_entry(image, index);
	struct qcow_refblock *b;
	struct qcow_fault fault;
	int err;

	if (qcow2_reftable_entry_check(&image->geo, index, entry, &fault))
		return ERR_PTR(qcow_image_corrupt(image, &fault));
	entry &= QCOW2_REFTABLE_OFFSET_MASK;
	if (!entry)
		return NULL;
	b = block_alloc(image, index, entry, 0);
	if (!b)
		return ERR_PTR(-ENOMEM);
	err = qcow_file_read(image->file, b->data,
			     1UL << image->geo.cluster_bits, entry);
	if (!err)
		err = insert_block(image, b);
	if (err) {
		block_free(b);
		return ERR_PTR(err);
	}
	if (index < image->refs.nr_scanned &&
	    !test_and_set_bit(index, image->refs.scanned))
		qcow_alloc_found(image, b->data, index);
	return b;
}

struct qcow_refblock *qcow_refblock_get(struct qcow_image *image,
					unsigned long index)
{
	struct qcow_refs *refs = &image->refs;
	struct qcow_refblock *b = NULL;

	mutex_lock(&refs->mutex);
	if (index < refs->entries) {
		b = xa_load(&refs->blocks, index);
		if (b)
			b->pins++;
		else
			b = load_block(image, index);
	}
	mutex_unlock(&refs->mutex);
	return b;
}

void qcow_refblock_put(struct qcow_image *image, struct qcow_refblock *b)
{
	mutex_lock(&image->refs.mutex);
	b->pins--;
	mutex_unlock(&image->refs.mutex);
}

struct qcow_refblock *qcow_refblock_create(struct qcow_image *image,
					   unsigned long index, u64 host)
{
	struct qcow_refs *refs = &image->refs;
	struct qcow_refblock *b = block_alloc(image, index, host, __GFP_ZERO);
	int err;

	if (!b)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&refs->mutex);
	err = index < refs->entries ? hold_entry(image, index) : 0;
	if (!err)
		err = insert_block(image, b);
	mutex_unlock(&refs->mutex);
	if (err) {
		block_free(b);
		return ERR_PTR(err);
	}
	qcow_refs_set(image, b, host >> image->geo.cluster_bits, 1, 1);
	return b;
}

/* The bytes from @from to @to of the block are not what they were. */
static void note_change(struct qcow_refs *refs, const struct qcow_refblock *b,
			u32 from, u32 to)
{
	unsigned long *pieces;

	lockdep_assert_held(&refs->lock);
	if (likely(xa_empty(&refs->watched)))
		return;
	pieces = xa_load(&refs->watched, b->index);
	if (pieces)
		bitmap_set(pieces, from / QCOW_REFS_PIECE,
			   DIV_ROUND_UP(to, QCOW_REFS_PIECE) -
			   from / QCOW_REFS_PIECE);
}

void qcow_refblocks_forget(struct qcow_image *image, unsigned long index,
			   unsigned long count)
{
	struct qcow_refs *refs = &image->refs;
	struct qcow_refblock *b;

	mutex_lock(&refs->mutex);
	for (; count--; index++) {
		b = xa_erase(&refs->blocks, index);
		if (!b)
			continue;
		refs->count--;
		spin_lock(&refs->lock);
		list_del_init(&b->dirty);
		note_change(refs, b, 0, 1U << image->geo.cluster_bits);
		spin_unlock(&refs->lock);
		block_free(b);
	}
	mutex_unlock(&refs->mutex);
}

int qcow_refs_watch(struct qcow_image *image, unsigned long index,
		    unsigned long *pieces)
{
	return xa_insert(&image->refs.watched, index, pieces, GFP_NOIO);
}

void qcow_refs_unwatch(struct qcow_image *image, unsigned long index)
{
	spin_lock(&image->refs.lock);
	xa_erase(&image->refs.watched, index);
	spin_unlock(&image->refs.lock);
}

int qcow_refs_copy(struct qcow_image *image, unsigned long index,
		   unsigned long *pieces, u32 first, u32 count, void *to)
{
	size_t size = min_t(size_t, QCOW_REFS_PIECE,
			    1UL << image->geo.cluster_bits);
	struct qcow_refs *refs = &image->refs;
	struct qcow_refblock *b;

	/* without a block the bits go first: one may be made at any time */
	spin_lock(&refs->lock);
	bitmap_clear(pieces, first, count);
	spin_unlock(&refs->lock);
	b = qcow_refblock_get(image, index);
	if (IS_ERR(b))
		return PTR_ERR(b);
	if (!b) {
		memset(to, 0, count * size);
		return 0;
	}
	spin_lock(&refs->lock);
	bitmap_clear(pieces, first, count);
	memcpy(to, b->data + first * size, count * size);
	spin_unlock(&refs->lock);
	qcow_refblock_put(image, b);
	return 0;
}

int qcow_refs_place(struct qcow_image *image, unsigned long index, u64 *host)
{
	struct qcow_refs *refs = &image->refs;
	struct qcow_fault fault;
	u64 entry;

	mutex_lock(&refs->mutex);
	entry = qcow_refs_entry(image, index);
	mutex_unlock(&refs->mutex);
	if (qcow2_reftable_entry_check(&image->geo, index, entry, &fault))
		return qcow_image_corrupt(image, &fault);
	*host = entry & QCOW2_REFTABLE_OFFSET_MASK;
	return 0;
}

void qcow_refs_set_table(struct qcow_image *image, u64 *table, u32 entries)
{
	lockdep_assert_held(&image->refs.mutex);
	kvfree(image->refs.table);
	hold_table(image, table, entries, GFP_NOIO);
}

void qcow_refs_replace(struct qcow_image *image, u64 *table, u32 entries)
{
	struct qcow_refs *refs = &image->refs;
	struct qcow_refblock *b;
	unsigned long index;

	mutex_lock(&refs->mutex);
	xa_for_each(&refs->blocks, index, b) {
		WARN_ON_ONCE(b->pins || !list_empty(&b->dirty));
		block_free(b);
	}
	xa_destroy(&refs->blocks);
	refs->count = 0;
	qcow_refs_set_table(image, table, entries);
	mutex_unlock(&refs->mutex);
}

/*
 * The mutex keeps out a commit that finds the block dirty: of two writes in
 * flight at once, the older contents could reach the file last.
 */
int qcow_refs_write_new(struct qcow_image *image, struct qcow_refblock *b)
{
	int err;

	mutex_lock(&image->refs.mutex);
	err = qcow_file_write(image->file, b->data,
			      1UL << image->geo.cluster_bits, b->host);
	mutex_unlock(&image->refs.mutex);
	return err;
}

/*
 * Write the sector of the table that has the entry.  All its other entries are
 * durable already.
 */
static int write_entry(struct qcow_image *image, struct qcow_refblock *b)
{
	struct qcow_refs *refs = &image->refs;
	u32 per_unit = max_t(u32, image->file->align, SECTOR_SIZE) / sizeof(u64);
	unsigned long first = round_down(b->index, per_unit);
	u64 *unit;
	int err;

	unit = kmalloc_array(per_unit, sizeof(u64), GFP_NOIO);
	if (!unit)
		return -ENOMEM;
	mutex_lock(&refs->mutex);
	refs->table[b->index] = b->host;
	qcow2_be64_encode(unit, refs->table + first, per_unit);
	err = qcow_file_write(image->file, unit, per_unit * sizeof(u64),
			      image->header.refcount_table_offset +
			      first * sizeof(u64));
	mutex_unlock(&refs->mutex);
	kfree(unit);
	return err;
}

/*
 * After a failed write the file may hold either entry, which ends all
 * allocation.  So if memory runs out, try again before that counts as failed.
 */
int qcow_refs_publish(struct qcow_image *image, struct qcow_refblock *b)
{
	unsigned int tries = PUBLISH_TRIES;
	int err;

	while ((err = write_entry(image, b)) == -ENOMEM && --tries)
		msleep(PUBLISH_DELAY_MS);
	return err;
}

static u64 index_in_block(const struct qcow_image *image, u64 cluster)
{
	return cluster & ((1ULL << qcow2_refcount_block_bits(&image->geo)) - 1);
}

/* Add the bytes from @from to @to to the block's dirty range. */
static void add_dirty(struct qcow_refs *refs, struct qcow_refblock *b,
		      u32 from, u32 to)
{
	lockdep_assert_held(&refs->lock);
	if (list_empty(&b->dirty)) {
		list_add_tail(&b->dirty, &refs->dirty);
		b->dirty_from = from;
		b->dirty_to = to;
	} else {
		b->dirty_from = min(b->dirty_from, from);
		b->dirty_to = max(b->dirty_to, to);
	}
}

/* Add the refcounts from index @first to @last to the block's dirty range. */
static void mark_dirty(struct qcow_image *image, struct qcow_refblock *b,
		       u64 first, u64 last)
{
	u8 order = image->geo.refcount_order;
	u32 from = round_down((first << order) >> 3, WRITE_UNIT);
	u32 to = round_up(((last << order) >> 3) + 1, WRITE_UNIT);

	to = min(to, 1U << image->geo.cluster_bits);
	add_dirty(&image->refs, b, from, to);
	note_change(&image->refs, b, from, to);
}

u64 qcow_refs_get(struct qcow_image *image, struct qcow_refblock *b,
		  u64 cluster)
{
	u64 value;

	spin_lock(&image->refs.lock);
	value = qcow2_refcount_get(b->data, image->geo.refcount_order,
				   index_in_block(image, cluster));
	spin_unlock(&image->refs.lock);
	return value;
}

/**
 * struct span - neighbouring refcounts of one block, to be looked at
 * @index: of the first one in the block
 * @count: how many
 * @ones:  how many from the first one on are 1
 * @odd:   the next refcount, if @ones is less than @count
 */
struct span {
	u64 index;
	u32 count, ones;
	u64 odd;
};

/*
 * @block: a block or a part of one
 * @index: of the first refcount in @block
 */
static void look_at_span(struct qcow_image *image, const void *block, u64 index,
			 struct span *s)
{
	u8 order = image->geo.refcount_order;

	s->ones = qcow2_refcount_count_ones(block, order, index, s->count);
	if (s->ones < s->count)
		s->odd = qcow2_refcount_get(block, order, index + s->ones);
}

/* The block is not in memory: read only the sectors with these refcounts. */
static int look_at_piece(struct qcow_image *image, u64 host, struct span *s)
{
	u8 order = image->geo.refcount_order;
	u32 from = round_down((s->index << order) >> 3, SECTOR_SIZE);
	u32 to = DIV_ROUND_UP((s->index + s->count) << order, 8);
	int err = qcow_file_read(image->file, image->refs.piece, to - from,
				 host + from);

	if (!err)
		look_at_span(image, image->refs.piece,
			     s->index - (((u64)from << 3) >> order), s);
	return err;
}

static int look_at_block(struct qcow_image *image, unsigned long number,
			 struct span *s)
{
	struct qcow_refs *refs = &image->refs;
	struct qcow_refblock *b = xa_load(&refs->blocks, number);
	u64 entry = qcow_refs_entry(image, number);
	struct qcow_fault fault;

	lockdep_assert_held(&refs->mutex);
	if (b) {
		spin_lock(&refs->lock);
		look_at_span(image, b->data, s->index, s);
		spin_unlock(&refs->lock);
		return 0;
	}
	if (qcow2_reftable_entry_check(&image->geo, number, entry, &fault))
		return qcow_image_corrupt(image, &fault);
	entry &= QCOW2_REFTABLE_OFFSET_MASK;
	if (entry)
		return look_at_piece(image, entry, s);
	s->ones = 0;
	s->odd = 0;
	return 0;
}

int qcow_refs_count_ones(struct qcow_image *image, u64 first, u32 *count,
			 u64 *odd)
{
	u64 per_block = 1ULL << qcow2_refcount_block_bits(&image->geo);
	u64 left = *count, most = (PIECE << 3) >> image->geo.refcount_order;
	struct span s;
	int err = 0;

	mutex_lock(&image->refs.mutex);
	while (left) {
		s.index = index_in_block(image, first);
		s.count = min3(left, per_block - s.index, most);
		err = look_at_block(image, qcow_refblock_index(image, first),
				    &s);
		if (err)
			break;
		first += s.ones;
		left -= s.ones;
		if (s.ones < s.count) {
			*odd = s.odd;
			break;
		}
	}
	mutex_unlock(&image->refs.mutex);
	*count -= left;
	return err;
}

void qcow_refs_set(struct qcow_image *image, struct qcow_refblock *b,
		   u64 cluster, u32 count, u64 value)
{
	u64 first = index_in_block(image, cluster), i;

	spin_lock(&image->refs.lock);
	for (i = first; i < first + count; i++)
		qcow2_refcount_set(b->data, image->geo.refcount_order, i,
				   value);
	mark_dirty(image, b, first, first + count - 1);
	spin_unlock(&image->refs.lock);
}

long qcow_refs_drop(struct qcow_image *image, u64 cluster)
{
	struct qcow_refblock *b =
		qcow_refblock_get(image, qcow_refblock_index(image, cluster));
	u64 index = index_in_block(image, cluster), value;

	if (IS_ERR(b))
		return PTR_ERR(b);
	if (!b)
		return -EUCLEAN;
	spin_lock(&image->refs.lock);
	value = qcow2_refcount_get(b->data, image->geo.refcount_order, index);
	if (value) {
		qcow2_refcount_set(b->data, image->geo.refcount_order, index,
				   value - 1);
		mark_dirty(image, b, index, index);
	}
	spin_unlock(&image->refs.lock);
	qcow_refblock_put(image, b);
	return value ? (long)min_t(u64, value - 1, LONG_MAX) : -EUCLEAN;
}

static void take_dirty(struct qcow_refs *refs, struct qcow_refblock *b,
		       u32 *from, u32 *to)
{
	spin_lock(&refs->lock);
	*from = b->dirty_from;
	*to = b->dirty_to;
	list_del_init(&b->dirty);
	spin_unlock(&refs->lock);
}

/* Write a copy: refcounts may change while it is written. */
static int write_part(struct qcow_image *image, struct qcow_refblock *b,
		      void *copy, u32 from, u32 len)
{
	struct qcow_refs *refs = &image->refs;

	spin_lock(&refs->lock);
	memcpy(copy, b->data + from, len);
	spin_unlock(&refs->lock);
	return qcow_file_write(image->file, copy, len, b->host + from);
}

/* Where there is no memory for a copy of all, @copy of struct qcow_refs does. */
static int write_parts(struct qcow_image *image, struct qcow_refblock *b,
		       u32 from, u32 to)
{
	void *large = to - from > COPY_BYTES ?
		      kmalloc(to - from, GFP_NOIO | __GFP_NORETRY |
					 __GFP_NOWARN) : NULL;
	u32 most = large ? to - from : COPY_BYTES, len;
	int err = 0;

	while (from < to && !err) {
		len = min(to - from, most);
		err = write_part(image, b, large ? large : image->refs.copy,
				 from, len);
		from += len;
	}
	kfree(large);
	return err;
}

static int write_dirty(struct qcow_image *image, struct qcow_refblock *b)
{
	struct qcow_refs *refs = &image->refs;
	u32 from, to;
	int err;

	take_dirty(refs, b, &from, &to);
	err = write_parts(image, b, from, to);
	if (err) {
		spin_lock(&refs->lock);
		add_dirty(refs, b, from, to);
		spin_unlock(&refs->lock);
	}
	return err;
}

static struct qcow_refblock *first_dirty_block(struct qcow_refs *refs,
					       struct list_head *dirty)
{
	struct qcow_refblock *b;

	spin_lock(&refs->lock);
	b = list_first_entry_or_null(dirty, struct qcow_refblock, dirty);
	spin_unlock(&refs->lock);
	return b;
}

/*
 * Only one commit runs at a time, and it holds the mutex, so a dirty block
 * stays in memory while it is written.  The list is taken over at the
 * beginning: a block that becomes dirty again is left to the next commit, so
 * that a refill does not wait for the mutex for long.
 */
int qcow_refs_write(struct qcow_image *image)
{
	struct qcow_refs *refs = &image->refs;
	struct qcow_refblock *b;
	LIST_HEAD(dirty);
	int err = 0;

	mutex_lock(&refs->mutex);
	spin_lock(&refs->lock);
	list_splice_init(&refs->dirty, &dirty);
	spin_unlock(&refs->lock);
	while (!err && (b = first_dirty_block(refs, &dirty)))
		err = write_dirty(image, b);
	spin_lock(&refs->lock);
	list_splice(&dirty, &refs->dirty);
	spin_unlock(&refs->lock);
	mutex_unlock(&refs->mutex);
	return err;
}
