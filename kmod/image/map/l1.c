// SPDX-License-Identifier: GPL-2.0
/*
 * The active L1 table is changed in memory, by a bit for each unit that a commit
 * has to write.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "format/l2.h"
#include "image/core/types.h"
#include "image/map/l1.h"

static u32 l1_unit(const struct qcow_image *image)
{
	return max_t(u32, image->file->align, SECTOR_SIZE) / sizeof(u64);
}

unsigned long qcow_l1_units(const struct qcow_image *image)
{
	return DIV_ROUND_UP(max(image->active.l1_size, 1U), l1_unit(image));
}

void qcow_commit_l1(struct qcow_image *image, u64 index, u64 entry)
{
	lockdep_assert_held(&image->cow.lock);
	WRITE_ONCE(image->active.l1_table[index], entry);
	smp_mb__before_atomic();	/* the entry before the bit */
	set_bit(index / l1_unit(image), image->commit.l1_dirty);
}

/* Into commit->l1_copy, for the units in commit->l1_units. */
void qcow_l1_copy(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;
	u32 per = l1_unit(image);
	unsigned long unit;

	bitmap_zero(commit->l1_units, qcow_l1_units(image));
	/* whose entry others have seen by now, its bit is seen here */
	spin_lock(&image->cow.lock);
	spin_unlock(&image->cow.lock);
	for_each_set_bit(unit, commit->l1_dirty, qcow_l1_units(image)) {
		clear_bit(unit, commit->l1_dirty);
		smp_mb__after_atomic();	/* the bit before the entry */
		__set_bit(unit, commit->l1_units);
		qcow2_be64_encode(commit->l1_copy + unit * per,
				  image->active.l1_table + unit * per, per);
	}
}

int qcow_l1_write(struct qcow_image *image)
{
	struct qcow_commit *commit = &image->commit;
	u32 per = l1_unit(image);
	unsigned long unit;
	int err = 0;

	for_each_set_bit(unit, commit->l1_units, qcow_l1_units(image)) {
		err = qcow_file_write(image->file,
				      commit->l1_copy + unit * per,
				      per * sizeof(u64),
				      image->header.l1_table_offset +
				      unit * per * sizeof(u64));
		if (err)
			break;
	}
	return err;
}

void qcow_l1_free(struct qcow_commit *commit)
{
	bitmap_free(commit->l1_dirty);
	bitmap_free(commit->l1_units);
	kvfree(commit->l1_copy);
}

int qcow_commit_set_l1(struct qcow_image *image, u32 l1_size)
{
	unsigned long units = DIV_ROUND_UP(max(l1_size, 1U), l1_unit(image));
	struct qcow_commit new = {
		.l1_dirty = bitmap_zalloc(units, GFP_KERNEL),
		.l1_units = bitmap_zalloc(units, GFP_KERNEL),
		.l1_copy = kvmalloc(units * l1_unit(image) * sizeof(u64),
				    GFP_KERNEL),
	};

	if (!new.l1_dirty || !new.l1_units || !new.l1_copy) {
		qcow_l1_free(&new);
		return -ENOMEM;
	}
	qcow_l1_free(&image->commit);
	image->commit.l1_dirty = new.l1_dirty;
	image->commit.l1_units = new.l1_units;
	image->commit.l1_copy = new.l1_copy;
	return 0;
}
