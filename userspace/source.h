/* SPDX-License-Identifier: GPL-2.0 */
/* What a command that only reads was given: an image file, or a device. */
#ifndef QCOWCTL_SOURCE_H
#define QCOWCTL_SOURCE_H

#include "image.h"

/**
 * struct source_options - how to open it
 * @format:	as the user says; 0: as the device says, else by the magic
 * @share:	take no locks (-U)
 */
struct source_options {
	enum qcow_format format;
	bool share;
};

/* The rows of a command's table of options that source_option() knows. */
#define SOURCE_OPTIONS \
	{ 'f', "format", "FORMAT", "raw or qcow2" }, \
	{ 'U', "force-share", NULL, "read it even while another process writes it" }

/**
 * source_option - take an option of SOURCE_OPTIONS
 * @ret: 0 or an exit code
 * Return: false if it is not one.
 */
bool source_option(struct source_options *o, int key, const char *arg,
		   int *ret);

/**
 * source_open - open the one file that a word means, and load what it says
 *
 * A device is read through its image file, without locks: the driver has
 * them.
 *
 * Return: 0, or an exit code; image_close() is due in any case.
 */
int source_open(struct image *img, const char *word,
		const struct source_options *o);

#endif /* QCOWCTL_SOURCE_H */
