// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "claim.h"
#include "error.h"
#include "probe.h"
#include "source.h"
#include "sysfs.h"

bool source_option(struct source_options *o, int key, const char *arg,
		   int *ret)
{
	*ret = 0;
	switch (key) {
	case 'f':
		*ret = format_option("-f", arg, &o->format);
		return true;
	case 'U':
		o->share = true;
		return true;
	default:
		return false;
	}
}

/* Only this file is looked at, whatever a guest may have written there. */
static int format_by_magic(struct image *img)
{
	bool magic;
	int ret;

	if (img->format)
		return 0;
	ret = image_has_magic(&img->file, &magic);
	img->format = magic ? QCOW_FORMAT_QCOW2 : QCOW_FORMAT_RAW;
	return ret;
}

static int open_file(struct image *img, const char *path, bool share)
{
	int ret;

	ret = file_open(&img->file, path, false);
	if (!ret && !share)
		ret = claim_file(&img->file, CLAIM_LOOK);
	return ret ?: format_by_magic(img) ?: image_load(img);
}

static int open_device(struct image *img, unsigned int number)
{
	char *path = sysfs_attribute(number, "qcow/backing_file");
	char *format = sysfs_attribute(number, "qcow/format");
	int ret;

	if (format)
		img->format = format_parse(format);
	if (path && img->format)
		ret = open_file(img, path, true);
	else
		ret = fail(EXIT_IMAGE, "/dev/qcow%u: no such device", number);
	free(format);
	free(path);
	return ret;
}

int source_open(struct image *img, const char *word,
		const struct source_options *o)
{
	unsigned int number;

	*img = (struct image){ .file = FILE_CLOSED, .format = o->format };
	if (sysfs_number_of(word, &number))
		return open_device(img, number);
	return open_file(img, word, o->share);
}
