/* SPDX-License-Identifier: GPL-2.0 */
/* The answer of a lookup: neighbouring bytes that are alike. */
#ifndef QCOW_IMAGE_MAP_RUN_H
#define QCOW_IMAGE_MAP_RUN_H

#include <linux/types.h>

#include "format/l2.h"

struct qcow_file;
struct qcow_image;
struct qcow_view;

enum qcow_run_type {
	QCOW_RUN_DATA,		/* bytes of a file */
	QCOW_RUN_ZERO,		/* nothing, or zeros */
	QCOW_RUN_BACKING,	/* look in the layer below */
	QCOW_RUN_COMPRESSED,	/* (part of) one compressed cluster */
	/* of map_write only: */
	QCOW_RUN_FRESH,		/* nothing there: take clusters and link them */
	QCOW_RUN_COPY,		/* one cluster that may not be written in place */
	QCOW_RUN_NO_TABLE,	/* no L2 table */
	QCOW_RUN_UNVERIFIED,	/* COPIED flags that nobody checked yet */
	QCOW_RUN_SHARED_TABLE,	/* an L2 table that a snapshot shares */
};

/**
 * struct qcow_run - neighbouring guest bytes that are alike
 * @type:	how
 * @len:	bytes
 * @image:	where they are found
 * @file:	DATA: the file
 * @host:	DATA: the offset in it
 * @compressed:	COMPRESSED: the stream
 * @offset:	COMPRESSED: bytes into the cluster
 * @missing:	set with -EAGAIN: the view and
 * @slice:	the number of the L2 slice that has to be read first
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
