// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/snapshot.h"
#include "pair.h"
#include "report.h"
#include "sector.h"

static void *must_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		err(1, "%zu bytes", size);
	return p;
}

/* --- Loading --- */

/* Zeros where it is shorter: what a longer disk shows at first. */
static struct span padded(struct span from, u64 size)
{
	u8 *data = must_alloc(size);

	memcpy(data, from.data, from.size < size ? from.size : size);
	return (struct span){ data, size };
}

static unsigned int unit_bits(const char *path)
{
	struct span span = span_load(path);
	struct qcow2_header header;
	struct qcow_fault fault;

	if (qcow2_header_parse(span.data, span.size, &header, &fault))
		return 12;
	return header.cluster_bits < 12 ? header.cluster_bits : 12;
}

static void load_media(struct pair *p, const char *image, const char *base,
		       const u64 *reach)
{
	const char *const paths[PAIR_MEDIA] = {
		[PAIR_IMAGE] = image,
		[PAIR_BASE] = p->has_base ? base : NULL,
	};
	int i;

	for (i = 0; i < PAIR_MEDIA; i++)
		medium_load(&p->media[i], paths[i] ?: "/dev/null",
			    paths[i] ? reach[i] : 0,
			    paths[i] ? unit_bits(paths[i]) : 12);
}

/* @size: another that its disk may have */
static void load_side(struct side *s, struct medium *media, const char *path,
		      struct span content, u64 size)
{
	struct image *image = &s->image;

	image->medium = media;
	if (!image_parse(image) || image->header.size != content.size)
		errx(1, "%s: no qcow2 image of such a disk", path);
	qcow2_geometry_init(&image->geo, &image->header);
	image->initial = span_load(path);
	metadata_init(&s->metadata);
	view_init(&s->views[0], image, content, NULL);
	view_init(&s->views[1], image, padded(content, size), NULL);
	size = size > content.size ? size : content.size;
	s->shown = must_alloc(size + (1ULL << image->geo.cluster_bits));
}

static void load_snapshot(struct side *s, const char *path)
{
	s->snapshot.name = "snapshot";
	view_init(&s->snapshot, &s->image, span_load(path), NULL);
}

static char *backing_name(const struct image *image)
{
	const struct medium *m = &image->medium[0];
	struct qcow2_extensions ext;
	struct qcow_fault fault;

	if (qcow2_extensions_parse(&image->header, m->state, m->state_size,
				   &ext, &fault))
		return NULL;
	return strndup(ext.backing_file ?: "", ext.backing_file_len);
}

void pair_load(struct pair *p, const char *image, const char *base,
	       const u64 *reach, const char *snapshot)
{
	load_media(p, image, base, reach);
	load_side(&p->top, &p->media[PAIR_IMAGE], image, p->content,
		  p->content.size);
	p->name = backing_name(&p->top.image);
	if (!p->has_base || p->raw)
		return;
	load_side(&p->base, &p->media[PAIR_BASE], base, p->under,
		  p->content.size);
	if (snapshot)
		load_snapshot(&p->base, snapshot);
}

/* --- Judging --- */

/* Zeros behind the end of a disk that is shorter. */
static void compare(struct span got, struct span want, const char *who)
{
	const u8 *at, *end = want.data + want.size;
	static const u8 zeros[SECTOR_SIZE];
	u64 pos;

	for (at = want.data; at < end; at += SECTOR_SIZE) {
		pos = at - want.data;
		if (memcmp(at, pos < got.size ? got.data + pos : zeros,
			   SECTOR_SIZE))
			return report_problem(PROMISE_CONTENT,
					      "%s: guest offset %#llx reads differently",
					      who, pos);
	}
}

static void check_snapshot(struct side *s)
{
	const struct qcow2_header *h = &s->image.header;
	const struct medium *m = &s->image.medium[0];
	struct view *view = &s->snapshot;
	struct qcow2_snapshot entry;
	struct qcow_fault fault;

	if (!h->nb_snapshots || !medium_at(m, h->snapshots_offset, 0) ||
	    qcow2_snapshot_parse(h, m->state + h->snapshots_offset,
				 m->capacity - h->snapshots_offset,
				 h->snapshots_offset, &entry, &fault))
		return report_problem(PROMISE_SNAPSHOT,
				      "the snapshot is gone");
	view_check(view, &s->image, entry.l1_table_offset, entry.l1_size);
}

static struct view *view_of(struct side *s)
{
	u64 size = s->image.header.size;
	int i;

	for (i = 0; i < 2; i++)
		if (s->views[i].content.size == size)
			return &s->views[i];
	return NULL;
}

/* What it shows over this, if that can be told at all. */
static bool shows(struct side *s, struct span under, struct span *now)
{
	const struct qcow2_header *h = &s->image.header;
	u64 before = report.problems[PROMISE_CONTENT];
	struct view *view = view_of(s);

	if (!view) {
		report_problem(PROMISE_METADATA, "a disk of %llu bytes",
			       h->size);
		return false;
	}
	s->image.backing = under;
	view_copy(view, &s->image, h->l1_table_offset, h->l1_size, s->shown);
	*now = (struct span){ s->shown, h->size };
	return report.problems[PROMISE_CONTENT] == before;
}

static bool base_shows(struct pair *p, struct span *now)
{
	struct side *s = &p->base;

	if (p->raw) {
		*now = (struct span){ p->media[PAIR_BASE].state,
				      p->media[PAIR_BASE].state_size };
		return true;
	}
	if (!image_parse(&s->image))
		return false;
	metadata_check(&s->metadata, &s->image);
	if (s->snapshot.name)
		check_snapshot(s);
	return shows(s, (struct span){ 0 }, now);
}

static void image_over(struct pair *p, struct span under, const char *who)
{
	struct span now;

	if (shows(&p->top, under, &now))
		compare(now, p->content, who);
}

static void judge_commit(struct pair *p)
{
	struct span base;

	if (!base_shows(p, &base))
		return;
	image_over(p, base, "the image");
	if (p->done)
		compare(base, p->content, "the backing file, in the end");
}

/* Either file may back it from the moment that its name may change. */
static void judge_rebase(struct pair *p)
{
	char *name = backing_name(&p->top.image);

	if (!name)
		report_problem(PROMISE_METADATA, "no name of a backing file");
	else if (!strcmp(name, p->next_name))
		image_over(p, p->next, "the image, over the next file");
	else if (strcmp(name, p->name))
		report_problem(PROMISE_METADATA, "backed by \"%s\"", name);
	else if (p->done)
		report_problem(PROMISE_CONTENT, "it still has the old name");
	else
		image_over(p, p->under, "the image");
	free(name);
}

void pair_judge(struct pair *p)
{
	int i;

	if (image_parse(&p->top.image)) {
		metadata_check(&p->top.metadata, &p->top.image);
		if (p->has_base)
			judge_commit(p);
		else
			judge_rebase(p);
	}
	for (i = 0; i < PAIR_MEDIA; i++)
		medium_settle(&p->media[i]);
}

u64 pair_leaks(const struct pair *p)
{
	u64 leaks = p->top.metadata.result.leaks;

	return p->has_base && !p->raw ?
		leaks + p->base.metadata.result.leaks : leaks;
}

/* --- For others to look at --- */

static void save(const struct medium *m, const char *folder, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		err(1, "path");
	medium_save(m, path);
	free(path);
}

void pair_save(const struct pair *p, const char *folder)
{
	save(&p->media[PAIR_IMAGE], folder, "image.qcow2");
	if (p->has_base)
		save(&p->media[PAIR_BASE], folder, p->name);
}
