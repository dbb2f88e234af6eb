// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "error.h"
#include "snapshots.h"
#include "view.h"

#define NO_L2	(~0ULL)

/* What a layer says of a piece of its disk, before others are asked. */
struct status {
	enum qcow2_cluster_type type;
	u64 length;
	bool has_offset;
	u64 offset;
	struct qcow2_compressed stream;
};

static u64 least(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* The active disk's L1 table, or a snapshot's: where it is, and its size. */
static int find_l1(struct view *v, const char *snapshot, u64 *offset)
{
	const struct qcow2_header *h = &v->image->header;
	const struct qcow2_snapshot *s;
	struct snapshots all;
	int ret;

	*offset = h->l1_table_offset;
	v->l1_size = h->l1_size;
	if (!snapshot)
		return 0;
	ret = snapshots_load(v->image, &all);
	s = ret ? NULL : snapshots_find(&all, snapshot);
	if (s) {
		*offset = s->l1_table_offset;
		v->l1_size = s->l1_size;
		v->size = s->disk_size & ~511ULL;
	} else if (!ret) {
		ret = fail(EXIT_IMAGE, "%s has no snapshot \"%s\"",
			   v->image->file.path, snapshot);
	}
	snapshots_free(&all);
	return ret;
}

static int load_l1(struct view *v, u64 offset)
{
	int ret;

	v->l1 = xcalloc(v->l1_size, sizeof(u64));
	v->l2 = xcalloc(1, 1ULL << v->image->geo.cluster_bits);
	v->l2_index = NO_L2;
	ret = file_read(&v->image->file, v->l1, v->l1_size * sizeof(u64),
			offset);
	if (!ret)
		qcow2_be64_decode(v->l1, v->l1, v->l1_size);
	return ret;
}

static int check_supported(const struct image *img)
{
	struct qcow_fault fault;
	int ret;

	ret = qcow2_header_check_features(&img->header, &img->ext, &fault);
	return ret ? image_fault(img->file.path, ret, &fault) : 0;
}

int view_open(struct view *v, const struct layer *l, const char *snapshot)
{
	u64 offset;

	*v = (struct view){
		.image = &l->image, .size = l->image.size,
		.data = l->data.fd >= 0 ? &l->data : &l->image.file,
	};
	if (l->image.format == QCOW_FORMAT_RAW && snapshot)
		return fail(EXIT_IMAGE, "%s is raw: it has no snapshots",
			    l->image.file.path);
	if (l->image.format == QCOW_FORMAT_RAW)
		return 0;
	return check_supported(&l->image) ?:
	       find_l1(v, snapshot, &offset) ?: load_l1(v, offset);
}

void view_close(struct view *v)
{
	free(v->l1);
	free(v->l2);
	v->l1 = v->l2 = NULL;
}

/*
 * Holes of a raw file read as zeros; who cannot tell has none.  A file system
 * may look at each page of a run to find its end, so it is asked once a run.
 */
static void find_run(struct view *v, u64 at)
{
	u64 end = v->image->offset + v->size;
	off_t data, hole;

	v->run_start = at;
	v->run_end = end;
	data = lseek(v->data->fd, at, SEEK_DATA);
	v->run_data = data == at || (data < 0 && errno != ENXIO);
	if (data < 0)
		return;
	if (data != at) {
		v->run_end = least(data, end);
		return;
	}
	/* The padding of the last sector belongs to what is before it. */
	hole = lseek(v->data->fd, at, SEEK_HOLE);
	if (hole > at && hole < v->data->length)
		v->run_end = least(hole, end);
}

static void raw_status(struct view *v, u64 offset, struct status *st)
{
	u64 at = v->image->offset + offset;

	if (at < v->run_start || at >= v->run_end)
		find_run(v, at);
	*st = (struct status){
		.type = v->run_data ? QCOW2_CLUSTER_NORMAL :
				      QCOW2_CLUSTER_ZERO_ALLOC,
		.length = v->run_end - at, .has_offset = true, .offset = at,
	};
}

static int load_l2(struct view *v, u64 index)
{
	const struct qcow2_geometry *geo = &v->image->geo;
	u64 cluster_size = 1ULL << geo->cluster_bits;
	const char *path = v->image->file.path;
	struct qcow_fault fault;
	int ret;

	if (v->l2_index == index)
		return 0;
	ret = qcow2_l1_entry_check(geo, index, v->l1[index], &fault);
	if (ret)
		return image_fault(path, ret, &fault);
	v->l2_index = NO_L2;
	ret = file_read(&v->image->file, v->l2, cluster_size,
			v->l1[index] & QCOW2_L1E_OFFSET_MASK);
	if (ret)
		return ret;
	qcow2_be64_decode(v->l2, v->l2, cluster_size / sizeof(u64));
	v->l2_index = index;
	return 0;
}

static struct qcow2_l2_entry l2_entry(const struct view *v, u64 index)
{
	if (v->image->geo.extended_l2)
		return (struct qcow2_l2_entry){
			v->l2[2 * index], v->l2[2 * index + 1]
		};
	return (struct qcow2_l2_entry){ v->l2[index], 0 };
}

/* Encrypted clusters, and compressed ones, are not to be had by their place. */
static void set_offset(const struct view *v, u64 entry, u64 within,
		       struct status *st)
{
	bool placed = entry & QCOW2_L2E_OFFSET_MASK ||
		      st->type == QCOW2_CLUSTER_NORMAL;

	if (!placed || st->type == QCOW2_CLUSTER_COMPRESSED ||
	    v->image->header.crypt_method)
		return;
	st->has_offset = true;
	st->offset = (entry & QCOW2_L2E_OFFSET_MASK) + within;
}

/* From @offset to the end of the cluster, or of a run of subclusters. */
static void entry_status(const struct view *v, u64 offset,
			 const struct qcow2_l2_entry *e, struct status *st)
{
	const struct qcow2_geometry *geo = &v->image->geo;
	u64 within = offset & ((1ULL << geo->cluster_bits) - 1);
	unsigned int sc, run;

	*st = (struct status){ .type = qcow2_cluster_type(geo, e->entry) };
	st->length = (1ULL << geo->cluster_bits) - within;
	if (geo->extended_l2) {
		sc = within >> geo->subcluster_bits;
		run = qcow2_subcluster_run(st->type, e->bitmap, sc);
		st->length = ((u64)(sc + run) << geo->subcluster_bits) - within;
		st->type = qcow2_subcluster_type(st->type, e->bitmap, sc);
	}
	if (st->type == QCOW2_CLUSTER_COMPRESSED)
		qcow2_compressed_decode(geo, e->entry, &st->stream);
	set_offset(v, e->entry, within, st);
}

static int cluster_status(struct view *v, u64 offset, struct status *st)
{
	const struct qcow2_geometry *geo = &v->image->geo;
	u64 cluster = offset >> geo->cluster_bits;
	u64 entries = 1ULL << geo->l2_bits;
	struct qcow2_l2_entry e;
	struct qcow_fault fault;
	int ret;

	ret = load_l2(v, cluster >> geo->l2_bits);
	if (ret)
		return ret;
	e = l2_entry(v, cluster & (entries - 1));
	ret = qcow2_l2_entry_check(geo, cluster << geo->cluster_bits, &e,
				   &fault);
	if (ret)
		return image_fault(v->image->file.path, ret, &fault);
	entry_status(v, offset, &e, st);
	return 0;
}

/* What an L2 table covers, where there is none; or beyond a short L1. */
static void no_table_status(const struct view *v, u64 offset,
			    struct status *st)
{
	unsigned int bits = v->image->geo.cluster_bits + v->image->geo.l2_bits;

	*st = (struct status){ .type = QCOW2_CLUSTER_UNALLOCATED };
	st->length = (1ULL << bits) - (offset & ((1ULL << bits) - 1));
}

static int view_status(struct view *v, u64 offset, struct status *st)
{
	u64 index;
	int ret = 0;

	if (!v->l1) {
		raw_status(v, offset, st);
		return 0;
	}
	index = offset >> v->image->geo.cluster_bits >> v->image->geo.l2_bits;
	if (index < v->l1_size && v->l1[index] & QCOW2_L1E_OFFSET_MASK)
		ret = cluster_status(v, offset, st);
	else
		no_table_status(v, offset, st);
	st->length = least(st->length, v->size - offset);
	return ret;
}

static void describe(const struct view *v, const struct status *st,
		     struct extent *e)
{
	e->present = st->type != QCOW2_CLUSTER_UNALLOCATED;
	e->data = st->type == QCOW2_CLUSTER_NORMAL ||
		  st->type == QCOW2_CLUSTER_COMPRESSED;
	e->zero = !e->data;
	e->compressed = st->type == QCOW2_CLUSTER_COMPRESSED;
	e->has_offset = st->has_offset;
	e->offset = st->offset;
	e->file = v->data;
	e->geo = v->l1 ? &v->image->geo : NULL;
	e->stream = st->stream;
}

/* Down the chain until a layer has something there, or the next is too short. */
int views_at(struct views *v, u64 offset, struct extent *e)
{
	unsigned int depth;
	struct status st = { .length = 0 };
	int ret;

	*e = (struct extent){ .start = offset, .length = ~0ULL };
	for (depth = 0; depth < v->nr; depth++) {
		ret = view_status(&v->layers[depth], offset, &st);
		if (ret)
			return ret;
		e->length = least(e->length, st.length);
		e->depth = depth;
		describe(&v->layers[depth], &st, e);
		if (e->present || depth + 1 == v->nr ||
		    offset >= v->layers[depth + 1].size)
			break;
	}
	return 0;
}

bool extent_continues(const struct extent *a, const struct extent *b)
{
	return a->depth == b->depth && a->present == b->present &&
	       a->zero == b->zero && a->data == b->data &&
	       a->compressed == b->compressed &&
	       a->has_offset == b->has_offset &&
	       (!a->has_offset || a->offset + a->length == b->offset);
}

int views_each(struct views *v,
	       int (*see)(void *into, const struct extent *e), void *into)
{
	struct extent now = { .length = 0 }, next;
	u64 at, size = v->layers[0].size;
	int ret = 0;

	for (at = 0; !ret && at < size; at += next.length) {
		ret = views_at(v, at, &next);
		if (ret)
			return ret;
		if (now.length && extent_continues(&now, &next)) {
			now.length += next.length;
			continue;
		}
		if (now.length)
			ret = see(into, &now);
		now = next;
	}
	return ret || !now.length ? ret : see(into, &now);
}

int views_open(struct views *v, const struct chain *c, const char *snapshot)
{
	int ret = 0;

	for (v->nr = 0; !ret && v->nr < c->nr; v->nr++) {
		ret = view_open(&v->layers[v->nr], c->layers[v->nr], snapshot);
		snapshot = NULL;
	}
	return ret;
}

void views_close(struct views *v)
{
	while (v->nr)
		view_close(&v->layers[--v->nr]);
}
