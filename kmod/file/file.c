// SPDX-License-Identifier: GPL-2.0
/*
 * Open the files below an image a second time, for us, and choose between
 * direct and buffered I/O.
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/stat.h>

#include "file/file.h"
#include "file/file_io.h"

static int check_caller(struct file *caller, bool write,
			struct qcow_reason *why)
{
	struct inode *inode = caller->f_mapping->host;

	if (!S_ISREG(inode->i_mode) && !S_ISBLK(inode->i_mode))
		return qcow_refuse(why, -EINVAL,
				   "%pD: not a regular file or block device",
				   caller);
	if (!(caller->f_mode & FMODE_READ) || !caller->f_op->read_iter)
		return qcow_refuse(why, -EBADF, "%pD: not open for reading",
				   caller);
	if (write && (!(caller->f_mode & FMODE_WRITE) ||
		      !caller->f_op->write_iter))
		return qcow_refuse(why, -EBADF, "%pD: not open for writing",
				   caller);
	return 0;
}

static int open_own(struct qcow_file *file, bool write)
{
	int flags = O_LARGEFILE | O_NOATIME | (write ? O_RDWR : O_RDONLY);
	struct file *filp;

	filp = dentry_open(&file->caller->f_path, flags, current_cred());
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	if (filp->f_mapping->host != file->caller->f_mapping->host) {
		fput(filp);
		return -ESTALE;
	}
	filp->f_mode |= FMODE_NOCMTIME;
	file->filp = filp;
	file->wb_err = filemap_sample_wb_err(filp->f_mapping);
	return 0;
}

/*
 * The unit of direct I/O on the file, bytes, or 0 if direct I/O does not work.
 * If the file system does not report a unit, its block size is used: btrfs
 * falls back to buffered I/O for less.
 */
static unsigned int dio_align(struct qcow_file *file)
{
	struct inode *inode = qcow_file_inode(file);
	struct kstat stat;

	if (!(file->filp->f_mode & FMODE_CAN_ODIRECT))
		return 0;
	if (!file->regular)
		return bdev_logical_block_size(I_BDEV(inode));
	if (!vfs_getattr(&file->filp->f_path, &stat, STATX_DIOALIGN, 0) &&
	    (stat.result_mask & STATX_DIOALIGN))
		return max(stat.dio_offset_align, stat.dio_mem_align);
	return i_blocksize(inode);
}

/*
 * Two reasons not to trust FMODE_NOWAIT of a block device.  Before 6.5 it is
 * set even if the device does not support IOCB_NOWAIT.  In newer kernels
 * buffered I/O on a block device waits for the lock of the inode in spite of
 * IOCB_NOWAIT, and a task that reads our device through its page cache holds
 * another lock of the same kind.
 */
static bool may_nowait(const struct qcow_file *file)
{
	if (!(file->filp->f_mode & FMODE_NOWAIT))
		return false;
	return file->regular ||
	       (file->direct && bdev_nowait(I_BDEV(qcow_file_inode(file))));
}

bool qcow_file_stable(const struct qcow_file *file)
{
	struct inode *inode = qcow_file_inode(file);
	struct block_device *bdev = file->regular ? inode->i_sb->s_bdev :
						    I_BDEV(inode);

	if (!file->direct)
		return false;
	return (bdev && bdev_stable_writes(bdev)) ||
	       inode->i_sb->s_iflags & SB_I_STABLE_WRITES;
}

static int refuse_direct(const struct qcow_file *file, unsigned int granule,
			 unsigned int align, struct qcow_reason *why)
{
	return qcow_refuse(why, -EOPNOTSUPP,
			   "%pD: direct I/O of %u-byte units does not work here (it takes multiples of %u)",
			   file->caller, granule, align);
}

static int choose_mode(struct qcow_file *file, enum qcow_dio mode,
		       unsigned int granule, struct qcow_reason *why)
{
	unsigned int align = mode == QCOW_DIO_OFF ? 0 : dio_align(file);

	file->align = 1;
	if (align && align <= granule) {
		file->direct = true;
		file->ki_flags = IOCB_DIRECT;
		file->align = max_t(unsigned int, align, SECTOR_SIZE);
	} else if (mode == QCOW_DIO_ON) {
		return refuse_direct(file, granule, align, why);
	}
	file->nowait = may_nowait(file);
	return 0;
}

static void go_buffered(struct qcow_file *file)
{
	file->direct = false;
	file->ki_flags = 0;
	file->align = 1;
	file->nowait = may_nowait(file);
}

/*
 * The first asynchronous direct I/O on a file system creates a workqueue.  That
 * must not happen inside a block submission, so one read is done here.
 */
static int warm_up(struct qcow_file *file)
{
	void *mem;
	int err;

	if (!qcow_file_size(file))
		return 0;
	mem = kmalloc(max_t(size_t, file->align, SECTOR_SIZE), GFP_KERNEL);
	if (!mem)
		return -ENOMEM;
	err = qcow_file_read(file, mem, max_t(size_t, file->align, SECTOR_SIZE),
			     0);
	kfree(mem);
	return err;
}

struct qcow_file *qcow_file_open(struct file *caller, bool write,
				 enum qcow_dio mode, unsigned int granule,
				 struct qcow_reason *why)
{
	struct qcow_file *file;
	int err;

	err = check_caller(caller, write, why);
	if (err)
		return ERR_PTR(err);
	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return ERR_PTR(-ENOMEM);
	file->caller = get_file(caller);
	file->regular = S_ISREG(caller->f_mapping->host->i_mode);
	file->writable = write;
	err = open_own(file, write);
	if (err) {
		qcow_refuse(why, err, "%pD: cannot be opened again (%d)",
			    caller, err);
		goto put_caller;
	}
	err = choose_mode(file, mode, granule, why);
	if (err)
		goto put_own;
	err = warm_up(file);
	if (err == -EINVAL && file->direct && mode != QCOW_DIO_ON) {
		/* before 6.6, overlayfs always claims to support direct I/O */
		go_buffered(file);
		err = warm_up(file);
	}
	if (err) {
		qcow_refuse(why, err, "%pD: cannot be read (%d)", caller, err);
		goto put_own;
	}
	return file;

put_own:
	fput(file->filp);
put_caller:
	fput(file->caller);
	kfree(file);
	return ERR_PTR(err);
}

int qcow_file_need(struct qcow_file *file, enum qcow_dio mode,
		   unsigned int granule, struct qcow_reason *why)
{
	if (!file->direct || file->align <= granule)
		return 0;
	if (mode == QCOW_DIO_ON)
		return refuse_direct(file, granule, file->align, why);
	go_buffered(file);
	return 0;
}

/* fput() in a kernel thread closes the file only some time later. */
void qcow_fput(struct file *file)
{
	if (current->flags & PF_KTHREAD)
		__fput_sync(file);
	else
		fput(file);
}

void qcow_file_close(struct qcow_file *file)
{
	qcow_fput(file->filp);
	qcow_fput(file->caller);
	kfree(file);
}
