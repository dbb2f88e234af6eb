/* SPDX-License-Identifier: GPL-2.0 */
/* An image and the files behind it, found and opened by what they say. */
#ifndef QCOWCTL_CHAIN_H
#define QCOWCTL_CHAIN_H

#include "image.h"

/**
 * struct layer - one image of a chain
 * @image:	it
 * @data:	its external data file; closed where it has none
 */
struct layer {
	struct image image;
	struct file data;
};

/* The top layer first. */
struct chain {
	struct layer *layers[QCOW_MAX_LAYERS];
	unsigned int nr;
};

/**
 * struct chain_options - how to open one
 * @format:		of the top; 0: as its name and its content agree
 * @backing_format:	of a backing file whose format is not declared; 0:
 *			that is an error
 * @writable:		open the top and its data file for writing
 * @no_backing:		as if the top had no backing file
 */
struct chain_options {
	enum qcow_format format;
	enum qcow_format backing_format;
	bool writable;
	bool no_backing;
};

/**
 * chain_open - open an image and everything that backs it
 *
 * Names in images are plain paths, relative to the directory of the image
 * that has them.  Nothing else is followed: "json:" and protocols could make
 * an image choose what the host does.
 *
 * Return: 0, or an exit code; chain_close() is due in any case.
 */
int chain_open(struct chain *c, const char *path,
	       const struct chain_options *o);
void chain_close(struct chain *c);

/**
 * chain_open_device - open the files of a device that is attached
 *
 * They are the ones that the driver has, whatever their headers say by now.
 */
int chain_open_device(struct chain *c, unsigned int number);

/**
 * chain_resolve - the path of a file that the image at @base names
 * @role: "backing file" or "data file"
 *
 * Return: 0 with @path to be freed, or an exit code.
 */
int chain_resolve(const char *base, const char *role, const char *name,
		  char **path);

/**
 * chain_full_name - what QEMU calls a file that the image at @base names
 *
 * A name with a protocol, or what looks like one ("we:ird"), stays as it is:
 * nobody is to take it for a path.  To be freed.
 */
char *chain_full_name(const char *base, const char *name);

#endif /* QCOWCTL_CHAIN_H */
