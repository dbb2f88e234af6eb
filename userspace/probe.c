// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <strings.h>

#include "error.h"
#include "probe.h"

static const struct {
	const char *suffix;
	enum qcow_format format;
} suffixes[] = {
	{ "qcow2",	QCOW_FORMAT_QCOW2 },
	{ "qcow",	QCOW_FORMAT_QCOW2 },
	{ "raw",	QCOW_FORMAT_RAW },
	{ "img",	QCOW_FORMAT_RAW },
	{ "iso",	QCOW_FORMAT_RAW },
};

enum qcow_format probe_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');
	size_t i;

	for (i = 0; dot && i < ARRAY_SIZE(suffixes); i++)
		if (!strcasecmp(dot + 1, suffixes[i].suffix))
			return suffixes[i].format;
	return 0;
}

static int disagree(const char *path, bool magic, enum qcow_format named)
{
	if (magic)
		return fail(EXIT_IMAGE,
			    "%s is named as a raw image but begins with a qcow2 header, which a guest may have written: add -f qcow2 if it is a qcow2 image, -f raw if it is a disk",
			    path);
	if (named)
		return fail(EXIT_IMAGE,
			    "%s is named as a qcow2 image but has no qcow2 header: add -f raw if it is a raw disk",
			    path);
	return fail(EXIT_IMAGE,
		    "%s: the format is not clear from its name, and it has no qcow2 header: add -f raw if it is a raw disk",
		    path);
}

int probe_format(const struct file *f, enum qcow_format *format)
{
	enum qcow_format named = probe_name(f->path);
	bool magic;
	int ret;

	ret = image_has_magic(f, &magic);
	if (ret)
		return ret;
	if (magic && named != QCOW_FORMAT_RAW)
		*format = QCOW_FORMAT_QCOW2;
	else if (!magic && named == QCOW_FORMAT_RAW)
		*format = QCOW_FORMAT_RAW;
	else
		return disagree(f->path, magic, named);
	return 0;
}

int format_option(const char *option, const char *name,
		  enum qcow_format *format)
{
	*format = format_parse(name);
	if (*format)
		return 0;
	return fail(EXIT_USAGE, "%s: unknown format \"%s\": raw or qcow2",
		    option, name);
}
