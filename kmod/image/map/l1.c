// SPDX-License-Identifier: GPL-2.0
/*
 * Change the active L1 table in memory, and write the changes for a commit.
 *
 * The table is divided into units of one sector, or of what the file's I/O has
 * to be aligned to.  A bit for each unit says whether the next commit has to
 * write it.
 */
#include <linux/bitmap.h>
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

int qcow_l1_prepare(struct qcow_image *image, u64 index, gfp_t gfp)
{
	u32 per = l1_unit(image);
	struct xarray *copies = &image->l1.copies;
	void *copy;
	int err;

	if (xa_load(copies, index / per))
		return 0;
	copy = kmalloc_array(per, sizeof(u64), gfp);
	if (!copy)
		return -ENOMEM;
	err = xa_insert(copies, index / per, copy, gfp);
	if (err)
		kfree(copy);
	/* another task may have been faster */
	return err == -EBUSY ? 0 : err;
}

void qcow_l1_set(struct qcow_image *image, u64 index, u64 entry)
{
	lockdep_assert_held(&image->l1.lock);
	WRITE_ONCE(image->active.l1_table[index], entry);
	/* the entry before the bit; pairs with the barrier in qcow_l1_copy() */
	smp_mb__before_atomic();
	set_bit(index / l1_unit(image), image->l1.dirty);
}

bool qcow_l1_is_dirty(const struct qcow_image *image)
{
	return !bitmap_empty(image->l1.dirty, l1_units(image));
}

void qcow_l1_copy(struct qcow_image *image)
{
	struct qcow_l1 *l1 = &image->l1;
	u32 per = l1_unit(image);
	unsigned long unit;

	bitmap_zero(l1->units, l1_units(image));
	/*
	 * Wait for a task in qcow_l1_set() that has set an entry but not yet
	 * its bit.  Another task may have seen that entry, and the commit that
	 * this other task asks for has to write it.
	 */
	spin_lock(&image->l1.lock);
	spin_unlock(&image->l1.lock);
	for_each_set_bit(unit, l1->dirty, l1_units(image)) {
		clear_bit(unit, l1->dirty);
		/* the bit before the entry; pairs with qcow_l1_set() */
		smp_mb__after_atomic();
		__set_bit(unit, l1->units);
		qcow2_be64_encode(xa_load(&l1->copies, unit),
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
		err = qcow_file_write(image->file, xa_load(&l1->copies, unit),
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

void qcow_l1_init(struct qcow_l1 *l1)
{
	spin_lock_init(&l1->lock);
	xa_init(&l1->copies);
}

void qcow_l1_free(struct qcow_l1 *l1)
{
	unsigned long unit;
	void *copy;

	xa_for_each(&l1->copies, unit, copy)
		kfree(copy);
	xa_destroy(&l1->copies);
	bitmap_free(l1->dirty);
	bitmap_free(l1->units);
}

int qcow_l1_resize(struct qcow_image *image, u32 l1_size)
{
	unsigned long units = DIV_ROUND_UP(max(l1_size, 1U), l1_unit(image));
	unsigned long *dirty = bitmap_zalloc(units, GFP_KERNEL_ACCOUNT);
	unsigned long *bits = bitmap_zalloc(units, GFP_KERNEL_ACCOUNT);

	if (!dirty || !bits) {
		bitmap_free(dirty);
		bitmap_free(bits);
		return -ENOMEM;
	}
	qcow_l1_free(&image->l1);
	image->l1.dirty = dirty;
	image->l1.units = bits;
	return 0;
}
