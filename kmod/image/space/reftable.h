/* SPDX-License-Identifier: GPL-2.0 */
/* Replace a full refcount table by a longer one. */
#ifndef QCOW_IMAGE_SPACE_REFTABLE_H
#define QCOW_IMAGE_SPACE_REFTABLE_H

#include "image/core/types.h"

/**
 * qcow_reftable_grow - a longer refcount table, and blocks that count it
 * @first: the first of free clusters behind the end; it goes there
 * @used:  how many of those it wrote to, where it fails too
 *
 * The header is switched to it when it is durable, and is durable when this
 * returns 0.  Nobody else may change the table meanwhile.
 *
 * Context: the refill.
 * Return: 0; -EFBIG: no table may be that long; or another error.
 */
int qcow_reftable_grow(struct qcow_image *image, u64 first, u64 *used);

#endif /* QCOW_IMAGE_SPACE_REFTABLE_H */
