/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the block layer's side of the driver hands down to open an image, to
 * change it, and to read and write it.  This file holds structs only.
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
struct qcow_view;

/**
 * struct qcow_layer_files - one layer of a chain that is to be opened
 * @file:	the image file, as the caller of the attach opened it
 * @data_file:	its external data file, or NULL
 * @format:	QCOW_FORMAT_*
 * @offset:	raw: where the image begins in the file, bytes
 * @sizelimit:	raw: bytes from there; 0 for all
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
 * @layers:	the chain, the top one first
 * @nr_layers:	of it
 * @write:	the top layer will be written
 * @dio:	direct or buffered I/O on all files of it
 * @instead:	the top layer takes this image's place, which has its file open
 * @sector_size: the unit of commands, bytes
 * @cache_size:	L2 cache of the top image, bytes; 0 for the default
 * @snapshot:	id or name of an internal snapshot of the top image, or NULL
 * @snapshot_len: bytes at @snapshot
 */
struct qcow_open {
	const struct qcow_layer_files *layers;
	unsigned int nr_layers;
	bool write;
	const struct qcow_image *instead;
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
 * @op:		which
 * @name:	of the snapshot; an id goes first, but where one is created.
 *		REBASE: of the backing file, as the image is to have it
 * @name_len:	bytes
 * @format:	REBASE: of the backing file, as the image is to have it
 * @format_len:	bytes
 * @backing:	REBASE: its layers, of which there may be none; MERGE_BEGIN: the
 *		same as before, the first one open for writing; REOPEN: the
 *		same, still to be read only
 * @filled:	REBASE: refuse it unless there were so many changes before, as
 * @changes:	a fill has said
 * @size:	of the disk to come, bytes
 * @unit:	what its size has to be a multiple of: a sector of the device
 * @shrink:	it may become smaller
 * @keep:	MERGE_END: the image is not emptied
 * @layers:	private: the image that is to back it, then that which did
 * @merge:	private: MERGE_BEGIN
 * @freed:	private: a bit for each cluster that is to be released, and
 * @clusters:	how many
 */
struct qcow_change {
	enum qcow_change_op op;
	const char *name;
	u32 name_len;
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
	unsigned long *freed;
	u64 clusters;
};

enum qcow_op {
	QCOW_OP_READ,
	QCOW_OP_WRITE,
	QCOW_OP_FLUSH,
	QCOW_OP_DISCARD,
	QCOW_OP_ZERO,
	QCOW_OP_FILL,
};

/** struct qcow_cmd_io - one of a command's I/Os; private to cmd.c */
struct qcow_cmd_io {
	struct qcow_io io;
	struct qcow_cmd *cmd;
	struct llist_node resume;
};

/**
 * struct qcow_cmd - one command to a view
 * @view:	in: to whom
 * @op:		in: QCOW_OP_*
 * @fua:	in: WRITE: durable when it completes
 * @unmap:	in: ZERO: space may be freed
 * @ioprio:	in: of the issuer
 * @pos:	in: guest offset, bytes, a multiple of the sector size
 * @len:	in: bytes, likewise; inside the view
 * @buf:	in: READ, WRITE: memory
 * @bio:	in: whose cgroup the I/O is charged to, or NULL
 * @wq:		in: where the command may be continued: WQ_MEM_RECLAIM
 * @no_inline:	in: leave even what need not wait to a worker
 * @done:	in: called once, in any context, when the command is over
 * @error:	out: 0 or a negative errno
 *
 * The rest is private to cmd.c.  A command is in one of these hands:
 * the submitter's, a list's where it is parked until something was read, or
 * the work item's.  Who has it dispatches the runs that are left and then
 * drops the submitter's count of @pending; each I/O under way has one too,
 * and so has the work item while it is queued or running.
 */
struct qcow_cmd {
	struct qcow_view *view;
	u8 op;
	bool fua;
	bool unmap;
	bool no_inline;
	u16 ioprio;
	u64 pos;
	u32 len;
	struct qcow_buf buf;
	struct bio *bio;
	struct workqueue_struct *wq;
	void (*done)(struct qcow_cmd *cmd);
	int error;

	/* private */
	struct qcow_epoch *epoch;
	struct qcow_epoch *below;	/* of the image below, which is written */
	atomic_t pending;
	u32 dispatched;			/* bytes */
	bool first_used;
	unsigned long todo;
	struct llist_head resume;	/* I/Os that a worker goes on with */
	struct list_head node;		/* where it is parked */
	struct work_struct work;

	/* the first run's I/O: one-run commands need no memory */
	struct qcow_cmd_io first;
};

#endif /* QCOW_IMAGE_CORE_INTERFACE_H */
