// SPDX-License-Identifier: GPL-2.0
/*
 * Build a structural change aside and switch to it by one write.
 *
 * A snapshot or a new size changes many tables at once, and the refcounts with
 * them.  If they were changed in place, a crash could leave a broken image
 * whatever the order of the writes.  So:
 *
 *  1. Each table that becomes different is written to new clusters, which
 *     nothing counts yet, and so is each refcount block that becomes different.
 *     The disk may be in use meanwhile (beside.c).
 *  2. The image comes to rest, and all of it is durable
 *     (qcow_commit_quiesce()).  What changed since 1 is written again, and the
 *     refcount table is written.
 *  3. Sync.
 *  4. Write the first sector of the header, which says where the tables are.
 *  5. Sync.
 *
 * A crash before 4 leaves the old image in a file in which some clusters are
 * neither counted nor free of data.  A crash after 4 leaves the new image.
 *
 * Of each refcount that the change concerns the shadow keeps two numbers: the
 * refcount as the running disk has it, and by how much the change moves it.
 * Their sum is what is written.
 *
 * Clusters that only the old image used stay counted in the new one, so that
 * they can be released in the usual way, after I/O that may still be in flight.
 * A crash before the release leaves leaked clusters.  So no refcount falls to 0
 * in a shadow, and freeing the old refcount blocks changes no refcount.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "file/reason.h"
#include "file/record.h"
#include "format/header.h"
#include "format/l2.h"
#include "format/refcount.h"
#include "image/change/shadow.h"
#include "image/core/header.h"
#include "image/core/health.h"
#include "image/core/table.h"
#include "image/core/types.h"
#include "image/space/metadata.h"
#include "image/space/refill.h"
#include "image/space/refs.h"

/* the limit of QEMU */
#define MAX_REFTABLE_BYTES	(8ULL << 20)

/* The first chunk of clusters for new structures, and the largest one, bytes */
#define CHUNK_MIN	(4ULL << 20)
#define CHUNK_MAX	(64ULL << 20)

/**
 * struct shadow_chunk - clusters at the file's end for new structures
 * @node:  in qcow_shadow.chunks
 * @first: number of the first cluster
 * @count: how many
 * @used:  how many from the first one on hold structures
 */
struct shadow_chunk {
	struct list_head node;
	u64 first;
	u64 count;
	u64 used;
};

/**
 * struct shadow_block - a refcount block as it is and as it becomes
 * @live:  the block as the running disk has it
 * @delta: by how much the change moves each refcount
 * @freed: a bit for each cluster that nothing refers to after the change
 * @stale: a bit for each piece of @live that the running disk has changed since
 * @todo:  a bit for each piece whose outcome has to be looked at again
 * @host:  where the new block lies, bytes; 0 while no refcount in it differs
 * @gone:  the old block, which @host replaces, was dropped
 */
struct shadow_block {
	void *live;
	s16 *delta;
	unsigned long *freed;
	unsigned long *stale;
	unsigned long *todo;
	u64 host;
	bool gone;
};

static u64 to_bytes(const struct qcow_shadow *s, u64 clusters)
{
	return clusters << s->image->geo.cluster_bits;
}

static u8 block_bits(const struct qcow_shadow *s)
{
	return qcow2_refcount_block_bits(&s->image->geo);
}

static u32 piece_bytes(const struct qcow_shadow *s)
{
	return min_t(u64, QCOW_REFS_PIECE, to_bytes(s, 1));
}

static u32 nr_pieces(const struct qcow_shadow *s)
{
	return to_bytes(s, 1) / piece_bytes(s);
}

/* refcounts in a piece */
static u32 per_piece(const struct qcow_shadow *s)
{
	return (1ULL << block_bits(s)) / nr_pieces(s);
}

struct qcow_shadow *qcow_shadow_alloc(struct qcow_image *image,
				      struct qcow_reason *why)
{
	struct qcow_shadow *s = kzalloc(sizeof(*s), GFP_NOIO);
	size_t size = 1UL << image->geo.cluster_bits;

	if (!s)
		return ERR_PTR(-ENOMEM);
	s->image = image;
	s->why = why;
	s->header = image->header;
	s->step = max(CHUNK_MIN >> image->geo.cluster_bits, 1ULL);
	INIT_LIST_HEAD(&s->chunks);
	xa_init(&s->blocks);
	s->table = kvmalloc(size, GFP_NOIO);
	s->old = kvmalloc(size, GFP_NOIO);
	s->out = kvmalloc(size, GFP_NOIO);
	s->counts = kvmalloc(size, GFP_NOIO);
	if (s->table && s->old && s->out && s->counts)
		return s;
	qcow_shadow_free(s);
	return ERR_PTR(-ENOMEM);
}

/*
 * After a failed sync the file may be the old image or the new one: then the
 * structures must stay.
 */
static void free_chunks(struct qcow_shadow *s)
{
	bool stays = !s->switched && READ_ONCE(s->image->health.error);
	struct shadow_chunk *c, *prev;
	u64 used, i;

	list_for_each_entry_safe_reverse(c, prev, &s->chunks, node) {
		used = s->switched ? c->used : 0;
		for (i = used; i < c->used && !stays; i++) {
			qcow_metadata_remove(s->image, c->first + i);
			cond_resched();
		}
		if (!stays)
			qcow_alloc_unreserve(s->image, c->first + used,
					     c->count - used, !s->switched);
		kfree(c);
	}
}

static void block_free(struct shadow_block *b)
{
	kvfree(b->live);
	kvfree(b->delta);
	kvfree(b->freed);
	bitmap_free(b->stale);
	bitmap_free(b->todo);
	kfree(b);
}

static void unwatch(struct qcow_shadow *s)
{
	struct shadow_block *b;
	unsigned long index;

	xa_for_each(&s->blocks, index, b)
		qcow_refs_unwatch(s->image, index);
}

void qcow_shadow_free(struct qcow_shadow *s)
{
	struct shadow_block *b;
	unsigned long index;

	if (!s->switched)
		unwatch(s);
	xa_for_each(&s->blocks, index, b)
		block_free(b);
	xa_destroy(&s->blocks);
	free_chunks(s);
	kvfree(s->table);
	kvfree(s->old);
	kvfree(s->out);
	kvfree(s->counts);
	kvfree(s->l1);
	kvfree(s->seen);
	kvfree(s->reftable);
	kfree(s);
}

static struct shadow_block *block_alloc(struct qcow_shadow *s)
{
	/* all blocks together may take much, so the caller is charged */
	const gfp_t gfp = GFP_NOIO | __GFP_ACCOUNT;
	struct shadow_block *b = kzalloc(sizeof(*b), gfp);
	u64 entries = 1ULL << block_bits(s);

	if (!b)
		return NULL;
	b->live = kvmalloc(to_bytes(s, 1), gfp);
	b->delta = kvcalloc(entries, sizeof(*b->delta), gfp);
	b->freed = kvcalloc(BITS_TO_LONGS(entries), sizeof(long), gfp);
	b->stale = bitmap_alloc(nr_pieces(s), GFP_NOIO);
	b->todo = bitmap_zalloc(nr_pieces(s), GFP_NOIO);
	if (b->live && b->delta && b->freed && b->stale && b->todo) {
		bitmap_fill(b->stale, nr_pieces(s));
		return b;
	}
	block_free(b);
	return NULL;
}

/* Copy what the running disk has changed.  It may go on to change it. */
static int block_refresh(struct qcow_shadow *s, unsigned long index,
			 struct shadow_block *b)
{
	unsigned long first, end;
	int err;

	for_each_set_bitrange(first, end, b->stale, nr_pieces(s)) {
		bitmap_set(b->todo, first, end - first);
		err = qcow_refs_copy(s->image, index, b->stale, first,
				     end - first,
				     b->live + first * piece_bytes(s));
		if (err)
			return err;
	}
	return 0;
}

static struct shadow_block *block_get(struct qcow_shadow *s,
				      unsigned long index)
{
	struct shadow_block *b = xa_load(&s->blocks, index);
	int err;

	if (b)
		return b;
	b = block_alloc(s);
	if (!b)
		return ERR_PTR(-ENOMEM);
	err = xa_insert(&s->blocks, index, b, GFP_NOIO);
	if (err) {
		block_free(b);
		return ERR_PTR(err);
	}
	err = qcow_refs_watch(s->image, index, b->stale);
	if (!err)
		err = block_refresh(s, index, b);
	return err ? ERR_PTR(err) : b;
}

static int refuse_cluster(struct qcow_shadow *s, u64 cluster, int err,
			  const char *problem)
{
	return qcow_refuse(s->why, err, "%s: the cluster at 0x%llx %s",
			   s->image->path, to_bytes(s, cluster), problem);
}

/* Return one of the clusters that is reserved for a new structure, or 0. */
static u64 find_new(const struct qcow_shadow *s, u64 first, u64 count)
{
	const struct shadow_chunk *c;

	list_for_each_entry(c, &s->chunks, node)
		if (first < c->first + c->count && c->first < first + count)
			return max(first, c->first);
	return 0;
}

bool qcow_shadow_is_new(const struct qcow_shadow *s, u64 cluster)
{
	return find_new(s, cluster, 1);
}

/* Move refcounts that one block counts. */
static int add_delta(struct qcow_shadow *s, u64 first, u64 count, int add)
{
	struct shadow_block *b = block_get(s, first >> block_bits(s));
	u64 i = first & ((1ULL << block_bits(s)) - 1), end = i + count;

	if (IS_ERR(b))
		return PTR_ERR(b);
	bitmap_set(b->todo, i / per_piece(s),
		   (end - 1) / per_piece(s) - i / per_piece(s) + 1);
	for (; i < end; i++, first++) {
		if (b->delta[i] == (add > 0 ? S16_MAX : S16_MIN))
			return refuse_cluster(s, first, -EOVERFLOW,
					      "has more references than a change can follow");
		b->delta[i] += add;
	}
	return 0;
}

static int add_deltas(struct qcow_shadow *s, u64 first, u64 count, int add)
{
	u64 per_block = 1ULL << block_bits(s);
	int err = 0;

	while (count && !err) {
		u64 n = min(count, per_block - (first & (per_block - 1)));

		err = add_delta(s, first, n, add);
		first += n;
		count -= n;
	}
	return err;
}

int qcow_shadow_ref(struct qcow_shadow *s, u64 first, u64 count, bool more)
{
	u64 new = find_new(s, first, count);

	if (first + count > READ_ONCE(s->image->alloc.end))
		return refuse_cluster(s, first, -EUCLEAN,
				      "is in use but behind the image's end; repair it with qcowctl check -r all");
	if (new)
		return refuse_cluster(s, new, -EUCLEAN,
				      "is in use but not counted; repair the image with qcowctl check -r all");
	return add_deltas(s, first, count, more ? 1 : -1);
}

int qcow_shadow_undo_ref(struct qcow_shadow *s, u64 first, u64 count, bool more)
{
	return add_deltas(s, first, count, more ? -1 : 1);
}

/* Set @live and @delta of a cluster that the image has or had. */
static int look_up(struct qcow_shadow *s, u64 cluster, u64 *live, s64 *delta)
{
	unsigned long index = cluster >> block_bits(s);
	u64 i = cluster & ((1ULL << block_bits(s)) - 1);
	struct shadow_block *b = block_get(s, index);
	int err;

	if (IS_ERR(b))
		return PTR_ERR(b);
	if (test_bit(i / per_piece(s), b->stale)) {
		err = block_refresh(s, index, b);
		if (err)
			return err;
	}
	*live = qcow2_refcount_get(b->live, s->image->geo.refcount_order, i);
	*delta = b->delta[i];
	return 0;
}

int qcow_shadow_refcount(struct qcow_shadow *s, u64 cluster, u64 *refcount)
{
	u64 live;
	s64 delta;
	int err = look_up(s, cluster, &live, &delta);

	if (!err)
		*refcount = max_t(s64, live + delta, 0);
	return err;
}

int qcow_shadow_live(struct qcow_shadow *s, u64 cluster, u64 *refcount)
{
	s64 delta;

	return look_up(s, cluster, refcount, &delta);
}

/* --- New clusters --- */

/* Reserve a chunk of clusters, and have the file read zeros there. */
static int add_chunk(struct qcow_shadow *s, u64 count)
{
	struct shadow_chunk *c = kzalloc(sizeof(*c), GFP_NOIO);

	if (!c)
		return -ENOMEM;
	c->first = qcow_alloc_reserve(s->image, count);
	c->count = count;
	list_add_tail(&c->node, &s->chunks);
	return qcow_file_extend(s->image->file, to_bytes(s, c->first),
				to_bytes(s, count));
}

static struct shadow_chunk *last_chunk(struct qcow_shadow *s)
{
	return list_empty(&s->chunks) ? NULL :
	       list_last_entry(&s->chunks, struct shadow_chunk, node);
}

/* The last chunk could not be extended: nothing was written to it. */
static void drop_chunk(struct qcow_shadow *s)
{
	struct shadow_chunk *c = last_chunk(s);

	list_del(&c->node);
	qcow_alloc_unreserve(s->image, c->first, c->count, true);
	kfree(c);
}

/* Nothing may refer to the clusters but the structure that they are taken for. */
static int count_new(struct qcow_shadow *s, u64 first, u64 count)
{
	u64 i, live;
	s64 delta;
	int err;

	if (qcow_rule_broken(QCOW_RULE_SHADOW_REFS))
		return 0;
	for (i = first; i < first + count; i++) {
		err = look_up(s, i, &live, &delta);
		if (err)
			return err;
		if (live || delta)
			return refuse_cluster(s, i, -EUCLEAN,
					      "is in use but not counted; repair the image with qcowctl check -r all");
	}
	return add_deltas(s, first, count, 1);
}

/* Take @count new clusters in a row for one structure. */
static int shadow_take(struct qcow_shadow *s, u64 count, u64 *first)
{
	struct shadow_chunk *c = last_chunk(s);
	struct qcow_metadata *m;
	u64 want;
	int err;

	if (!c || c->count - c->used < count) {
		want = max(s->step, count);
		err = add_chunk(s, want);
		if ((err == -ENOSPC || err == -EDQUOT) && want > count) {
			drop_chunk(s);
			err = add_chunk(s, count);
		}
		if (err)
			return err;
		s->step = min(s->step * 2, max(CHUNK_MAX >>
					       s->image->geo.cluster_bits,
					       1ULL));
		c = last_chunk(s);
	}
	m = qcow_metadata_alloc(GFP_NOIO);
	if (!m)
		return -ENOMEM;
	*first = c->first + c->used;
	kfree(qcow_metadata_add(s->image, m, *first, count));
	c->used += count;
	return count_new(s, *first, count);
}

int qcow_shadow_put(struct qcow_shadow *s, void *buf, u64 bytes, u64 *host)
{
	u64 first;
	int err = shadow_take(s, bytes >> s->image->geo.cluster_bits, &first);

	if (err)
		return err;
	*host = to_bytes(s, first);
	return qcow_file_write(s->image->file, buf, bytes, *host);
}

/* Write a table of 64-bit entries to @host, in whole clusters. */
static int write_entries(struct qcow_shadow *s, const u64 *entries, u64 count,
			 u64 host)
{
	u64 bytes = round_up(max(count, 1ULL) * sizeof(u64), to_bytes(s, 1));
	void *buf = kvzalloc(roundup_pow_of_two(bytes), GFP_NOIO);
	int err;

	if (!buf)
		return -ENOMEM;
	qcow2_be64_encode(buf, entries, count);
	err = qcow_file_write(s->image->file, buf, bytes, host);
	kvfree(buf);
	return err;
}

int qcow_shadow_put_l1(struct qcow_shadow *s)
{
	u64 bytes = max_t(u64, s->header.l1_size, 1) * sizeof(u64), first;
	int err = shadow_take(s, round_up(bytes, to_bytes(s, 1)) >>
			      s->image->geo.cluster_bits, &first);

	if (err)
		return err;
	s->header.l1_table_offset = to_bytes(s, first);
	return write_entries(s, s->l1, s->header.l1_size,
			     s->header.l1_table_offset);
}

/* --- The refcounts as they become --- */

/**
 * struct outcome - what came of the refcounts of a block
 * @last:    the image is at rest: an impossible refcount is a fault of the image
 * @differs: a refcount differs from what it is now
 */
struct outcome {
	bool last;
	bool differs;
};

static int refuse_refcount(struct qcow_shadow *s, u64 cluster, u64 live,
			   s64 value)
{
	if (value < 0)
		return refuse_cluster(s, cluster, -EUCLEAN,
				      "is used more often than it is counted; repair the image with qcowctl check -r all");
	if (live)
		return refuse_cluster(s, cluster, -EOVERFLOW,
				      "has as many references as a refcount of this image's width can hold");
	return refuse_cluster(s, cluster, -EUCLEAN,
			      "is in use but not counted; repair the image with qcowctl check -r all");
}

/*
 * Compute the refcounts of a piece.  While the disk runs, one of them may seem
 * impossible: a cluster was freed, and the table that referred to it was not
 * looked at again so far.  Then the piece is to be looked at again, too.
 */
static int compute_piece(struct qcow_shadow *s, unsigned long index,
			 struct shadow_block *b, u32 piece, struct outcome *o)
{
	u8 order = s->image->geo.refcount_order;
	u64 most = qcow2_refcount_max(order);
	u64 i = (u64)piece * per_piece(s), end = i + per_piece(s);
	u64 cluster = ((u64)index << block_bits(s)) + i, live;
	bool bad = false;
	s64 value;

	for (; i < end; i++, cluster++) {
		live = qcow2_refcount_get(b->live, order, i);
		value = live + b->delta[i];
		if (!b->delta[i] || (value > 0 && value <= most && live)) {
			;
		} else if (value < 0 || value > most ||
			   (value && !qcow_shadow_is_new(s, cluster))) {
			if (o->last)
				return refuse_refcount(s, cluster, live, value);
			bad = true;
			value = live;
		}
		if (live && !value)
			set_bit(i, b->freed);
		else
			clear_bit(i, b->freed);
		if (live && !value)
			value = 1;
		o->differs |= value != live;
		qcow2_refcount_set(s->counts, order, i, value);
	}
	if (!bad)
		clear_bit(piece, b->todo);
	return 0;
}

static int compute_pieces(struct qcow_shadow *s, unsigned long index,
			  struct shadow_block *b, u32 first, u32 count,
			  struct outcome *o)
{
	int err = 0;

	for (; count && !err; first++, count--)
		err = compute_piece(s, index, b, first, o);
	return err;
}

/* A refcount differs: the block gets a new place, and is written there. */
static int write_first(struct qcow_shadow *s, unsigned long index,
		       struct shadow_block *b, struct outcome *o)
{
	u64 first;
	int err = shadow_take(s, 1, &first);

	if (err)
		return err;
	b->host = to_bytes(s, first);
	err = compute_pieces(s, index, b, 0, nr_pieces(s), o);
	return err ? err : qcow_file_write(s->image->file, s->counts,
					   to_bytes(s, 1), b->host);
}

static int write_pieces(struct qcow_shadow *s, const struct shadow_block *b,
			u32 first, u32 count)
{
	u32 size = piece_bytes(s), at = first * size;

	return qcow_file_write(s->image->file, s->counts + at, count * size,
			       b->host + at);
}

static int flush_block(struct qcow_shadow *s, unsigned long index,
		       struct shadow_block *b, struct outcome *o)
{
	unsigned long first, end;
	int err = block_refresh(s, index, b);

	o->differs = false;
	for (first = 0; !err; first = end) {
		first = find_next_bit(b->todo, nr_pieces(s), first);
		if (first >= nr_pieces(s))
			break;
		end = find_next_zero_bit(b->todo, nr_pieces(s), first);
		err = compute_pieces(s, index, b, first, end - first, o);
		if (!err && b->host)
			err = write_pieces(s, b, first, end - first);
	}
	if (err || b->host || !o->differs)
		return err;
	return write_first(s, index, b, o);
}

static bool is_settled(struct qcow_shadow *s, const struct shadow_block *b)
{
	return bitmap_empty(b->todo, nr_pieces(s)) &&
	       bitmap_empty(b->stale, nr_pieces(s));
}

/*
 * A block that gets a place needs a cluster, which is counted by a block, which
 * may need a place.  Repeat until no block needed one.
 */
static int flush_blocks(struct qcow_shadow *s, bool last)
{
	struct outcome o = { .last = last };
	struct shadow_block *b;
	unsigned long index;
	bool placed;
	int err;

	do {
		placed = false;
		xa_for_each(&s->blocks, index, b) {
			bool had = b->host;

			if (is_settled(s, b))
				continue;
			/* nothing is lost by giving up */
			err = fatal_signal_pending(current) ? -EINTR :
			      flush_block(s, index, b, &o);
			if (err)
				return err;
			placed |= !had && b->host;
			cond_resched();
		}
	} while (placed);
	return 0;
}

int qcow_shadow_flush(struct qcow_shadow *s)
{
	return flush_blocks(s, false);
}

/* Drop the old blocks of those that have a new place. */
static int drop_old_blocks(struct qcow_shadow *s, bool *any)
{
	struct shadow_block *b;
	unsigned long index;
	u64 old;
	int err;

	*any = false;
	xa_for_each(&s->blocks, index, b) {
		if (!b->host || b->gone)
			continue;
		err = qcow_refs_place(s->image, index, &old);
		if (!err && old)
			err = qcow_shadow_ref(s, old >>
					      s->image->geo.cluster_bits, 1,
					      false);
		if (err)
			return err;
		b->gone = true;
		*any = true;
	}
	return 0;
}

/* What held refcounts is freed now.  So nothing else may refer to it. */
static int check_dropped(struct qcow_shadow *s, u64 offset, u64 clusters)
{
	u64 first = offset >> s->image->geo.cluster_bits, i, refcount;
	int err;

	for (i = first; i < first + clusters; i++) {
		err = qcow_shadow_refcount(s, i, &refcount);
		if (err)
			return err;
		if (refcount)
			return refuse_cluster(s, i, -EUCLEAN,
					      "holds refcounts, and is shared; repair the image with qcowctl check -r all");
	}
	return 0;
}

static int check_old_blocks(struct qcow_shadow *s)
{
	struct shadow_block *b;
	unsigned long index;
	u64 old;
	int err;

	xa_for_each(&s->blocks, index, b) {
		if (!b->gone)
			continue;
		err = qcow_refs_place(s->image, index, &old);
		if (!err && old)
			err = check_dropped(s, old, 1);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Make room for the refcount table.  A block that gets a place afterwards may
 * need another chunk, so the table covers one that is not there yet.
 */
static int take_reftable(struct qcow_shadow *s, u64 *clusters, u64 *first)
{
	u64 per_cluster = to_bytes(s, 1) / sizeof(u64);
	u64 n = s->image->header.refcount_table_clusters;
	u64 most = MAX_REFTABLE_BYTES >> s->image->geo.cluster_bits;
	u64 end = s->image->alloc.end + 2 * s->step + 2 * n;
	int err;

	while (n < most && n * per_cluster <= end >> block_bits(s))
		n = min(2 * n, most);
	*clusters = n;
	err = shadow_take(s, n, first);
	if (err)
		return err;
	return qcow_shadow_ref(s, s->image->header.refcount_table_offset >>
			       s->image->geo.cluster_bits,
			       s->image->header.refcount_table_clusters, false);
}

static int make_reftable(struct qcow_shadow *s, u64 clusters)
{
	u64 bytes = to_bytes(s, clusters);
	struct shadow_block *b;
	unsigned long index;

	if ((s->image->alloc.end - 1) >> block_bits(s) >= bytes / sizeof(u64))
		return qcow_refuse(s->why, -EFBIG,
				   "%s: the refcount table would be too long",
				   s->image->path);
	s->reftable = qcow_table_alloc(bytes / sizeof(u64), GFP_NOIO);
	if (!s->reftable)
		return -ENOMEM;
	s->reftable_entries = bytes / sizeof(u64);
	for (index = 0; index < s->image->refs.entries; index++)
		s->reftable[index] = qcow_refs_entry(s->image, index);
	xa_for_each(&s->blocks, index, b)
		if (b->host)
			s->reftable[index] = b->host;
	return 0;
}

static int put_refcounts(struct qcow_shadow *s)
{
	const struct qcow2_header *now = &s->image->header;
	u64 clusters, first;
	bool any;
	int err;

	err = take_reftable(s, &clusters, &first);
	do {
		if (!err)
			err = flush_blocks(s, true);
		if (!err)
			err = drop_old_blocks(s, &any);
	} while (!err && any);
	if (!err)
		err = check_old_blocks(s);
	if (!err)
		err = check_dropped(s, now->refcount_table_offset,
				    now->refcount_table_clusters);
	if (!err)
		err = make_reftable(s, clusters);
	if (err)
		return err;
	s->header.refcount_table_clusters = clusters;
	s->header.refcount_table_offset = to_bytes(s, first);
	return write_entries(s, s->reftable, s->reftable_entries,
			     s->header.refcount_table_offset);
}

static void set_structure(void *header, const void *arg)
{
	qcow2_header_set_structure(header, arg);
}

static int sync_shadow(struct qcow_shadow *s)
{
	if (qcow_rule_broken(QCOW_RULE_SWITCH))
		return 0;
	qcow_record_step(QCOW_STEP_SHADOW_SYNC);
	return qcow_health_sync(s->image, s->image->file);
}

int qcow_shadow_each_freed(struct qcow_shadow *s,
			   int (*fn)(struct qcow_image *image, u64 first,
				     u64 count, void *ctx), void *ctx)
{
	unsigned long index, first, end;
	struct shadow_block *b;
	int ret;

	xa_for_each(&s->blocks, index, b) {
		u64 base = (u64)index << block_bits(s);

		for_each_set_bitrange(first, end, b->freed,
				      1UL << block_bits(s)) {
			ret = fn(s->image, base + first, end - first, ctx);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int punch(struct qcow_image *image, u64 first, u64 count, void *ctx)
{
	u8 bits = image->geo.cluster_bits;

	return qcow_file_zero(image->file, first << bits, count << bits, true);
}

int qcow_shadow_switch(struct qcow_shadow *s)
{
	int err;

	qcow_record_step(QCOW_STEP_SHADOW_REFS);
	err = put_refcounts(s);
	if (!err)
		err = sync_shadow(s);
	/* only to break the rule: the file may still be the old image here */
	if (!err && qcow_rule_broken(QCOW_RULE_OLD))
		err = qcow_shadow_each_freed(s, punch, NULL);
	if (err)
		return err;
	qcow_record_step(QCOW_STEP_SHADOW_SWITCH);
	err = qcow_header_change(s->image, set_structure, &s->header);
	if (err)
		return err;
	unwatch(s);
	s->switched = true;
	return 0;
}
