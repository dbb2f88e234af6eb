/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file below an image: the caller opened it, and we use a struct file of our
 * own.
 */
#ifndef QCOW_FILE_FILE_H
#define QCOW_FILE_FILE_H

#include <linux/fs.h>
#include <linux/pagemap.h>

#include "file/reason.h"

enum qcow_dio {
	QCOW_DIO_AUTO,		/* direct if it works */
	QCOW_DIO_ON,		/* direct, or refuse the file */
	QCOW_DIO_OFF,
};

/**
 * struct qcow_file - a file that images read and write
 * @filp:	our own struct file of the same path.  I/O through it updates
 *		neither access nor modification time, so that a write of
 *		allocated blocks needs no transaction.
 * @caller:	the caller's struct file, for the times and the name of the path
 * @ki_flags:	IOCB_DIRECT or 0
 * @align:	offset, length and memory of an I/O are multiples of this, bytes
 * @direct:	I/O bypasses the page cache.  Direct and buffered I/O are never
 *		mixed on one file: a buffered read-modify-write would lose a
 *		direct write to its neighbour.
 * @nowait:	the file system or the device supports IOCB_NOWAIT
 * @write_warm:	a write was done by a task that may sleep
 * @regular:	a regular file, not a block device
 * @writable:	opened for writing
 * @written:	written since the times were last updated
 * @wb_err:	error sequence of the mapping when the file was opened
 * @number:	in records: 1 for an external data file, else 0
 */
struct qcow_file {
	struct file *filp;
	struct file *caller;
	int ki_flags;
	unsigned int align;
	bool direct;
	bool nowait;
	bool write_warm;
	bool regular;
	bool writable;
	bool written;
	errseq_t wb_err;
	u8 number;
};

/**
 * qcow_file_open - begin to use a file
 * @caller:  the file that the caller of the attach passed; a reference is taken
 * @write:   open for writing, too
 * @mode:    direct or buffered
 * @granule: smallest unit of offset and length of later I/O, bytes; I/O is
 *	     direct only if the file takes this unit
 * @why:     set on failure
 *
 * Context: may sleep; does one I/O.
 * Return: the file, or an ERR_PTR: -EINVAL (neither a regular file nor a block
 * device), -EBADF (not opened for reading, or for writing), -EOPNOTSUPP (direct
 * I/O was demanded but does not work), or an error of the file system.
 */
struct qcow_file *qcow_file_open(struct file *caller, bool write,
				 enum qcow_dio mode, unsigned int granule,
				 struct qcow_reason *why);

/**
 * qcow_file_need - later I/O will also use units of @granule bytes
 *
 * If the file cannot do that with direct I/O, its I/O becomes buffered.
 *
 * Context: before any I/O by commands.
 * Return: 0, or -EOPNOTSUPP if direct I/O was demanded.
 */
int qcow_file_need(struct qcow_file *file, enum qcow_dio mode,
		   unsigned int granule, struct qcow_reason *why);

/** qcow_file_close - close a file; no I/O may be in flight */
void qcow_file_close(struct qcow_file *file);

/** qcow_fput - as fput(), but in a kernel thread the file is closed at once */
void qcow_fput(struct file *file);

static inline struct inode *qcow_file_inode(const struct qcow_file *file)
{
	return file->filp->f_mapping->host;
}

/**
 * qcow_file_stable - must pages of a write stay unchanged while in flight?
 *
 * They must if a level below checksums them.  Buffered I/O copies the pages, so
 * they may change then.
 */
bool qcow_file_stable(const struct qcow_file *file);

/**
 * qcow_file_lost - did writeback ever fail since the file was opened?
 *
 * The kernel reports a writeback error only once to each struct file, and
 * forgets the data that it could not write.  A device asks in many places, and
 * after one error everything that is not durable is in doubt.
 *
 * Return: 0, or the error.
 */
static inline int qcow_file_lost(const struct qcow_file *file)
{
	return filemap_check_wb_err(file->filp->f_mapping, file->wb_err);
}

/** qcow_file_size - the current size of the file, bytes */
static inline loff_t qcow_file_size(const struct qcow_file *file)
{
	return i_size_read(qcow_file_inode(file));
}

#endif /* QCOW_FILE_FILE_H */
