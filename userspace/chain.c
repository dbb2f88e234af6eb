// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "error.h"
#include "probe.h"
#include "sysfs.h"

/* A colon before any slash. */
static bool has_protocol(const char *name)
{
	return name[strcspn(name, ":/")] == ':';
}

static const char *strip_file_prefix(const char *name)
{
	return strncmp(name, "file:", 5) ? name : name + 5;
}

static char *join(const char *base, const char *name)
{
	const char *slash = strrchr(base, '/');

	if (*name == '/' || !slash)
		return xstrdup(name);
	return xasprintf("%.*s%s", (int)(slash + 1 - base), base, name);
}

char *chain_full_name(const char *base, const char *name)
{
	return has_protocol(name) ? xstrdup(name) : join(base, name);
}

int chain_resolve(const char *base, const char *role, const char *name,
		  char **path)
{
	const char *plain = strip_file_prefix(name);

	if (plain == name && has_protocol(name))
		return fail(EXIT_IMAGE,
			    "%s: its %s is \"%s\": only plain file names are followed, not \"%.*s:\"",
			    base, role, name, (int)strcspn(name, ":"), name);
	if (!*plain)
		return fail(EXIT_IMAGE, "%s: the name of its %s is empty",
			    base, role);
	*path = join(base, plain);
	return 0;
}

static int check_not_in_chain(const struct chain *c, const struct file *f)
{
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		const struct layer *l = c->layers[i];

		if ((f != &l->image.file && l->image.file.fd >= 0 &&
		     file_same(f, &l->image.file)) ||
		    (f != &l->data && l->data.fd >= 0 &&
		     file_same(f, &l->data)))
			return fail(EXIT_IMAGE,
				    "%s is in the chain of %s twice: an image cannot back itself",
				    f->path, c->layers[0]->image.file.path);
	}
	return 0;
}

static int open_data_file(struct chain *c, struct layer *l, bool writable)
{
	char *path;
	int ret;

	if (l->image.format != QCOW_FORMAT_QCOW2 || !l->image.geo.external_data)
		return 0;
	if (!l->image.data_file)
		return fail(EXIT_IMAGE,
			    "%s has an external data file but does not name it",
			    l->image.file.path);
	ret = chain_resolve(l->image.file.path, "data file",
			    l->image.data_file, &path);
	if (ret)
		return ret;
	ret = file_open(&l->data, path, writable) ?:
	      check_not_in_chain(c, &l->data);
	free(path);
	return ret;
}

static struct layer *add_layer(struct chain *c, enum qcow_format format)
{
	struct layer *l = xcalloc(1, sizeof(*l));

	l->image.file = FILE_CLOSED;
	l->image.format = format;
	l->data = FILE_CLOSED;
	c->layers[c->nr++] = l;
	return l;
}

static int open_layer(struct chain *c, const char *path,
		      enum qcow_format format, bool writable)
{
	struct layer *l;
	int ret;

	if (c->nr == QCOW_MAX_LAYERS)
		return fail(EXIT_IMAGE,
			    "%s: the chain is deeper than %d images",
			    c->layers[0]->image.file.path, QCOW_MAX_LAYERS);
	l = add_layer(c, format);
	ret = file_open(&l->image.file, path, writable) ?:
	      check_not_in_chain(c, &l->image.file);
	if (!ret && !format)
		ret = probe_format(&l->image.file, &l->image.format);
	return ret ?: image_load(&l->image) ?: open_data_file(c, l, writable);
}

static int backing_format_of(const struct image *img,
			     const struct chain_options *o,
			     enum qcow_format *format)
{
	if (!img->backing_format && o->backing_format) {
		*format = o->backing_format;
		return 0;
	}
	if (!img->backing_format)
		return fail(EXIT_IMAGE,
			    "%s does not declare the format of its backing file \"%s\": name it with --backing-format raw or qcow2",
			    img->file.path, img->backing);
	*format = format_parse(img->backing_format);
	if (*format)
		return 0;
	return fail(EXIT_IMAGE,
		    "%s: its backing file \"%s\" is of format \"%s\", which is not supported (raw and qcow2 are)",
		    img->file.path, img->backing, img->backing_format);
}

static int open_backing(struct chain *c, const struct chain_options *o)
{
	const struct image *img = &c->layers[c->nr - 1]->image;
	enum qcow_format format;
	char *path;
	int ret;

	ret = backing_format_of(img, o, &format) ?:
	      chain_resolve(img->file.path, "backing file", img->backing,
			    &path);
	if (ret)
		return ret;
	ret = open_layer(c, path, format, false);
	free(path);
	if (ret)
		fail(ret, "that is the backing file of %s", img->file.path);
	return ret;
}

int chain_open(struct chain *c, const char *path,
	       const struct chain_options *o)
{
	int ret;

	c->nr = 0;
	ret = open_layer(c, path, o->format, o->writable);
	if (o->no_backing)
		return ret;
	while (!ret && c->layers[c->nr - 1]->image.backing)
		ret = open_backing(c, o);
	return ret;
}

static int open_listed(struct chain *c, const struct sysfs_layer *l)
{
	enum qcow_format format = format_parse(l->format);

	if (!format)
		return fail(EXIT_IMAGE,
			    "%s is of format \"%s\", which is not supported (raw and qcow2 are)",
			    l->file, l->format);
	return open_layer(c, l->file, format, false);
}

/* A raw device may show a part of its file; an older driver does not say
 * which.
 */
static int take_part(struct image *img, unsigned int number)
{
	u64 sectors;

	if (!sysfs_attribute_u64(number, "size", &sectors))
		return fail(EXIT_IMAGE, "/dev/qcow%u: no such device", number);
	if (!sysfs_attribute_u64(number, "qcow/offset", &img->offset) &&
	    img->size != sectors * 512)
		return fail(EXIT_IMAGE,
			    "/dev/qcow%u shows a part of %s, and the driver does not say which: it cannot be mapped",
			    number, img->file.path);
	img->size = sectors * 512;
	return 0;
}

int chain_open_device(struct chain *c, unsigned int number)
{
	struct sysfs_layer *layers;
	size_t i, n = sysfs_layers(number, &layers);
	int ret = 0;

	c->nr = 0;
	if (!n)
		ret = fail(EXIT_IMAGE, "/dev/qcow%u does not say what is in its chain: it is being detached, or the driver is another version",
			   number);
	for (i = 0; i < n && !ret; i++)
		ret = open_listed(c, &layers[i]);
	if (!ret && c->layers[0]->image.format == QCOW_FORMAT_RAW)
		ret = take_part(&c->layers[0]->image, number);
	sysfs_layers_free(layers, n);
	return ret;
}

void chain_close(struct chain *c)
{
	while (c->nr) {
		struct layer *l = c->layers[--c->nr];

		image_close(&l->image);
		file_close(&l->data);
		free(l);
	}
}
