// SPDX-License-Identifier: GPL-2.0
/*
 * Merge the image of a device in use into its backing file.  The backing file
 * is opened for writing, in place of the image that was opened only for
 * reading.
 *
 * Commands copy the data of the image: they read from its disk and write to the
 * disk of the backing file.  There the image still hides them, so the disk
 * reads as before at any instant, also after a power cut.  A discard or a
 * zeroing in the image does not uncover them: the backing file is as long as
 * the disk, so the image has explicit zero entries over it.
 *
 * There is a bit for each granule of the disk that has to be copied.  The
 * copier clears the bit before it looks at the granule.  A command that changes
 * the granule sets the bit when it ends.  That is early enough: before the end
 * of the command its issuer cannot know of the change, and no command ends
 * between the last look, when the queue is frozen, and the end of the merge.
 * Then all that was copied is made durable in the backing file, before the
 * image is emptied.
 *
 * Commands to the image read data of the backing file, and commands to the
 * backing file may free the clusters of these data.  So commands to the image
 * also hold a reference to an epoch of the backing file.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "file/buf.h"
#include "file/reason.h"
#include "image/change/check.h"
#include "image/change/merge.h"
#include "image/change/rebase.h"
#include "image/change/switch.h"
#include "image/core/epoch_ref.h"
#include "image/core/marks.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/io/cmd.h"
#include "image/io/commit.h"
#include "image/map/lookup.h"
#include "image/map/run.h"
#include "image/open/chain.h"
#include "image/open/describe.h"
#include "image/open/image.h"
#include "image/open/registry.h"
#include "image/space/alloc.h"

/* log2 of the bytes of a granule, at least */
#define GRANULE_BITS	16
#define MAX_GRANULES	(1ULL << 24)
#define COPY_BYTES	SZ_1M		/* bytes copied at once */
#define STEP_BYTES	SZ_16M		/* bytes copied by one call */
#define NOMEM_TRIES	100
#define NOMEM_MS	20

/* --- Copying --- */

static int run_cmd(struct qcow_image *image, struct qcow_view *view,
		   enum qcow_op op, u64 pos, u32 len)
{
	struct qcow_merge_state *merge = image->merge;
	struct qcow_cmd cmd = {
		.view = view, .wq = image->wq, .op = op, .unmap = true,
		.no_inline = true, .pos = pos, .len = len,
	};

	if (op <= QCOW_OP_WRITE)
		qcow_buf_map(&cmd.buf, merge->mem, len, merge->bvec);
	return qcow_cmd_run(&cmd);
}

static int copy_data(struct qcow_image *image, u64 pos, u32 len)
{
	int err = run_cmd(image, &image->active, QCOW_OP_READ, pos, len);

	return err ? err : run_cmd(image, &image->merge->base->active,
				   QCOW_OP_WRITE, pos, len);
}

static u32 base_unit(const struct qcow_image *base)
{
	return max3(base->file->align, base->data_file->align,
		    (u32)SECTOR_SIZE);
}

/*
 * Copy one run of the image, from @pos up to @end at most.  The range is
 * widened to whole units of the backing file: copying what lies beside the run
 * does no harm.
 */
static int copy_run(struct qcow_image *image, const struct qcow_run *run,
		    u64 pos, u64 end)
{
	struct qcow_image *base = image->merge->base;
	u32 unit = base_unit(base);
	u64 from = round_down(pos, unit);
	u64 to = min(round_up(pos + run->len, unit), end);

	if (run->type == QCOW_RUN_BACKING)
		return 0;
	if (run->type == QCOW_RUN_ZERO && from == pos && to == pos + run->len)
		return run_cmd(image, &base->active, QCOW_OP_ZERO, from,
			       to - from);
	return copy_data(image, from, to - from);
}

/*
 * If an L2 slice is not in memory, it is read from the file here.  A command
 * may load and change the slice meanwhile, but such a command has not ended
 * yet, and it sets the bit when it ends.
 */
static int merge_look(struct qcow_image *image, u64 pos, u32 len,
		      struct qcow_run *run)
{
	struct qcow_epoch *epoch = qcow_epoch_enter(image);
	int err = qcow_qcow2_map_sync(&image->active, pos, len, run);

	if (epoch)
		qcow_epoch_leave(epoch);
	return err;
}

static int copy_range(struct qcow_image *image, u64 pos, u64 end)
{
	struct qcow_run run;
	int err = 0;

	for (; !err && pos < end; pos += run.len) {
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		err = merge_look(image, pos, end - pos, &run);
		if (!err)
			err = copy_run(image, &run, pos, end);
	}
	return err;
}

/*
 * Copy the next dirty granules that lie in a row.
 *
 * Return: how many bytes; 0: no granule is dirty; or an error.
 */
static long copy_next(struct qcow_image *image)
{
	struct qcow_merge_state *merge = image->merge;
	unsigned long first, n = 0;
	u64 pos, end;
	int err;

	first = find_next_bit(merge->dirty, merge->granules, merge->next);
	if (first >= merge->granules)
		first = find_first_bit(merge->dirty, merge->granules);
	if (first >= merge->granules)
		return 0;
	do {
		clear_bit(first + n++, merge->dirty);
	} while (first + n < merge->granules && (n + 1) << merge->bits <=
		 COPY_BYTES && test_bit(first + n, merge->dirty));
	/*
	 * Clear the bits before reading the content.  Pairs with
	 * atomic_dec_and_test() in qcow_cmd_put(): a command changes the
	 * content before it sets the bits.
	 */
	smp_mb__after_atomic();
	merge->next = first + n;
	pos = (u64)first << merge->bits;
	end = min(pos + ((u64)n << merge->bits), image->active.size);
	for (; pos < end; pos += min_t(u64, end - pos, COPY_BYTES)) {
		err = copy_range(image, pos, min(end, pos + COPY_BYTES));
		if (err) {
			qcow_merge_mark(merge, (u64)first << merge->bits,
					(u64)n << merge->bits);
			return err;
		}
	}
	return (long)n << merge->bits;
}

static int merge_failed(struct qcow_image *image, struct qcow_reason *why,
			int err)
{
	const char *base = image->merge->base->path;

	if (err == -ENOSPC || err == -EDQUOT)
		return qcow_refuse(why, err, "%s: there is no room for what it is to have of %s",
				   base, image->path);
	return qcow_refuse(why, err, "%s: cannot be merged into %s (%d)",
			   image->path, base, err);
}

/*
 * As copy_next(), but it tries again for a while if memory is short, as
 * requests are tried again.
 */
static long copy_some(struct qcow_image *image)
{
	unsigned int tries = NOMEM_TRIES;
	long n;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		n = copy_next(image);
	} while (n == -ENOMEM && tries-- && !msleep_interruptible(NOMEM_MS));
	return n;
}

int qcow_view_merge(struct qcow_view *view, u64 *left, struct qcow_reason *why)
{
	struct qcow_image *image = view->image;
	struct qcow_merge_state *merge = image->merge;
	unsigned int noio = memalloc_noio_save();
	long done = 0, n = 1;

	for (; n > 0 && done < STEP_BYTES; done += n)
		n = copy_some(image);
	memalloc_noio_restore(noio);
	*left = (u64)bitmap_weight(merge->dirty, merge->granules) <<
		merge->bits;
	return n < 0 ? merge_failed(image, why, n) : 0;
}

void qcow_view_merge_calm(struct qcow_view *view)
{
	struct qcow_image *base = view->image->merge->base;
	unsigned int noio = memalloc_noio_save();

	if (base->upkeep) {
		qcow_alloc_stop(base);
		qcow_commit_run(base);
	}
	memalloc_noio_restore(noio);
}

bool qcow_view_merging(const struct qcow_view *view)
{
	return view->image->merge;
}

/* --- Begin --- */

void qcow_merge_free(struct qcow_merge_state *merge)
{
	if (!merge)
		return;
	kvfree(merge->dirty);
	kvfree(merge->mem);
	kvfree(merge->bvec);
	kfree(merge);
}

static struct qcow_merge_state *merge_alloc(u64 size)
{
	struct qcow_merge_state *merge = kzalloc(sizeof(*merge), GFP_KERNEL);

	if (!merge)
		return NULL;
	merge->bits = GRANULE_BITS;
	while (size >> merge->bits >= MAX_GRANULES)
		merge->bits++;
	merge->granules = DIV_ROUND_UP_ULL(size, 1ULL << merge->bits);
	merge->dirty = kvcalloc(BITS_TO_LONGS(merge->granules), sizeof(long),
				GFP_KERNEL_ACCOUNT);
	merge->mem = kvmalloc(COPY_BYTES, GFP_KERNEL_ACCOUNT);
	if (merge->mem)
		merge->bvec = kvcalloc(qcow_buf_map_segs(merge->mem,
							 COPY_BYTES),
				       sizeof(*merge->bvec),
				       GFP_KERNEL_ACCOUNT);
	if (merge->dirty && merge->bvec) {
		bitmap_set(merge->dirty, 0, merge->granules);
		return merge;
	}
	qcow_merge_free(merge);
	return NULL;
}

static int merge_check(const struct qcow_image *image,
		       const struct qcow_change *change, struct qcow_reason *why)
{
	if (!image->backing)
		return qcow_refuse(why, -EINVAL, "%s: has no backing file",
				   image->path);
	/* snapshots also show the backing file, which is about to change */
	if (image->header.nb_snapshots)
		return qcow_refuse(why, -EBUSY,
				   "%s: has snapshots, which would show something else then; delete them first",
				   image->path);
	if (qcow_registry_has_others(image->backing))
		return qcow_refuse(why, -EBUSY,
				   "%s: is attached already, so it cannot be written",
				   image->backing->path);
	if (!qcow_chain_is(image->backing, change->backing->layers,
			   change->backing->nr_layers))
		return qcow_refuse(why, -ESTALE,
				   "%s: is over other files", image->path);
	return 0;
}

/*
 * If the disk of the backing file is shorter than that of the image, it grows.
 * The new part reads zeros, as before.
 */
static int grow_base(struct qcow_image *base, u64 size, u32 unit,
		     struct qcow_reason *why)
{
	struct qcow_change change = {
		.op = QCOW_CHANGE_RESIZE, .size = size, .unit = unit,
	};
	int err;

	if (base->active.size >= size)
		return 0;
	err = qcow_change_check_op(&base->active, change.op, why);
	if (!err)
		err = qcow_change_check_health(base, why);
	if (err)
		return err;
	err = qcow_change_quietly(base, &change, why);
	qcow_change_release(&base->active, &change);
	return qcow_change_result(base, err, why);
}

static int open_base(struct qcow_image *image, struct qcow_change *change,
		     struct qcow_reason *why)
{
	struct qcow_open open = *change->backing;
	struct qcow_image *base;
	int err;

	open.write = change->op == QCOW_CHANGE_MERGE_BEGIN;
	open.instead = image->backing;
	base = qcow_layers_open(&open, why);
	if (IS_ERR(base))
		return PTR_ERR(base);
	err = qcow_backing_check(image, base, why);
	if (!err) {
		change->layers = base;
		return 0;
	}
	qcow_registry_put(base);
	qcow_registry_keep(image->backing);
	return err;
}

int qcow_merge_open(struct qcow_image *image, struct qcow_change *change,
		    struct qcow_reason *why)
{
	int err = merge_check(image, change, why);

	if (err || change->op == QCOW_CHANGE_REOPEN)
		return err ? err : open_base(image, change, why);
	change->merge = merge_alloc(image->active.size);
	if (!change->merge)
		return -ENOMEM;
	err = open_base(image, change, why);
	if (err) {
		qcow_merge_free(change->merge);
		change->merge = NULL;
	}
	return err;
}

int qcow_merge_stop(struct qcow_image *image)
{
	struct qcow_merge_state *merge = image->merge;
	int err = qcow_image_settle(merge->base);

	qcow_registry_set_merged_into(merge->base, false);
	image->merge = NULL;
	qcow_merge_free(merge);
	return err;
}

/*
 * The backing file opened for writing replaces the one opened for reading
 * before anything is written to it: so no command looks up clusters in what the
 * old one has cached.
 */
int qcow_merge_begin(struct qcow_image *image, struct qcow_change *change,
		     struct qcow_reason *why)
{
	struct qcow_image *base = change->layers;
	int err;

	swap(image->merge, change->merge);
	image->merge->base = base;
	qcow_registry_set_merged_into(base, true);
	image->changes++;
	change->layers = qcow_backing_swap(image, base);
	err = grow_base(base, image->active.size, change->unit, why);
	if (err)
		qcow_merge_stop(image);
	return err;
}

/* --- End --- */

int qcow_merge_end(struct qcow_image *image, struct qcow_reason *why)
{
	struct qcow_image *base = image->merge->base;
	long n;
	int err;

	/*
	 * before the base is settled, a killed task leaves a merge to be
	 * stopped
	 */
	do {
		n = copy_some(image);
	} while (n > 0);
	err = n < 0 ? n : run_cmd(image, &base->active, QCOW_OP_FLUSH, 0, 0);
	if (err)
		return merge_failed(image, why, err);
	err = qcow_merge_stop(image);
	return err ? qcow_refuse(why, err,
				 "%s: its last writes failed (%d); nothing was taken from %s",
				 base->path, err, image->path) : 0;
}
