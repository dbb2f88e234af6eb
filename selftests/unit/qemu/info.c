// SPDX-License-Identifier: GPL-2.0
/* What "qemu-img info --output=json" says, a line each, without the JSON. */
#include <stdio.h>

#include "inspect.h"

static const char *truth(bool b)
{
	return b ? "true" : "false";
}

static void print_string(const char *key, const char *string, u32 len)
{
	if (string)
		printf("%s:%.*s\n", key, (int)len, string);
}

static void print_snapshot(struct image *img, const struct qcow2_snapshot *s)
{
	(void)img;
	print_string("id", s->id, s->id_len);
	print_string("name", s->name, s->name_len);
	printf("vm-state-size:%llu\n", s->vm_state_size);
	printf("date-sec:%u\ndate-nsec:%u\n", s->date_sec, s->date_nsec);
	printf("vm-clock-sec:%llu\nvm-clock-nsec:%llu\n",
	       s->vm_clock_nsec / 1000000000, s->vm_clock_nsec % 1000000000);
	if (s->icount != QCOW2_SNAPSHOT_NO_ICOUNT)
		printf("icount:%llu\n", s->icount);
}

static void print_bitmap(struct image *img, const struct qcow2_bitmap *b)
{
	(void)img;
	print_string("name", b->name, b->name_len);
	printf("granularity:%llu\n", 1ULL << b->granularity_bits);
	if (b->flags & QCOW2_BITMAP_AUTO)
		printf("auto\n");
	if (b->flags & QCOW2_BITMAP_IN_USE)
		printf("in-use\n");
}

static void print_version_3(const struct image *img)
{
	const struct qcow2_header *h = &img->h;

	printf("lazy-refcounts:%s\n", truth(h->compatible_features &
					    QCOW2_COMPAT_LAZY_REFCOUNTS));
	printf("corrupt:%s\n", truth(h->incompatible_features &
				     QCOW2_INCOMPAT_CORRUPT));
	printf("extended-l2:%s\n", truth(img->geo.extended_l2));
	print_string("data-file", img->ext.data_file, img->ext.data_file_len);
	if (img->geo.external_data)
		printf("data-file-raw:%s\n",
		       truth(h->autoclear_features &
			     QCOW2_AUTOCLEAR_DATA_FILE_RAW));
}

void print_info(struct image *img)
{
	const struct qcow2_header *h = &img->h;
	const struct qcow2_extensions *ext = &img->ext;

	printf("virtual-size:%llu\n", h->size & ~511ULL);
	printf("cluster-size:%llu\n", 1ULL << img->geo.cluster_bits);
	printf("compat:%s\n", h->version == 2 ? "0.10" : "1.1");
	printf("compression-type:%s\n",
	       h->compression_type == QCOW2_COMPRESSION_ZSTD ? "zstd" : "zlib");
	printf("refcount-bits:%u\n", 1U << img->geo.refcount_order);
	printf("dirty-flag:%s\n",
	       truth(h->incompatible_features & QCOW2_INCOMPAT_DIRTY));
	if (h->crypt_method)
		printf("encrypted:true\n");
	print_string("backing-filename", ext->backing_file,
		     ext->backing_file_len);
	print_string("backing-filename-format", ext->backing_format,
		     ext->backing_format_len);
	if (h->version == 3)
		print_version_3(img);
	each_snapshot(img, print_snapshot);
	each_bitmap(img, print_bitmap);
}
