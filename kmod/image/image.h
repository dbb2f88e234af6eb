/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Images and chains of them, as the block layer's side of the driver sees
 * them: open a chain, get a view, submit commands to it.
 */
#ifndef QCOW_IMAGE_IMAGE_H
#define QCOW_IMAGE_IMAGE_H

#include <linux/blkdev.h>
#include <linux/types.h>

#include "file/reason.h"
#include "file/task.h"
#include "image/core/interface.h"

struct inode;
struct qcow_view;

/**
 * qcow_chain_open - open a chain, sharing the images that are open already
 * @why: set where it fails
 *
 * Context: may sleep, reads metadata.
 * Return: the view of the top image's active disk or of its snapshot, or an
 * ERR_PTR as in struct qcow_attach.
 */
struct qcow_view *qcow_chain_open(const struct qcow_open *open,
				  struct qcow_reason *why);

/**
 * qcow_chain_close - the view's user is gone, and no command is under way
 *
 * Return: 0, or the error of the last sync of what was written.
 */
int qcow_chain_close(struct qcow_view *view);

/**
 * qcow_file_in_use - has the driver an image or data file open on this inode?
 * @writable: set where it writes to it
 */
int qcow_file_in_use(const struct inode *inode, bool *writable);

/* What a view is, for limits and for sysfs. */
u64 qcow_view_size(const struct qcow_view *view);		/* bytes */
u32 qcow_view_cluster_size(const struct qcow_view *view);	/* bytes */
u32 qcow_view_discard_granularity(const struct qcow_view *view); /* bytes, 0: none */
u32 qcow_view_align(const struct qcow_view *view);	/* of memory, bytes */
bool qcow_view_writes_zeroes(const struct qcow_view *view);
bool qcow_view_fua(const struct qcow_view *view);
bool qcow_view_degraded(const struct qcow_view *view);

/** qcow_view_frees - were clusters freed, of which a commit may make room? */
bool qcow_view_frees(const struct qcow_view *view);
bool qcow_view_direct(const struct qcow_view *view);
bool qcow_view_stable(const struct qcow_view *view);	/* pages under way */
unsigned int qcow_view_layers(const struct qcow_view *view);
u64 qcow_view_offset(const struct qcow_view *view);	/* raw: in the file */
bool qcow_view_is_top_of(const struct qcow_view *view,
			 const struct inode *inode);
const char *qcow_view_format(const struct qcow_view *view);
/* These print into a sysfs page and return its length. */
int qcow_view_show_path(const struct qcow_view *view, char *page);
int qcow_view_show_data_path(const struct qcow_view *view, char *page);
int qcow_view_show_snapshot(const struct qcow_view *view, char *page);
int qcow_view_show_chain(const struct qcow_view *view, char *page);
int qcow_view_show_features(const struct qcow_view *view, char *page);
int qcow_view_show_failure(const struct qcow_view *view, char *page);
int qcow_view_show_statistics(const struct qcow_view *view, char *page);

/**
 * qcow_change_lock - nobody opens, closes or changes an image meanwhile
 *
 * Return: 0, or -EINTR; not for what has to be done, QCOW_CHANGE_MERGE_STOP.
 */
int qcow_change_lock(const struct qcow_change *change);
void qcow_change_unlock(void);

/**
 * qcow_change_open - open what it needs, while requests still go on
 * @why: set where it is refused
 *
 * What is to back a disk may lie on it, through whatever is in between.
 *
 * Context: qcow_change_lock() is held, also for qcow_change_close().
 * Return: 0, then qcow_change_close() is due; or as qcow_chain_open().
 */
int qcow_change_open(struct qcow_view *view, struct qcow_change *change,
		     struct qcow_reason *why);
void qcow_change_close(struct qcow_change *change);

/**
 * qcow_change_run - do it, durably, or nothing of it
 * @view: an active disk
 * @why:  set where it is refused
 *
 * Context: qcow_change_lock() is held, and no command is under way on @view.
 * Return: 0; -EROFS: it is not written; -EOPNOTSUPP; -ENOENT, -EEXIST: the
 * snapshot; -EBUSY: it is attached; -EUCLEAN: the image is malformed;
 * -EOVERFLOW: a refcount; -EFBIG, -ENOSPC, -ENOMEM, -EINVAL or -EIO.
 */
int qcow_change_run(struct qcow_view *view, struct qcow_change *change,
		    struct qcow_reason *why);

/** qcow_change_release - give back what is not needed any more
 *
 * Context: after qcow_change_run(), in any case; commands may be under way.
 */
void qcow_change_release(struct qcow_view *view, struct qcow_change *change);

/**
 * qcow_view_fill - where the image has nothing it gets what is read there
 * @view: an active disk
 * @pos, @len: bytes of it, which may lie behind its end
 * @changes: set to how many structural changes there were: what was filled
 *	     stays so until there is another
 * @why:  set where it is refused
 *
 * As durable as what a guest writes.  What is zeroed from now on stays zeros
 * over any backing file, too.
 *
 * Context: commands may be under way; the structure is not changed meanwhile.
 * Return: 0; -EBUSY: the image has snapshots; -EINTR: a signal came; -EROFS,
 * -EOPNOTSUPP, or as for a write.
 */
int qcow_view_fill(struct qcow_view *view, u64 pos, u64 len, u64 *changes,
		   struct qcow_reason *why);

/**
 * qcow_view_merge - give the backing file some of what the image has
 * @view: an active disk, between QCOW_CHANGE_MERGE_BEGIN and _END or _STOP
 * @left: set to the bytes of the disk that may yet differ
 * @why:  set where it fails
 *
 * Context: one at a time; commands may be under way.
 * Return: 0; -EINTR: a signal came; or as for a read, or a write.
 */
int qcow_view_merge(struct qcow_view *view, u64 *left, struct qcow_reason *why);

/**
 * qcow_view_merge_calm - before QCOW_CHANGE_MERGE_STOP: leave it little to do
 *
 * Who waits meanwhile may be the one who frees memory.
 *
 * Context: as for qcow_view_merge(), which is not called again.
 */
void qcow_view_merge_calm(struct qcow_view *view);

/** qcow_view_merging - was it begun, and did not end? */
bool qcow_view_merging(const struct qcow_view *view);

/** qcow_cmd_init - once for each command's memory, before its first use */
void qcow_cmd_init(struct qcow_cmd *cmd);

/**
 * qcow_cmd_submit - start a command whose "in" members are set
 *
 * Context: task, may sleep (->queue_rq() of a BLK_MQ_F_BLOCKING queue).
 */
void qcow_cmd_submit(struct qcow_cmd *cmd);

/**
 * struct qcow_cmd_batch - commands that one task submits one after another
 * @task: what was put aside of the task
 * @plug: what is submitted below is held in it, and issued at the end
 */
struct qcow_cmd_batch {
	struct qcow_task task;
	struct blk_plug plug;
};

/**
 * qcow_cmd_batch_begin - may the task submit commands by itself?
 *
 * Return: false where workers have to, and each is to be submitted alone.
 */
bool qcow_cmd_batch_begin(struct qcow_cmd_batch *batch);

/** qcow_cmd_submit_in - as qcow_cmd_submit(), between begin and end */
void qcow_cmd_submit_in(struct qcow_cmd_batch *batch, struct qcow_cmd *cmd);

/** qcow_cmd_batch_end - issue what the commands' I/O has put into the plug */
void qcow_cmd_batch_end(struct qcow_cmd_batch *batch);

/** qcow_image_init, qcow_image_exit - when the module comes and goes */
int qcow_image_init(void);
void qcow_image_exit(void);

#endif /* QCOW_IMAGE_IMAGE_H */
