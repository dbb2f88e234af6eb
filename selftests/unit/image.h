/* SPDX-License-Identifier: GPL-2.0 */
/* The beginning of an image, as the format document lays it out. */
#ifndef QCOW_UNIT_IMAGE_H
#define QCOW_UNIT_IMAGE_H

#include "unit.h"

/* Offset and bytes of each member of the header. */
#define MAGIC			.offset = 0, .bytes = 4
#define VERSION			.offset = 4, .bytes = 4
#define BACKING_OFFSET		.offset = 8, .bytes = 8
#define BACKING_SIZE		.offset = 16, .bytes = 4
#define CLUSTER_BITS		.offset = 20, .bytes = 4
#define SIZE			.offset = 24, .bytes = 8
#define CRYPT_METHOD		.offset = 32, .bytes = 4
#define L1_SIZE			.offset = 36, .bytes = 4
#define L1_OFFSET		.offset = 40, .bytes = 8
#define REFTABLE_OFFSET		.offset = 48, .bytes = 8
#define REFTABLE_CLUSTERS	.offset = 56, .bytes = 4
#define NB_SNAPSHOTS		.offset = 60, .bytes = 4
#define SNAPSHOTS_OFFSET	.offset = 64, .bytes = 8
#define INCOMPATIBLE		.offset = 72, .bytes = 8
#define COMPATIBLE		.offset = 80, .bytes = 8
#define AUTOCLEAR		.offset = 88, .bytes = 8
#define REFCOUNT_ORDER		.offset = 96, .bytes = 4
#define HEADER_LENGTH		.offset = 100, .bytes = 4
#define COMPRESSION_TYPE	.offset = 104, .bytes = 1

struct edit {
	u32 offset;
	u32 bytes;	/* 0 ends a list of edits */
	u64 value;
};

/** new_header - 112 bytes of an empty 1 GiB image of 64 KiB clusters */
void new_header(u8 *buf, unsigned int version);

void apply_edits(u8 *buf, const struct edit *edits, size_t max);

#endif /* QCOW_UNIT_IMAGE_H */
