// SPDX-License-Identifier: GPL-2.0
/* Move, fill and copy the memory of a request, and describe kernel memory. */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "file/buf.h"

void qcow_buf_advance(struct qcow_buf *buf, size_t len)
{
	len += buf->offset;
	while (buf->nr_segs && len >= buf->bvec->bv_len) {
		len -= buf->bvec->bv_len;
		buf->bvec++;
		buf->nr_segs--;
	}
	buf->offset = len;
}

void qcow_buf_zero(const struct qcow_buf *buf, size_t len)
{
	struct iov_iter iter;

	qcow_buf_iter(buf, false, len, &iter);
	iov_iter_zero(len, &iter);
}

int qcow_buf_fill(const struct qcow_buf *buf, const void *src, size_t len)
{
	struct iov_iter iter;

	qcow_buf_iter(buf, false, len, &iter);
	return copy_to_iter(src, len, &iter) == len ? 0 : -EIO;
}

int qcow_buf_copy_out(const struct qcow_buf *buf, void *dst, size_t len)
{
	struct iov_iter iter;

	qcow_buf_iter(buf, true, len, &iter);
	return copy_from_iter(dst, len, &iter) == len ? 0 : -EIO;
}

unsigned int qcow_buf_map_segs(const void *mem, size_t len)
{
	if (!is_vmalloc_addr(mem))
		return 1;
	return DIV_ROUND_UP(offset_in_page(mem) + len, PAGE_SIZE);
}

void qcow_buf_map(struct qcow_buf *buf, void *mem, size_t len,
		  struct bio_vec *bvec)
{
	buf->bvec = bvec;
	buf->nr_segs = 0;
	buf->offset = 0;
	if (!is_vmalloc_addr(mem)) {
		bvec_set_page(bvec, virt_to_page(mem), len,
			      offset_in_page(mem));
		buf->nr_segs = 1;
		return;
	}
	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE - offset_in_page(mem));

		bvec_set_page(bvec++, vmalloc_to_page(mem), n,
			      offset_in_page(mem));
		buf->nr_segs++;
		mem += n;
		len -= n;
	}
}
