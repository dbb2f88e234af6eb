// SPDX-License-Identifier: GPL-2.0
/*
 * Read and write a file with kiocbs, and sync, extend, truncate, discard and
 * zero it.  An I/O goes this way:
 *
 *   submit ── ->read_iter() ──► returns a count or an error: the I/O is over
 *                          └──► -EIOCBQUEUED: the I/O is over when
 *                               ->ki_complete() was called and ->read_iter()
 *                               has returned
 *
 * Then one of four things is true: all bytes are there; the file ended (the
 * rest becomes zeros); the I/O was short (continue with the rest); or the
 * result is -EAGAIN (continue in a worker).
 */
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/falloc.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "file/errand.h"
#include "file/file_io.h"
#include "file/record.h"
#include "file/relief.h"

#define ZERO_SEGS	64	/* zero pages in one write */

/* The number tells two images in one record apart. */
static u32 inode_number(const struct qcow_file *file)
{
	return qcow_file_inode(file)->i_ino;
}

static bool is_guarded(const struct qcow_io *io)
{
	return io->write && io->file->regular;
}

/*
 * A write to a frozen file system would sleep: then return false, and a worker
 * tries again.  The completion ends the freeze protection, perhaps in another
 * task; therefore lockdep is told that this task has released it.
 */
static bool try_guard_write(struct qcow_io *io)
{
	struct super_block *sb;

	if (!is_guarded(io))
		return true;
	sb = file_inode(io->file->filp)->i_sb;
	if (!sb_start_write_trylock(sb))
		return false;
	__sb_writers_release(sb, SB_FREEZE_WRITE);
	io->guarded = true;
	return true;
}

/* The same for a task that may sleep. */
static void guard_write(struct qcow_io *io)
{
	if (!is_guarded(io))
		return;
	kiocb_start_write(&io->iocb);
	io->guarded = true;
}

/*
 * -EAGAIN means "try again where you may sleep".  A caller that has slept
 * already gets -EIO instead.
 */
static int final(int err)
{
	return err == -EAGAIN ? -EIO : err;
}

static void unguard_write(struct qcow_io *io)
{
	if (!io->guarded)
		return;
	io->guarded = false;
	kiocb_end_write(&io->iocb);
}

static void io_end(struct qcow_io *io, int result)
{
	qcow_relief_end();
	io->result = result;
	io->complete(io);
}

static void io_close(struct qcow_io *io)
{
	long got = io->raw_result;

	qcow_record_end(QCOW_RECORD_END, io->record,
			got == io->len ? 0 : got < 0 ? got : 1);
	unguard_write(io);
}

/*
 * @got bytes are in place.  The rest lies behind the end or must be asked for.
 */
static void io_short(struct qcow_io *io, long got)
{
	qcow_buf_advance(&io->buf, got);
	io->pos += got;
	io->len -= got;
	if (!io->write && io->pos >= qcow_file_size(io->file)) {
		qcow_buf_zero(&io->buf, io->len);
		io_end(io, 0);
	} else if (!got && io->waited) {
		io_end(io, -EIO);
	} else {
		io_end(io, -EAGAIN);
	}
}

/* Both owners, the submitter and the completion, have dropped the I/O. */
static void io_finish(struct qcow_io *io)
{
	long got = io->raw_result;

	io_close(io);
	if (likely(got == io->len))
		io_end(io, 0);
	else if (got >= 0)
		io_short(io, got);
	else if (!io->waited)
		/*
		 * No error of a nowait I/O is final: the task, which can be any
		 * user of the device, may have been killed (-EINTR), or the
		 * device may not support IOCB_NOWAIT.
		 */
		io_end(io, -EAGAIN);
	else
		io_end(io, final(got));
}

static void io_ki_complete(struct kiocb *iocb, long result)
{
	struct qcow_io *io = container_of(iocb, struct qcow_io, iocb);

	io->raw_result = result;
	if (atomic_dec_and_test(&io->owners))
		io_finish(io);
}

/*
 * IOCB_DIO_CALLER_COMP (6.6 to 6.18) must not be set.  With this flag a write
 * counts as direct I/O in flight until a task of ours runs its end.
 * fallocate() waits for direct I/O in flight while it holds the inode lock, and
 * our tasks wait for the inode lock: a deadlock.
 */
static void init_iocb(struct qcow_io *io, bool nowait)
{
	int flags = io->file->ki_flags;

	if (nowait)
		flags |= io->file->direct ? IOCB_NOWAIT :
					    IOCB_NOWAIT | IOCB_NOIO;
	if (io->write)
		flags |= io->sync ? IOCB_WRITE | IOCB_DSYNC : IOCB_WRITE;
	io->iocb = (struct kiocb){
		.ki_filp = io->file->filp,
		.ki_pos = io->pos,
		.ki_complete = io_ki_complete,
		.ki_flags = flags,
		.ki_ioprio = io->ioprio,
	};
}

/*
 * The first read and the first write of a file are done by a task that may
 * sleep: see warm_up() in file.c.  A durable write through the page cache
 * always waits for the disk, so it is never done with nowait.
 */
static bool may_nowait(const struct qcow_io *io)
{
	if (!io->file->nowait)
		return false;
	return !io->write ||
	       (io->file->write_warm && (!io->sync || io->file->direct));
}

/*
 * Return true if the write made the file system create what it needs to end
 * asynchronous writes.  A write that extends the file, or that covers a part of
 * a block, is waited for anyway: the file system may have ended it without.
 */
static bool warms_up(const struct qcow_io *io, ssize_t ret)
{
	struct inode *inode = qcow_file_inode(io->file);

	if (!io->file->direct || !io->file->regular)
		return true;
	return ret == -EIOCBQUEUED ||
	       (ret > 0 && io->pos + io->len <= i_size_read(inode) &&
		IS_ALIGNED(io->pos | io->len, i_blocksize(inode)));
}

bool qcow_io_try(struct qcow_io *io, bool nowait)
{
	struct file *filp = io->file->filp;
	unsigned int flags = 0;
	struct iov_iter iter;
	ssize_t ret;

	qcow_relief_begin();
	init_iocb(io, nowait);
	io->waited = !nowait;
	io->guarded = false;
	io->record = 0;
	if (!nowait) {
		guard_write(io);
	} else if (unlikely(!may_nowait(io) || !try_guard_write(io))) {
		io_end(io, -EAGAIN);
		return false;
	}
	if (io->write) {
		if (!io->file->written)
			io->file->written = true;
		io->record = qcow_record_begin(QCOW_RECORD_WRITE,
					       io->file->number, io->pos,
					       io->len, &io->buf,
					       inode_number(io->file));
	}
	atomic_set(&io->owners, 2);
	qcow_buf_iter(&io->buf, io->write, io->len, &iter);
	/* a task that uses the reserve was refused by qcow_task_enter() */
	if (!nowait)
		flags = qcow_reserve_enter(false);
	/*
	 * vfs_iocb_iter_*() would check the permissions of the current task,
	 * which can be any task that uses the device.
	 */
	if (io->write)
		ret = filp->f_op->write_iter(&io->iocb, &iter);
	else
		ret = filp->f_op->read_iter(&io->iocb, &iter);
	if (!nowait) {
		qcow_reserve_leave(flags);
		if (io->write && warms_up(io, ret))
			io->file->write_warm = true;
	}
	if (ret != -EIOCBQUEUED)
		io->raw_result = ret;
	else if (!atomic_dec_and_test(&io->owners))
		return false;
	if (unlikely(io->raw_result != io->len)) {
		io_finish(io);
		return false;
	}
	io_close(io);
	qcow_relief_end();
	return true;
}

void qcow_io_submit(struct qcow_io *io, bool nowait)
{
	if (!qcow_io_try(io, nowait))
		return;
	io->result = 0;
	io->complete(io);
}

void qcow_io_resume(struct qcow_io *io)
{
	qcow_io_submit(io, false);
}

/* An I/O that the submitter waits for. */
struct waited_io {
	struct qcow_errand errand;
	struct qcow_io io;
	struct completion done;
};

static void waited_complete(struct qcow_io *io)
{
	complete(&container_of(io, struct waited_io, io)->done);
}

/* Do what is left of the I/O. */
static int run_io(struct qcow_errand *errand)
{
	struct waited_io *w = container_of(errand, struct waited_io, errand);

	do {
		reinit_completion(&w->done);
		qcow_io_resume(&w->io);
		wait_for_completion(&w->done);
	} while (w->io.result == -EAGAIN);
	return w->io.result;
}

int qcow_io_run(struct qcow_file *file, const struct qcow_buf *buf, u32 len,
		loff_t pos, bool write, bool sync)
{
	struct waited_io w = { .errand.run = run_io, .io = {
		.file = file, .buf = *buf, .len = len, .pos = pos,
		.write = write, .sync = sync, .complete = waited_complete,
	} };

	init_completion(&w.done);
	return qcow_errand_run(&w.errand, write);
}

static int transfer_aligned(struct qcow_file *file, void *mem, size_t len,
			    loff_t pos, bool write)
{
	struct qcow_buf buf;
	unsigned int segs = qcow_buf_map_segs(mem, len);
	struct bio_vec *bvec;
	int err;

	bvec = kvmalloc_array(segs, sizeof(*bvec), GFP_NOIO);
	if (!bvec)
		return -ENOMEM;
	qcow_buf_map(&buf, mem, len, bvec);
	err = qcow_io_run(file, &buf, len, pos, write, false);
	kvfree(bvec);
	return err;
}

int qcow_file_read(struct qcow_file *file, void *mem, size_t len, loff_t pos)
{
	loff_t start = round_down(pos, file->align);
	size_t span = round_up(pos + len, (loff_t)file->align) - start;
	void *bounce;
	int err;

	if (!len)
		return 0;
	if (start == pos && span == len &&
	    IS_ALIGNED((unsigned long)mem, file->align))
		return transfer_aligned(file, mem, len, pos, false);
	/* kmalloc() aligns a power of two to itself */
	bounce = kvmalloc(roundup_pow_of_two(span), GFP_NOIO);
	if (!bounce)
		return -ENOMEM;
	err = transfer_aligned(file, bounce, span, start, false);
	if (!err)
		memcpy(mem, bounce + (pos - start), len);
	kvfree(bounce);
	return err;
}

/*
 * What another program wrote shortly before may still lie in the page cache
 * alone, where not every file system looks for data (FUSE does not).
 */
bool qcow_file_is_hole(struct qcow_file *file, loff_t pos, u64 len)
{
	loff_t data;

	if (!file->regular ||
	    filemap_write_and_wait_range(file->filp->f_mapping, pos,
					 pos + len - 1))
		return false;
	data = vfs_llseek(file->filp, pos, SEEK_DATA);
	return data == -ENXIO || data >= pos + (loff_t)len;
}

int qcow_file_write(struct qcow_file *file, void *mem, size_t len, loff_t pos)
{
	return transfer_aligned(file, mem, len, pos, true);
}

/*
 * A write through our own file does not update the times of the inode.  So they
 * are updated here, at a sync, which is seldom.
 */
static void update_times(struct qcow_file *file)
{
	if (!file->written || !file->regular)
		return;
	file->written = false;
	sb_start_write(qcow_file_inode(file)->i_sb);
	file_update_time(file->caller);
	sb_end_write(qcow_file_inode(file)->i_sb);
}

/* A change of a file as a whole; @mode, @pos and @len are as in fallocate(). */
struct file_change {
	struct qcow_errand errand;
	struct qcow_file *file;
	int mode;
	loff_t pos;
	u64 len;
};

static int run_sync(struct qcow_errand *errand)
{
	struct qcow_file *file = container_of(errand, struct file_change,
					      errand)->file;
	unsigned int flags;
	int err;

	qcow_relief_begin();
	flags = qcow_reserve_enter(false);
	err = final(vfs_fsync_range(file->filp, 0, LLONG_MAX, 1));
	if (!err)
		err = qcow_file_lost(file);
	qcow_reserve_leave(flags);
	qcow_relief_end();
	return err;
}

int qcow_file_sync(struct qcow_file *file)
{
	struct file_change c = { .errand.run = run_sync, .file = file };
	u32 record;
	int err;

	if (!file->writable)
		return 0;
	update_times(file);
	record = qcow_record_begin(QCOW_RECORD_SYNC, file->number, 0, 0, NULL,
				   inode_number(file));
	err = qcow_errand_run(&c.errand, false);
	qcow_record_end(QCOW_RECORD_END, record, err);
	return err;
}

static int run_fallocate(struct qcow_errand *errand)
{
	struct file_change *c = container_of(errand, struct file_change,
					     errand);
	unsigned int flags;
	int err;

	qcow_relief_begin();
	flags = qcow_reserve_enter(false);
	err = final(vfs_fallocate(c->file->filp, c->mode, c->pos, c->len));
	qcow_reserve_leave(flags);
	qcow_relief_end();
	return err;
}

static int file_fallocate(struct qcow_file *file, int mode, loff_t pos,
			  u64 len)
{
	struct file_change c = {
		.errand.run = run_fallocate, .file = file, .mode = mode,
		.pos = pos, .len = len,
	};
	u32 record;
	int err;

	if (!file->filp->f_op->fallocate)
		return -EOPNOTSUPP;
	file->written = true;
	record = qcow_record_begin(mode ? QCOW_RECORD_PUNCH :
				   QCOW_RECORD_EXTEND, file->number, pos, len,
				   NULL, inode_number(file));
	err = qcow_errand_run(&c.errand, true);
	qcow_record_end(QCOW_RECORD_END, record, err);
	return err;
}

int qcow_file_discard(struct qcow_file *file, loff_t pos, u64 len)
{
	unsigned int block = i_blocksize(qcow_file_inode(file));
	loff_t start = round_up(pos, (loff_t)block);
	loff_t end = round_down(pos + len, (u64)block);

	if (start >= end)
		return 0;
	return file_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      start, end - start);
}

static int write_zero_pages(struct qcow_file *file, loff_t pos, u64 len)
{
	struct bio_vec *bvec;
	struct qcow_buf buf;
	int i, err = 0;

	if (!len)
		return 0;
	bvec = kmalloc_array(ZERO_SEGS, sizeof(*bvec), GFP_NOIO);
	if (!bvec)
		return -ENOMEM;
	for (i = 0; i < ZERO_SEGS; i++)
		bvec_set_page(&bvec[i], ZERO_PAGE(0), PAGE_SIZE, 0);
	buf = (struct qcow_buf){ .bvec = bvec, .nr_segs = ZERO_SEGS };
	while (len && !err) {
		u32 n = min_t(u64, len, ZERO_SEGS * PAGE_SIZE);

		err = qcow_io_run(file, &buf, n, pos, true, false);
		pos += n;
		len -= n;
	}
	kfree(bvec);
	return err;
}

/*
 * The unit in which the file system or the device can zero and free without
 * reading, bytes.  The block size of a network file system may be the size of
 * its messages, so it is limited.
 */
static unsigned int zero_granule(const struct qcow_file *file)
{
	struct inode *inode = qcow_file_inode(file);

	if (!file->regular)
		return bdev_logical_block_size(I_BDEV(inode));
	return min_t(unsigned int, i_blocksize(inode), SZ_64K);
}

static int zero_blocks(struct qcow_file *file, loff_t pos, u64 len, bool unmap)
{
	int err = -EOPNOTSUPP;

	if (unmap)
		err = file_fallocate(file, FALLOC_FL_PUNCH_HOLE |
				     FALLOC_FL_KEEP_SIZE, pos, len);
	if (err == -EOPNOTSUPP)
		err = file_fallocate(file, FALLOC_FL_ZERO_RANGE |
				     FALLOC_FL_KEEP_SIZE, pos, len);
	if (err == -EOPNOTSUPP)
		err = write_zero_pages(file, pos, len);
	return err;
}

/*
 * A file system zeroes a part of a block in its page cache, and the page stays
 * dirty.  A direct write beside it then waits until the page is written back.
 * It may even become a buffered write, which ext4 before 6.15 reports as
 * written although the device refused it.  So parts of blocks are written with
 * zeros here.
 *
 * Nothing behind the range is touched, not even at the end of the file: other
 * I/O may use it by now.
 */
int qcow_file_zero(struct qcow_file *file, loff_t pos, u64 len, bool unmap)
{
	loff_t block = zero_granule(file), end = pos + len;
	loff_t first = min(round_up(pos, block), end);
	loff_t last = max(round_down(end, block), first);
	int err;

	err = write_zero_pages(file, pos, first - pos);
	if (!err && first < last)
		err = zero_blocks(file, first, last - first, unmap);
	if (!err)
		err = write_zero_pages(file, last, end - last);
	return err;
}

int qcow_file_extend(struct qcow_file *file, loff_t pos, u64 len)
{
	int err;

	if (!file->regular)
		return pos + len > qcow_file_size(file) ? -ENOSPC :
		       qcow_file_zero(file, pos, len, false);
	err = file_fallocate(file, 0, pos, len);
	return err == -EOPNOTSUPP ? write_zero_pages(file, pos, len) : err;
}

static int run_truncate(struct qcow_errand *errand)
{
	struct file_change *c = container_of(errand, struct file_change,
					     errand);
	unsigned int flags;
	int err;

	qcow_relief_begin();
	flags = qcow_reserve_enter(false);
	err = final(vfs_truncate(&c->file->filp->f_path, c->pos));
	qcow_reserve_leave(flags);
	qcow_relief_end();
	return err;
}

int qcow_file_truncate(struct qcow_file *file, loff_t size)
{
	struct file_change c = {
		.errand.run = run_truncate, .file = file, .pos = size,
	};
	u32 record;
	int err;

	if (!file->regular)
		return 0;
	file->written = true;
	record = qcow_record_begin(QCOW_RECORD_TRUNCATE, file->number, size, 0,
				   NULL, inode_number(file));
	err = qcow_errand_run(&c.errand, true);
	qcow_record_end(QCOW_RECORD_END, record, err);
	return err;
}
