// SPDX-License-Identifier: GPL-2.0
/*
 * The check of an image.
 *
 * First the refcounts are looked through for those that are 1: these decide
 * over the COPIED flags.  Then the references are counted.  L1 tables only
 * collect the L2 tables that they lead to, so that each L2 table is walked
 * once, for all that share it.  At last the counts meet the refcounts.
 */
#include <limits.h>

#include "format/refcount.h"
#include "lists.h"
#include "refcounts.h"
#include "tables.h"

static int load_header(struct walk *w)
{
	struct check *c = w->c;
	u64 size = w->src->size;
	struct qcow_fault fault;
	const void *raw;
	size_t len;
	int err;

	len = size < QCOW2_HEADER_MIN_READ ? size : QCOW2_HEADER_MIN_READ;
	err = walk_fetch(w, &c->head, 0, len, &raw);
	if (err)
		return err;
	err = qcow2_header_parse(raw, len, &c->header, &fault);
	if (err)
		return walk_refused(w, err, &fault);
	qcow2_geometry_init(&c->geo, &c->header);
	len = size < cluster_size(w) ? size : cluster_size(w);
	err = walk_fetch(w, &c->head, 0, len, &raw);
	if (err)
		return err;
	err = qcow2_extensions_parse(&c->header, raw, len, &c->ext, &fault);
	if (!err)
		err = qcow2_header_check_features(&c->header, &c->ext, &fault);
	return err ? walk_refused(w, err, &fault) : 0;
}

static int begin(struct walk *w)
{
	struct check *c = w->c;
	u64 cs = cluster_size(w);
	u64 clusters = (w->src->size >> cluster_bits(w)) +
		       !!(w->src->size & (cs - 1));
	u64 disk = c->header.size & ~511ULL;
	u64 incompatible = c->header.incompatible_features;

	w->r->dirty = incompatible & QCOW2_INCOMPAT_DIRTY;
	w->r->corrupt = incompatible & QCOW2_INCOMPAT_CORRUPT;
	w->r->total_clusters = (disk >> cluster_bits(w)) + !!(disk & (cs - 1));
	c->size = w->src->size;
	c->beyond = ~0ULL;
	c->nr_l2 = 0;
	if (clusters > INT_MAX) {
		walk_say(w, "the file has more than %d clusters", INT_MAX);
		return -EFBIG;
	}
	return census_begin(&c->census, clusters,
			    qcow2_refcount_max(c->header.refcount_order));
}

/* A bit that a tool of before has left behind; QEMU does not open that. */
static void see_features(struct walk *w)
{
	const struct check *c = w->c;
	u64 autoclear = c->header.autoclear_features;

	if (!(autoclear & QCOW2_AUTOCLEAR_DATA_FILE_RAW) ||
	    c->geo.external_data)
		return;
	w->r->raw_wrong++;
	walk_corrupt(w, 1, "header: autoclear_features (0x%llx): a raw external data file, but there is no such file",
		     autoclear);
}

static int count_all(struct walk *w)
{
	const struct check *c = w->c;
	int err;

	see_features(w);
	walk_count(w, "header", 0, cluster_size(w), CENSUS_METADATA, 1);
	err = tables_walk_l1(w, c->header.l1_table_offset, c->header.l1_size,
			     true);
	if (!err)
		err = lists_walk_snapshots(w) ?: tables_walk_l2(w);
	if (err)
		return err;
	if (c->ext.has_crypto)
		walk_count(w, "crypto header", c->ext.crypto_header_offset,
			   c->ext.crypto_header_length, CENSUS_METADATA, 1);
	err = lists_walk_bitmaps(w);
	if (!err)
		refcounts_walk(w);
	return err;
}

int check_image(struct check *c, const struct check_source *src,
		struct check_result *r, check_report report, void *ctx)
{
	struct walk w = {
		.c = c, .src = src, .r = r, .report = report, .ctx = ctx,
	};

	*r = (struct check_result){ .corruptions = 0 };
	return load_header(&w) ?: begin(&w) ?: refcounts_load(&w) ?:
	       refcounts_find_ones(&w) ?: count_all(&w) ?: refcounts_compare(&w);
}

void check_init(struct check *c)
{
	memset(c, 0, sizeof(*c));
}

void check_free(struct check *c)
{
	census_free(&c->census);
	buffer_free(&c->head);
	buffer_free(&c->raw);
	buffer_free(&c->table);
	buffer_free(&c->reftable_room);
	buffer_free(&c->ones);
	buffer_free(&c->l2_room);
	check_init(c);
}
