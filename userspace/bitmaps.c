// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "bitmaps.h"
#include "error.h"

static int parse_directory(const struct image *img, struct bitmaps *b)
{
	const struct qcow2_extensions *ext = &img->ext;
	size_t at = 0, len = ext->bitmap_directory_size;
	struct qcow_fault fault;
	int ret;

	for (b->nr = 0; b->nr < ext->nb_bitmaps; b->nr++) {
		struct qcow2_bitmap *entry = &b->entries[b->nr];

		ret = qcow2_bitmap_parse(&img->header, b->directory + at,
					 len - at,
					 ext->bitmap_directory_offset + at,
					 entry, &fault);
		if (ret)
			return image_fault(img->file.path, ret, &fault);
		at += entry->entry_len;
		if (at > len)
			at = len;	/* the last one without its padding */
	}
	return 0;
}

int bitmaps_load(const struct image *img, struct bitmaps *b)
{
	const struct qcow2_extensions *ext = &img->ext;
	u64 len = ext->bitmap_directory_size;
	int ret;

	*b = (struct bitmaps){ .nr = 0 };
	if (!ext->has_bitmaps)
		return 0;
	if (ext->bitmap_directory_offset >= img->file.length ||
	    len > img->file.length - ext->bitmap_directory_offset)
		return fail(EXIT_IMAGE,
			    "%s: corrupt bitmap directory: at 0x%llx: ends beyond the file",
			    img->file.path, ext->bitmap_directory_offset);
	b->directory = xcalloc(1, len);
	b->entries = xcalloc(ext->nb_bitmaps, sizeof(*b->entries));
	ret = file_read(&img->file, b->directory, len,
			ext->bitmap_directory_offset);
	return ret ?: parse_directory(img, b);
}

void bitmaps_free(struct bitmaps *b)
{
	free(b->entries);
	free(b->directory);
	*b = (struct bitmaps){ .nr = 0 };
}
