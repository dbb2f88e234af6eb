/* SPDX-License-Identifier: GPL-2.0 */
/* What an image file says of itself: header, extensions, names. */
#ifndef QCOWCTL_IMAGE_H
#define QCOWCTL_IMAGE_H

#include <linux/qcow.h>

#include "file.h"
#include "format/fault.h"
#include "format/header.h"

/**
 * struct image - one image file
 * @file:	the open file
 * @format:	of the file; 0 until it is decided
 * @size:	of the disk in it, bytes: whole sectors of 512, as QEMU counts
 * @offset:	raw only: where the disk begins in the file, bytes
 * @header:	qcow2 only, as all below
 * @geo:	sizes and shifts that follow from @header
 * @ext:	the extensions; they lead into @head
 * @head:	the first cluster
 * @backing:	the backing file's name as it is in the image; NULL for none
 * @backing_format: its format as declared, NULL where it is not
 * @data_file:	the data file's name as it is in the image; NULL for none
 */
struct image {
	struct file file;
	enum qcow_format format;
	u64 size;
	u64 offset;
	struct qcow2_header header;
	struct qcow2_geometry geo;
	struct qcow2_extensions ext;
	u8 *head;
	char *backing;
	char *backing_format;
	char *data_file;
};

/** image_has_magic - does the file begin as a qcow2 file does? */
int image_has_magic(const struct file *f, bool *magic);

/**
 * image_load - read what the image says, by img->format
 *
 * img->file is open.  What the driver supports is not asked here.
 *
 * Return: 0, or an exit code; image_close() is due in any case.
 */
int image_load(struct image *img);
void image_close(struct image *img);

/** image_fault - say why kmod/format refused it (@err < 0); an exit code */
int image_fault(const char *path, int err, const struct qcow_fault *fault);

const char *format_name(enum qcow_format format);

/** format_parse - 0 for a name that is not "raw" or "qcow2" */
enum qcow_format format_parse(const char *name);

#endif /* QCOWCTL_IMAGE_H */
