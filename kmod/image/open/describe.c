// SPDX-License-Identifier: GPL-2.0
/*
 * Describe a view: in numbers for the limits of the queue, and in words for
 * sysfs.
 */
#include <linux/kernel.h>
#include <linux/rwsem.h>
#include <linux/sysfs.h>

#include <linux/qcow.h>

#include "file/file.h"
#include "format/header.h"
#include "image/core/kick.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/open/describe.h"

static bool is_raw(const struct qcow_image *image)
{
	return image->ops->format == QCOW_FORMAT_RAW;
}

struct workqueue_struct *qcow_view_wq(const struct qcow_view *view)
{
	return view->image->wq;
}

u64 qcow_view_size(const struct qcow_view *view)
{
	return view->size;
}

u32 qcow_view_cluster_size(const struct qcow_view *view)
{
	return 1U << view->image->geo.cluster_bits;
}

/*
 * A subcluster keeps its place, and the file system below frees whole blocks
 * only.  A cluster is freed in the image.
 */
u32 qcow_view_discard_granularity(const struct qcow_view *view)
{
	const struct qcow_image *image = view->image;
	u32 block = i_blocksize(qcow_file_inode(image->data_file));

	if (!image->writable ||
	    !(image->ops->discard || image->ops->erase) ||
	    !image->file->filp->f_op->fallocate)
		return 0;
	if (is_raw(image))
		return block;
	return clamp(block, 1U << image->geo.subcluster_bits,
		     1U << image->geo.cluster_bits);
}

bool qcow_view_writes_zeroes(const struct qcow_view *view)
{
	return view->image->ops->zero || view->image->ops->erase;
}

/*
 * A write whose mapping is not durable yet needs a commit; a FUA write to the
 * file is not enough.
 */
bool qcow_view_fua(const struct qcow_view *view)
{
	return !qcow_has_commits(view->image);
}

bool qcow_view_stable(const struct qcow_view *view)
{
	return qcow_file_stable(view->image->data_file);
}

/*
 * Guards the @backing of all images against tasks that describe a chain.  A
 * structural change may replace it.  Commands do not need this: none is in
 * flight then.
 */
static DECLARE_RWSEM(backing_sem);

struct qcow_image *qcow_backing_swap(struct qcow_image *image,
				     struct qcow_image *backing)
{
	down_write(&backing_sem);
	swap(image->backing, backing);
	up_write(&backing_sem);
	return backing;
}

u32 qcow_view_align(const struct qcow_view *view)
{
	const struct qcow_image *image;
	u32 align = 1;

	down_read(&backing_sem);
	for (image = view->image; image; image = image->backing)
		align = max3(align, image->file->align,
			     image->data_file->align);
	up_read(&backing_sem);
	return align;
}

bool qcow_view_direct(const struct qcow_view *view)
{
	return view->image->data_file->direct;
}

bool qcow_view_is_top_of(const struct qcow_view *view,
			 const struct inode *inode)
{
	return view == &view->image->active &&
	       qcow_file_inode(view->image->file) == inode;
}

const char *qcow_view_format(const struct qcow_view *view)
{
	return view->image->ops->name;
}

static int show_path(struct file *file, char *page)
{
	/* file_path() puts the path at the end of its buffer */
	char *path = file_path(file, page, PAGE_SIZE - 1);
	int len;

	if (IS_ERR(path))
		return PTR_ERR(path);
	len = strlen(path);
	memmove(page, path, len);
	page[len] = '\n';
	return len + 1;
}

int qcow_view_show_path(const struct qcow_view *view, char *page)
{
	return show_path(view->image->file->caller, page);
}

int qcow_view_show_data_path(const struct qcow_view *view, char *page)
{
	const struct qcow_image *image = view->image;

	if (image->data_file == image->file)
		return sysfs_emit(page, "\n");
	return show_path(image->data_file->caller, page);
}

int qcow_view_show_snapshot(const struct qcow_view *view, char *page)
{
	return sysfs_emit(page, "%s\n", view->snapshot ?: "");
}

/* @show prints about layer @n; 0 is the top one. */
static int show_layer(const struct qcow_view *view, unsigned int n, char *page,
		      int (*show)(const struct qcow_image *image, char *page))
{
	const struct qcow_image *image;
	int ret = -ENOENT;

	down_read(&backing_sem);
	for (image = view->image; image && n; image = image->backing)
		n--;
	if (image)
		ret = show(image, page);
	up_read(&backing_sem);
	return ret;
}

static int show_format(const struct qcow_image *image, char *page)
{
	return sysfs_emit(page, "%s\n", image->ops->name);
}

static int show_direct(const struct qcow_image *image, char *page)
{
	return sysfs_emit(page, "%d\n", image->file->direct);
}

static int show_file(const struct qcow_image *image, char *page)
{
	return show_path(image->file->caller, page);
}

int qcow_view_show_layer_format(const struct qcow_view *view, unsigned int n,
				char *page)
{
	return show_layer(view, n, page, show_format);
}

int qcow_view_show_layer_direct_io(const struct qcow_view *view, unsigned int n,
				   char *page)
{
	return show_layer(view, n, page, show_direct);
}

int qcow_view_show_layer_file(const struct qcow_view *view, unsigned int n,
			      char *page)
{
	return show_layer(view, n, page, show_file);
}

unsigned int qcow_view_layers(const struct qcow_view *view)
{
	const struct qcow_image *image;
	unsigned int n = 0;

	down_read(&backing_sem);
	for (image = view->image; image; image = image->backing)
		n++;
	up_read(&backing_sem);
	return n;
}

u64 qcow_view_offset(const struct qcow_view *view)
{
	return view->image->offset;
}

struct feature {
	u64 bit;
	const char *name;
};

static int show_bits(char *page, int at, u64 bits, const struct feature *f)
{
	for (; f->name; f++)
		if (bits & f->bit)
			at += sysfs_emit_at(page, at, "%s%s", at ? " " : "",
					    f->name);
	return at;
}

static const struct feature incompatible[] = {
	{ QCOW2_INCOMPAT_DIRTY,		"dirty" },
	{ QCOW2_INCOMPAT_CORRUPT,	"corrupt" },
	{ QCOW2_INCOMPAT_DATA_FILE,	"data-file" },
	{ QCOW2_INCOMPAT_COMPRESSION,	"compression-type" },
	{ QCOW2_INCOMPAT_EXTL2,		"extended-l2" },
	{ }
};

static const struct feature compatible[] = {
	{ QCOW2_COMPAT_LAZY_REFCOUNTS,	"lazy-refcounts" },
	{ }
};

static const struct feature autoclear[] = {
	{ QCOW2_AUTOCLEAR_BITMAPS,	"bitmaps" },
	{ QCOW2_AUTOCLEAR_DATA_FILE_RAW, "data-file-raw" },
	{ }
};

int qcow_view_show_features(const struct qcow_view *view, char *page)
{
	const struct qcow2_header *h = &view->image->header;
	int at = 0;

	at = show_bits(page, at, h->incompatible_features, incompatible);
	at = show_bits(page, at, h->compatible_features, compatible);
	at = show_bits(page, at, h->autoclear_features, autoclear);
	return at + sysfs_emit_at(page, at, "\n");
}

/* Return true if flushes fail until the next attach. */
bool qcow_view_degraded(const struct qcow_view *view)
{
	const struct qcow_image *image = view->image;

	if (is_raw(image))
		return image->writable && qcow_file_lost(image->file);
	/* pairs with smp_store_release() in qcow_health_fail() */
	return image->upkeep && smp_load_acquire(&image->health.error);
}

bool qcow_view_frees(const struct qcow_view *view)
{
	const struct qcow_image *image = view->image;

	return READ_ONCE(image->commit.quarantine) &&
	       !READ_ONCE(image->health.error);
}

int qcow_view_show_failure(const struct qcow_view *view, char *page)
{
	const struct qcow_health *health = &view->image->health;

	if (!qcow_view_degraded(view))
		return sysfs_emit(page, "\n");
	if (is_raw(view->image))
		return sysfs_emit(page, "writing back failed: %d\n",
				  qcow_file_lost(view->image->file));
	return sysfs_emit(page, "%s failed: %d\n", health->failed,
			  health->error);
}

static u64 slices(const struct qcow_image *image)
{
	return image->cache.count;
}

static u64 slice_bytes(const struct qcow_image *image)
{
	return 1U << image->cache.slice_bits;
}

static u64 dirty_slices(const struct qcow_image *image)
{
	return image->cache.nr_dirty;
}

static u64 reserve(const struct qcow_image *image)
{
	return image->alloc.clusters;
}

static u64 quarantine(const struct qcow_image *image)
{
	return image->commit.quarantine;
}

/* Either an amount that @get returns, or a counter in struct qcow_stats. */
struct statistic {
	const char *name;
	u64 (*get)(const struct qcow_image *image);
	size_t counter;
	bool of_writable;	/* without a meaning for other images */
};

#define AMOUNT(name)		{ #name, name }
#define AMOUNT_WRITABLE(name)	{ #name, name, .of_writable = true }
#define STAT(member)		\
	{ #member, .counter = offsetof(struct qcow_stats, member) }

static const struct statistic statistics[] = {
	AMOUNT(slices),
	AMOUNT(slice_bytes),
	AMOUNT_WRITABLE(dirty_slices),
	AMOUNT_WRITABLE(reserve),
	AMOUNT_WRITABLE(quarantine),
	STAT(slice_hits),
	STAT(slice_misses),
	STAT(slice_evictions),
	STAT(inflations),
	STAT(inflate_hits),
	STAT(worker_dispatches),
	STAT(allocations),
	STAT(tables),
	STAT(copies),
	STAT(releases),
	STAT(commits),
	STAT(throttled),
};

static const struct statistic *find_statistic(const struct qcow_view *view,
					      const char *name)
{
	const struct statistic *s;

	for (s = statistics; s < statistics + ARRAY_SIZE(statistics); s++)
		if (!strcmp(s->name, name) &&
		    (view->image->writable || !s->of_writable))
			return s;
	return NULL;
}

static u64 sum_counter(const struct qcow_image *image, size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += *(unsigned long *)((void *)per_cpu_ptr(image->stats, cpu)
					  + offset);
	return sum;
}

bool qcow_view_has_statistic(const struct qcow_view *view, const char *name)
{
	return find_statistic(view, name);
}

int qcow_view_show_statistic(const struct qcow_view *view, const char *name,
			     char *page)
{
	const struct statistic *s = find_statistic(view, name);

	if (!s)
		return -ENOENT;
	return sysfs_emit(page, "%llu\n", s->get ? s->get(view->image) :
			  sum_counter(view->image, s->counter));
}
