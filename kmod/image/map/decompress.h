/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's decompressors, as far as qcow2 needs them. */
#ifndef QCOW_IMAGE_MAP_DECOMPRESS_H
#define QCOW_IMAGE_MAP_DECOMPRESS_H

#include <linux/list.h>
#include <linux/types.h>

struct qcow_decompress_ops;

/**
 * struct qcow_decompressor - working memory for one inflation at a time
 * @in:		room for a compressed cluster as it is read, page-aligned
 * @workspace:	the library's
 */
struct qcow_decompressor {
	const struct qcow_decompress_ops *ops;
	struct list_head node;
	void *in;
	size_t in_size;
	void *workspace;
	size_t workspace_size;
};

/**
 * qcow_decompressor_alloc - @type: QCOW2_COMPRESSION_*
 *
 * Context: may sleep; allocates without I/O.
 * Return: NULL where there is no memory or no such type.
 */
struct qcow_decompressor *qcow_decompressor_alloc(u8 type, u32 cluster_size);
void qcow_decompressor_free(struct qcow_decompressor *d);
bool qcow_decompress_known(u8 type);

/**
 * qcow_decompress - inflate the first @want bytes of a cluster
 * @src, @src_len: the stream, and possibly garbage behind it
 * @want: bytes at @dst, up to the whole cluster
 * @whole: @want is the whole cluster: also check that the stream ends there
 *
 * Return: 0, or -EIO.
 */
int qcow_decompress(struct qcow_decompressor *d, const void *src, size_t src_len,
		    void *dst, size_t want, bool whole);

#endif /* QCOW_IMAGE_MAP_DECOMPRESS_H */
