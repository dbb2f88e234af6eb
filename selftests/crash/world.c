// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "sector.h"
#include "world.h"

static void *must_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		err(1, "%zu bytes", size);
	return p;
}

/* So much of it; zeros where it is shorter. */
static struct span copy_span(struct span from, u64 size)
{
	u8 *data = must_alloc(size);

	if (from.size)
		memcpy(data, from.data, size < from.size ? size : from.size);
	return (struct span){ data, size };
}

/* --- Snapshots --- */

static struct view *find(const struct world *w, const char *string, u64 len)
{
	unsigned int i;

	for (i = 0; i < w->nr_snapshots; i++)
		if (strlen(w->snapshots[i]->id) == len &&
		    !memcmp(w->snapshots[i]->id, string, len))
			return w->snapshots[i];
	for (i = 0; i < w->nr_snapshots; i++)
		if (strlen(w->snapshots[i]->name) == len &&
		    !memcmp(w->snapshots[i]->name, string, len))
			return w->snapshots[i];
	return NULL;
}

static void next_id(const struct world *w, struct view *view)
{
	unsigned long last = 0, id;
	unsigned int i;

	for (i = 0; i < w->nr_snapshots; i++) {
		id = strtoul(w->snapshots[i]->id, NULL, 10);
		last = id > last ? id : last;
	}
	snprintf(view->id, sizeof(view->id), "%lu", last + 1);
}

void world_add(struct world *w, const struct image *image, const char *id,
	       const char *name, struct span content)
{
	struct view *view = must_alloc(sizeof(*view));

	if (w->nr_snapshots == MAX_SNAPSHOTS)
		errx(1, "%s: one snapshot too many", name);
	view->name = strdup(name);
	if (id)
		snprintf(view->id, sizeof(view->id), "%s", id);
	else
		next_id(w, view);
	view_init(view, image, content, NULL);
	view->owned = !id;
	w->snapshots[w->nr_snapshots++] = view;
}

static void remove_snapshot(struct world *w, const struct view *view)
{
	unsigned int i = 0;

	while (w->snapshots[i] != view)
		i++;
	w->nr_snapshots--;
	for (; i < w->nr_snapshots; i++)
		w->snapshots[i] = w->snapshots[i + 1];
}

/* --- Changes --- */

static void set_active(const struct world *w, struct world *next,
		       const struct image *image, struct span content)
{
	oracle_next(&w->oracle, &next->oracle, content.data,
		    content.size / SECTOR_SIZE);
	memset(&next->active, 0, sizeof(next->active));
	view_init(&next->active, image, content, &next->oracle);
	next->active.owned = true;
}

static bool create(const struct world *w, struct world *next,
		   const struct image *image, struct span now,
		   const char *name, u64 len)
{
	char *string = strndup(name, len);

	if (find(w, name, len)) {
		free(string);
		return false;
	}
	world_add(next, image, NULL, string, copy_span(now, now.size));
	free(string);
	set_active(w, next, image, copy_span(now, now.size));
	return true;
}

bool world_next(const struct world *w, struct world *next,
		const struct image *image, const u8 *now,
		const struct record *change, const char *name)
{
	struct span active = { now, w->active.content.size };
	struct view *named = find(w, name, change->len);
	u64 size = active.size;

	next->nr_snapshots = w->nr_snapshots;
	memcpy(next->snapshots, w->snapshots, sizeof(w->snapshots));
	metadata_forget(&next->metadata);
	if (change->arg == RECORD_CHANGE_CREATE)
		return create(w, next, image, active, name, change->len);
	if (change->arg == RECORD_CHANGE_RESIZE)
		size = change->pos;
	else if (change->arg == RECORD_CHANGE_EMPTY)
		active = image->backing;
	else if (!named)
		return false;
	else if (change->arg == RECORD_CHANGE_DELETE)
		remove_snapshot(next, named);
	else
		active = named->content;
	if (change->arg == RECORD_CHANGE_APPLY)
		size = active.size;
	set_active(w, next, image, copy_span(active, size));
	return true;
}

static bool has(const struct world *w, const struct view *view)
{
	unsigned int i;

	for (i = 0; i < w->nr_snapshots; i++)
		if (w->snapshots[i] == view)
			return true;
	return false;
}

static void free_snapshot(struct view *view)
{
	view_free(view);
	if (view->owned)
		free((u8 *)view->content.data);
	free(view->name);
	free(view);
}

static void free_active(struct world *w)
{
	view_free(&w->active);
	oracle_free(&w->oracle);
	if (w->active.owned)
		free((u8 *)w->active.content.data);
}

void world_leave(struct world *w, const struct world *other)
{
	unsigned int i;

	free_active(w);
	for (i = 0; i < w->nr_snapshots; i++)
		if (!has(other, w->snapshots[i]))
			free_snapshot(w->snapshots[i]);
}
