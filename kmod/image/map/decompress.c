// SPDX-License-Identifier: GPL-2.0
/* Decompress clusters with the kernel's libraries: zlib and zstd. */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/zlib.h>
#include <linux/zstd.h>

#include "format/header.h"
#include "image/map/decompress.h"

/* The deflate streams of qcow2 are raw, with a window of at most 4 KiB. */
#define QCOW2_DEFLATE_WINDOW_BITS	(-12)

/*
 * A zstd frame states the size of its window.  Frames that qemu-img writes
 * need no more than the cluster.  This minimum leaves room for the defaults of
 * other encoders.
 */
#define ZSTD_WINDOW_MIN			SZ_2M

/**
 * struct qcow_decompress_ops - one compression type
 * @workspace:	returns the bytes of working memory for a cluster size
 * @run:	decompresses, as qcow_decompress()
 */
struct qcow_decompress_ops {
	size_t (*workspace)(u32 cluster_size);
	int (*run)(struct qcow_decompressor *d, const void *src, size_t src_len,
		   void *dst, size_t want, bool whole);
};

static size_t zlib_workspace(u32 cluster_size)
{
	return zlib_inflate_workspacesize();
}

/* If the output is full, that is success, even if zlib wants more input. */
static int zlib_run(struct qcow_decompressor *d, const void *src,
		    size_t src_len, void *dst, size_t want, bool whole)
{
	z_stream stream = {
		.workspace = d->workspace,
		.next_in = src,
		.avail_in = src_len,
		.next_out = dst,
		.avail_out = want,
	};
	int ret;

	if (zlib_inflateInit2(&stream, QCOW2_DEFLATE_WINDOW_BITS) != Z_OK)
		return -EIO;
	ret = zlib_inflate(&stream, Z_FINISH);
	zlib_inflateEnd(&stream);
	if (ret != Z_STREAM_END && ret != Z_BUF_ERROR && ret != Z_OK)
		return -EIO;
	return stream.avail_out ? -EIO : 0;
}

static size_t zstd_window(u32 cluster_size)
{
	return max_t(size_t, cluster_size, ZSTD_WINDOW_MIN);
}

static size_t zstd_workspace(u32 cluster_size)
{
	return zstd_dstream_workspace_bound(zstd_window(cluster_size));
}

/* A cluster may consist of several frames, and must end with the last one. */
static int zstd_run(struct qcow_decompressor *d, const void *src,
		    size_t src_len, void *dst, size_t want, bool whole)
{
	zstd_in_buffer in = { .src = src, .size = src_len };
	zstd_out_buffer out = { .dst = dst, .size = want };
	zstd_dstream *stream;
	size_t ret = 0;

	stream = zstd_init_dstream(zstd_window(want), d->workspace,
				   d->workspace_size);
	if (!stream)
		return -EIO;
	while (out.pos < out.size) {
		size_t in_before = in.pos, out_before = out.pos;

		ret = zstd_decompress_stream(stream, &out, &in);
		if (zstd_is_error(ret))
			return -EIO;
		if (in.pos == in_before && out.pos == out_before)
			return -EIO;
	}
	return whole && ret ? -EIO : 0;
}

static const struct qcow_decompress_ops decompressors[] = {
	[QCOW2_COMPRESSION_ZLIB] = { zlib_workspace, zlib_run },
	[QCOW2_COMPRESSION_ZSTD] = { zstd_workspace, zstd_run },
};

bool qcow_decompress_known(u8 type)
{
	return type < ARRAY_SIZE(decompressors);
}

/*
 * A descriptor can name up to two clusters of bytes; the alignment of I/O comes
 * on top.  The buffer has to be page-aligned for direct I/O, and it is, being
 * larger than the slab's largest size.
 */
static size_t input_size(u32 cluster_size)
{
	return round_up(2 * cluster_size, PAGE_SIZE) + 2 * PAGE_SIZE;
}

struct qcow_decompressor *qcow_decompressor_alloc(u8 type, u32 cluster_size)
{
	struct qcow_decompressor *d;

	if (!qcow_decompress_known(type))
		return NULL;
	d = kzalloc(sizeof(*d), GFP_NOIO);
	if (!d)
		return NULL;
	d->ops = &decompressors[type];
	d->in_size = input_size(cluster_size);
	d->workspace_size = d->ops->workspace(cluster_size);
	d->in = kvmalloc(d->in_size, GFP_NOIO | __GFP_NOWARN);
	d->workspace = kvmalloc(d->workspace_size, GFP_NOIO | __GFP_NOWARN);
	if (!d->in || !d->workspace) {
		qcow_decompressor_free(d);
		return NULL;
	}
	return d;
}

void qcow_decompressor_free(struct qcow_decompressor *d)
{
	kvfree(d->workspace);
	kvfree(d->in);
	kfree(d);
}

int qcow_decompress(struct qcow_decompressor *d, const void *src, size_t src_len,
		    void *dst, size_t want, bool whole)
{
	return d->ops->run(d, src, src_len, dst, want, whole);
}
