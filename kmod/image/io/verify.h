/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hold the COPIED flags of a slice against the refcounts, before the first
 * write believes them.
 */
#ifndef QCOW_IMAGE_IO_VERIFY_H
#define QCOW_IMAGE_IO_VERIFY_H

#include "image/core/types.h"

int qcow_verify_init(struct qcow_image *image);

/** qcow_verify_reset - verify all anew; there may be @l1_size L2 tables */
int qcow_verify_reset(struct qcow_image *image, u32 l1_size);

/** qcow_verify_slice - of the command's next byte; 0, look again, or an error */
int qcow_verify_slice(struct qcow_cmd *cmd);

/** qcow_set_table_verified - a table that was just made */
void qcow_set_table_verified(struct qcow_image *image, u64 l1_index);

#endif /* QCOW_IMAGE_IO_VERIFY_H */
