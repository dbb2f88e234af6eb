/* SPDX-License-Identifier: GPL-2.0 */
/*
 * I/O on a file: asynchronous reads and writes, and sync, extend, truncate,
 * discard and zero, which the caller waits for.
 */
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
 * @write:	in: true for a write, false for a read
 * @sync:	in: a write is durable when it completes
 * @ioprio:	in: I/O priority of the issuer
 * @complete:	in: called once when the I/O is over, in any context; the call
 *		may come before qcow_io_submit() returns
 * @result:	out: 0: all bytes are in place, and bytes beyond the end of the
 *		file are zeros; -EAGAIN: the I/O has to go on in a task that may
 *		sleep, by qcow_io_resume(); or another error
 *
 * The other members are private.  ->ki_complete() can run before ->read_iter()
 * returns, and file systems look at the kiocb after ->ki_complete().
 * Therefore an I/O has two @owners, the submitter and the completion.  The I/O
 * is over when both have dropped it.
 */
struct qcow_io {
	struct qcow_file *file;
	loff_t pos;
	struct qcow_buf buf;
	u32 len;
	u16 ioprio;
	bool write:1;
	bool sync:1;
	bool guarded:1;		/* private: the I/O holds freeze protection */
	bool waited:1;		/* private: the submitting task may sleep */
	void (*complete)(struct qcow_io *io);
	int result;

	/* private */
	int raw_result;		/* bytes, or an error */
	atomic_t owners;
	u32 record;
	struct kiocb iocb;
};

/**
 * qcow_io_submit - start an I/O
 * @nowait: where the I/O would sleep, complete it with -EAGAIN instead
 *
 * Context: process context.  In any task but a worker of this driver, called
 * between qcow_task_enter() and qcow_task_leave().
 */
void qcow_io_submit(struct qcow_io *io, bool nowait);

/**
 * qcow_io_try - start an I/O that may be over at once
 *
 * As qcow_io_submit(), but without a call of @complete if the I/O is over with
 * all bytes in place when the submission returns.
 *
 * Return: true in this case; false if @complete is called, or was called.
 */
bool qcow_io_try(struct qcow_io *io, bool nowait);

/**
 * qcow_io_resume - continue an I/O that completed with -EAGAIN
 *
 * Context: a worker.  @io->complete is called once more.
 */
void qcow_io_resume(struct qcow_io *io);

/**
 * qcow_io_run - do one I/O and wait for it
 *
 * Needs no memory but the stack.
 *
 * Context: a worker or an attach; may sleep.
 * Return: 0 or an error.
 */
int qcow_io_run(struct qcow_file *file, const struct qcow_buf *buf, u32 len,
		loff_t pos, bool write, bool sync);

/**
 * qcow_file_read - read and wait; @pos, @len and @mem may have any alignment
 * @mem: linear or vmalloc memory
 * @len: bytes; bytes beyond the end of the file become zeros
 * @pos: offset in the file, bytes
 *
 * Return: 0 or an error.
 */
int qcow_file_read(struct qcow_file *file, void *mem, size_t len, loff_t pos);

/**
 * qcow_file_is_hole - is a range known to read zeros, without a read?
 *
 * Context: may sleep.
 * Return: true if the file system says that it has no data there, which also
 * holds behind the end of the file; false if it has, or if nobody knows.
 */
bool qcow_file_is_hole(struct qcow_file *file, loff_t pos, u64 len);

/**
 * qcow_file_write - write and wait
 * @mem: linear or vmalloc memory
 * @len: bytes
 * @pos: offset in the file, bytes
 *
 * @mem, @len and @pos must be multiples of @file->align.
 *
 * Return: 0 or an error.
 */
int qcow_file_write(struct qcow_file *file, void *mem, size_t len, loff_t pos);

/**
 * qcow_file_extend - make [@pos, @pos + @len), behind the end, read as zeros
 * @pos: offset in the file, bytes
 * @len: bytes
 *
 * On a regular file, space is reserved for the range (unwritten extents, if the
 * file system has them).  The change is durable after a sync.
 *
 * Return: 0 or an error; -ENOSPC if a block device ends before the range does.
 */
int qcow_file_extend(struct qcow_file *file, loff_t pos, u64 len);

/** qcow_file_truncate - set a regular file's size; no-op on a block device */
int qcow_file_truncate(struct qcow_file *file, loff_t size);

/** qcow_file_sync - make all completed writes durable; 0 or an error */
int qcow_file_sync(struct qcow_file *file);

/**
 * qcow_file_discard - free the file system's blocks in a range
 *
 * Only whole blocks are freed.  Parts of blocks at the ends of the range keep
 * their content.
 */
int qcow_file_discard(struct qcow_file *file, loff_t pos, u64 len);

/**
 * qcow_file_zero - make a range read as zeros
 * @unmap: the blocks may be freed
 *
 * If the file's I/O is direct, the page cache holds no dirty page of the range
 * afterwards.
 */
int qcow_file_zero(struct qcow_file *file, loff_t pos, u64 len, bool unmap);

#endif /* QCOW_FILE_FILE_IO_H */
