/* SPDX-License-Identifier: GPL-2.0 */
/* The beginning of an image, as the format document lays it out. */
#ifndef QCOW_UNIT_IMAGE_H
#define QCOW_UNIT_IMAGE_H

#include "unit.h"

/* Offset and bytes of each member of the header. */
#define MAGIC			0, 4
#define VERSION			4, 4
#define BACKING_OFFSET		8, 8
#define BACKING_SIZE		16, 4
#define CLUSTER_BITS		20, 4
#define SIZE			24, 8
#define CRYPT_METHOD		32, 4
#define L1_SIZE			36, 4
#define L1_OFFSET		40, 8
#define REFTABLE_OFFSET		48, 8
#define REFTABLE_CLUSTERS	56, 4
#define NB_SNAPSHOTS		60, 4
#define SNAPSHOTS_OFFSET	64, 8
#define INCOMPATIBLE		72, 8
#define COMPATIBLE		80, 8
#define AUTOCLEAR		88, 8
#define REFCOUNT_ORDER		96, 4
#define HEADER_LENGTH		100, 4
#define COMPRESSION_TYPE	104, 1

struct edit {
	u32 offset;
	u32 bytes;	/* 0 ends a list of edits */
	u64 value;
};

/** new_header - 112 bytes of an empty 1 GiB image of 64 KiB clusters */
void new_header(u8 *buf, unsigned int version);

void apply_edits(u8 *buf, const struct edit *edits, size_t max);

#endif /* QCOW_UNIT_IMAGE_H */
