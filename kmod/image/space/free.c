// SPDX-License-Identifier: GPL-2.0
/*
 * Find free clusters inside the file: when a refcount block is read for the
 * first time, note which of its clusters are free.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "format/refcount.h"
#include "image/core/types.h"
#include "image/space/free.h"
#include "image/space/metadata.h"
#include "image/space/refs.h"

/* At most so many runs of free clusters are noted of one block. */
#define SCAN_RUNS	1024

struct qcow_extent *qcow_extent_alloc(struct qcow_image *image, u64 first,
				      u64 count, struct qcow_refblock *block)
{
	struct qcow_extent *e = kmalloc(sizeof(*e), GFP_NOIO);

	if (!e)
		return NULL;
	e->first = first;
	e->count = count;
	e->block = block;
	return e;
}

static int note_found(struct qcow_image *image, u64 first, u64 count)
{
	struct qcow_extent *e = qcow_extent_alloc(image, first, count, NULL);

	if (!e)
		return -ENOMEM;
	list_add_tail(&e->node, &image->refs.found);
	return 0;
}

/*
 * Note the clusters of a free run that hold no metadata: a refcount may be 0
 * although the cluster is in use.
 *
 * Return: how many runs were noted, of at most @most; or -ENOMEM.
 */
static int note_free(struct qcow_image *image, u64 first, u64 count, int most)
{
	u64 end = first + count;
	int runs = 0;

	while (first < end && runs < most) {
		u64 at = end, n = 0;

		qcow_metadata_find(image, first, end - first, &at, &n);
		if (at > first) {
			if (note_found(image, first, at - first))
				return -ENOMEM;
			runs++;
		}
		first = at + n;
		cond_resched();
	}
	return runs;
}

void qcow_alloc_found(struct qcow_image *image, const void *block,
		      unsigned long index)
{
	u8 bits = qcow2_refcount_block_bits(&image->geo);
	u8 order = image->geo.refcount_order;
	u64 base = (u64)index << bits;
	int runs = 0, n;
	u32 i, count, end;

	if (base >= image->alloc.scan_end)
		return;
	end = min(1ULL << bits, image->alloc.scan_end - base);
	for (i = 0; i < end && runs < SCAN_RUNS; i += count) {
		count = qcow2_refcount_count_zeros(block, order, i, end - i);
		if (count) {
			n = note_free(image, base + i, count, SCAN_RUNS - runs);
			if (n < 0)
				return;
			runs += n;
		} else {
			/* most of those in use are 1, which is fast to count */
			count = qcow2_refcount_count_ones(block, order, i,
							  end - i);
			count = max(count, 1U);
		}
		cond_resched();
	}
}
