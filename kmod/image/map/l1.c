// SPDX-License-Identifier: GPL-2.0
/*
 * The active L1 table changes in memory.  A bit for each unit of it says what
 * the next commit has to write.
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

static unsigned long l1_units(const struct qcow_image *image)
{
	return DIV_ROUND_UP(max(image->active.l1_size, 1U), l1_unit(image));
}

void qcow_l1_set(struct qcow_image *image, u64 index, u64 entry)
{
	lockdep_assert_held(&image->l1.lock);
	WRITE_ONCE(image->active.l1_table[index], entry);
	smp_mb__before_atomic();	/* the entry before the bit */
	set_bit(index / l1_unit(image), image->l1.dirty);
}

bool qcow_l1_is_dirty(const struct qcow_image *image)
{
	return !bitmap_empty(image->l1.dirty, l1_units(image));
}

/* Into l1->copy, for the units in l1->units. */
void qcow_l1_copy(struct qcow_image *image)
{
	struct qcow_l1 *l1 = &image->l1;
	u32 per = l1_unit(image);
	unsigned long unit;

	bitmap_zero(l1->units, l1_units(image));
	/* whose entry others have seen by now, its bit is seen here */
	spin_lock(&image->l1.lock);
	spin_unlock(&image->l1.lock);
	for_each_set_bit(unit, l1->dirty, l1_units(image)) {
		clear_bit(unit, l1->dirty);
		smp_mb__after_atomic();	/* the bit before the entry */
		__set_bit(unit, l1->units);
		qcow2_be64_encode(l1->copy + unit * per,
				  image->active.l1_table + unit * per, per);
	}
}

bool qcow_l1_has_copy(const struct qcow_image *image)
{
	return !bitmap_empty(image->l1.units, l1_units(image));
}

int qcow_l1_write(struct qcow_image *image)
{
	struct qcow_l1 *l1 = &image->l1;
	u32 per = l1_unit(image);
	unsigned long unit;
	int err = 0;

	for_each_set_bit(unit, l1->units, l1_units(image)) {
		err = qcow_file_write(image->file,
				      l1->copy + unit * per,
				      per * sizeof(u64),
				      image->header.l1_table_offset +
				      unit * per * sizeof(u64));
		if (err)
			break;
	}
	return err;
}

void qcow_l1_undo_copy(struct qcow_image *image)
{
	struct qcow_l1 *l1 = &image->l1;
	unsigned long unit;

	for_each_set_bit(unit, l1->units, l1_units(image))
		set_bit(unit, l1->dirty);
}

void qcow_l1_free(struct qcow_l1 *l1)
{
	bitmap_free(l1->dirty);
	bitmap_free(l1->units);
	kvfree(l1->copy);
}

int qcow_l1_resize(struct qcow_image *image, u32 l1_size)
{
	unsigned long units = DIV_ROUND_UP(max(l1_size, 1U), l1_unit(image));
	struct qcow_l1 new = {
		.dirty = bitmap_zalloc(units, GFP_KERNEL),
		.units = bitmap_zalloc(units, GFP_KERNEL),
		.copy = kvmalloc(units * l1_unit(image) * sizeof(u64),
				 GFP_KERNEL),
	};

	if (!new.dirty || !new.units || !new.copy) {
		qcow_l1_free(&new);
		return -ENOMEM;
	}
	qcow_l1_free(&image->l1);
	image->l1.dirty = new.dirty;
	image->l1.units = new.units;
	image->l1.copy = new.copy;
	return 0;
}
