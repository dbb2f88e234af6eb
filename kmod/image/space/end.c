// SPDX-License-Identifier: GPL-2.0
/*
 * Find the end of an image: the highest cluster in use.
 *
 * In nearly every image the last refcount block that the table leads to counts
 * a cluster, so that one read suffices.  But a table may lead to any number of
 * blocks that count nothing.  So the number of blocks that are read at a time
 * grows, a block that is a hole of the file is not read, and the task can be
 * killed between two reads.
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "file/batch.h"
#include "file/file_io.h"
#include "format/fault.h"
#include "format/header.h"
#include "format/refcount.h"
#include "image/core/health.h"
#include "image/core/types.h"
#include "image/space/end.h"
#include "image/space/metadata.h"
#include "image/space/refs.h"

/* Blocks are read into so much memory; one block takes all of it at most. */
#define READ_BYTES	SZ_2M
#define READ_BLOCKS	64U

/* So many entries of the table are looked at before other tasks may run. */
#define LOOKS		1024

/**
 * struct search - a search for the last refcount in use
 * @image: the image
 * @left:  number of blocks that were not looked at, the first ones of the table
 * @most:  how many blocks to read next
 * @count: how many were chosen to be read
 * @index: of these blocks in the table
 * @io:    the reads
 * @mem:   READ_BYTES of memory, divided into blocks
 * @bvec:  describes @mem, block by block
 */
struct search {
	struct qcow_image *image;
	unsigned long left;
	unsigned int most;
	unsigned int count;
	unsigned long index[READ_BLOCKS];
	struct qcow_batch_io io[READ_BLOCKS];
	void *mem;
	struct bio_vec *bvec;
};

static struct search *search_alloc(struct qcow_image *image)
{
	struct search *s = kvzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	s->image = image;
	s->left = image->refs.held;
	s->most = 1;
	s->mem = kvmalloc(READ_BYTES, GFP_KERNEL);
	s->bvec = kvmalloc_array(max(READ_BYTES >> PAGE_SHIFT, READ_BLOCKS),
				 sizeof(*s->bvec), GFP_KERNEL);
	if (s->mem && s->bvec)
		return s;
	kvfree(s->mem);
	kvfree(s->bvec);
	kvfree(s);
	return NULL;
}

static void search_free(struct search *s)
{
	kvfree(s->mem);
	kvfree(s->bvec);
	kvfree(s);
}

static u64 block_offset(const struct search *s, unsigned long index)
{
	return qcow_refs_entry(s->image, index) & QCOW2_REFTABLE_OFFSET_MASK;
}

/*
 * Must the block be read?  A block in a hole counts nothing.  Nor does one
 * behind the file's end, which would read zeros.
 */
static bool may_count(const struct search *s, unsigned long index)
{
	const struct qcow_image *image = s->image;
	u64 offset = block_offset(s, index);

	return offset && offset < qcow_file_size(image->file) &&
	       !qcow_file_is_hole(image->file, offset,
				  1U << image->geo.cluster_bits);
}

/* Choose the next blocks that must be read, from the last one down. */
static int choose_blocks(struct search *s)
{
	s->count = 0;
	while (s->left && s->count < s->most) {
		unsigned long index = --s->left;

		if (block_offset(s, index) || !(index % LOOKS)) {
			cond_resched();
			if (fatal_signal_pending(current))
				return -EINTR;
		}
		if (may_count(s, index))
			s->index[s->count++] = index;
	}
	return 0;
}

/* The table was checked when the index of metadata was made. */
static int read_blocks(struct search *s)
{
	u32 size = 1U << s->image->geo.cluster_bits;
	struct bio_vec *bvec = s->bvec;
	struct qcow_batch batch;
	unsigned int i;

	qcow_batch_init(&batch);
	for (i = 0; i < s->count; i++) {
		struct qcow_batch_io *io = &s->io[i];

		*io = (struct qcow_batch_io){ .io = {
			.file = s->image->file, .len = size,
			.pos = block_offset(s, s->index[i]),
		} };
		qcow_buf_map(&io->io.buf, s->mem + (size_t)i * size, size,
			     bvec);
		bvec += io->io.buf.nr_segs;
		qcow_batch_submit(&batch, io);
	}
	return qcow_batch_wait(&batch);
}

/* Set *@end behind the last cluster that one of the blocks counts, if any. */
static bool look_at_blocks(const struct search *s, u64 *end)
{
	const struct qcow2_geometry *geo = &s->image->geo;
	u8 bits = qcow2_refcount_block_bits(geo);
	unsigned int i;
	u64 n;

	for (i = 0; i < s->count; i++) {
		n = qcow2_refcount_end(s->mem + ((size_t)i <<
						 geo->cluster_bits),
				       geo->refcount_order, 1ULL << bits);
		if (n) {
			*end = ((u64)s->index[i] << bits) + n;
			return true;
		}
		cond_resched();
	}
	return false;
}

static int search_on(struct search *s, u64 *end)
{
	unsigned int most = min(READ_BYTES >> s->image->geo.cluster_bits,
				READ_BLOCKS);
	int err;

	do {
		err = choose_blocks(s);
		if (!err)
			err = read_blocks(s);
		if (err || look_at_blocks(s, end))
			return err;
		s->most = min(2 * s->most, most);
	} while (s->left);
	return 0;
}

/*
 * The refcounts may be wrong, so the result is at least behind all metadata that
 * the header and the L1 table lead to.
 */
int qcow_find_end(struct qcow_image *image, u64 *end)
{
	struct search *s = search_alloc(image);
	int err;

	if (!s)
		return -ENOMEM;
	*end = 0;
	err = search_on(s, end);
	search_free(s);
	if (err)
		return err;
	*end = max(*end, qcow_metadata_end(image));
	return *end > QCOW2_MAX_HOST_OFFSET >> image->geo.cluster_bits ?
	       -EUCLEAN : 0;
}
