/* SPDX-License-Identifier: GPL-2.0 */
/* What a new image is to be: the options of create and convert. */
#ifndef QCOWCTL_NEWIMAGE_H
#define QCOWCTL_NEWIMAGE_H

#include <linux/qcow.h>

#include "format/header.h"
#include "format/port.h"

enum preallocation {
	PREALLOCATION_OFF,
	PREALLOCATION_METADATA,
	PREALLOCATION_FALLOC,
	PREALLOCATION_FULL,
};

/**
 * struct newimage - an image that does not exist yet
 * @size:	of its disk, bytes; if @sized
 * @version:	2 or 3
 * @backing:	name of its backing file as it is to be written; NULL for none
 * @data_file:	likewise of its external data file
 * @foreign:	an option that raw images do not have; NULL for none
 * @help:	there is none to be: the user wants to know its options
 */
struct newimage {
	enum qcow_format format;
	u64 size;
	bool sized;
	unsigned int version;
	unsigned int cluster_bits;
	unsigned int refcount_order;
	u8 compression_type;
	enum preallocation preallocation;
	bool extended_l2;
	bool lazy_refcounts;
	bool data_file_raw;
	bool nocow;
	char *backing;
	char *backing_format;
	char *data_file;
	const char *foreign;
	bool help;
};

/** newimage_init - what QEMU makes where nothing is said */
void newimage_init(struct newimage *n);
void newimage_free(struct newimage *n);

/**
 * newimage_option - take one argument of -o: NAME=VALUE[,NAME=VALUE...]
 *
 * A comma in a value is doubled.  Which options the format has is asked by
 * newimage_check().  "help" is noted, as the format may be known later.
 *
 * Return: 0 or EXIT_USAGE.
 */
int newimage_option(struct newimage *n, const char *arg);

/** newimage_help - print the options of -o that such images have; EXIT_DONE */
int newimage_help(enum qcow_format format);

/** newimage_set - set one of the names, in place of what was there */
void newimage_set(char **name, const char *value);

/**
 * newimage_check - do these go together, and can there be such an image?
 *
 * n->size has been rounded up to whole sectors.  Return: 0 or an exit code.
 */
int newimage_check(const struct newimage *n);

/** newimage_header - the header of such an image, without its tables */
struct qcow2_header newimage_header(const struct newimage *n);

/** newimage_extensions - the names that are to be in it */
struct qcow2_extensions newimage_extensions(const struct newimage *n);

#endif /* QCOWCTL_NEWIMAGE_H */
