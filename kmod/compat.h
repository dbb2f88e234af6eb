/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What older kernels lack.  Every file is written for the newest interface;
 * this header, included before everything else, supplies it where Kbuild did
 * not find it in the kernel's headers.
 */
#ifndef QCOW_COMPAT_H
#define QCOW_COMPAT_H

#define pr_fmt(fmt)	"qcow: " fmt

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#ifndef PF_BLOCK_TS
/* Before 6.9: plugs keep no time. */
#define PF_BLOCK_TS	0
#endif

#ifndef HAVE_RQ_LIST
/* Before 6.13, and its backports: requests taken ahead are a bare chain. */
#define qcow_plug_cached(plug)	((plug)->cached_rq)
#define qcow_plug_first(plug)	((plug)->mq_list)
#else
#define qcow_plug_cached(plug)	rq_list_peek((struct rq_list *)&(plug)->cached_rqs)
#define qcow_plug_first(plug)	rq_list_peek((struct rq_list *)&(plug)->mq_list)
#endif

#ifdef HAVE_SHOULD_MERGE
/* Before 6.14: a queue that merges requests says so. */
#define QCOW_MQ_F_MERGE	BLK_MQ_F_SHOULD_MERGE
#else
#define QCOW_MQ_F_MERGE	0
#endif

#ifndef HAVE_INIT_REQUEST_INT
/* Before 7.2: a request's node is unsigned, and NUMA_NO_NODE is not. */
typedef unsigned int qcow_node_t;
#else
typedef int qcow_node_t;
#endif

#ifndef HAVE_BVEC_ITER_OFFSET
/* Before 7.3. */
#define bi_offset	bi_bvec_done
#endif

#ifndef HAVE_WQ_PERCPU
/* Before 6.17: a workqueue that is not unbound is bound to CPUs. */
#define WQ_PERCPU	0
#endif

#ifndef HAVE_SYSTEM_DFL_WQ
/* Before 6.17. */
#define system_dfl_wq	system_unbound_wq
#endif

#ifndef HAVE_BLK_MODE_T
/* Before 6.5: block devices are opened with a file's mode. */
typedef fmode_t blk_mode_t;
#define BLK_OPEN_WRITE	FMODE_WRITE
#endif

#ifndef HAVE_BD_MAPPING
/* Before 6.11. */
#define qcow_bdev_mapping(bdev)	((bdev)->bd_inode->i_mapping)
#else
#define qcow_bdev_mapping(bdev)	((bdev)->bd_mapping)
#endif

#ifndef HAVE_BDEV_FREEZE
/* Before 6.8. */
#define bdev_freeze(bdev)	freeze_bdev(bdev)
#define bdev_thaw(bdev)		thaw_bdev(bdev)
#endif

#ifndef HAVE_FREEZE_NON_OWNER
/* Before 6.13, and its backports: a freeze is nothing that lockdep knows of. */
#define blk_freeze_queue_start_non_owner(q)	blk_freeze_queue_start(q)
#define blk_mq_unfreeze_queue_non_owner(q)	blk_mq_unfreeze_queue(q)
#endif

#ifndef HAVE_QUEUE_LIMITS_FEATURES
/* Before 6.11: features are flags of the queue and set by functions. */
#define BLK_FEAT_WRITE_CACHE	(1U << 0)
#define BLK_FEAT_FUA		(1U << 1)
#define BLK_FEAT_STABLE_WRITES	(1U << 5)
typedef unsigned int blk_features_t;

static inline void qcow_apply_limits(struct request_queue *q,
				     const struct queue_limits *lim,
				     blk_features_t features)
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
	blk_queue_write_cache(q, features & BLK_FEAT_WRITE_CACHE,
			      features & BLK_FEAT_FUA);
	blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	if (features & BLK_FEAT_STABLE_WRITES)
		blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, q);
}
#endif

#ifndef HAVE_SHRINKER_ALLOC
/*
 * Before 6.7: a shrinker is the caller's memory.  One that could not be
 * registered is never called, and may be unregistered all the same.
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
