/* SPDX-License-Identifier: GPL-2.0 */
/* I/O on a file: asynchronous reads and writes, sync, punch. */
#ifndef QCOW_FILE_FILE_IO_H
#define QCOW_FILE_FILE_IO_H

#include <linux/atomic.h>
#include <linux/fs.h>

#include "file/buf.h"
#include "file/file.h"

/**
 * struct qcow_io - one asynchronous I/O on a file
 * @file:	in: the file
 * @pos:	in: offset in the file, bytes
 * @buf:	in: memory
 * @len:	in: bytes
 * @write:	in: direction
 * @sync:	in: a write is durable when it completes
 * @ioprio:	in: of the issuer
 * @complete:	in: called once when it is over, in any context, also before
 *		qcow_io_submit() returns
 * @result:	out: 0, all bytes are in place, those beyond the end of the
 *		file as zeros; -EAGAIN, it has to go on in a task that may
 *		wait: qcow_io_resume(); or another error
 *
 * The rest is private.  ->ki_complete() can run before ->read_iter() returns,
 * and file systems look at the kiocb after that: the I/O is over when both
 * @owners, the submitter and the completion, are through with it.
 */
struct qcow_io {
	struct qcow_file *file;
	loff_t pos;
	struct qcow_buf buf;
	u32 len;
	bool write;
	bool sync;
	u16 ioprio;
	void (*complete)(struct qcow_io *io);
	int result;

	/* private */
	atomic_t owners;
	bool guarded;		/* holds the file system's freeze protection */
	bool waited;		/* submitted by a task that may wait */
	long raw_result;
	u64 record;
	struct kiocb iocb;
};

/**
 * qcow_io_submit - start an I/O
 * @nowait: complete with -EAGAIN rather than wait for anything
 *
 * Context: task; between qcow_task_enter() and qcow_task_leave() where it is
 * not a worker's own.
 */
void qcow_io_submit(struct qcow_io *io, bool nowait);

/**
 * qcow_io_resume - go on with an I/O that completed with -EAGAIN
 *
 * Context: a worker.  @io->complete will be called once more.
 */
void qcow_io_resume(struct qcow_io *io);

/**
 * qcow_io_run - one I/O, waited for; needs no memory but the stack
 *
 * Context: a worker, or an attach.
 * Return: 0 or an error.
 */
int qcow_io_run(struct qcow_file *file, const struct qcow_buf *buf, u32 len,
		loff_t pos, bool write, bool sync);

/**
 * qcow_file_read - read and wait; any alignment
 * @mem: linear or vmalloc memory
 * @len: bytes; those beyond the end of the file become zeros
 *
 * Return: 0 or an error.
 */
int qcow_file_read(struct qcow_file *file, void *mem, size_t len, loff_t pos);

/**
 * qcow_file_write - write and wait; all of it in the file's unit
 * @mem: linear or vmalloc memory
 */
int qcow_file_write(struct qcow_file *file, void *mem, size_t len, loff_t pos);

/**
 * qcow_file_extend - make [@pos, @pos + @len), behind the end, read zeros
 *
 * With room reserved for it on a regular file (unwritten extents, where the
 * file system has such).  Durable after a sync.
 */
int qcow_file_extend(struct qcow_file *file, loff_t pos, u64 len);

/** qcow_file_truncate - cut a regular file off; nothing on a block device */
int qcow_file_truncate(struct qcow_file *file, loff_t size);

/** qcow_file_sync - what was written is durable when this returns 0 */
int qcow_file_sync(struct qcow_file *file);

/**
 * qcow_file_discard - give the file system's blocks in the range back
 *
 * Whole blocks only; what is left of the range at its ends stays.
 */
int qcow_file_discard(struct qcow_file *file, loff_t pos, u64 len);

/**
 * qcow_file_zero - the range reads zeros afterwards
 * @unmap: the blocks may be given back
 *
 * The page cache has nothing of it then, if the file's I/O is direct.
 */
int qcow_file_zero(struct qcow_file *file, loff_t pos, u64 len, bool unmap);

#endif /* QCOW_FILE_FILE_IO_H */
