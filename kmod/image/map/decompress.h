/* SPDX-License-Identifier: GPL-2.0 */
/* Decompress clusters with the kernel's libraries. */
#ifndef QCOW_IMAGE_MAP_DECOMPRESS_H
#define QCOW_IMAGE_MAP_DECOMPRESS_H

#include <linux/list.h>
#include <linux/types.h>

struct qcow_decompress_ops;

/**
 * struct qcow_decompressor - working memory to decompress a cluster at a time
 * @ops:	of the compression type
 * @node:	in qcow_inflate.idle while the decompressor is not in use
 * @in:		buffer for the compressed cluster as it is read, page-aligned
 * @in_size:	bytes at @in
 * @workspace:	working memory of the library
 * @workspace_size: bytes at @workspace
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
 * qcow_decompressor_alloc - allocate a decompressor
 * @type: QCOW2_COMPRESSION_*
 * @cluster_size: bytes
 *
 * Context: may sleep; allocates with GFP_NOIO.
 * Return: the decompressor; NULL without memory, or if the type is unknown.
 */
struct qcow_decompressor *qcow_decompressor_alloc(u8 type, u32 cluster_size);
void qcow_decompressor_free(struct qcow_decompressor *d);
/** qcow_decompress_known - is there a decompressor for this type? */
bool qcow_decompress_known(u8 type);

/**
 * qcow_decompress - decompress the first @want bytes of a cluster
 * @src:     the stream, and possibly garbage behind it
 * @src_len: bytes at @src
 * @dst:     buffer of @want bytes
 * @want:    bytes, up to the whole cluster
 * @whole:   @want is the whole cluster; with zstd its last frame must end there
 *
 * Return: 0; -EIO if the stream is broken.
 */
int qcow_decompress(struct qcow_decompressor *d, const void *src, size_t src_len,
		    void *dst, size_t want, bool whole);

#endif /* QCOW_IMAGE_MAP_DECOMPRESS_H */
