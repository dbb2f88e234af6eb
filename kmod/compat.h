/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Supply what older kernels lack.  Every file is written for the newest
 * interface.  This header is included before everything else, and supplies what
 * Kbuild did not find in the headers of the kernel.
 *
 * "Since" names the first release of kernel.org that has it; stable kernels and
 * vendors may have it earlier.  Wherever possible, what is supplied is declared
 * and not defined as a macro: if the kernel has it after all, because Kbuild
 * looked for it in the wrong way, the compiler finds two declarations and the
 * build fails.
 */
#ifndef QCOW_COMPAT_H
#define QCOW_COMPAT_H

#define pr_fmt(fmt)	"qcow: " fmt

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#ifndef PF_BLOCK_TS
/* Since 6.9.  Before, plugs hold no time. */
enum { PF_BLOCK_TS = 0 };
#endif

#ifndef HAVE_RQ_LIST
/*
 * struct rq_list: since 6.13.  Before, requests that were allocated ahead are a
 * bare chain.
 */
#define qcow_plug_cached(plug)	((plug)->cached_rq)
#define qcow_plug_first(plug)	((plug)->mq_list)
#else
#define qcow_plug_cached(plug)	rq_list_peek((struct rq_list *)&(plug)->cached_rqs)
#define qcow_plug_first(plug)	rq_list_peek((struct rq_list *)&(plug)->mq_list)
#endif

#ifndef HAVE_SHOULD_MERGE
/* Until 6.13.  Since 6.14 every queue merges requests unless it refuses to. */
enum { BLK_MQ_F_SHOULD_MERGE = 0 };
#endif

#ifndef HAVE_INIT_REQUEST_INT
/*
 * In 7.3, not in 7.1.  Before, the node of a request is unsigned although
 * NUMA_NO_NODE is negative.
 */
typedef unsigned int qcow_node_t;
#else
typedef int qcow_node_t;
#endif

#ifndef HAVE_BVEC_ITER_OFFSET
/* In 7.3, not in 7.1.  Before, the offset in a segment has another name. */
#define bi_offset	bi_bvec_done
#endif

#ifndef HAVE_BVEC_SET_PAGE
/* Since 6.3. */
static inline void bvec_set_page(struct bio_vec *bvec, struct page *page,
				 unsigned int len, unsigned int offset)
{
	bvec->bv_page = page;
	bvec->bv_len = len;
	bvec->bv_offset = offset;
}
#endif

#ifndef HAVE_WQ_PERCPU
/* Since 6.17.  Before, a workqueue without WQ_UNBOUND is bound to CPUs. */
enum { WQ_PERCPU = 0 };
#endif

#ifndef HAVE_BD_MAPPING
/* Since 6.10. */
#define qcow_bdev_mapping(bdev)	((bdev)->bd_inode->i_mapping)
#else
#define qcow_bdev_mapping(bdev)	((bdev)->bd_mapping)
#endif

#ifndef HAVE_BDEV_FREEZE
/* Since 6.8. */
static inline int bdev_freeze(struct block_device *bdev)
{
	return freeze_bdev(bdev);
}

static inline int bdev_thaw(struct block_device *bdev)
{
	return thaw_bdev(bdev);
}
#endif

/*
 * Since 6.6 a caller names its kind of holder, since 6.16 also the owner; file
 * systems with functions of their own are told the same.
 */
#ifndef HAVE_FREEZE_HOLDER
#define freeze_super(sb, who, owner)	freeze_super(sb)
#define thaw_super(sb, who, owner)	thaw_super(sb)
#elif !defined(HAVE_FREEZE_OWNER)
#define freeze_super(sb, who, owner)	freeze_super(sb, who)
#define thaw_super(sb, who, owner)	thaw_super(sb, who)
#endif

#ifndef HAVE_FREEZE_NEST
/* Since 6.8.  Before, -EBUSY says that it is frozen already. */
enum { FREEZE_MAY_NEST = 0 };
#endif

#ifndef HAVE_KIOCB_START_WRITE
/* Since 6.6. */
static inline void kiocb_start_write(struct kiocb *iocb)
{
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;

	sb_start_write(sb);
	__sb_writers_release(sb, SB_FREEZE_WRITE);
}

static inline void kiocb_end_write(struct kiocb *iocb)
{
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;

	__sb_writers_acquired(sb, SB_FREEZE_WRITE);
	sb_end_write(sb);
}
#endif

#ifndef HAVE_FREEZE_NON_OWNER
/* Since 6.13.  Before, lockdep does not know of frozen queues. */
static inline void blk_freeze_queue_start_non_owner(struct request_queue *q)
{
	blk_freeze_queue_start(q);
}

static inline void blk_mq_unfreeze_queue_non_owner(struct request_queue *q)
{
	blk_mq_unfreeze_queue(q);
}
#endif

#ifndef HAVE_QUEUE_LIMITS_FEATURES
/* Since 6.11.  Before, features are flags of the queue, set by functions. */
typedef unsigned int blk_features_t;
enum {
	BLK_FEAT_WRITE_CACHE	= 1U << 0,
	BLK_FEAT_FUA		= 1U << 1,
	BLK_FEAT_STABLE_WRITES	= 1U << 5,
};

static inline void qcow_set_features(struct request_queue *q,
				     blk_features_t features)
{
	blk_queue_write_cache(q, features & BLK_FEAT_WRITE_CACHE,
			      features & BLK_FEAT_FUA);
	blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	if (features & BLK_FEAT_STABLE_WRITES)
		blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, q);
}
#endif

#ifndef HAVE_ALLOC_DISK_LIMITS
/* Since 6.9.  Before, each limit of a queue is set by a function. */
static inline void qcow_apply_limits(struct request_queue *q,
				     const struct queue_limits *lim)
{
	blk_queue_logical_block_size(q, lim->logical_block_size);
	blk_queue_physical_block_size(q, lim->physical_block_size);
	blk_queue_io_min(q, lim->io_min);
	blk_queue_io_opt(q, lim->io_opt);
	blk_queue_max_hw_sectors(q, lim->max_hw_sectors);
	blk_queue_max_segments(q, lim->max_segments);
	blk_queue_max_segment_size(q, lim->max_segment_size);
	blk_queue_dma_alignment(q, lim->dma_alignment);
	blk_queue_max_write_zeroes_sectors(q, lim->max_write_zeroes_sectors);
	q->limits.discard_granularity = lim->discard_granularity;
	blk_queue_max_discard_sectors(q, lim->max_hw_discard_sectors);
}
#endif

/* blk_mq_alloc_disk() has three forms: before 6.9, before 6.11, and now. */
static inline struct gendisk *qcow_alloc_disk(struct blk_mq_tag_set *set,
					      struct queue_limits *lim,
					      blk_features_t features,
					      void *queuedata)
{
	struct gendisk *disk;

#ifdef HAVE_QUEUE_LIMITS_FEATURES
	lim->features = features;
#endif
#ifdef HAVE_ALLOC_DISK_LIMITS
	disk = blk_mq_alloc_disk(set, lim, queuedata);
#else
	disk = blk_mq_alloc_disk(set, queuedata);
	if (!IS_ERR(disk))
		qcow_apply_limits(disk->queue, lim);
#endif
#ifndef HAVE_QUEUE_LIMITS_FEATURES
	if (!IS_ERR(disk))
		qcow_set_features(disk->queue, features);
#endif
	return disk;
}

#ifndef HAVE_CLAIM_OPS
/* Since 6.5 a holder may have operations. */
#define bd_prepare_to_claim(bdev, holder, ops)	bd_prepare_to_claim(bdev, holder)
#endif

#ifndef HAVE_SHRINKER_ALLOC
/*
 * Since 6.7.  Before, the caller allocates a shrinker.  A shrinker that could
 * not be registered is never called, and may be unregistered all the same.
 */
static inline struct shrinker *shrinker_alloc(unsigned int flags,
					      const char *name)
{
	struct shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (s)
		s->seeks = DEFAULT_SEEKS;
	return s;
}

static inline void shrinker_register(struct shrinker *s)
{
	if (register_shrinker(s, "qcow"))
		pr_warn("no memory for a shrinker\n");
}

static inline void shrinker_free(struct shrinker *s)
{
	unregister_shrinker(s);
	kfree(s);
}
#endif

#endif /* QCOW_COMPAT_H */
