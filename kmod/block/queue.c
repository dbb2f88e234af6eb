// SPDX-License-Identifier: GPL-2.0
/*
 * Turn requests of the block layer into commands of the image, and end them.  A
 * request of one bio passes its segments on as they are.  A merged request gets
 * an array of its own.
 */
#include <linux/blk-mq.h>
#include <linux/mempool.h>
#include <linux/slab.h>

#include "block/device.h"
#include "block/trace.h"
#include "file/record.h"

#define QUEUE_DEPTH	128
#define MAX_SEGMENTS	512

/*
 * A request that failed for a reason that may pass is tried again so often,
 * with this pause in between: a disk must not fail because the host is short of
 * pages, or because freed space waits for a commit.
 */
#define NOMEM_RETRIES	1000
#define NOSPC_RETRIES	200
#define RETRY_DELAY_MS	10

/**
 * struct qcow_request - the private data of a request
 * @cmd:	the command to the view
 * @bvec:	a segment array of its own, or NULL
 * @pooled:	@bvec comes from the pool of the device
 * @retries:	how often it was tried again; valid if RQF_DONTPREP is set
 * @record:	its id in the record, or 0
 *
 * A disk has QUEUE_DEPTH of these.  Each lies behind a struct request, and both
 * together are rounded up to cache lines: 64 bytes more take 8 KiB on each disk.
 */
struct qcow_request {
	struct qcow_cmd cmd;
	struct bio_vec *bvec;
	u32 record;
	u16 retries;
	bool pooled;
};

static struct qcow_device *device_of(struct request *rq)
{
	return rq->q->queuedata;
}

static void free_bvec(struct qcow_device *dev, struct qcow_request *qr)
{
	if (likely(!qr->bvec))
		return;
	if (qr->pooled)
		mempool_free(qr->bvec, dev->bvecs);
	else
		kfree(qr->bvec);
	qr->bvec = NULL;
}

static unsigned int retries_for(const struct qcow_device *dev, int error)
{
	if (error == -ENOMEM)
		return NOMEM_RETRIES;
	if ((error == -ENOSPC || error == -EDQUOT) &&
	    qcow_view_frees(dev->view))
		return NOSPC_RETRIES;
	return 0;
}

static bool retry_later(struct request *rq, struct qcow_request *qr, int error)
{
	unsigned int most = retries_for(device_of(rq), error);

	if (!most)
		return false;
	if (!(rq->rq_flags & RQF_DONTPREP)) {
		rq->rq_flags |= RQF_DONTPREP;
		qr->retries = 0;
	}
	if (qr->retries++ >= most)
		return false;
	blk_mq_requeue_request(rq, false);
	blk_mq_delay_kick_requeue_list(rq->q, RETRY_DELAY_MS);
	return true;
}

static blk_status_t status_of(int error)
{
	/* the block layer does not treat EDQUOT as out of space */
	return errno_to_blk_status(error == -EDQUOT ? -ENOSPC : error);
}

static void request_done(struct qcow_cmd *cmd)
{
	struct qcow_request *qr = container_of(cmd, struct qcow_request, cmd);
	struct request *rq = blk_mq_rq_from_pdu(qr);
	struct qcow_device *dev = device_of(rq);

	trace_qcow_request_end(dev->number, rq, cmd->error);
	qcow_record_end(QCOW_RECORD_REQ_END, qr->record, cmd->error);
	free_bvec(dev, qr);
	if (likely(!cmd->error))
		blk_mq_end_request(rq, BLK_STS_OK);
	else if (!retry_later(rq, qr, cmd->error))
		blk_mq_end_request(rq, status_of(cmd->error));
}

static unsigned int count_bvecs(struct request *rq)
{
	struct req_iterator iter;
	struct bio_vec bv;
	unsigned int n = 0;

	rq_for_each_bvec(bv, rq, iter)
		n++;
	return n;
}

static struct bio_vec *alloc_bvec(struct qcow_device *dev,
				  struct qcow_request *qr, unsigned int n)
{
	qr->pooled = false;
	qr->bvec = kmalloc_array(n, sizeof(*qr->bvec),
				 GFP_NOWAIT | __GFP_NOWARN);
	if (!qr->bvec && n <= QCOW_POOL_BVECS) {
		qr->pooled = true;
		qr->bvec = mempool_alloc(dev->bvecs, GFP_NOIO);
	} else if (!qr->bvec) {
		qr->bvec = kmalloc_array(n, sizeof(*qr->bvec), GFP_NOIO);
	}
	return qr->bvec;
}

static int map_merged(struct qcow_device *dev, struct request *rq,
		      struct qcow_request *qr)
{
	unsigned int n = count_bvecs(rq);
	struct req_iterator iter;
	struct bio_vec bv, *to;

	to = alloc_bvec(dev, qr, n);
	if (!to)
		return -ENOMEM;
	qr->cmd.buf = (struct qcow_buf){ .bvec = to, .nr_segs = n };
	rq_for_each_bvec(bv, rq, iter)
		*to++ = bv;
	return 0;
}

static int map_data(struct qcow_device *dev, struct request *rq,
		    struct qcow_request *qr)
{
	struct bio *bio = rq->bio;

	if (bio != rq->biotail)
		return map_merged(dev, rq, qr);
	qr->cmd.buf.bvec = __bvec_iter_bvec(bio->bi_io_vec, bio->bi_iter);
	/*
	 * A split bio has no bi_vcnt, and its bvecs may be the last ones of the
	 * array: count them.
	 */
	qr->cmd.buf.nr_segs = bio->bi_vcnt ?
		bio->bi_vcnt - bio->bi_iter.bi_idx : count_bvecs(rq);
	qr->cmd.buf.offset = bio->bi_iter.bi_offset;
	return 0;
}

static int map_request(struct qcow_device *dev, struct request *rq,
		       struct qcow_request *qr)
{
	struct qcow_cmd *cmd = &qr->cmd;

	cmd->fua = rq->cmd_flags & REQ_FUA;
	switch (req_op(rq)) {
	case REQ_OP_READ:
	case REQ_OP_WRITE:
		cmd->op = op_is_write(req_op(rq)) ? QCOW_OP_WRITE :
						    QCOW_OP_READ;
		if (unlikely((rq->cmd_flags & REQ_SWAP) &&
			     cmd->op == QCOW_OP_WRITE))
			WRITE_ONCE(dev->swapped, true);
		return map_data(dev, rq, qr);
	case REQ_OP_FLUSH:
		cmd->op = QCOW_OP_FLUSH;
		return 0;
	case REQ_OP_DISCARD:
		cmd->op = QCOW_OP_DISCARD;
		return 0;
	case REQ_OP_WRITE_ZEROES:
		cmd->op = QCOW_OP_ZERO;
		cmd->unmap = !(rq->cmd_flags & REQ_NOUNMAP) &&
			     !dev->no_discard;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/*
 * Return true if the plug holds requests of other queues, either requests that
 * were not issued yet or requests that were allocated ahead.  Such requests
 * hold tags.  The scheduler flushes the plug if the task sleeps, but not while
 * the task is in this driver; and here the task may sleep because it needs just
 * those tags.
 */
static bool plug_holds_others(const struct blk_plug *plug,
			      const struct request_queue *q)
{
	const struct request *cached, *first;

	if (!plug)
		return false;
	if (plug->multiple_queues)
		return true;
	cached = qcow_plug_cached(plug);
	first = qcow_plug_first(plug);
	return (cached && cached->q != q) || (first && first->q != q);
}

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx,
			     const struct blk_mq_queue_data *bd)
{
	struct request *rq = bd->rq;
	struct qcow_request *qr = blk_mq_rq_to_pdu(rq);
	struct qcow_device *dev = device_of(rq);
	struct qcow_cmd *cmd = &qr->cmd;
	int err;

	if (unlikely(dev->read_only && op_is_write(req_op(rq)) &&
		     req_op(rq) != REQ_OP_FLUSH))
		return BLK_STS_IOERR;
	/* the request entered the queue before the disk became smaller */
	if (unlikely(blk_rq_sectors(rq) && blk_rq_pos(rq) +
		     blk_rq_sectors(rq) > get_capacity(dev->disk)))
		return BLK_STS_IOERR;
	err = map_request(dev, rq, qr);
	if (unlikely(err))
		return err == -ENOMEM ? BLK_STS_RESOURCE :
					errno_to_blk_status(err);
	cmd->no_inline = plug_holds_others(current->plug, rq->q);
	cmd->ioprio = req_get_ioprio(rq);
	cmd->pos = blk_rq_pos(rq) << SECTOR_SHIFT;
	cmd->len = blk_rq_bytes(rq);
	cmd->bio = rq->bio;
	blk_mq_start_request(rq);
	trace_qcow_request_start(dev->number, rq);
	qr->record = qcow_record_begin(QCOW_RECORD_REQ, 0, cmd->pos, cmd->len,
				       NULL, cmd->op);
	qcow_cmd_submit(cmd);
	return BLK_STS_OK;
}

static int init_request(struct blk_mq_tag_set *set, struct request *rq,
			unsigned int hctx, qcow_node_t node)
{
	struct qcow_request *qr = blk_mq_rq_to_pdu(rq);
	struct qcow_device *dev = set->driver_data;

	qcow_cmd_init(&qr->cmd);
	qr->cmd.view = dev->view;
	qr->cmd.wq = qcow_view_wq(dev->view);
	qr->cmd.done = request_done;
	qr->bvec = NULL;
	return 0;
}

/* A worker that has ended the request may still be about to return. */
static void exit_request(struct blk_mq_tag_set *set, struct request *rq,
			 unsigned int hctx)
{
	struct qcow_request *qr = blk_mq_rq_to_pdu(rq);

	flush_work(&qr->cmd.work);
}

static const struct blk_mq_ops queue_ops = {
	.queue_rq = queue_rq,
	.init_request = init_request,
	.exit_request = exit_request,
};

static int init_tag_set(struct qcow_device *dev)
{
	struct blk_mq_tag_set *set = &dev->tag_set;

	set->ops = &queue_ops;
	/*
	 * A request is submitted by the task that made it.  Queues of their own
	 * would give processors tags and requests of their own, which is memory,
	 * and no less to wait for: there is no queue below.
	 */
	set->nr_hw_queues = 1;
	set->queue_depth = QUEUE_DEPTH;
	set->numa_node = NUMA_NO_NODE;
	set->cmd_size = sizeof(struct qcow_request);
	set->flags = BLK_MQ_F_SHOULD_MERGE | BLK_MQ_F_BLOCKING |
		     BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	set->driver_data = dev;
	return blk_mq_alloc_tag_set(set);
}

int qcow_queue_init(struct qcow_device *dev)
{
	int err;

	dev->bvecs = mempool_create_kmalloc_pool(1, QCOW_POOL_BVECS *
						 sizeof(struct bio_vec));
	if (!dev->bvecs)
		return -ENOMEM;
	err = init_tag_set(dev);
	if (err)
		mempool_destroy(dev->bvecs);
	return err;
}

void qcow_queue_exit(struct qcow_device *dev)
{
	blk_mq_free_tag_set(&dev->tag_set);
	mempool_destroy(dev->bvecs);
}

/* The most sectors of whole clusters whose length in bytes fits in 32 bits. */
static unsigned int most_sectors(const struct queue_limits *lim)
{
	return round_down(UINT_MAX, lim->io_min) >> SECTOR_SHIFT;
}

static void fill_limits(struct qcow_device *dev, struct queue_limits *lim)
{
	u32 cluster = qcow_view_cluster_size(dev->view);
	u32 discard = qcow_view_discard_granularity(dev->view);

	lim->logical_block_size = dev->sector_size;
	lim->physical_block_size = max(dev->sector_size,
				       min_t(u32, cluster, PAGE_SIZE));
	lim->io_min = max(cluster, lim->physical_block_size);
	lim->io_opt = lim->io_min;
	lim->max_hw_sectors = QCOW_MAX_SECTORS;
	lim->max_segments = MAX_SEGMENTS;
	lim->max_segment_size = UINT_MAX;
	lim->dma_alignment = max_t(u32, qcow_view_align(dev->view),
				   SECTOR_SIZE) - 1;
	if (dev->read_only)
		return;
	if (qcow_view_writes_zeroes(dev->view))
		lim->max_write_zeroes_sectors = most_sectors(lim);
	if (!discard || dev->no_discard)
		return;
	lim->max_hw_discard_sectors = most_sectors(lim);
	lim->discard_granularity = max(discard, dev->sector_size);
}

static blk_features_t features(const struct qcow_device *dev)
{
	if (dev->read_only)
		return 0;
	return BLK_FEAT_WRITE_CACHE |
	       (qcow_view_fua(dev->view) ? BLK_FEAT_FUA : 0) |
	       (qcow_view_stable(dev->view) ? BLK_FEAT_STABLE_WRITES : 0);
}

struct gendisk *qcow_queue_alloc_disk(struct qcow_device *dev)
{
	struct queue_limits lim = { };

	fill_limits(dev, &lim);
	return qcow_alloc_disk(&dev->tag_set, &lim, features(dev), dev);
}
