/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The structures in the first cluster of an image as they lie in the file, for
 * the code in this folder that decodes and encodes them.
 */
#ifndef QCOW_FORMAT_DISK_H
#define QCOW_FORMAT_DISK_H

#include "port.h"

struct disk_header {
	__be32 magic;
	__be32 version;
	__be64 backing_file_offset;
	__be32 backing_file_size;
	__be32 cluster_bits;
	__be64 size;
	__be32 crypt_method;
	__be32 l1_size;
	__be64 l1_table_offset;
	__be64 refcount_table_offset;
	__be32 refcount_table_clusters;
	__be32 nb_snapshots;
	__be64 snapshots_offset;
	/* Version 3. */
	__be64 incompatible_features;
	__be64 compatible_features;
	__be64 autoclear_features;
	__be32 refcount_order;
	__be32 header_length;
	/* Only present if header_length includes it. */
	u8 compression_type;
	u8 padding[7];
} __packed;

/* A header extension.  Its data follow, padded to a multiple of 8 bytes. */
struct disk_extension {
	__be32 type;
	__be32 length;
} __packed;

/* An entry of the feature name table, which is an extension. */
struct disk_feature_name {
	u8 kind;
	u8 bit;
	char name[46];
} __packed;

#endif /* QCOW_FORMAT_DISK_H */
