// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/snapshot.h"
#include "report.h"
#include "sector.h"
#include "verdict.h"

void verdict_init(struct verdict *v, const char *path)
{
	if (!image_parse(&v->image))
		errx(1, "%s: no qcow2 image", path);
	v->first = v->image.header;
	v->image.initial = span_load(path);
	qcow2_geometry_init(&v->image.geo, &v->first);
	metadata_init(&v->worlds[0].metadata);
	metadata_init(&v->worlds[1].metadata);
}

void verdict_active(struct verdict *v, const char *path, const char *versions,
		    u64 largest)
{
	struct world *w = verdict_world(v);
	struct span content = span_load(path);

	if (content.size != v->first.size)
		errx(1, "%s: not of the disk's size", path);
	view_init(&w->active, &v->image, content, &w->oracle);
	oracle_init(&w->oracle, content.data, content.size / SECTOR_SIZE,
		    (largest ?: content.size) / SECTOR_SIZE, versions);
}

/* --- The snapshot table of the state --- */

/* The entry at @at.  Return: is there one? */
static bool parse_entry(const struct verdict *v, u64 at,
			struct qcow2_snapshot *s)
{
	const struct medium *m = &v->image.medium[0];
	const u8 *table = medium_at(m, at, 0);
	struct qcow_fault fault;

	return table && !qcow2_snapshot_parse(&v->image.header, table,
					      m->capacity - at, at, s, &fault);
}

void verdict_snapshot(struct verdict *v, const char *path)
{
	struct world *w = verdict_world(v);
	u64 at = v->first.snapshots_offset;
	struct qcow2_snapshot s = { 0 };
	char id[24], name[256];
	unsigned int i;

	for (i = 0; i <= w->nr_snapshots; i++, at += s.entry_len)
		if (i >= v->first.nb_snapshots || !parse_entry(v, at, &s))
			errx(1, "%s: one snapshot too many", path);
	snprintf(id, sizeof(id), "%.*s", s.id_len, s.id);
	snprintf(name, sizeof(name), "%.*s", s.name_len, s.name);
	world_add(w, &v->image, id, name, span_load(path));
}

void verdict_risen(void *ctx, u64 sector)
{
	struct verdict *v = ctx;

	view_look_again(&verdict_world(v)->active, sector * SECTOR_SIZE >>
			v->image.geo.cluster_bits);
}

/* Nothing changes these but what the world knows of. */
static bool same_disk(const struct verdict *v, const struct world *w)
{
	const struct qcow2_header *now = &v->image.header, *h = &v->first;

	if (now->size == w->active.content.size &&
	    now->cluster_bits == h->cluster_bits &&
	    now->version == h->version &&
	    now->refcount_order == h->refcount_order &&
	    now->nb_snapshots == w->nr_snapshots)
		return true;
	report_problem(PROMISE_METADATA, "the header is another disk's");
	return false;
}

static bool is_string(const char *string, const char *bytes, u16 len)
{
	return strlen(string) == len && !memcmp(string, bytes, len);
}

static bool is_entry_of(const struct qcow2_snapshot *s,
			const struct view *view)
{
	if (is_string(view->id, s->id, s->id_len) &&
	    is_string(view->name, s->name, s->name_len) &&
	    s->disk_size == view->content.size)
		return true;
	report_problem(PROMISE_SNAPSHOT, "%s: snapshot %.*s, %.*s, of %llu bytes is in its place",
		       view->name, s->id_len, s->id, s->name_len, s->name,
		       s->disk_size);
	return false;
}

static void check_snapshots(struct verdict *v, struct world *w)
{
	u64 at = v->image.header.snapshots_offset;
	struct qcow2_snapshot s;
	unsigned int i;

	for (i = 0; i < w->nr_snapshots; i++) {
		if (!parse_entry(v, at, &s))
			return report_problem(PROMISE_SNAPSHOT,
					      "the snapshot table is damaged");
		if (is_entry_of(&s, w->snapshots[i]))
			view_check(w->snapshots[i], &v->image,
				   s.l1_table_offset, s.l1_size);
		at += s.entry_len;
	}
}

static void check_disks(struct verdict *v, struct world *w)
{
	struct image *image = &v->image;

	if (!same_disk(v, w))
		return;
	view_check(&w->active, image, image->header.l1_table_offset,
		   image->header.l1_size);
	check_snapshots(v, w);
}

/* --- Changes --- */

/* Where all is that a change moves. */
static bool leads_to_the_same(const struct qcow2_header *a,
			      const struct qcow2_header *b)
{
	return a->size == b->size && a->l1_size == b->l1_size &&
	       a->l1_table_offset == b->l1_table_offset &&
	       a->refcount_table_offset == b->refcount_table_offset &&
	       a->refcount_table_clusters == b->refcount_table_clusters &&
	       a->nb_snapshots == b->nb_snapshots &&
	       a->snapshots_offset == b->snapshots_offset;
}

/* By the header, which is written at once. */
static struct world *world_of_state(struct verdict *v)
{
	if (!v->changing || leads_to_the_same(&v->image.header, &v->before))
		return verdict_world(v);
	if (v->possible)
		return &v->worlds[!v->now];
	report_problem(PROMISE_METADATA,
		       "the header has changed, by what was to be refused");
	return verdict_world(v);
}

void verdict_state(struct verdict *v)
{
	struct image *image = &v->image;
	bool parsed = image_parse(image);
	struct world *w = parsed ? world_of_state(v) : verdict_world(v);

	v->shown = w;
	metadata_check(&w->metadata, image);
	if (parsed)
		check_disks(v, w);
	medium_settle(&image->medium[0]);
	medium_settle(&image->medium[1]);
}

void verdict_remember(struct verdict *v)
{
	struct world *w = verdict_world(v);
	unsigned int i;

	view_remember(&w->active, &v->image);
	for (i = 0; i < w->nr_snapshots; i++)
		view_remember(w->snapshots[i], &v->image);
}

/* What the change finds is what the requests made, to the last of them. */
static void check_now(const struct world *w, const u8 *now)
{
	const char *objection;
	u64 s;

	for (s = 0; s < w->oracle.sectors; s++) {
		objection = oracle_objects_now(&w->oracle, s,
					       now + s * SECTOR_SIZE);
		if (objection)
			report_problem(PROMISE_CONTENT,
				       "at a change, sector %llu %s", s,
				       objection);
	}
}

void verdict_change(struct verdict *v, const struct record *change,
		    const char *name)
{
	struct world *w = verdict_world(v);
	struct image *image = &v->image;
	u8 *now = malloc(w->active.clusters << image->geo.cluster_bits);

	if (!now)
		err(1, "content");
	verdict_state(v);
	view_copy(&w->active, image, image->header.l1_table_offset,
		  image->header.l1_size, now);
	check_now(w, now);
	v->before = image->header;
	v->possible = world_next(w, &v->worlds[!v->now], image, now, change,
				 name);
	v->changing = true;
	free(now);
}

void verdict_changed(struct verdict *v, bool done)
{
	struct world *old = verdict_world(v), *new = &v->worlds[!v->now];

	v->changing = false;
	if (done && !v->possible)
		errx(1, "record: a change that was to be refused was made");
	if (!v->possible)
		return;
	if (!done) {
		world_leave(new, old);
		return;
	}
	v->now = !v->now;
	world_leave(old, new);
}
