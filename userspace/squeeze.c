// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "error.h"
#include "noise.h"
#include "squeeze.h"

/* Raw deflate; whoever reads it has no more than this window. */
enum { WINDOW_BITS = -12, MEMORY_LEVEL = 9 };

/* One of the two, for which the other is NULL or not used. */
struct squeeze {
	ZSTD_CCtx *zstd;
	z_stream zlib;
};

static void *need(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

struct squeeze *squeeze_new(u8 compression_type)
{
	struct squeeze *s = xcalloc(1, sizeof(*s));

	if (compression_type == QCOW2_COMPRESSION_ZSTD)
		s->zstd = need(ZSTD_createCCtx());
	else if (deflateInit2(&s->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
			      WINDOW_BITS, MEMORY_LEVEL,
			      Z_DEFAULT_STRATEGY) != Z_OK)
		need(NULL);
	return s;
}

void squeeze_free(struct squeeze *s)
{
	if (!s)
		return;
	if (s->zstd)
		ZSTD_freeCCtx(s->zstd);
	else
		deflateEnd(&s->zlib);
	free(s);
}

static size_t squeeze_zlib(struct squeeze *s, const void *in, size_t size,
			   void *out)
{
	deflateReset(&s->zlib);
	s->zlib.next_in = (void *)in;
	s->zlib.avail_in = size;
	s->zlib.next_out = out;
	s->zlib.avail_out = size - 1;
	if (deflate(&s->zlib, Z_FINISH) != Z_STREAM_END)
		return 0;
	return size - 1 - s->zlib.avail_out;
}

size_t squeeze_cluster(struct squeeze *s, const void *in, size_t size,
		       void *out)
{
	size_t n;

	if (noise_is(in, size))
		return 0;
	if (!s->zstd)
		return squeeze_zlib(s, in, size, out);
	n = ZSTD_compress2(s->zstd, out, size - 1, in, size);
	return ZSTD_isError(n) ? 0 : n;
}
