// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "snapshots.h"

/* The most that so many entries can take, and the file has. */
static size_t table_bound(const struct image *img)
{
	const struct qcow2_header *h = &img->header;
	u64 entry = 40 + QCOW2_MAX_SNAPSHOT_EXTRA + 2 * 65535 + 7;
	u64 bound = h->nb_snapshots * entry;

	if (h->snapshots_offset >= img->file.length)
		return 0;
	if (bound > QCOW2_MAX_SNAPSHOT_TABLE)
		bound = QCOW2_MAX_SNAPSHOT_TABLE;
	if (bound > img->file.length - h->snapshots_offset)
		bound = img->file.length - h->snapshots_offset;
	return bound;
}

static int parse_table(const struct image *img, struct snapshots *s,
		       size_t len)
{
	const struct qcow2_header *h = &img->header;
	struct qcow_fault fault;
	size_t at = 0;
	int ret;

	for (s->nr = 0; s->nr < h->nb_snapshots; s->nr++) {
		struct qcow2_snapshot *entry = &s->entries[s->nr];

		ret = qcow2_snapshot_parse(h, s->table + at, len - at,
					   h->snapshots_offset + at, entry,
					   &fault);
		if (ret == -ENODATA)
			return fail(EXIT_IMAGE,
				    "%s: corrupt snapshot table: entry %zu ends beyond the file, or the table is too long",
				    img->file.path, s->nr);
		if (ret)
			return image_fault(img->file.path, ret, &fault);
		at += entry->entry_len;
		if (at > len)
			at = len;	/* the last one without its padding */
	}
	return 0;
}

int snapshots_load(const struct image *img, struct snapshots *s)
{
	size_t len = 0;
	int ret;

	*s = (struct snapshots){ .nr = 0 };
	if (img->format != QCOW_FORMAT_QCOW2 || !img->header.nb_snapshots)
		return 0;
	len = table_bound(img);
	s->table = xcalloc(1, len);
	s->entries = xcalloc(img->header.nb_snapshots, sizeof(*s->entries));
	ret = file_read(&img->file, s->table, len,
			img->header.snapshots_offset);
	return ret ?: parse_table(img, s, len);
}

void snapshots_free(struct snapshots *s)
{
	free(s->entries);
	free(s->table);
	*s = (struct snapshots){ .nr = 0 };
}

const struct qcow2_snapshot *snapshots_find(const struct snapshots *s,
					    const char *word)
{
	size_t len = strlen(word), i;

	for (i = 0; i < s->nr; i++)
		if (qcow2_snapshot_matches_id(&s->entries[i], word, len))
			return &s->entries[i];
	for (i = 0; i < s->nr; i++)
		if (qcow2_snapshot_matches_name(&s->entries[i], word, len))
			return &s->entries[i];
	return NULL;
}
