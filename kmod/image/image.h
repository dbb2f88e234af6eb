/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Images and chains of images, as kmod/block uses them: open a chain, get a
 * view of it, submit commands to the view.
 */
#ifndef QCOW_IMAGE_IMAGE_H
#define QCOW_IMAGE_IMAGE_H

#include <linux/types.h>

#include "file/reason.h"
#include "image/core/interface.h"

struct inode;
struct qcow_view;

/**
 * qcow_chain_open - open a chain; images that are open already are shared
 * @open: the layers, and how to open them
 * @why:  set to the reason if it fails
 *
 * Context: may sleep, reads metadata.
 * Return: the view of the top image's active disk or of its snapshot, or an
 * ERR_PTR as in struct qcow_attach.
 */
struct qcow_view *qcow_chain_open(const struct qcow_open *open,
				  struct qcow_reason *why);

/**
 * qcow_chain_close - close the view and the chain
 *
 * Context: may sleep; the view has no user, and no command is in flight.
 * Return: 0, or an error if what was written may not be durable.
 */
int qcow_chain_close(struct qcow_view *view);

/** qcow_file_use - what the driver does with a file; returns QCOW_QUERY_* */
unsigned int qcow_file_use(const struct inode *inode);

/** qcow_view_wq - return the workqueue for commands to the view */
struct workqueue_struct *qcow_view_wq(const struct qcow_view *view);

/* Properties of a view, for queue limits and for sysfs. */
u64 qcow_view_size(const struct qcow_view *view);		/* bytes */
u32 qcow_view_cluster_size(const struct qcow_view *view);	/* bytes */
u32 qcow_view_discard_granularity(const struct qcow_view *view); /* bytes, 0: none */
u32 qcow_view_align(const struct qcow_view *view);	/* of memory, bytes */
bool qcow_view_writes_zeroes(const struct qcow_view *view);
bool qcow_view_fua(const struct qcow_view *view);
bool qcow_view_degraded(const struct qcow_view *view);

/** qcow_view_frees - were clusters freed that a commit would release? */
bool qcow_view_frees(const struct qcow_view *view);
bool qcow_view_direct(const struct qcow_view *view);
bool qcow_view_stable(const struct qcow_view *view);	/* needs stable pages */
unsigned int qcow_view_layers(const struct qcow_view *view);
u64 qcow_view_offset(const struct qcow_view *view);	/* raw: bytes */
bool qcow_view_is_top_of(const struct qcow_view *view,
			 const struct inode *inode);
const char *qcow_view_format(const struct qcow_view *view);
/* These print into a sysfs page and return its length. */
int qcow_view_show_path(const struct qcow_view *view, char *page);
int qcow_view_show_data_path(const struct qcow_view *view, char *page);
int qcow_view_show_snapshot(const struct qcow_view *view, char *page);
int qcow_view_show_features(const struct qcow_view *view, char *page);
int qcow_view_show_failure(const struct qcow_view *view, char *page);
int qcow_view_show_statistic(const struct qcow_view *view, const char *name,
			     char *page);

/* The same, about layer @n of the chain; 0 is the top one. */
int qcow_view_show_layer_format(const struct qcow_view *view, unsigned int n,
				char *page);
int qcow_view_show_layer_direct_io(const struct qcow_view *view, unsigned int n,
				   char *page);
int qcow_view_show_layer_file(const struct qcow_view *view, unsigned int n,
			      char *page);

/** qcow_view_has_statistic - does its image have a statistic of that name? */
bool qcow_view_has_statistic(const struct qcow_view *view, const char *name);

/**
 * qcow_change_lock - keep other tasks from changing the view's image, and from
 * opening and closing views of its snapshots
 *
 * Context: may sleep.
 * Return: 0; or -EINTR if a fatal signal came, except for
 * QCOW_CHANGE_MERGE_STOP, which must not be given up.
 */
int qcow_change_lock(struct qcow_view *view, const struct qcow_change *change);
void qcow_change_unlock(struct qcow_view *view);

/**
 * qcow_change_open - open what the change needs, before requests are held back
 * @why: set to the reason if the change is refused
 *
 * A new backing file may lie on this very disk, in a file system or with other
 * layers in between.  To open it then takes requests to the disk.
 *
 * Context: qcow_change_lock() is held, also for qcow_change_close().
 * Return: 0, then qcow_change_close() is due; or as qcow_chain_open().
 */
int qcow_change_open(struct qcow_view *view, struct qcow_change *change,
		     struct qcow_reason *why);
void qcow_change_close(struct qcow_view *view, struct qcow_change *change);

/**
 * qcow_change_prepare - do as much of the change as can be while the disk is in
 * use
 *
 * What takes longer for a larger image is done here.
 *
 * Context: qcow_change_lock() is held; called after qcow_change_open().
 * Return: 0; -EINTR if a fatal signal came; or as qcow_change_run().
 */
int qcow_change_prepare(struct qcow_view *view, struct qcow_change *change,
			struct qcow_reason *why);

/**
 * qcow_change_catch_up - do what was added since by requests to the disk
 *
 * Called after qcow_change_prepare() when that was some time ago, and before
 * requests are held back, so that they are not held back for long.
 */
int qcow_change_catch_up(struct qcow_view *view, struct qcow_change *change,
			 struct qcow_reason *why);

/**
 * qcow_change_run - make the change durably, or leave the image as it is
 * @view: an active disk
 * @why:  set to the reason if the change is refused
 *
 * Context: qcow_change_lock() is held, and no command to @view is in flight.
 * Return: 0; -EROFS if the image is not open for writing; -EOPNOTSUPP; -ENOENT
 * or -EEXIST for the snapshot; -EBUSY if the snapshot is attached; -EUCLEAN if
 * the image is malformed; -EOVERFLOW if a refcount would overflow; -EFBIG,
 * -ENOSPC, -ENOMEM, -EINVAL or -EIO.
 */
int qcow_change_run(struct qcow_view *view, struct qcow_change *change,
		    struct qcow_reason *why);

/**
 * qcow_change_release - free the clusters that the change has made unused
 *
 * Context: may sleep; called after qcow_change_run(), whether or not that
 * failed; commands may be in flight.
 */
void qcow_change_release(struct qcow_view *view, struct qcow_change *change);

/**
 * qcow_view_fill - give the image its own copy of what its backing file shows
 * @view:    an active disk
 * @pos:     guest offset, bytes; may lie behind the end of the disk
 * @len:     bytes; may reach behind the end of the disk
 * @changes: set to the number of structural changes so far: what was filled
 *	     stays so until there is another change
 * @why:     set to the reason if it is refused
 *
 * The copy is as durable as what a guest writes.  Ranges that are zeroed or
 * discarded from now on stay zeros over any backing file, too.
 *
 * Context: may sleep; commands may be in flight; no structural change is made
 * meanwhile.
 * Return: 0; -EBUSY if the image has snapshots; -EINTR if a signal came;
 * -EROFS, -EOPNOTSUPP, or as for a write.
 */
int qcow_view_fill(struct qcow_view *view, u64 pos, u64 len, u64 *changes,
		   struct qcow_reason *why);

/**
 * qcow_view_merge - copy some of the image's data to the backing file
 * @view: an active disk, between QCOW_CHANGE_MERGE_BEGIN and _END or _STOP
 * @left: set to the number of bytes of the disk that may still differ
 * @why:  set to the reason if it fails
 *
 * Context: may sleep; one caller at a time; commands may be in flight.
 * Return: 0; -EINTR if a signal came; or as for a read or a write.
 */
int qcow_view_merge(struct qcow_view *view, u64 *left, struct qcow_reason *why);

/**
 * qcow_view_merge_calm - before QCOW_CHANGE_MERGE_STOP: leave it little to do
 *
 * QCOW_CHANGE_MERGE_STOP holds requests back, and a task that waits for one of
 * them may be the one that frees memory.
 *
 * Context: as for qcow_view_merge(), which is not called again.
 */
void qcow_view_merge_calm(struct qcow_view *view);

/** qcow_view_merging - was a merge begun that has not ended? */
bool qcow_view_merging(const struct qcow_view *view);

/** qcow_cmd_init - to be called once for a command's memory, before its use */
void qcow_cmd_init(struct qcow_cmd *cmd);

/**
 * qcow_cmd_submit - start a command whose "in" members are set
 *
 * Context: process context, may sleep (->queue_rq() of a BLK_MQ_F_BLOCKING
 * queue).
 */
void qcow_cmd_submit(struct qcow_cmd *cmd);

/** qcow_image_init - to be called when the module is loaded */
int qcow_image_init(void);
/** qcow_image_exit - to be called when the module is unloaded */
void qcow_image_exit(void);

#endif /* QCOW_IMAGE_IMAGE_H */
