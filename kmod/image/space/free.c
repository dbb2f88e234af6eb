// SPDX-License-Identifier: GPL-2.0
/*
 * Find free clusters inside the file: when a refcount block is read for the
 * first time, note which of its clusters are free.
 */
#include <linux/sched.h>
#include <linux/sizes.h>
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

void qcow_alloc_found(struct qcow_image *image, const void *block,
		      unsigned long index)
{
	struct qcow_alloc *alloc = &image->alloc;
	u8 bits = qcow2_refcount_block_bits(&image->geo);
	u64 base = (u64)index << bits, n = 1ULL << bits, i, run = 0;
	unsigned int runs = 0;

	if (base >= alloc->scan_end)
		return;
	n = min(n, alloc->scan_end - base);
	for (i = 0; i <= n && runs < SCAN_RUNS; i++) {
		if (!(i % SZ_64K))
			cond_resched();
		if (i < n && !qcow2_refcount_get(block,
						 image->geo.refcount_order, i) &&
		    !qcow_is_metadata(image, base + i, 1)) {
			run++;
			continue;
		}
		if (run) {
			struct qcow_extent *e =
				qcow_extent_alloc(image, base + i - run, run,
						  NULL);

			if (!e)
				return;
			list_add_tail(&e->node, &image->refs.found);
			runs++;
		}
		run = 0;
	}
}
