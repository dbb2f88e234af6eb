// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "format/bitmap.h"
#include "format/snapshot.h"
#include "lists.h"
#include "tables.h"

#define MIN_SNAPSHOT	40	/* bytes of its fixed part */
#define FULL_EXTRA	16	/* that version 3 wants of its extra data */

/* --- Snapshots --- */

static int fetch_snapshot(struct walk *w, u64 pos, struct qcow2_snapshot *s,
			  struct qcow_fault *fault)
{
	size_t len = MIN_SNAPSHOT;
	const void *raw;
	int err;

	do {
		err = walk_fetch(w, &w->c->raw, pos, len, &raw);
		if (err)
			return err;
		err = qcow2_snapshot_parse(&w->c->header, raw, len, pos, s,
					   fault);
		len = s->entry_len;
	} while (err == -ENODATA);
	return err;
}

/*
 * An entry that was refused because of its L1 table hinders nobody from
 * looking at the next one.
 */
static int see_snapshot(struct walk *w, u64 pos, u64 *end)
{
	const struct check *c = w->c;
	struct qcow_fault fault;
	struct qcow2_snapshot s;
	int err;

	err = fetch_snapshot(w, pos, &s, &fault);
	if (err && err != -EUCLEAN)
		return err;
	if (err && s.extra_data_size > QCOW2_MAX_SNAPSHOT_EXTRA)
		return walk_refused(w, err, &fault);
	*end = pos + MIN_SNAPSHOT + s.extra_data_size + s.id_len + s.name_len;
	if (c->header.version >= 3 && s.extra_data_size < FULL_EXTRA)
		walk_corrupt(w, 1, "snapshot table entry at 0x%llx: too little extra data",
			     pos);
	if (misaligned(w, s.l1_table_offset) ||
	    s.l1_size > QCOW2_MAX_L1_SIZE / sizeof(u64)) {
		walk_corrupt(w, 1, "snapshot table entry at 0x%llx: L1 table at 0x%llx: not aligned, or too long",
			     pos, s.l1_table_offset);
		return 0;
	}
	return tables_walk_l1(w, s.l1_table_offset, s.l1_size, false);
}

int lists_walk_snapshots(struct walk *w)
{
	const struct qcow2_header *h = &w->c->header;
	u64 pos = h->snapshots_offset, end = pos;
	u32 i;
	int err;

	if (h->nb_snapshots && w->c->geo.external_data)
		walk_corrupt(w, 1, "%u snapshots beside an external data file",
			     h->nb_snapshots);
	for (i = 0; i < h->nb_snapshots; i++) {
		pos = DIV_ROUND_UP(end, 8) * 8;
		err = see_snapshot(w, pos, &end);
		if (err)
			return err;
		if (end - h->snapshots_offset > QCOW2_MAX_SNAPSHOT_TABLE) {
			walk_say(w, "corrupt snapshot table: longer than 64 MiB");
			return -EUCLEAN;
		}
	}
	walk_count(w, "snapshot table", h->snapshots_offset,
		   end - h->snapshots_offset, CENSUS_METADATA, 1);
	return 0;
}

/* --- Bitmaps --- */

static int see_bitmap_entry(struct walk *w, void *into, u64 index, u64 entry)
{
	u64 offset = entry & QCOW2_BITMAP_OFFSET_MASK;
	struct qcow_fault fault;

	(void)into;
	if (qcow2_bitmap_entry_check(&w->c->geo, index, entry, &fault))
		walk_corrupt(w, 1, "bitmap table entry %llu: %s (0x%llx)", index,
			     fault.problem, entry);
	else if (offset)
		walk_count(w, "bitmap data", offset, cluster_size(w),
			   CENSUS_METADATA, 1);
	return 0;
}

static int see_bitmap(struct walk *w, const struct qcow2_bitmap *b)
{
	walk_count(w, "bitmap table", b->table_offset,
		   (u64)b->table_size * sizeof(u64), CENSUS_METADATA, 1);
	return walk_each_word(w, b->table_offset, b->table_size, see_bitmap_entry,
			      NULL);
}

/* The directory stays in @dir while the tables pass through c->raw. */
static int see_directory(struct walk *w, struct check_buffer *dir)
{
	const struct qcow2_extensions *ext = &w->c->ext;
	u64 len = ext->bitmap_directory_size, at = 0;
	struct qcow_fault fault;
	struct qcow2_bitmap b;
	const void *raw;
	u32 i;
	int err;

	err = walk_fetch(w, dir, ext->bitmap_directory_offset, len, &raw);
	for (i = 0; !err && i < ext->nb_bitmaps; i++) {
		err = qcow2_bitmap_parse(&w->c->header, (const u8 *)raw + at,
					 len - at,
					 ext->bitmap_directory_offset + at, &b,
					 &fault);
		if (err)
			return walk_refused(w, err, &fault);
		at = at + b.entry_len < len ? at + b.entry_len : len;
		err = see_bitmap(w, &b);
	}
	return err;
}

int lists_walk_bitmaps(struct walk *w)
{
	const struct qcow2_extensions *ext = &w->c->ext;
	struct check_buffer dir = { .bytes = NULL };
	int err;

	if (!ext->has_bitmaps)
		return 0;
	walk_count(w, "bitmap directory", ext->bitmap_directory_offset,
		   ext->bitmap_directory_size, CENSUS_METADATA, 1);
	if (ext->bitmap_directory_offset >= w->src->size ||
	    ext->bitmap_directory_size >
	    w->src->size - ext->bitmap_directory_offset) {
		walk_say(w, "corrupt bitmap directory: ends beyond the file");
		return -EUCLEAN;
	}
	err = see_directory(w, &dir);
	buffer_free(&dir);
	return err;
}
