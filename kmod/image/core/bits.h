/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A sparse bitmap: memory is allocated for the parts of it that have bits set.
 */
#ifndef QCOW_IMAGE_CORE_BITS_H
#define QCOW_IMAGE_CORE_BITS_H

#include <linux/xarray.h>

/* log2 of the number of bits in a chunk, for which memory is allocated */
#define QCOW_BITS_SHIFT		12

/** struct qcow_bits - a sparse bitmap; @chunks has the parts by number */
struct qcow_bits {
	struct xarray chunks;
};

void qcow_bits_init(struct qcow_bits *bits);

/** qcow_bits_clear - clear all bits and free all memory; nobody uses them now */
void qcow_bits_clear(struct qcow_bits *bits);

/**
 * qcow_bits_prepare - allocate the memory for bit @n and its chunk
 *
 * Return: 0 or -ENOMEM.
 */
int qcow_bits_prepare(struct qcow_bits *bits, unsigned long n, gfp_t gfp);

/**
 * qcow_bits_set - set @count bits from @first on
 *
 * All of them lie in one chunk, which qcow_bits_prepare() was called for.
 *
 * Context: any; other tasks may set bits at the same time.
 */
void qcow_bits_set(struct qcow_bits *bits, unsigned long first,
		   unsigned long count);

/** qcow_bits_any - is one of @count bits set, all in one chunk?  Any context. */
bool qcow_bits_any(struct qcow_bits *bits, unsigned long first,
		   unsigned long count);

#endif /* QCOW_IMAGE_CORE_BITS_H */
