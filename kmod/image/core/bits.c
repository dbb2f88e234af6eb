// SPDX-License-Identifier: GPL-2.0
/* A sparse bitmap. */
#include <linux/bitmap.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "image/core/bits.h"

#define CHUNK_BITS	(1UL << QCOW_BITS_SHIFT)

void qcow_bits_init(struct qcow_bits *bits)
{
	xa_init(&bits->chunks);
}

void qcow_bits_clear(struct qcow_bits *bits)
{
	unsigned long *chunk, index;

	xa_for_each(&bits->chunks, index, chunk) {
		kfree(chunk);
		cond_resched();
	}
	xa_destroy(&bits->chunks);
}

/* A chunk stays until all are freed, so its pointer remains valid. */
static unsigned long *find_chunk(struct qcow_bits *bits, unsigned long n)
{
	return xa_load(&bits->chunks, n >> QCOW_BITS_SHIFT);
}

int qcow_bits_prepare(struct qcow_bits *bits, unsigned long n, gfp_t gfp)
{
	unsigned long *chunk;
	int err;

	if (find_chunk(bits, n))
		return 0;
	chunk = kzalloc(CHUNK_BITS / BITS_PER_BYTE, gfp);
	if (!chunk)
		return -ENOMEM;
	err = xa_insert(&bits->chunks, n >> QCOW_BITS_SHIFT, chunk, gfp);
	if (err)
		kfree(chunk);
	/* another task may have been faster */
	return err == -EBUSY ? 0 : err;
}

void qcow_bits_set(struct qcow_bits *bits, unsigned long first,
		   unsigned long count)
{
	unsigned long *chunk = find_chunk(bits, first);
	unsigned long n = first & (CHUNK_BITS - 1), end = n + count;

	if (WARN_ON_ONCE(!chunk))
		return;
	for (; n < end; n++)
		set_bit(n, chunk);
}

bool qcow_bits_any(struct qcow_bits *bits, unsigned long first,
		   unsigned long count)
{
	const unsigned long *chunk = find_chunk(bits, first);
	unsigned long n = first & (CHUNK_BITS - 1), end = n + count;

	return chunk && find_next_bit(chunk, end, n) < end;
}
