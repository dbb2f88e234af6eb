// SPDX-License-Identifier: GPL-2.0
/*
 * Build a structural change aside and switch to it by one write.
 *
 * A snapshot or a new size changes many tables at once, and the refcounts with
 * them.  If they were changed in place, a crash could leave a broken image
 * whatever the order of the writes.  So:
 *
 *  1. The image is at rest, and all of it is durable (qcow_commit_quiesce()).
 *  2. Each table that becomes different is written to new clusters behind the
 *     end, which nothing counts yet.  So is each refcount block that becomes
 *     different, and the refcount table.
 *  3. Sync.
 *  4. Write the first sector of the header, which says where the tables are.
 *  5. Sync.
 *
 * A crash before 4 leaves the old image in a file that is too long.  A crash
 * after 4 leaves the new image.
 *
 * Clusters that only the old image used stay counted in the new one, so that
 * they can be released in the usual way, after I/O that may still be in flight.
 * A crash before the release leaves leaked clusters.  So no refcount falls to 0
 * in a shadow, and freeing the old refcount blocks changes no refcount.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "file/reason.h"
#include "file/record.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/l2.h"
#include "format/refcount.h"
#include "image/change/shadow.h"
#include "image/core/header.h"
#include "image/core/health.h"
#include "image/core/types.h"
#include "image/space/metadata.h"

/* the limit of QEMU */
#define MAX_REFTABLE_BYTES	(8ULL << 20)

/* The file is extended by so much at a time to hold new structures. */
#define EXTEND_BYTES	(4ULL << 20)

/**
 * struct shadow_block - a refcount block as it becomes
 * @data: the block as it lies in the file
 * @host: offset of the block in the file, bytes; 0 if the block is new
 * @changed: the block has to be written, to another place
 */
struct shadow_block {
	void *data;
	u64 host;
	bool changed;
};

static u64 to_bytes(const struct qcow_shadow *s, u64 clusters)
{
	return clusters << s->image->geo.cluster_bits;
}

int qcow_shadow_init(struct qcow_shadow *s, struct qcow_image *image,
		     struct qcow_reason *why)
{
	size_t size = 1UL << image->geo.cluster_bits;

	*s = (struct qcow_shadow){
		.image = image,
		.why = why,
		.header = image->header,
		.start = image->alloc.end,
		.next = image->alloc.end,
		.extended = image->alloc.end,
	};
	xa_init(&s->blocks);
	s->table = kvmalloc(size, GFP_NOIO);
	s->out = kvmalloc(size, GFP_NOIO);
	s->freed = kvcalloc(BITS_TO_LONGS(s->start), sizeof(long),
			    GFP_NOIO | __GFP_NOWARN);
	if (s->table && s->out && s->freed)
		return 0;
	qcow_shadow_destroy(s, false);
	return -ENOMEM;
}

static void undo_writes(struct qcow_shadow *s)
{
	u64 cluster;

	/* after a failed sync the file may be the old image or the new one */
	if (READ_ONCE(s->image->health.error))
		return;

	for (cluster = s->start; cluster < s->next; cluster++)
		qcow_metadata_remove(s->image, cluster);
	/*
	 * if the file stays long, the next attach finds these clusters and
	 * makes them read zeros
	 */
	if (s->extended > s->start &&
	    qcow_file_truncate(s->image->file, to_bytes(s, s->start)))
		s->image->alloc.end = s->extended;
}

void qcow_shadow_destroy(struct qcow_shadow *s, bool undo)
{
	struct shadow_block *b;
	unsigned long index;

	if (undo)
		undo_writes(s);
	xa_for_each(&s->blocks, index, b) {
		kvfree(b->data);
		kfree(b);
	}
	xa_destroy(&s->blocks);
	kvfree(s->table);
	kvfree(s->out);
	kvfree(s->freed);
	kvfree(s->l1);
	kvfree(s->reftable);
}

static struct shadow_block *block_new(struct qcow_shadow *s,
				      unsigned long index, u64 host)
{
	struct shadow_block *b = kzalloc(sizeof(*b), GFP_NOIO);

	if (!b)
		return ERR_PTR(-ENOMEM);
	b->host = host;
	b->data = kvzalloc(to_bytes(s, 1), GFP_NOIO);
	if (!b->data || xa_insert(&s->blocks, index, b, GFP_NOIO)) {
		kvfree(b->data);
		kfree(b);
		return ERR_PTR(-ENOMEM);
	}
	return b;
}

/* Return a refcount block of this shadow or of the file, or NULL. */
static struct shadow_block *block_get(struct qcow_shadow *s,
				      unsigned long index)
{
	struct shadow_block *b = xa_load(&s->blocks, index);
	const struct qcow_refs *refs = &s->image->refs;
	struct qcow_fault fault;
	u64 entry;
	int err;

	if (b || index >= refs->entries)
		return b;
	entry = refs->table[index];
	err = qcow2_reftable_entry_check(&s->image->geo, index, entry, &fault);
	if (err)
		return ERR_PTR(qcow_refuse_fault(s->why, err, s->image->path,
						 &fault));
	entry &= QCOW2_REFTABLE_OFFSET_MASK;
	if (!entry)
		return NULL;
	b = block_new(s, index, entry);
	if (IS_ERR(b))
		return b;
	err = qcow_file_read(s->image->file, b->data, to_bytes(s, 1), entry);
	return err ? ERR_PTR(err) : b;
}

static int refuse_cluster(struct qcow_shadow *s, u64 cluster, int err,
			  const char *problem)
{
	return qcow_refuse(s->why, err, "%s: the cluster at 0x%llx %s",
			   s->image->path, to_bytes(s, cluster), problem);
}

static int one_more(struct qcow_shadow *s, struct shadow_block *b, u64 index,
		    u64 cluster)
{
	u8 order = s->image->geo.refcount_order;
	u64 value = qcow2_refcount_get(b->data, order, index);

	if (!value)
		return refuse_cluster(s, cluster, -EUCLEAN,
				      "is in use but not counted; repair the image with qcowctl check -r all");
	if (test_bit(cluster, s->freed)) {
		clear_bit(cluster, s->freed);
		return 0;
	}
	if (value == qcow2_refcount_max(order))
		return refuse_cluster(s, cluster, -EOVERFLOW,
				      "has as many references as a refcount of this image's width can hold");
	qcow2_refcount_set(b->data, order, index, value + 1);
	b->changed = true;
	return 0;
}

static int one_less(struct qcow_shadow *s, struct shadow_block *b, u64 index,
		    u64 cluster)
{
	u8 order = s->image->geo.refcount_order;
	u64 value = qcow2_refcount_get(b->data, order, index);

	if (!value || test_bit(cluster, s->freed))
		return refuse_cluster(s, cluster, -EUCLEAN,
				      "is used more often than it is counted; repair the image with qcowctl check -r all");
	if (value == 1) {
		set_bit(cluster, s->freed);
		return 0;
	}
	qcow2_refcount_set(b->data, order, index, value - 1);
	b->changed = true;
	return 0;
}

int qcow_shadow_ref(struct qcow_shadow *s, u64 first, u64 count, bool more)
{
	u8 bits = qcow2_refcount_block_bits(&s->image->geo);
	u64 cluster, mask = (1ULL << bits) - 1;
	struct shadow_block *b = NULL;
	int err = 0;

	if (first + count > s->start)
		return refuse_cluster(s, first, -EUCLEAN,
				      "is in use but behind the image's end; repair it with qcowctl check -r all");
	for (cluster = first; cluster < first + count && !err; cluster++) {
		if (!b || !(cluster & mask))
			b = block_get(s, cluster >> bits);
		if (IS_ERR(b))
			return PTR_ERR(b);
		if (!b)
			return refuse_cluster(s, cluster, -EUCLEAN,
					      "is in use but not counted; repair the image with qcowctl check -r all");
		err = more ? one_more(s, b, cluster & mask, cluster) :
			     one_less(s, b, cluster & mask, cluster);
	}
	return err;
}

int qcow_shadow_refcount(struct qcow_shadow *s, u64 cluster, u64 *refcount)
{
	u8 bits = qcow2_refcount_block_bits(&s->image->geo);
	struct shadow_block *b;

	*refcount = 1;
	if (cluster >= s->start)
		return 0;
	b = block_get(s, cluster >> bits);
	if (IS_ERR(b))
		return PTR_ERR(b);
	*refcount = !b || test_bit(cluster, s->freed) ? 0 :
		    qcow2_refcount_get(b->data, s->image->geo.refcount_order,
				       cluster & ((1ULL << bits) - 1));
	return 0;
}

/* Take @count new clusters in a row for one structure. */
static int shadow_take(struct qcow_shadow *s, u64 count, u64 *first)
{
	u64 step = max(EXTEND_BYTES >> s->image->geo.cluster_bits, count);
	struct qcow_metadata *m;
	int err;

	*first = s->next;
	if (s->next + count > s->extended) {
		err = qcow_file_extend(s->image->file, to_bytes(s, s->extended),
				       to_bytes(s, step));
		if ((err == -ENOSPC || err == -EDQUOT) && step > count) {
			step = count;
			err = qcow_file_extend(s->image->file,
					       to_bytes(s, s->extended),
					       to_bytes(s, step));
		}
		/* even if it failed, the file may have become longer */
		s->extended += step;
		if (err)
			return err;
	}
	m = qcow_metadata_alloc(GFP_NOIO);
	if (!m)
		return -ENOMEM;
	kfree(qcow_metadata_add(s->image, m, s->next, count));
	s->next += count;
	return 0;
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

/* Write a table of 64-bit entries, in whole clusters. */
static int put_entries(struct qcow_shadow *s, const u64 *entries, u64 count,
		       u64 *host)
{
	u64 bytes = round_up(max(count, 1ULL) * sizeof(u64), to_bytes(s, 1));
	void *buf = kvzalloc(roundup_pow_of_two(bytes), GFP_NOIO);
	int err;

	if (!buf)
		return -ENOMEM;
	qcow2_be64_encode(buf, entries, count);
	err = qcow_shadow_put(s, buf, bytes, host);
	kvfree(buf);
	return err;
}

int qcow_shadow_put_l1(struct qcow_shadow *s)
{
	return put_entries(s, s->l1, s->header.l1_size,
			   &s->header.l1_table_offset);
}

/* --- The refcounts of the new structures and of the old ones --- */

/*
 * Free clusters that hold old refcounts.  They stay counted, so no refcount
 * changes and no further block becomes different.
 */
static int drop_own(struct qcow_shadow *s, u64 offset, u64 clusters)
{
	u64 first = offset >> s->image->geo.cluster_bits, i, refcount;
	int err;

	for (i = first; i < first + clusters; i++) {
		err = qcow_shadow_refcount(s, i, &refcount);
		if (err)
			return err;
		if (refcount != 1)
			return refuse_cluster(s, i, -EUCLEAN,
					      "holds refcounts, and is shared; repair the image with qcowctl check -r all");
		set_bit(i, s->freed);
	}
	return 0;
}

/**
 * struct shadow_plan - how many clusters the refcount structures take
 * @blocks: refcount blocks that have to be written
 * @table:  clusters of the refcount table
 * @end:    the first cluster behind all new ones, including these
 */
struct shadow_plan {
	u64 blocks;
	u64 table;
	u64 end;
};

static u64 count_changed(struct qcow_shadow *s)
{
	struct shadow_block *b;
	unsigned long index;
	u64 n = 0;

	xa_for_each(&s->blocks, index, b)
		n += b->changed;
	return n;
}

/* Mark the blocks that count new clusters as changed. */
static int cover_new(struct qcow_shadow *s, u64 end)
{
	u8 bits = qcow2_refcount_block_bits(&s->image->geo);
	unsigned long index = s->start >> bits;

	for (; index <= (end - 1) >> bits; index++) {
		struct shadow_block *b = block_get(s, index);

		if (!b)
			b = block_new(s, index, 0);
		if (IS_ERR(b))
			return PTR_ERR(b);
		b->changed = true;
	}
	return 0;
}

/*
 * New clusters may need another refcount block, which is a new cluster itself,
 * and a longer refcount table.  Repeat until nothing is missing.
 */
static int make_plan(struct qcow_shadow *s, struct shadow_plan *p)
{
	u8 bits = qcow2_refcount_block_bits(&s->image->geo);
	u64 per_cluster = to_bytes(s, 1) / sizeof(u64);
	u64 old_end;
	int err;

	p->table = s->header.refcount_table_clusters;
	p->blocks = 0;
	p->end = s->next + p->table;
	do {
		old_end = p->end;
		err = cover_new(s, p->end);
		if (err)
			return err;
		p->blocks = count_changed(s);
		while (p->table * per_cluster <= (p->end - 1) >> bits)
			p->table *= 2;
		if (to_bytes(s, p->table) > MAX_REFTABLE_BYTES)
			return qcow_refuse(s->why, -EFBIG,
					   "%s: the refcount table would be too long",
					   s->image->path);
		p->end = s->next + p->blocks + p->table;
	} while (p->end != old_end);
	return 0;
}

static int make_reftable(struct qcow_shadow *s, const struct shadow_plan *p)
{
	const struct qcow_refs *refs = &s->image->refs;
	u64 bytes = to_bytes(s, p->table);

	s->reftable = kvzalloc(round_up(bytes, PAGE_SIZE), GFP_NOIO);
	if (!s->reftable)
		return -ENOMEM;
	s->reftable_entries = bytes / sizeof(u64);
	memcpy(s->reftable, refs->table, refs->entries * sizeof(u64));
	return 0;
}

static void count_new(struct qcow_shadow *s, u64 end)
{
	u8 bits = qcow2_refcount_block_bits(&s->image->geo);
	u64 cluster;

	for (cluster = s->start; cluster < end; cluster++) {
		struct shadow_block *b = xa_load(&s->blocks, cluster >> bits);

		qcow2_refcount_set(b->data, s->image->geo.refcount_order,
				   cluster & ((1ULL << bits) - 1), 1);
	}
}

static int put_blocks(struct qcow_shadow *s)
{
	struct shadow_block *b;
	unsigned long index;
	u64 host;
	int err;

	xa_for_each(&s->blocks, index, b) {
		if (!b->changed)
			continue;
		err = qcow_shadow_put(s, b->data, to_bytes(s, 1), &host);
		if (!err && b->host)
			err = drop_own(s, b->host, 1);
		if (err)
			return err;
		s->reftable[index] = host;
	}
	return 0;
}

static int put_refcounts(struct qcow_shadow *s)
{
	struct shadow_plan p;
	int err;

	err = make_plan(s, &p);
	if (!err)
		err = make_reftable(s, &p);
	if (!err)
		err = drop_own(s, s->header.refcount_table_offset,
			       s->header.refcount_table_clusters);
	if (err)
		return err;
	if (!qcow_rule_broken(QCOW_RULE_SHADOW_REFS))
		count_new(s, p.end);
	err = put_blocks(s);
	if (err)
		return err;
	s->header.refcount_table_clusters = p.table;
	return put_entries(s, s->reftable, s->reftable_entries,
			   &s->header.refcount_table_offset);
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

/* Only to break QCOW_RULE_OLD: the file may still be the old image here. */
static int release_early(struct qcow_shadow *s)
{
	unsigned long first, end;
	int err;

	for_each_set_bitrange(first, end, s->freed, s->start) {
		err = qcow_file_zero(s->image->file, to_bytes(s, first),
				     to_bytes(s, end - first), true);
		if (err)
			return err;
	}
	return 0;
}

int qcow_shadow_switch(struct qcow_shadow *s)
{
	int err;

	qcow_record_step(QCOW_STEP_SHADOW_REFS);
	err = put_refcounts(s);
	if (!err)
		err = sync_shadow(s);
	if (!err && qcow_rule_broken(QCOW_RULE_OLD))
		err = release_early(s);
	if (err)
		return err;
	qcow_record_step(QCOW_STEP_SHADOW_SWITCH);
	return qcow_header_change(s->image, set_structure, &s->header);
}
