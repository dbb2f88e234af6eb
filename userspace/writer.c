// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "format/compose.h"
#include "format/refcount.h"
#include "image.h"
#include "writer.h"

/* A compressed cluster takes one more reference of each cluster it touches. */
#define MAX_REFS	0xffffU

static u64 cluster_size(const struct writer *w)
{
	return 1ULL << w->geo.cluster_bits;
}

static u64 clusters_of(const struct writer *w, u64 bytes)
{
	return (bytes + cluster_size(w) - 1) >> w->geo.cluster_bits;
}

/* --- Clusters --- */

static u64 refs_limit(const struct writer *w)
{
	u64 max = qcow2_refcount_max(w->geo.refcount_order);

	return max < MAX_REFS ? max : MAX_REFS;
}

static void need_refs(struct writer *w, u64 nr)
{
	if (nr > w->room) {
		w->room = nr + nr / 2 + 1024;
		w->refs = xrealloc(w->refs, w->room, sizeof(*w->refs));
	}
	memset(w->refs + w->nr_refs, 0, (nr - w->nr_refs) * sizeof(*w->refs));
	w->nr_refs = nr;
}

/* @nr clusters at the end of the file, not counted yet. */
static int take_clusters(struct writer *w, u64 nr, u64 *offset)
{
	u64 length = nr << w->geo.cluster_bits;

	*offset = w->end;
	if (w->end + length >= QCOW2_MAX_HOST_OFFSET)
		return fail(EXIT_IMAGE, "%s: the image would become too large",
			    w->image->file.path);
	w->end += length;
	need_refs(w, w->end >> w->geo.cluster_bits);
	return 0;
}

static void count(struct writer *w, u64 offset, u64 length)
{
	u64 first = offset >> w->geo.cluster_bits;
	u64 last = (offset + length - 1) >> w->geo.cluster_bits;

	for (; first <= last; first++)
		w->refs[first]++;
}

static int allocate(struct writer *w, u64 nr, u64 *offset)
{
	int ret = take_clusters(w, nr, offset);

	if (!ret && nr)
		count(w, *offset, nr << w->geo.cluster_bits);
	return ret;
}

/* --- Tables --- */

static int write_words(struct writer *w, u64 *words, size_t n, u64 offset)
{
	qcow2_be64_encode(words, words, n);
	return fresh_write(w->image, words, n * sizeof(u64), offset);
}

static int finish_l2(struct writer *w)
{
	u64 offset;
	int ret;

	if (!w->l2_used)
		return 0;
	ret = allocate(w, 1, &offset) ?:
	      write_words(w, w->l2, cluster_size(w) / sizeof(u64), offset);
	w->l1[w->l2_index] = offset | QCOW2_OFLAG_COPIED;
	memset(w->l2, 0, cluster_size(w));
	w->l2_used = false;
	return ret;
}

static int set_entry(struct writer *w, u64 guest, u64 entry, u64 bitmap)
{
	u64 cluster = guest >> w->geo.cluster_bits;
	u64 table = cluster >> w->geo.l2_bits;
	u64 index = cluster & ((1ULL << w->geo.l2_bits) - 1);
	int ret = 0;

	if (table != w->l2_index)
		ret = finish_l2(w);
	w->l2_index = table;
	w->l2_used = true;
	if (w->geo.extended_l2) {
		w->l2[2 * index] = entry;
		w->l2[2 * index + 1] = bitmap;
	} else {
		w->l2[index] = entry;
	}
	return ret;
}

/* --- What a guest cluster becomes --- */

int writer_place(struct writer *w, u64 guest, u64 bitmap, u64 *host)
{
	int ret = 0;

	if (w->geo.external_data)
		*host = guest;
	else
		ret = allocate(w, 1, host);
	return ret ?: set_entry(w, guest, *host | QCOW2_OFLAG_COPIED, bitmap);
}

/* Not where a refcount in the way could not become one more. */
static bool fits_stream(const struct writer *w, u64 length)
{
	u64 cluster = w->stream >> w->geo.cluster_bits;

	if (w->stream == w->stream_end ||
	    w->refs[cluster] >= refs_limit(w))
		return false;
	return length <= w->stream_end - w->stream ||
	       w->stream_end == w->end;
}

/*
 * Streams go one behind the other.  One that does not end within its cluster
 * goes on in the next, if that is still the end of the file.
 */
int writer_place_stream(struct writer *w, u64 guest, u64 length, u64 *host)
{
	u64 more = 0, fresh = 0;
	int ret = 0;

	if (!fits_stream(w, length))
		w->stream = w->stream_end = w->end;
	if (length > w->stream_end - w->stream)
		more = clusters_of(w, length - (w->stream_end - w->stream));
	if (more)
		ret = take_clusters(w, more, &fresh);
	if (ret)
		return ret;
	*host = w->stream;
	count(w, *host, length);
	w->stream += length;
	if (more)
		w->stream_end = w->end;
	return set_entry(w, guest,
			 qcow2_compressed_encode(&w->geo, *host, length), 0);
}

int writer_place_zero(struct writer *w, u64 guest)
{
	if (!w->zero_flag)
		return 0;
	if (w->geo.extended_l2)
		return set_entry(w, guest, 0, GENMASK_ULL(63, 32));
	return set_entry(w, guest, QCOW2_OFLAG_ZERO, 0);
}

/* --- Beginning and end --- */

/* A device may have another image's header: it leads nowhere any more. */
static int erase_header(struct writer *w)
{
	if (!w->image->in_place)
		return 0;
	return fresh_fill(w->image, 0, cluster_size(w)) ?:
	       fresh_sync(w->image);
}

int writer_open(struct writer *w, const struct newimage *n,
		struct fresh *image)
{
	u64 header;
	int ret;

	*w = (struct writer){
		.image = image, .h = newimage_header(n),
		.ext = newimage_extensions(n), .zero_flag = n->backing,
	};
	qcow2_geometry_init(&w->geo, &w->h);
	w->h.l1_size = qcow2_l1_entries(&w->geo, n->size);
	w->l1 = xcalloc(w->h.l1_size, sizeof(u64));
	w->l2 = xcalloc(1, cluster_size(w));
	ret = erase_header(w) ?: allocate(w, 1, &header) ?:
	      allocate(w, clusters_of(w, w->h.l1_size * sizeof(u64)),
		       &w->h.l1_table_offset);
	w->stream = w->stream_end = w->end;
	return ret;
}

void writer_close(struct writer *w)
{
	free(w->l1);
	free(w->l2);
	free(w->refs);
}

/* Refcounts count their own blocks and table too: repeat until it is enough. */
static u64 refcount_clusters(const struct writer *w, u64 *blocks)
{
	unsigned int bits = qcow2_refcount_block_bits(&w->geo);
	u64 others = w->end >> w->geo.cluster_bits;
	u64 own = 0, need;

	for (;;) {
		*blocks = (others + own + (1ULL << bits) - 1) >> bits;
		need = *blocks + clusters_of(w, *blocks * sizeof(u64));
		if (need <= own)
			return own;
		own = need;
	}
}

static int write_block(struct writer *w, void *block, u64 index, u64 offset)
{
	unsigned int bits = qcow2_refcount_block_bits(&w->geo);
	u64 first = index << bits, i;

	memset(block, 0, cluster_size(w));
	for (i = 0; i < 1ULL << bits && first + i < w->nr_refs; i++)
		qcow2_refcount_set(block, w->geo.refcount_order, i,
				   w->refs[first + i]);
	return fresh_write(w->image, block, cluster_size(w), offset);
}

static int write_blocks(struct writer *w, u64 *table, u64 blocks, u64 offset)
{
	void *block = xcalloc(1, cluster_size(w));
	int ret = 0;
	u64 i;

	for (i = 0; !ret && i < blocks; i++) {
		table[i] = offset + (i << w->geo.cluster_bits);
		ret = write_block(w, block, i, table[i]);
	}
	free(block);
	return ret;
}

static int write_refcounts(struct writer *w)
{
	u64 blocks, own = refcount_clusters(w, &blocks);
	u64 bytes = (own - blocks) << w->geo.cluster_bits;
	u64 *table, offset;
	int ret;

	if (bytes > QCOW2_MAX_REFTABLE_SIZE)
		return fail(EXIT_IMAGE,
			    "%s: the refcount table would exceed 8 MiB: choose a larger cluster_size",
			    w->image->file.path);
	ret = allocate(w, own, &offset);
	if (ret)
		return ret;
	w->h.refcount_table_offset = offset + (blocks << w->geo.cluster_bits);
	w->h.refcount_table_clusters = own - blocks;
	table = xcalloc(1, bytes);
	ret = write_blocks(w, table, blocks, offset) ?:
	      write_words(w, table, bytes / sizeof(u64),
			  w->h.refcount_table_offset);
	free(table);
	return ret;
}

static int write_header(struct writer *w)
{
	void *head = xcalloc(1, cluster_size(w));
	int ret;

	if (qcow2_head_compose(&w->h, &w->ext, head, cluster_size(w)))
		ret = fail(EXIT_USAGE,
			   "%s: the names of its files do not fit into a cluster of %llu bytes",
			   w->image->file.path, cluster_size(w));
	else
		ret = fresh_write(w->image, head, cluster_size(w), 0);
	free(head);
	return ret;
}

int writer_finish(struct writer *w)
{
	int ret;

	ret = finish_l2(w) ?:
	      write_words(w, w->l1, w->h.l1_size, w->h.l1_table_offset) ?:
	      write_refcounts(w) ?: fresh_resize(w->image, w->end);
	if (!ret && w->image->in_place)
		ret = fresh_sync(w->image);
	return ret ?: write_header(w);
}
