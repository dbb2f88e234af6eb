/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of a merge, with a mark for each part of the disk that has to be
 * copied, or copied again.
 */
#ifndef QCOW_IMAGE_CORE_MARKS_H
#define QCOW_IMAGE_CORE_MARKS_H

#include "image/core/types.h"

struct bio_vec;

/**
 * struct qcow_merge_state - a merge that is under way
 * @base:	into what
 * @dirty:	a bit for each granule that may have to be copied
 * @granules:	of the disk
 * @next:	where to look next
 * @bits:	of a granule's size
 * @mem:	COPY_BYTES, and
 * @bvec:	what describes them
 */
struct qcow_merge_state {
	struct qcow_image *base;
	unsigned long *dirty;
	unsigned long granules;
	unsigned long next;
	u8 bits;
	void *mem;
	struct bio_vec *bvec;
};

/** qcow_merge_mark - these bytes of the disk have to be copied, or once more */
void qcow_merge_mark(struct qcow_merge_state *merge, u64 pos, u64 len);

/** qcow_merge_enter - a command to an image that is being merged begins */
void qcow_merge_enter(struct qcow_cmd *cmd);
/** qcow_merge_leave - ... and ends; any context */
void qcow_merge_leave(struct qcow_cmd *cmd);

#endif /* QCOW_IMAGE_CORE_MARKS_H */
