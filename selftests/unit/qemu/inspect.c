// SPDX-License-Identifier: GPL-2.0
/* inspect info|map|refcounts IMAGE: what kmod/format makes of an image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

#define BEYOND_END	(16U << 20)

static const struct {
	const char *name;
	void (*run)(struct image *img);
} questions[] = {
	{ "info", print_info },
	{ "map", print_map },
	{ "refcounts", check_refcounts },
};

void accept(int err, const struct qcow_fault *fault)
{
	if (!err)
		return;
	printf("%d: %s: at 0x%llx: %s (0x%llx) %s\n", err, fault->structure,
	       fault->where, fault->problem, fault->value, fault->feature);
	exit(1);
}

static void read_file(struct image *img, const char *path)
{
	FILE *f = fopen(path, "rb");
	long len = -1;

	if (f && !fseek(f, 0, SEEK_END))
		len = ftell(f);
	if (len < 0) {
		perror(path);
		exit(1);
	}
	rewind(f);
	img->len = (u64)len;
	img->bytes = calloc(1, img->len + BEYOND_END);
	if (!img->bytes || fread(img->bytes, 1, img->len, f) != img->len)
		exit(1);
	fclose(f);
}

void image_load(struct image *img, const char *path)
{
	struct qcow_fault fault = {};
	u64 first;

	read_file(img, path);
	accept(qcow2_header_parse(img->bytes, img->len, &img->h, &fault),
	       &fault);
	first = 1ULL << img->h.cluster_bits;
	if (first > img->len)
		first = img->len;
	accept(qcow2_extensions_parse(&img->h, img->bytes, first, &img->ext,
				      &fault), &fault);
	accept(qcow2_header_check_features(&img->h, &img->ext, &fault),
	       &fault);
	qcow2_geometry_init(&img->geo, &img->h);
}

const void *image_at(const struct image *img, u64 offset, u64 len)
{
	if (offset > img->len || len > img->len + BEYOND_END - offset) {
		printf("0x%llx bytes at 0x%llx are not there\n", len, offset);
		exit(1);
	}
	return img->bytes + offset;
}

u64 image_word(const struct image *img, u64 table, u64 index)
{
	u64 word;

	qcow2_be64_decode(&word, image_at(img, table + index * 8, 8), 1);
	return word;
}

struct qcow2_l2_entry image_l2_entry(const struct image *img, u64 table,
				     u64 index, u64 guest_offset)
{
	u64 at = table + (index << img->geo.l2_entry_bits);
	struct qcow2_l2_entry e = { image_word(img, at, 0), 0 };
	struct qcow_fault fault = {};

	if (img->geo.extended_l2)
		e.bitmap = image_word(img, at, 1);
	accept(qcow2_l2_entry_check(&img->geo, guest_offset, &e, &fault),
	       &fault);
	return e;
}

u64 each_snapshot(struct image *img,
		  void (*visit)(struct image *img,
				const struct qcow2_snapshot *s))
{
	u64 at = img->h.snapshots_offset;
	struct qcow_fault fault = {};
	struct qcow2_snapshot s;
	u32 i;

	for (i = 0; i < img->h.nb_snapshots; i++) {
		accept(qcow2_snapshot_parse(&img->h, image_at(img, at, 0),
					    img->len + BEYOND_END - at, at, &s,
					    &fault), &fault);
		visit(img, &s);
		at += s.entry_len;
	}
	return at - img->h.snapshots_offset;
}

u64 each_bitmap(struct image *img,
		void (*visit)(struct image *img, const struct qcow2_bitmap *b))
{
	u64 start = img->ext.bitmap_directory_offset, at = start;
	u64 end = start + img->ext.bitmap_directory_size;
	struct qcow_fault fault = {};
	struct qcow2_bitmap b;
	u32 i;

	for (i = 0; i < img->ext.nb_bitmaps; i++) {
		accept(qcow2_bitmap_parse(&img->h,
					  image_at(img, at, end - at), end - at,
					  at, &b, &fault), &fault);
		visit(img, &b);
		at += b.entry_len;
	}
	return at - start;
}

int main(int argc, char **argv)
{
	struct image img = {};
	size_t i;

	for (i = 0; argc == 3 && i < ARRAY_SIZE(questions); i++) {
		if (strcmp(argv[1], questions[i].name))
			continue;
		image_load(&img, argv[2]);
		questions[i].run(&img);
		free(img.bytes);
		return 0;
	}
	fprintf(stderr, "usage: inspect info|map|refcounts IMAGE\n");
	return 2;
}
