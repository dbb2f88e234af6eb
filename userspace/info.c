// SPDX-License-Identifier: GPL-2.0
/* qcowctl info: what one image file says of itself. */
#include <getopt.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bitmaps.h"
#include "chain.h"
#include "command.h"
#include "error.h"
#include "output.h"
#include "report.h"
#include "snapshots.h"
#include "source.h"

enum { NSEC_PER_SEC = 1000000000, SECTOR = 512 };

static const struct option_row options[] = {
	SOURCE_OPTIONS,
	JSON_ROW,
	OUTPUT_ROW,
	{ 0 }
};

struct request {
	struct source_options source;
	bool json;
};

/* Everything that is read before the first word is written. */
struct facts {
	struct image img;
	struct snapshots snapshots;
	struct bitmaps bitmaps;
};

static void report_snapshot(struct report *r, const struct qcow2_snapshot *s)
{
	report_open(r, NULL);
	report_bytes(r, "id", s->id, s->id_len);
	report_bytes(r, "name", s->name, s->name_len);
	report_u64(r, "vm-state-size", s->vm_state_size);
	report_u64(r, "date-sec", s->date_sec);
	report_u64(r, "date-nsec", s->date_nsec);
	report_u64(r, "vm-clock-sec", s->vm_clock_nsec / NSEC_PER_SEC);
	report_u64(r, "vm-clock-nsec", s->vm_clock_nsec % NSEC_PER_SEC);
	if (s->icount != QCOW2_SNAPSHOT_NO_ICOUNT)
		report_u64(r, "icount", s->icount);
	report_close(r);
}

static void report_snapshots(struct report *r, const struct snapshots *s)
{
	size_t i;

	if (!s->nr)
		return;
	report_open_list(r, "snapshots");
	for (i = 0; i < s->nr; i++)
		report_snapshot(r, &s->entries[i]);
	report_close_list(r);
}

static void report_bitmap(struct report *r, const struct qcow2_bitmap *b)
{
	report_open(r, NULL);
	report_open_list(r, "flags");
	if (b->flags & QCOW2_BITMAP_IN_USE)
		report_string(r, NULL, "in-use");
	if (b->flags & QCOW2_BITMAP_AUTO)
		report_string(r, NULL, "auto");
	report_close_list(r);
	report_bytes(r, "name", b->name, b->name_len);
	report_u64(r, "granularity", 1ULL << b->granularity_bits);
	report_close(r);
}

static void report_bitmaps(struct report *r, const struct bitmaps *b)
{
	size_t i;

	if (!b->nr)
		return;
	report_open_list(r, "bitmaps");
	for (i = 0; i < b->nr; i++)
		report_bitmap(r, &b->entries[i]);
	report_close_list(r);
}

static void report_data_file(struct report *r, const struct image *img)
{
	if (!img->geo.external_data)
		return;
	if (img->data_file)
		report_string(r, "data-file", img->data_file);
	report_bool(r, "data-file-raw", img->header.autoclear_features &
		    QCOW2_AUTOCLEAR_DATA_FILE_RAW);
}

static void report_encryption(struct report *r, const struct image *img)
{
	if (!img->header.crypt_method)
		return;
	report_open(r, "encrypt");
	report_string(r, "format",
		      img->header.crypt_method == QCOW2_CRYPT_LUKS ? "luks" :
		      "aes");
	report_close(r);
}

/* An image of version 2 cannot say more than the first three. */
static void report_data(struct report *r, const struct facts *f)
{
	const struct qcow2_header *h = &f->img.header;
	bool v3 = h->version >= 3;

	report_string(r, "compat", v3 ? "1.1" : "0.10");
	report_string(r, "compression-type",
		      h->compression_type == QCOW2_COMPRESSION_ZSTD ? "zstd" :
		      "zlib");
	if (v3)
		report_bool(r, "lazy-refcounts", h->compatible_features &
			    QCOW2_COMPAT_LAZY_REFCOUNTS);
	report_bitmaps(r, &f->bitmaps);
	report_u64(r, "refcount-bits", 1ULL << h->refcount_order);
	report_encryption(r, &f->img);
	report_data_file(r, &f->img);
	if (!v3)
		return;
	report_bool(r, "corrupt",
		    h->incompatible_features & QCOW2_INCOMPAT_CORRUPT);
	report_bool(r, "extended-l2", f->img.geo.extended_l2);
}

static void report_unknown_feature(struct report *r, const struct image *img)
{
	struct qcow_fault fault;

	if (qcow2_header_check_features(&img->header, &img->ext, &fault))
		report_string(r, "unsupported-feature", fault.feature);
}

static void report_format_specific(struct report *r, const struct facts *f)
{
	report_open(r, "format-specific");
	report_string(r, "type", "qcow2");
	report_open(r, "data");
	report_data(r, f);
	report_unknown_feature(r, &f->img);
	report_close(r);
	report_close(r);
}

static void report_backing(struct report *r, const struct image *img)
{
	char *full;

	if (!img->backing)
		return;
	full = chain_full_name(img->file.path, img->backing);
	report_string(r, "backing-filename", img->backing);
	report_string(r, "full-backing-filename", full);
	if (img->backing_format)
		report_string(r, "backing-filename-format",
			      img->backing_format);
	free(full);
}

static void report_qcow2(struct report *r, const struct facts *f)
{
	const struct image *img = &f->img;

	report_u64(r, "cluster-size", 1ULL << img->header.cluster_bits);
	if (img->header.crypt_method)
		report_bool(r, "encrypted", true);
	report_bool(r, "dirty-flag", img->header.incompatible_features &
		    QCOW2_INCOMPAT_DIRTY);
	report_backing(r, img);
	report_snapshots(r, &f->snapshots);
	report_format_specific(r, f);
}

/* In what steps XFS allocates room for the file, where that was chosen. */
static void report_extent_size(struct report *r, const struct file *f)
{
	struct fsxattr attributes;

	if (S_ISREG(f->st.st_mode) &&
	    !ioctl(f->fd, FS_IOC_FSGETXATTR, &attributes) &&
	    attributes.fsx_extsize)
		report_u64(r, "extent-size-hint", attributes.fsx_extsize);
}

static void report_file_specific(struct report *r, const struct file *f)
{
	report_open(r, "format-specific");
	report_string(r, "type", "file");
	report_open(r, "data");
	report_extent_size(r, f);
	report_close(r);
	report_close(r);
}

static void report_file(struct report *r, const struct file *f)
{
	report_open(r, "info");
	report_open_list(r, "children");
	report_close_list(r);
	report_u64(r, "virtual-size", (f->length + SECTOR - 1) / SECTOR * SECTOR);
	report_string(r, "filename", f->path);
	report_string(r, "format",
		      S_ISBLK(f->st.st_mode) ? "host_device" : "file");
	report_u64(r, "actual-size", file_actual_size(&f->st));
	report_file_specific(r, f);
	report_bool(r, "dirty-flag", false);
	report_close(r);
}

/*
 * QEMU's nodes below the image, which QEMU 7.2 did not tell of: the file that
 * it lies in.  People read its name and its room among the image's own lines.
 */
static void report_children(struct report *r, const struct file *f)
{
	if (!r->json)
		return;
	report_open_list(r, "children");
	report_open(r, NULL);
	report_string(r, "name", "file");
	report_file(r, f);
	report_close(r);
	report_close_list(r);
}

static void report_image(struct report *r, const struct facts *f)
{
	const struct image *img = &f->img;

	report_open(r, NULL);
	report_children(r, &img->file);
	report_string(r, "filename", img->file.path);
	report_string(r, "format", format_name(img->format));
	report_size(r, "virtual-size", img->size);
	report_size(r, "actual-size", file_actual_size(&img->file.st));
	if (img->format == QCOW_FORMAT_QCOW2)
		report_qcow2(r, f);
	else
		report_bool(r, "dirty-flag", false);
	report_close(r);
}

static int info(const struct request *q, const char *word)
{
	struct report r = { .out = stdout, .json = q->json };
	struct facts f = { .snapshots.nr = 0 };
	int ret;

	ret = source_open(&f.img, word, &q->source) ?:
	      snapshots_load(&f.img, &f.snapshots) ?:
	      bitmaps_load(&f.img, &f.bitmaps);
	if (!ret)
		report_image(&r, &f);
	bitmaps_free(&f.bitmaps);
	snapshots_free(&f.snapshots);
	image_close(&f.img);
	return ret;
}

static int take(void *into, int key, char *arg)
{
	struct request *q = into;
	int ret;

	if (!source_option(&q->source, key, arg, &ret))
		output_option(&q->json, key, arg, &ret);
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .json = false };
	int ret;

	ret = options_parse(cmd, argc, argv, take, &q);
	if (ret)
		return ret;
	if (argc - optind != 1)
		return command_usage_error(cmd, "one image is wanted");
	return info(&q, argv[optind]);
}

const struct command info_command = {
	.name = "info",
	.args = "IMAGE|DEVICE",
	.summary = "Say what an image is; nothing but this file is opened",
	.options = options,
	.run = run,
};
