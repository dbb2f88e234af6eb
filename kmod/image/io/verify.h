/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Verify COPIED flags: check those of a slice against the refcounts before the
 * first write relies on them.
 */
#ifndef QCOW_IMAGE_IO_VERIFY_H
#define QCOW_IMAGE_IO_VERIFY_H

#include "image/core/types.h"

/**
 * qcow_verify_slice - verify the slice at the command's next byte
 *
 * Context: a worker.
 * Return: 0 if the caller must look the slice up again, or a negative errno.
 */
int qcow_verify_slice(struct qcow_cmd *cmd);

/**
 * qcow_prepare_table_verified - allocate memory for qcow_set_table_verified()
 *
 * Return: 0 or -ENOMEM.
 */
int qcow_prepare_table_verified(struct qcow_image *image, u64 l1_index,
				gfp_t gfp);

/** qcow_set_table_verified - the slices of a table that was just allocated */
void qcow_set_table_verified(struct qcow_image *image, u64 l1_index);

#endif /* QCOW_IMAGE_IO_VERIFY_H */
