/* SPDX-License-Identifier: GPL-2.0 */
/* An image in memory, read by nothing but kmod/format. */
#ifndef QCOW_UNIT_INSPECT_H
#define QCOW_UNIT_INSPECT_H

#include "format/bitmap.h"
#include "format/header.h"
#include "format/l2.h"
#include "format/refcount.h"
#include "format/snapshot.h"

struct image {
	u8 *bytes;		/* zeros for some clusters beyond the end */
	u64 len;		/* of the file */
	struct qcow2_header h;
	struct qcow2_extensions ext;
	struct qcow2_geometry geo;
};

/** accept - exit, with the reason, where a parser has found a fault */
void accept(int err, const struct qcow_fault *fault);

void image_load(struct image *img, const char *path);

/** image_at - bytes of the image; exits where it does not have them */
const void *image_at(const struct image *img, u64 offset, u64 len);

/** image_word - one word of a table, in CPU order */
u64 image_word(const struct image *img, u64 table, u64 index);

/** image_l2_entry - entry @index of the L2 table at @table, checked */
struct qcow2_l2_entry image_l2_entry(const struct image *img, u64 table,
				     u64 index, u64 guest_offset);

/** each_snapshot, each_bitmap - in the order of their tables, bytes walked */
u64 each_snapshot(struct image *img,
		  void (*visit)(struct image *img,
				const struct qcow2_snapshot *s));
u64 each_bitmap(struct image *img,
		void (*visit)(struct image *img,
			      const struct qcow2_bitmap *b));

/* What can be asked, each to stdout. */
void print_info(struct image *img);
void print_map(struct image *img);
void check_refcounts(struct image *img);

#endif /* QCOW_UNIT_INSPECT_H */
