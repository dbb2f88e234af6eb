/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Verify COPIED flags: check those of a slice against the refcounts before the
 * first write relies on them.
 */
#ifndef QCOW_IMAGE_IO_VERIFY_H
#define QCOW_IMAGE_IO_VERIFY_H

#include "image/core/types.h"

/** qcow_verify_init - no slice is verified yet; returns 0 or -ENOMEM */
int qcow_verify_init(struct qcow_image *image);

/**
 * qcow_verify_reset - from now on no slice is verified
 * @l1_size: entries of the L1 table
 *
 * Return: 0; or -ENOMEM, and the old state stays.
 */
int qcow_verify_reset(struct qcow_image *image, u32 l1_size);

/**
 * qcow_verify_slice - verify the slice at the command's next byte
 *
 * Context: a worker.
 * Return: 0 if the caller must look the slice up again, or a negative errno.
 */
int qcow_verify_slice(struct qcow_cmd *cmd);

/** qcow_set_table_verified - the slices of a table that was just allocated */
void qcow_set_table_verified(struct qcow_image *image, u64 l1_index);

#endif /* QCOW_IMAGE_IO_VERIFY_H */
