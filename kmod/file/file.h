/* SPDX-License-Identifier: GPL-2.0 */
/* One file below an image: opened by the caller, used through our own. */
#ifndef QCOW_FILE_FILE_H
#define QCOW_FILE_FILE_H

#include <linux/fs.h>
#include <linux/pagemap.h>

#include "file/reason.h"

enum qcow_dio {
	QCOW_DIO_AUTO,		/* where it works */
	QCOW_DIO_ON,		/* or refuse */
	QCOW_DIO_OFF,
};

/**
 * struct qcow_file - a file that images read and write
 * @filp:	our own struct file of the same path: no access or modification
 *		times are updated through it, so that a write of allocated
 *		blocks needs no transaction
 * @caller:	the caller's, for the times and the path's name
 * @ki_flags:	IOCB_DIRECT or 0
 * @align:	offsets, lengths and memory of an I/O are multiples of this
 * @direct:	I/O goes past the page cache; never mixed on one file, because
 *		a buffered read-modify-write loses a neighbour's direct write
 * @nowait:	the file system, or the device, knows IOCB_NOWAIT
 * @write_warm:	a write was made in a task that may wait
 * @regular:	a regular file, not a block device
 * @writable:	opened for writing
 * @written:	since the times were last updated
 * @wb_err:	the mapping's error sequence when it was opened
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
 * @caller:  what the caller of the attach passed; a reference is taken
 * @write:   open for writing too
 * @mode:    direct or buffered
 * @granule: the smallest unit of offset and length that will be asked for,
 *	     bytes; direct I/O needs that the file takes such
 * @why:     set where it fails
 *
 * Context: may sleep, does one I/O.
 * Return: the file, or an ERR_PTR: -EINVAL (not a regular file or a block
 * device), -EBADF (not opened for reading, or for writing), -EOPNOTSUPP
 * (direct I/O demanded but not to be had), or what the file system says.
 */
struct qcow_file *qcow_file_open(struct file *caller, bool write,
				 enum qcow_dio mode, unsigned int granule,
				 struct qcow_reason *why);

/**
 * qcow_file_need - the file is also read and written in units of @granule
 *
 * Before any I/O by commands: makes it buffered where it cannot do that
 * directly.
 *
 * Return: 0, or -EOPNOTSUPP where direct I/O was demanded.
 */
int qcow_file_need(struct qcow_file *file, enum qcow_dio mode,
		   unsigned int granule, struct qcow_reason *why);

/** qcow_file_close - end it; all I/O has completed */
void qcow_file_close(struct qcow_file *file);

/** qcow_fput - as fput(); closed at once where a kernel thread is the last */
void qcow_fput(struct file *file);

static inline struct inode *qcow_file_inode(const struct qcow_file *file)
{
	return file->filp->f_mapping->host;
}

/**
 * qcow_file_stable - may pages of a write not change while it is under way?
 *
 * Where they are checksummed below; what is copied to the page cache may.
 */
bool qcow_file_stable(const struct qcow_file *file);

/**
 * qcow_file_lost - has writing back ever failed since the file was opened?
 *
 * The kernel says so once to each struct file and forgets what it could not
 * write; a device has many who ask, and all that is not durable is in doubt.
 *
 * Return: 0, or the error.
 */
static inline int qcow_file_lost(const struct qcow_file *file)
{
	return filemap_check_wb_err(file->filp->f_mapping, file->wb_err);
}

/** qcow_file_size - bytes in the file now */
static inline loff_t qcow_file_size(const struct qcow_file *file)
{
	return i_size_read(qcow_file_inode(file));
}

#endif /* QCOW_FILE_FILE_H */
