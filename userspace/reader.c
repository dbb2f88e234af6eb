// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "error.h"
#include "reader.h"

/* Raw deflate, with the window that the format prescribes. */
enum { WINDOW_BITS = -12 };

/**
 * struct reader - the working memory of one thread
 * @stream:	compressed bytes, @stream_room of them
 * @cluster:	a whole cluster, where a part of it is wanted
 * @zlib:	if @has_zlib
 */
struct reader {
	u8 *stream;
	size_t stream_room;
	u8 *cluster;
	size_t cluster_room;
	z_stream zlib;
	bool has_zlib;
	ZSTD_DCtx *zstd;
};

struct reader *reader_new(void)
{
	return xcalloc(1, sizeof(struct reader));
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	if (r->has_zlib)
		inflateEnd(&r->zlib);
	ZSTD_freeDCtx(r->zstd);
	free(r->stream);
	free(r->cluster);
	free(r);
}

static void need(u8 **buf, size_t *room, size_t size)
{
	if (size <= *room)
		return;
	*buf = xrealloc(*buf, size, 1);
	*room = size;
}

/* All of it has come out, however the stream ends. */
static bool inflate_zlib(struct reader *r, size_t in, void *out, size_t size)
{
	if (!r->has_zlib && inflateInit2(&r->zlib, WINDOW_BITS) != Z_OK)
		out_of_memory();
	r->has_zlib = true;
	inflateReset(&r->zlib);
	r->zlib.next_in = r->stream;
	r->zlib.avail_in = in;
	r->zlib.next_out = out;
	r->zlib.avail_out = size;
	inflate(&r->zlib, Z_FINISH);
	return !r->zlib.avail_out;
}

/* Frame after frame; the last one has to be whole. */
static bool inflate_zstd(struct reader *r, size_t in, void *out, size_t size)
{
	ZSTD_inBuffer from = { r->stream, in, 0 };
	ZSTD_outBuffer to = { out, size, 0 };
	size_t read, written, left = 0;

	if (!r->zstd)
		r->zstd = ZSTD_createDCtx();
	if (!r->zstd)
		out_of_memory();
	ZSTD_DCtx_reset(r->zstd, ZSTD_reset_session_only);
	while (to.pos < to.size) {
		read = from.pos;
		written = to.pos;
		left = ZSTD_decompressStream(r->zstd, &to, &from);
		if (ZSTD_isError(left) ||
		    (read == from.pos && written == to.pos))
			return false;
	}
	return !left;
}

static int inflate_cluster(struct reader *r, const struct extent *e, void *out)
{
	size_t size = 1UL << e->geo->cluster_bits;
	size_t in = e->stream.length;
	bool done;
	int ret;

	need(&r->stream, &r->stream_room, in);
	ret = file_read(e->file, r->stream, in, e->stream.host_offset);
	if (ret)
		return ret;
	if (e->geo->compression_type == QCOW2_COMPRESSION_ZSTD)
		done = inflate_zstd(r, in, out, size);
	else
		done = inflate_zlib(r, in, out, size);
	if (done)
		return 0;
	return fail(EXIT_IMAGE,
		    "%s: corrupt compressed cluster: guest 0x%llx: its %zu bytes at 0x%llx do not inflate",
		    e->file->path, e->start & ~(u64)(size - 1), in,
		    e->stream.host_offset);
}

static int read_compressed(struct reader *r, const struct extent *e, void *buf)
{
	size_t size = 1UL << e->geo->cluster_bits;
	int ret;

	if (e->length == size)
		return inflate_cluster(r, e, buf);
	need(&r->cluster, &r->cluster_room, size);
	ret = inflate_cluster(r, e, r->cluster);
	memcpy(buf, r->cluster + (e->start & (size - 1)), e->length);
	return ret;
}

int reader_read(struct reader *r, const struct extent *e, void *buf)
{
	if (e->compressed)
		return read_compressed(r, e, buf);
	if (e->data && e->has_offset)
		return file_read(e->file, buf, e->length, e->offset);
	if (e->data)
		return fail(EXIT_IMAGE, "%s: its data cannot be read: is it encrypted?",
			    e->file->path);
	memset(buf, 0, e->length);
	return 0;
}
