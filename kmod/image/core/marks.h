/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of a merge of an image into its backing file, with a mark for each
 * part of the disk that still has to be copied, or has to be copied again.
 */
#ifndef QCOW_IMAGE_CORE_MARKS_H
#define QCOW_IMAGE_CORE_MARKS_H

#include "image/core/types.h"

struct bio_vec;

/**
 * struct qcow_merge_state - a merge that was begun and has not ended
 * @base:	the backing file, which the image is merged into
 * @dirty:	a bit for each granule of the disk that may have to be copied
 * @granules:	number of granules of the disk
 * @next:	number of the granule to look at next
 * @bits:	log2 of the bytes of a granule
 * @mem:	COPY_BYTES of memory
 * @bvec:	describes @mem
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

/** qcow_merge_mark - have @len bytes of the disk from @pos on copied (again) */
void qcow_merge_mark(struct qcow_merge_state *merge, u64 pos, u64 len);

/**
 * qcow_merge_enter - a command to an image that is being merged begins
 *
 * It may use clusters of the backing file, so it enters that file's epoch, too.
 */
void qcow_merge_enter(struct qcow_cmd *cmd);
/** qcow_merge_leave - the command ends: mark what it changed; any context */
void qcow_merge_leave(struct qcow_cmd *cmd);

#endif /* QCOW_IMAGE_CORE_MARKS_H */
