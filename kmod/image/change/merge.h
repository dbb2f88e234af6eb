/* SPDX-License-Identifier: GPL-2.0 */
/* Merge an image into its backing file: begin, end, and stop. */
#ifndef QCOW_IMAGE_CHANGE_MERGE_H
#define QCOW_IMAGE_CHANGE_MERGE_H

#include "image/core/types.h"

/**
 * qcow_merge_open - open the backing files for a merge or a reopening
 *
 * They are left in @change->layers.
 */
int qcow_merge_open(struct qcow_image *image, struct qcow_change *change,
		    struct qcow_reason *why);
void qcow_merge_free(struct qcow_merge_state *merge);

/*
 * Begin, end or stop a merge.  Called with the queue frozen: see struct
 * qcow_change.
 */
int qcow_merge_begin(struct qcow_image *image, struct qcow_change *change,
		     struct qcow_reason *why);
int qcow_merge_end(struct qcow_image *image, struct qcow_reason *why);
int qcow_merge_stop(struct qcow_image *image);

#endif /* QCOW_IMAGE_CHANGE_MERGE_H */
