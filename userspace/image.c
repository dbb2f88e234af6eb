// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "image.h"

static const char *const format_names[] = {
	[QCOW_FORMAT_RAW]	= "raw",
	[QCOW_FORMAT_QCOW2]	= "qcow2",
};

const char *format_name(enum qcow_format format)
{
	return format_names[format];
}

enum qcow_format format_parse(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(format_names); i++)
		if (format_names[i] && !strcmp(name, format_names[i]))
			return i;
	return 0;
}

int image_fault(const char *path, int err, const struct qcow_fault *fault)
{
	const char *verdict = err == -EOPNOTSUPP ? "unsupported" : "corrupt";

	if (fault->feature[0])
		return fail(EXIT_IMAGE, "%s: %s %s: %s", path, verdict,
			    fault->structure, fault->feature);
	return fail(EXIT_IMAGE, "%s: %s %s: at 0x%llx: %s (0x%llx)", path,
		    verdict, fault->structure, fault->where, fault->problem,
		    fault->value);
}

static size_t head_length(const struct file *f, u64 most)
{
	return f->length < most ? f->length : most;
}

int image_has_magic(const struct file *f, bool *magic)
{
	u8 buf[QCOW2_HEADER_MIN_READ];
	size_t len = head_length(f, sizeof(buf));
	int ret;

	ret = file_read(f, buf, len, 0);
	if (!ret)
		*magic = qcow2_has_magic(buf, len);
	return ret;
}

static int load_header(struct image *img)
{
	size_t len = head_length(&img->file, QCOW2_HEADER_MIN_READ);
	u8 buf[QCOW2_HEADER_MIN_READ];
	struct qcow_fault fault;
	int ret;

	ret = file_read(&img->file, buf, len, 0);
	if (ret)
		return ret;
	if (!qcow2_has_magic(buf, len))
		return fail(EXIT_IMAGE, "%s is not a qcow2 image (no magic)",
			    img->file.path);
	ret = qcow2_header_parse(buf, len, &img->header, &fault);
	if (ret)
		return image_fault(img->file.path, ret, &fault);
	qcow2_geometry_init(&img->geo, &img->header);
	img->size = img->header.size & ~511ULL;
	return 0;
}

static int load_extensions(struct image *img)
{
	size_t len = head_length(&img->file, 1ULL << img->header.cluster_bits);
	struct qcow_fault fault;
	int ret;

	img->head = xcalloc(1, len);
	ret = file_read(&img->file, img->head, len, 0);
	if (ret)
		return ret;
	ret = qcow2_extensions_parse(&img->header, img->head, len, &img->ext,
				     &fault);
	return ret ? image_fault(img->file.path, ret, &fault) : 0;
}

/* A string of the image; one with a NUL inside names no file. */
static int load_name(const struct image *img, const char *what,
		     const char *s, u32 len, char **name)
{
	if (!s || !len)
		return 0;
	if (memchr(s, '\0', len))
		return fail(EXIT_IMAGE, "%s: corrupt %s: it contains a NUL",
			    img->file.path, what);
	*name = xstrndup(s, len);
	return 0;
}

static int load_names(struct image *img)
{
	const struct qcow2_extensions *ext = &img->ext;

	return load_name(img, "backing file name", ext->backing_file,
			 ext->backing_file_len, &img->backing) ?:
	       load_name(img, "backing format name", ext->backing_format,
			 ext->backing_format_len, &img->backing_format) ?:
	       load_name(img, "data file name", ext->data_file,
			 ext->data_file_len, &img->data_file);
}

int image_load(struct image *img)
{
	if (img->format == QCOW_FORMAT_RAW) {
		img->size = (img->file.length + 511) & ~511ULL;
		return 0;
	}
	return load_header(img) ?: load_extensions(img) ?: load_names(img);
}

void image_close(struct image *img)
{
	file_close(&img->file);
	free(img->head);
	free(img->backing);
	free(img->backing_format);
	free(img->data_file);
	*img = (struct image){ .file = FILE_CLOSED };
}
