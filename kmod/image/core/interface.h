/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The structs that kmod/block fills in to open an image, to change it, and to
 * read and write it.  This file holds structs only; image.h has the functions.
 */
#ifndef QCOW_IMAGE_CORE_INTERFACE_H
#define QCOW_IMAGE_CORE_INTERFACE_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "file/buf.h"
#include "file/file.h"
#include "file/file_io.h"

struct bio;
struct qcow_cmd;
struct qcow_epoch;
struct qcow_image;
struct qcow_merge_state;
struct qcow_shadow;
struct qcow_view;

/**
 * struct qcow_layer_files - one layer of a chain that is to be opened
 * @file:	the image file, as the caller of the attach opened it
 * @data_file:	the external data file, or NULL
 * @format:	QCOW_FORMAT_*
 * @offset:	raw: where the image begins in the file, bytes
 * @sizelimit:	raw: size of the image, bytes from @offset on; 0 for all
 */
struct qcow_layer_files {
	struct file *file;
	struct file *data_file;
	u32 format;
	u64 offset;
	u64 sizelimit;
};

/**
 * struct qcow_open - what is to be opened, and how
 * @layers:	the layers of the chain, the top one first
 * @nr_layers:	number of layers
 * @disk:	a device is to show the top layer, or a snapshot of it
 * @number:	of that device, for the name of a workqueue
 * @write:	open the top layer for writing
 * @instead:	an image that has the file of the top layer open; the image that
 *		is opened now replaces it
 * @dio:	direct or buffered I/O on all files of the chain
 * @sector_size: the unit of commands, bytes
 * @cache_size:	L2 cache of the top image, bytes; 0 for the default
 * @snapshot:	id or name of an internal snapshot of the top image, or NULL
 * @snapshot_len: bytes at @snapshot
 */
struct qcow_open {
	const struct qcow_layer_files *layers;
	unsigned int nr_layers;
	bool disk;
	unsigned int number;
	bool write;
	struct qcow_image *instead;
	enum qcow_dio dio;
	unsigned int sector_size;
	u64 cache_size;
	const char *snapshot;
	u32 snapshot_len;
};

enum qcow_change_op {
	QCOW_CHANGE_SNAPSHOT_CREATE,
	QCOW_CHANGE_SNAPSHOT_APPLY,
	QCOW_CHANGE_SNAPSHOT_DELETE,
	QCOW_CHANGE_RESIZE,
	QCOW_CHANGE_EMPTY,
	QCOW_CHANGE_REBASE,
	QCOW_CHANGE_MERGE_BEGIN,
	QCOW_CHANGE_MERGE_END,
	QCOW_CHANGE_MERGE_STOP,
	QCOW_CHANGE_REOPEN,
};

/**
 * struct qcow_change - a structural change of an image
 * @op:		QCOW_CHANGE_*
 * @name:	SNAPSHOT_CREATE: name of the new snapshot; other SNAPSHOT_*: id
 *		or name of the snapshot, where a match of the id goes first;
 *		REBASE: name of the backing file, to be written to the header
 * @name_len:	bytes at @name
 * @freeze_timeout_ms: SNAPSHOT_CREATE: how long to wait for file systems
 * @nr_above:	SNAPSHOT_CREATE: number of files in @above
 * @above:	SNAPSHOT_CREATE: files that stand for what lies on the disk, in the
 *		order in which it is frozen
 * @format:	REBASE: format of the backing file, to be written to the header
 * @format_len:	bytes at @format
 * @backing:	REBASE: the new layers, of which there may be none; MERGE_BEGIN:
 *		the layers as before, the first one open for writing; REOPEN:
 *		the layers as before, all of them only read
 * @filled:	REBASE: refuse unless the number of changes is still @changes
 * @changes:	REBASE: the number of changes that qcow_view_fill() returned
 * @size:	RESIZE: new size of the disk, bytes
 * @unit:	RESIZE: sector size of the device, bytes; @size has to be a
 *		multiple of it
 * @shrink:	RESIZE: the disk may become smaller
 * @keep:	MERGE_END: do not empty the image
 * @layers:	private: before the change the new backing image, after it the
 *		old one
 * @merge:	private to MERGE_BEGIN
 * @shadow:	private: the change as it is built
 */
struct qcow_change {
	enum qcow_change_op op;
	const char *name;
	u32 name_len;
	u32 freeze_timeout_ms;
	u32 nr_above;
	struct file **above;
	const char *format;
	u32 format_len;
	const struct qcow_open *backing;
	bool filled;
	u64 changes;
	u64 size;
	u32 unit;
	bool shrink;
	bool keep;
	struct qcow_image *layers;
	struct qcow_merge_state *merge;
	struct qcow_shadow *shadow;
};

enum qcow_op {
	QCOW_OP_READ,
	QCOW_OP_WRITE,
	QCOW_OP_FLUSH,
	QCOW_OP_DISCARD,
	QCOW_OP_ZERO,
	QCOW_OP_FILL,
};

/** struct qcow_cmd_io - an I/O of a command; private to cmd.c */
struct qcow_cmd_io {
	struct qcow_io io;
	struct qcow_cmd *cmd;
	struct llist_node resume;
};

/**
 * struct qcow_cmd - one command to a view
 * @view:	in: the view
 * @op:		in: QCOW_OP_*
 * @fua:	in: WRITE: the data is durable when the command completes
 * @unmap:	in: ZERO: space may be freed
 * @no_inline:	in: do nothing in the submitter's task, leave all to a worker
 * @ioprio:	in: I/O priority of the issuer
 * @pos:	in: guest offset, bytes, a multiple of the sector size
 * @len:	in: bytes, a multiple of the sector size; inside the view
 * @buf:	in: READ, WRITE: memory
 * @wq:		in: a WQ_MEM_RECLAIM workqueue on which the command may go on
 * @bio:	in: the I/O is charged to the cgroup of this bio; may be NULL
 * @done:	in: called once, in any context, when the command is over
 * @error:	out: 0 or a negative errno
 *
 * The rest is private to cmd.c.  At any time a command belongs to one of
 * these: the submitter; a list on which the command is parked, until something
 * was read for example; the work item.  The owner dispatches the remaining runs
 * and then drops the submitter's count of @pending.  Each I/O in flight holds a
 * count, too, and so does the work item while it is queued or running.
 */
struct qcow_cmd {
	struct qcow_view *view;
	u8 op;
	bool fua;
	bool unmap;
	bool no_inline;
	u16 ioprio;
	bool first_used;		/* private */
	u64 pos;
	u32 len;
	int error;
	struct qcow_buf buf;
	struct bio *bio;
	struct workqueue_struct *wq;
	void (*done)(struct qcow_cmd *cmd);

	/* private */
	struct qcow_epoch *epoch;
	struct qcow_epoch *below;	/* in a merge: of the backing file */
	atomic_t pending;
	u32 dispatched;			/* bytes */
	unsigned long todo;
	struct llist_head resume;	/* I/Os that a worker continues */
	struct list_head node;		/* in the list it is parked on */
	struct work_struct work;

	/* the first run's I/O: a command of one run allocates no memory */
	struct qcow_cmd_io first;
};

#endif /* QCOW_IMAGE_CORE_INTERFACE_H */
