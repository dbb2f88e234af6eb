// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <stdlib.h>

#include "format/refcount.h"
#include "format/snapshot.h"
#include "metadata.h"
#include "report.h"

void metadata_init(struct metadata *md)
{
	check_init(&md->check);
}

void metadata_forget(struct metadata *md)
{
	md->known = false;
}

/* --- The image as the library reads it --- */

static const void *map_state(void *ctx, u64 pos, size_t len)
{
	return medium_at(ctx, pos, len);
}

static int read_state(void *ctx, void *buf, size_t len, u64 pos)
{
	const struct medium *m = ctx;
	u64 have = pos < m->capacity ? m->capacity - pos : 0;

	have = have < len ? have : len;
	memset(buf, 0, len);
	if (have)
		memcpy(buf, m->state + pos, have);
	return 0;
}

static void say(void *ctx, const char *line)
{
	report_problem(PROMISE_METADATA, "%s", line);
}

/* --- What was read --- */

static void add(struct metadata *md, u64 pos, u64 len)
{
	if (md->count == md->room) {
		md->room = md->room * 2 + 64;
		md->read = realloc(md->read, md->room * sizeof(*md->read));
		if (!md->read)
			err(1, "ranges");
	}
	if (len)
		md->read[md->count++] = (struct range){ pos, len };
}

static void add_refcounts(struct metadata *md)
{
	const struct check *c = &md->check;
	u64 size = 1ULL << c->geo.cluster_bits, i, entry;

	add(md, c->header.refcount_table_offset,
	    c->header.refcount_table_clusters * size);
	for (i = 0; i < c->reftable_size; i++) {
		entry = c->reftable[i] & QCOW2_REFTABLE_OFFSET_MASK;
		if (entry)
			add(md, entry, size);
	}
}

/* All of the snapshot table's clusters: its end is found by reading it. */
static void add_snapshots(struct metadata *md, const struct medium *m)
{
	const struct qcow2_header *h = &md->check.header;
	u64 at = h->snapshots_offset;
	struct qcow2_snapshot s;
	struct qcow_fault fault;
	u32 i;

	for (i = 0; i < h->nb_snapshots; i++) {
		if (qcow2_snapshot_parse(h, m->state + at, m->capacity - at,
					 at, &s, &fault))
			return;
		add(md, at, s.entry_len);
		add(md, s.l1_table_offset, s.l1_size * 8ULL);
		at += s.entry_len;
	}
}

static void note_read(struct metadata *md, const struct medium *m)
{
	const struct check *c = &md->check;
	u64 size = 1ULL << c->geo.cluster_bits;
	size_t i;

	md->count = 0;
	add(md, 0, size);
	add(md, c->header.l1_table_offset, c->header.l1_size * 8ULL);
	add_refcounts(md);
	add_snapshots(md, m);
	for (i = 0; i < c->nr_l2; i++)
		add(md, c->l2[i].offset, size);
}

static bool is_as_read(const struct metadata *md, const struct medium *m)
{
	size_t i;

	if (!md->known || md->size != m->state_size)
		return false;
	if (m->changed <= md->seen)
		return true;
	for (i = 0; i < md->count; i++)
		if (medium_is_touched(m, md->seen, md->read[i].pos,
				      md->read[i].len))
			return false;
	return true;
}

/* --- The verdict --- */

u64 metadata_corruptions(const struct metadata *md)
{
	const struct check_result *r = &md->result;

	if (r->dirty)
		return r->corruptions - r->too_low - r->copied_wrong;
	return r->corruptions - (md->ignore_copied ? r->copied_wrong : 0);
}

static int ask(struct metadata *md, struct medium *m, check_report report)
{
	const struct check_source source = {
		.read = read_state, .map = map_state, .ctx = m,
		.size = m->state_size,
	};

	md->checks++;
	return check_image(&md->check, &source, &md->result, report, md);
}

static void look(struct metadata *md, struct medium *m)
{
	md->err = ask(md, m, NULL);
	md->size = m->state_size;
	/* no list of what a check has read that broke off, or of bitmaps */
	md->known = !md->err && !md->check.ext.has_bitmaps;
	if (md->known)
		note_read(md, m);
}

void metadata_check(struct metadata *md, struct image *image)
{
	struct medium *m = &image->medium[0];

	if (!is_as_read(md, m))
		look(md, m);
	md->seen = m->clock;
	if (!md->err && !metadata_corruptions(md) && !md->result.check_errors)
		return;
	/* once more, for the words */
	ask(md, m, say);
	report_problem(PROMISE_METADATA, "check: %d, %llu corruptions, %llu errors",
		       md->err, md->result.corruptions,
		       md->result.check_errors);
}
