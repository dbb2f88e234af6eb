// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/snapshot.h"
#include "report.h"
#include "sector.h"
#include "verdict.h"

static bool parse_header(struct image *image)
{
	struct medium *m = &image->medium[0];
	struct qcow_fault fault;

	if (!qcow2_header_parse(m->state, m->state_size, &image->header,
				&fault))
		return true;
	report_problem(PROMISE_METADATA, "%s: %s", fault.structure,
		       fault.problem);
	return false;
}

void verdict_init(struct verdict *v, const char *path)
{
	if (!parse_header(&v->image))
		errx(1, "%s: no qcow2 image", path);
	v->first = v->image.header;
	v->image.initial = span_load(path);
	qcow2_geometry_init(&v->image.geo, &v->first);
	metadata_init(&v->metadata);
}

void verdict_active(struct verdict *v, const char *content,
		    const char *versions)
{
	view_init(&v->active, &v->image, NULL, content, &v->oracle);
	if (v->active.content.size != v->first.size)
		errx(1, "%s: not of the disk's size", content);
	oracle_init(&v->oracle, v->active.content.data,
		    v->first.size / SECTOR_SIZE, versions);
}

void verdict_snapshot(struct verdict *v, const char *content)
{
	char *name;

	if (v->nr_snapshots == MAX_SNAPSHOTS ||
	    asprintf(&name, "snapshot %u", v->nr_snapshots + 1) < 0)
		errx(1, "%s: one snapshot too many", content);
	view_init(&v->snapshots[v->nr_snapshots++], &v->image, name, content,
		  NULL);
}

void verdict_risen(void *ctx, u64 sector)
{
	struct verdict *v = ctx;
	u64 pos = sector * SECTOR_SIZE;

	v->active.again[pos >> v->image.geo.cluster_bits] = true;
}

/* The load changes none of these. */
static bool same_disk(const struct verdict *v)
{
	const struct qcow2_header *now = &v->image.header, *h = &v->first;

	if (now->size == h->size && now->cluster_bits == h->cluster_bits &&
	    now->version == h->version &&
	    now->refcount_order == h->refcount_order &&
	    now->nb_snapshots == v->nr_snapshots)
		return true;
	report_problem(PROMISE_METADATA, "the header is another disk's");
	return false;
}

static void check_snapshots(struct verdict *v)
{
	struct image *image = &v->image;
	u64 at = image->header.snapshots_offset;
	struct qcow2_snapshot s;
	struct qcow_fault fault;
	unsigned int i;
	const u8 *table;

	for (i = 0; i < v->nr_snapshots; i++) {
		table = medium_at(&image->medium[0], at, 0);
		if (!table || qcow2_snapshot_parse(&image->header, table,
				image->medium[0].capacity - at, at, &s,
				&fault))
			return report_problem(PROMISE_SNAPSHOT,
					      "the snapshot table is damaged");
		view_check(&v->snapshots[i], image, s.l1_table_offset,
			   s.l1_size);
		at += s.entry_len;
	}
}

static void check_disks(struct verdict *v)
{
	struct image *image = &v->image;

	if (!parse_header(image) || !same_disk(v))
		return;
	view_check(&v->active, image, image->header.l1_table_offset,
		   image->header.l1_size);
	check_snapshots(v);
}

void verdict_state(struct verdict *v)
{
	struct image *image = &v->image;

	metadata_check(&v->metadata, image);
	check_disks(v);
	medium_settle(&image->medium[0]);
	medium_settle(&image->medium[1]);
}
