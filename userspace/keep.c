// SPDX-License-Identifier: GPL-2.0
#include "claim.h"
#include "error.h"
#include "image.h"
#include "keep.h"

static bool has_snapshots(const struct image *img)
{
	return img->header.nb_snapshots;
}

static bool has_bitmaps(const struct image *img)
{
	return img->ext.has_bitmaps;
}

static bool is_encrypted(const struct image *img)
{
	return img->header.crypt_method != QCOW2_CRYPT_NONE;
}

static bool has_backing_file(const struct image *img)
{
	return img->backing;
}

static bool has_data_file(const struct image *img)
{
	return img->geo.external_data;
}

static bool has_unknown_features(const struct image *img)
{
	const struct qcow2_header *h = &img->header;

	return h->incompatible_features & ~QCOW2_INCOMPAT_KNOWN ||
	       h->compatible_features & ~QCOW2_COMPAT_LAZY_REFCOUNTS;
}

static bool is_device(const struct image *img)
{
	return S_ISBLK(img->file.st.st_mode);
}

static const struct {
	bool (*has)(const struct image *img);
	const char *why;
} reasons[] = {
	{ has_snapshots, "has internal snapshots, which would be lost" },
	{ has_bitmaps, "has bitmaps, which would be lost" },
	{ is_encrypted, "is encrypted, and would not be any more" },
	{ has_backing_file, "has a backing file, which would be lost" },
	{ has_data_file, "has an external data file, which would be lost" },
	{ has_unknown_features, "has features that are not known, which would be lost" },
	{ is_device, "is a block device, where it cannot be replaced as a whole" },
};

static int check_replaceable(const struct image *img)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].has(img))
			return fail(EXIT_IMAGE,
				    "%s: -n: the image %s: convert without -n, or attach it and write to its device with -O raw",
				    img->file.path, reasons[i].why);
	return 0;
}

static int check_size(const struct image *img, u64 size)
{
	if (img->size >= size)
		return 0;
	return fail(EXIT_IMAGE, "%s is a disk of %llu bytes: %llu are needed",
		    img->file.path, img->size, size);
}

static void take_options(struct newimage *n, const struct image *img)
{
	const struct qcow2_header *h = &img->header;

	n->size = img->size;
	n->version = h->version;
	n->cluster_bits = h->cluster_bits;
	n->refcount_order = h->refcount_order;
	n->compression_type = h->compression_type;
	n->extended_l2 = img->geo.extended_l2;
	n->lazy_refcounts = h->compatible_features &
			    QCOW2_COMPAT_LAZY_REFCOUNTS;
}

int keep_options(struct newimage *n, const char *path)
{
	struct image img = {
		.file = FILE_CLOSED, .format = QCOW_FORMAT_QCOW2,
	};
	int ret;

	ret = file_open(&img.file, path, false) ?:
	      claim_file(&img.file, CLAIM_TARGET) ?: image_load(&img) ?:
	      check_replaceable(&img) ?: check_size(&img, n->size);
	if (!ret)
		take_options(n, &img);
	image_close(&img);
	return ret;
}
