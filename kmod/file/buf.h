/* SPDX-License-Identifier: GPL-2.0 */
/* A position in an array of bio_vecs: the memory of a request. */
#ifndef QCOW_FILE_BUF_H
#define QCOW_FILE_BUF_H

#include <linux/bvec.h>
#include <linux/types.h>
#include <linux/uio.h>

/**
 * struct qcow_buf - memory from a position in a bio_vec array on
 * @bvec:	the segment that holds the position
 * @nr_segs:	segments from @bvec on
 * @offset:	bytes of the position into @bvec
 *
 * There is no length here: each function below is told how many bytes it uses.
 */
struct qcow_buf {
	const struct bio_vec *bvec;
	unsigned int nr_segs;
	unsigned int offset;
};

/** qcow_buf_iter - make an iterator over the next @len bytes */
static inline void qcow_buf_iter(const struct qcow_buf *buf, bool write,
				 size_t len, struct iov_iter *iter)
{
	iov_iter_bvec(iter, write ? ITER_SOURCE : ITER_DEST, buf->bvec,
		      buf->nr_segs, len);
	iter->iov_offset = buf->offset;
}

/** qcow_buf_advance - move the position forward by @len bytes */
void qcow_buf_advance(struct qcow_buf *buf, size_t len);

/** qcow_buf_zero - fill the next @len bytes with zeros; any context */
void qcow_buf_zero(const struct qcow_buf *buf, size_t len);

/**
 * qcow_buf_fill - copy @len bytes from @src to the next @len bytes
 *
 * Context: any.
 * Return: 0, or -EIO if the memory is shorter than @len.
 */
int qcow_buf_fill(const struct qcow_buf *buf, const void *src, size_t len);

/** qcow_buf_copy_out - copy the next @len bytes to @dst; 0 or -EIO */
int qcow_buf_copy_out(const struct qcow_buf *buf, void *dst, size_t len);

/**
 * qcow_buf_map - describe kernel memory, linear or vmalloc, as segments
 * @buf:  filled in
 * @mem:  the memory
 * @len:  bytes at @mem
 * @bvec: array to fill, with room for qcow_buf_map_segs(@mem, @len) segments
 */
void qcow_buf_map(struct qcow_buf *buf, void *mem, size_t len,
		  struct bio_vec *bvec);
unsigned int qcow_buf_map_segs(const void *mem, size_t len);

#endif /* QCOW_FILE_BUF_H */
