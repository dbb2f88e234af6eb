/* SPDX-License-Identifier: GPL-2.0 */
/* Replace a full refcount table by a longer one. */
#ifndef QCOW_IMAGE_SPACE_REFTABLE_H
#define QCOW_IMAGE_SPACE_REFTABLE_H

#include "image/core/types.h"

/**
 * qcow_reftable_grow - switch to a longer refcount table
 * @first: number of the first cluster behind the end of the file; the table and
 *	   the blocks that count its clusters are put there
 * @used:  set to the number of clusters that were added to the file, also after
 *	   an error; not set if there are none
 *
 * When the new table is durable, the header is switched to it.  When this
 * returns 0, the header is durable, too.  No other task may change the table
 * meanwhile.
 *
 * Context: the refill.
 * Return: 0; -EFBIG if the table would be longer than the limit; or another
 * error.
 */
int qcow_reftable_grow(struct qcow_image *image, u64 first, u64 *used);

#endif /* QCOW_IMAGE_SPACE_REFTABLE_H */
