// SPDX-License-Identifier: GPL-2.0
/*
 * The way of a command: look up the next run, submit its I/O to a file, and go
 * on with the run behind it.  When all I/O is over, the command ends.
 *
 * The submitter's task does this first, without sleeping (@nowait).  What would
 * sleep goes on in the command's work item: either the dispatch, if one of its
 * steps returned -EAGAIN, or a single I/O that completed with -EAGAIN, which is
 * added to cmd->resume.
 *
 * If a dispatch needs something that it has to wait for, an L2 slice that is
 * being read for example, it parks the whole command there and returns
 * -EIOCBQUEUED.  From that moment the command belongs to the task that will
 * wake it, and the dispatch must not touch it any more.
 */
#include <linux/bio.h>
#include <linux/blk-cgroup.h>
#include <linux/blkdev.h>
#include <linux/indirect_call_wrapper.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "file/buf.h"
#include "file/file_io.h"
#include "file/relief.h"
#include "file/task.h"
#include "image/core/epoch_ref.h"
#include "image/core/health.h"
#include "image/core/kick.h"
#include "image/core/marks.h"
#include "image/core/park.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/io/cmd.h"
#include "image/io/commit.h"
#include "image/io/fill.h"
#include "image/io/write.h"
#include "image/map/cache.h"
#include "image/map/inflate.h"
#include "image/map/lookup_write.h"
#include "image/map/map.h"
#include "image/map/plain.h"
#include "image/map/run.h"

/* Returned by dispatch_run(): the map has changed, look the run up again. */
#define LOOK_AGAIN	1

static void cmd_io_to_worker(struct qcow_cmd_io *cio)
{
	struct qcow_cmd *cmd = cio->cmd;

	atomic_inc(&cmd->pending);
	llist_add(&cio->resume, &cmd->resume);
	qcow_cmd_queue_work(cmd);
}

static void cmd_io_free(struct qcow_cmd_io *cio)
{
	if (cio != &cio->cmd->first)
		kfree(cio);
}

static void cmd_io_complete(struct qcow_io *io)
{
	struct qcow_cmd_io *cio = container_of(io, struct qcow_cmd_io, io);
	struct qcow_cmd *cmd = cio->cmd;

	if (unlikely(io->result == -EAGAIN)) {
		cmd_io_to_worker(cio);
		return;
	}
	if (unlikely(io->result))
		qcow_cmd_set_error(cmd, io->result);
	cmd_io_free(cio);
	qcow_cmd_put(cmd);
}

static struct qcow_cmd_io *cmd_io_get(struct qcow_cmd *cmd)
{
	if (!cmd->first_used) {
		cmd->first_used = true;
		return &cmd->first;
	}
	return kmalloc(sizeof(struct qcow_cmd_io), GFP_NOWAIT | __GFP_NOWARN);
}

/*
 * Read a piece that is not aligned for direct I/O: the last bytes of a backing
 * file whose length is no multiple of the alignment.
 */
static int read_bounced(struct qcow_cmd *cmd, const struct qcow_run *run)
{
	void *mem = kvmalloc(run->len, GFP_NOIO);
	int err;

	if (!mem)
		return -ENOMEM;
	err = qcow_file_read(run->file, mem, run->len, run->host);
	if (!err)
		err = qcow_buf_fill(&cmd->buf, mem, run->len);
	kvfree(mem);
	return err;
}

static int dispatch_data(struct qcow_cmd *cmd, const struct qcow_run *run,
			 bool nowait)
{
	struct qcow_cmd_io *cio;
	struct qcow_io *io;

	if (unlikely((run->host | run->len) & (run->file->align - 1))) {
		if (nowait)
			return -EAGAIN;
		return cmd->op == QCOW_OP_READ ? read_bounced(cmd, run) : -EIO;
	}
	cio = cmd_io_get(cmd);
	if (unlikely(!cio))
		/* out of memory: a worker does one run at a time, and waits */
		return nowait ? -EAGAIN :
		       qcow_io_run(run->file, &cmd->buf, run->len, run->host,
				   cmd->op == QCOW_OP_WRITE, cmd->fua);
	cio->cmd = cmd;
	io = &cio->io;
	io->file = run->file;
	io->pos = run->host;
	io->buf = cmd->buf;
	io->len = run->len;
	io->write = cmd->op == QCOW_OP_WRITE;
	io->sync = cmd->fua;
	io->ioprio = cmd->ioprio;
	io->complete = cmd_io_complete;
	atomic_inc(&cmd->pending);
	if (qcow_io_try(io, nowait)) {
		cmd_io_free(cio);
		/* not the last one: the dispatch has a count, too */
		atomic_dec(&cmd->pending);
	}
	return 0;
}

static int dispatch_compressed(struct qcow_cmd *cmd, const struct qcow_run *run,
			       bool nowait)
{
	struct qcow_inflated *e;
	int ret;

	ret = qcow_inflate_get(run->image, &run->compressed,
			       run->offset + run->len, cmd, nowait, &e);
	if (ret)
		return ret;
	ret = qcow_buf_fill(&cmd->buf, e->data + run->offset, run->len);
	qcow_inflate_put(run->image, e);
	return ret;
}

/* Do what the run needs before it is written; erase it; or fill it. */
static int dispatch_prepare(struct qcow_cmd *cmd, struct qcow_run *run,
			    bool nowait)
{
	int ret;

	if (cmd->op == QCOW_OP_WRITE)
		ret = qcow_write_prepare(cmd, run, nowait);
	else if (cmd->op == QCOW_OP_FILL)
		ret = qcow_fill(cmd, run);
	else
		ret = cmd->view->image->ops->erase(cmd, run);
	if (ret < 0)
		return ret;
	return ret ? 0 : LOOK_AGAIN;
}

static int dispatch_run(struct qcow_cmd *cmd, struct qcow_run *run,
			bool nowait)
{
	if (likely(run->type == QCOW_RUN_DATA && cmd->op <= QCOW_OP_WRITE))
		return dispatch_data(cmd, run, nowait);
	if (cmd->op != QCOW_OP_READ)
		return dispatch_prepare(cmd, run, nowait);
	if (run->type == QCOW_RUN_COMPRESSED)
		return dispatch_compressed(cmd, run, nowait);
	qcow_buf_zero(&cmd->buf, run->len);
	return 0;
}

static int cmd_look_up(struct qcow_cmd *cmd, struct qcow_run *run)
{
	u64 pos = cmd->pos + cmd->dispatched;
	u32 len = cmd->len - cmd->dispatched;

	if (cmd->op == QCOW_OP_READ)
		return qcow_map_lookup(cmd->view, pos, len, run);
	if (likely(qcow_map_quickly(cmd->view, pos, len, true, run)))
		return 0;
	return INDIRECT_CALL_2(cmd->view->image->ops->map_write,
			       qcow_qcow2_map_write, qcow_raw_map,
			       cmd->view, pos, len, run);
}

/*
 * Return: 0 if all I/O was submitted; -EIOCBQUEUED if the command is parked and
 * must not be touched any more; -EAGAIN, only with @nowait, if a worker has to
 * go on; or a negative errno.
 */
static int cmd_dispatch(struct qcow_cmd *cmd, bool nowait)
{
	struct qcow_run run;
	int ret;

	while (cmd->dispatched < cmd->len) {
		ret = cmd_look_up(cmd, &run);
		if (unlikely(ret == -EAGAIN)) {
			ret = qcow_cache_fetch(run.missing, run.slice, cmd,
					       nowait);
			if (ret)
				return ret;
			continue;
		}
		if (!ret)
			ret = dispatch_run(cmd, &run, nowait);
		if (unlikely(ret == LOOK_AGAIN))
			continue;
		if (unlikely(ret))
			return ret;
		cmd->dispatched += run.len;
		if (cmd->dispatched < cmd->len && cmd->op <= QCOW_OP_WRITE)
			qcow_buf_advance(&cmd->buf, run.len);
	}
	return 0;
}

static int sync_image(struct qcow_image *image)
{
	int err = 0;

	if (!qcow_has_commits(image))
		return qcow_file_sync(image->file);
	if (image->data_file != image->file)
		err = qcow_health_sync(image, image->data_file);
	return err ? err : qcow_health_sync(image, image->file);
}

/*
 * Commands that are not done run by run: flushes, and erases of a format
 * without @erase.  The file system below may sleep in them.
 */
static int run_sleeping(struct qcow_cmd *cmd)
{
	struct qcow_image *image = cmd->view->image;

	if (!image->writable)
		return cmd->op == QCOW_OP_FLUSH ? 0 : -EROFS;
	switch (cmd->op) {
	case QCOW_OP_FLUSH:
		if (!qcow_has_commits(image) || qcow_commit_idle(image))
			return sync_image(image);
		qcow_commit_wait(image, cmd);
		return -EIOCBQUEUED;
	case QCOW_OP_DISCARD:
		return image->ops->discard(image, cmd->pos, cmd->len);
	case QCOW_OP_ZERO:
		return image->ops->zero(image, cmd->pos, cmd->len, cmd->unmap);
	default:
		return -EOPNOTSUPP;
	}
}

static void cmd_fail(struct qcow_cmd *cmd, int error)
{
	if (error == -EIOCBQUEUED)
		return;
	if (error == -EAGAIN) {
		qcow_stat_inc(cmd->view->image, worker_dispatches);
		qcow_cmd_to_worker(cmd);
		return;
	}
	qcow_cmd_set_error(cmd, error);
	qcow_cmd_put(cmd);
}

/* Act on the result of a dispatch: go on in a worker, or drop the count. */
static inline void cmd_settle(struct qcow_cmd *cmd, int ret)
{
	if (likely(!ret))
		qcow_cmd_put(cmd);
	else
		cmd_fail(cmd, ret);
}

static void resume_ios(struct llist_node *list)
{
	struct qcow_cmd_io *cio, *next;

	llist_for_each_entry_safe(cio, next, list, resume)
		qcow_io_resume(&cio->io);
}

/* Is the command done run by run? */
static bool has_runs(const struct qcow_cmd *cmd)
{
	const struct qcow_image *image = cmd->view->image;

	return cmd->op <= QCOW_OP_WRITE ||
	       (cmd->op != QCOW_OP_FLUSH && image->writable &&
		image->ops->erase);
}

static void work_on(struct qcow_cmd *cmd)
{
	struct llist_node *resume = llist_del_all(&cmd->resume);
	bool dispatch_too = test_and_clear_bit(QCOW_TODO_DISPATCH, &cmd->todo);
	struct blk_plug plug;

	blk_start_plug(&plug);
	resume_ios(resume);
	if (dispatch_too)
		cmd_settle(cmd, has_runs(cmd) ?
			   cmd_dispatch(cmd, false) : run_sleeping(cmd));
	blk_finish_plug(&plug);
}

/*
 * Does the command write a page to swap?  That frees more memory than it takes,
 * so the command may use the memory reserve.
 */
static bool is_swap(const struct qcow_cmd *cmd)
{
	return cmd->bio && cmd->bio->bi_opf & REQ_SWAP;
}

static void cmd_work(struct work_struct *work)
{
	struct qcow_cmd *cmd = container_of(work, struct qcow_cmd, work);
	unsigned int noio = memalloc_noio_save();
	unsigned int throttle = current->flags & PF_LOCAL_THROTTLE;
	unsigned int reserve = qcow_reserve_enter(is_swap(cmd));

	if (is_swap(cmd) && !READ_ONCE(qcow_relief_swapping))
		WRITE_ONCE(qcow_relief_swapping, true);
	current->flags |= PF_LOCAL_THROTTLE;
	kthread_associate_blkcg(bio_blkcg_css(cmd->bio));
	work_on(cmd);
	kthread_associate_blkcg(NULL);
	current_restore_flags(throttle, PF_LOCAL_THROTTLE);
	qcow_reserve_leave(reserve);
	memalloc_noio_restore(noio);
	qcow_cmd_put(cmd);
}

void qcow_cmd_init(struct qcow_cmd *cmd)
{
	init_llist_head(&cmd->resume);
	cmd->todo = 0;
	INIT_WORK(&cmd->work, cmd_work);
}

void qcow_cmd_submit(struct qcow_cmd *cmd)
{
	struct qcow_task task;
	int ret = -EAGAIN;

	atomic_set(&cmd->pending, 1);
	cmd->dispatched = 0;
	cmd->first_used = false;
	cmd->error = 0;
	cmd->epoch = NULL;
	if (qcow_has_commits(cmd->view->image) && cmd->op != QCOW_OP_FLUSH) {
		cmd->epoch = qcow_epoch_enter(cmd->view->image);
		if (unlikely(cmd->view->image->merge) && cmd->epoch)
			qcow_merge_enter(cmd);
	}
	if (cmd->op <= QCOW_OP_WRITE && !cmd->no_inline &&
	    qcow_task_enter(&task, cmd->op == QCOW_OP_WRITE)) {
		ret = cmd_dispatch(cmd, true);
		qcow_task_leave(&task);
	}
	cmd_settle(cmd, ret);
}

struct waited_cmd {
	struct qcow_cmd cmd;
	struct completion done;
};

static void waited_done(struct qcow_cmd *cmd)
{
	complete(&container_of(cmd, struct waited_cmd, cmd)->done);
}

int qcow_cmd_run(const struct qcow_cmd *like)
{
	struct waited_cmd *w = kzalloc(sizeof(*w), GFP_NOIO);
	int err;

	if (!w)
		return -ENOMEM;
	init_completion(&w->done);
	w->cmd = *like;
	w->cmd.done = waited_done;
	qcow_cmd_init(&w->cmd);
	qcow_cmd_submit(&w->cmd);
	wait_for_completion(&w->done);
	/* the work item may run once more than is needed: wait for it */
	cancel_work_sync(&w->cmd.work);
	err = w->cmd.error;
	kfree(w);
	return err;
}

int qcow_cmd_wait(struct qcow_view *view, enum qcow_op op, u64 pos, u32 len)
{
	const struct qcow_cmd like = {
		.view = view, .wq = view->image->wq, .op = op, .pos = pos,
		.len = len,
	};

	return qcow_cmd_run(&like);
}
