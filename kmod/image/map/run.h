/* SPDX-License-Identifier: GPL-2.0 */
/* Runs: a lookup finds neighbouring guest bytes that are alike. */
#ifndef QCOW_IMAGE_MAP_RUN_H
#define QCOW_IMAGE_MAP_RUN_H

#include <linux/types.h>

#include "format/l2.h"

struct qcow_file;
struct qcow_image;
struct qcow_view;

enum qcow_run_type {
	QCOW_RUN_DATA,		/* bytes of a file */
	QCOW_RUN_ZERO,		/* bytes that read zeros */
	QCOW_RUN_BACKING,	/* look in the layer below */
	QCOW_RUN_COMPRESSED,	/* one compressed cluster, or a part of it */
	/* of map_write only: */
	QCOW_RUN_FRESH,		/* unallocated: take clusters and link them */
	QCOW_RUN_COPY,		/* one cluster, not to be written in place */
	QCOW_RUN_NO_TABLE,	/* there is no L2 table */
	QCOW_RUN_UNVERIFIED,	/* the slice's COPIED flags are not checked */
	QCOW_RUN_SHARED_TABLE,	/* a snapshot shares the L2 table */
};

/**
 * struct qcow_run - neighbouring guest bytes that are alike
 * @type:	what they are
 * @len:	how many bytes; 0 with NO_TABLE, UNVERIFIED and SHARED_TABLE
 * @image:	the layer in which they were found
 * @file:	DATA: the file
 * @host:	DATA: offset in @file, bytes; NO_TABLE, SHARED_TABLE: the index
 *		in the L1 table
 * @compressed:	COMPRESSED: the stream
 * @offset:	COMPRESSED: where the run begins in the cluster, bytes
 * @missing:	set with -EAGAIN: the view whose slice has to be read first
 * @slice:	set with -EAGAIN: the number of that L2 slice
 */
struct qcow_run {
	enum qcow_run_type type;
	u32 len;
	struct qcow_image *image;
	union {
		struct {
			struct qcow_file *file;
			u64 host;
		};
		struct {
			struct qcow2_compressed compressed;
			u32 offset;
		};
		struct {
			struct qcow_view *missing;
			unsigned long slice;
		};
	};
};

#endif /* QCOW_IMAGE_MAP_RUN_H */
