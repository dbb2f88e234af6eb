/* SPDX-License-Identifier: GPL-2.0 */
/* Attached devices, as /sys/block/qcowN shows them. */
#ifndef QCOWCTL_SYSFS_H
#define QCOWCTL_SYSFS_H

#include <sys/stat.h>

#include "format/port.h"

/** sysfs_has_driver - false if it is certain that the driver is not loaded */
bool sysfs_has_driver(void);

/** sysfs_control - the control device's number; false if it cannot be told */
bool sysfs_control(dev_t *dev);

/** sysfs_is_hidden - is it another qcowctl's, for as long as that runs? */
bool sysfs_is_hidden(unsigned int number);

/** sysfs_devices - the numbers of all others, ascending; to be freed */
size_t sysfs_devices(unsigned int **numbers);

/**
 * sysfs_attribute - one attribute of a device, without the last newline
 * @name: below /sys/block/qcowN/, as "qcow/format" or "size"
 *
 * Return: to be freed; NULL where it cannot be read, as when the device goes
 * away at this moment.
 */
char *sysfs_attribute(unsigned int number, const char *name);

/** sysfs_attribute_u64 - the same for a number; false where there is none */
bool sysfs_attribute_u64(unsigned int number, const char *name, u64 *value);

/**
 * sysfs_attributes - the names of the attributes in a folder, in their order
 * @folder: below /sys/block/qcowN/
 * @names:  to be freed, each and all
 *
 * Return: how many; 0 where the folder cannot be read.
 */
size_t sysfs_attributes(unsigned int number, const char *folder, char ***names);

/**
 * struct sysfs_layer - an image of a device's chain
 * @format: "raw" or "qcow2"
 * @direct: its I/O is direct
 * @file:   its path
 */
struct sysfs_layer {
	char *format;
	bool direct;
	char *file;
};

/**
 * sysfs_layers - the chain of a device, the top one first
 * @layers: to be freed by sysfs_layers_free()
 *
 * Return: how many; 0 where they cannot be read.
 */
size_t sysfs_layers(unsigned int number, struct sysfs_layer **layers);
void sysfs_layers_free(struct sysfs_layer *layers, size_t n);

/** sysfs_path - /sys/block/qcowN/@name; to be freed */
char *sysfs_path(unsigned int number, const char *name);

/* The disk, a partition of it, or another block device that lies on it. */
struct sysfs_node {
	char name[32];		/* "qcow3p1", "dm-0" */
	dev_t dev;
};

/** sysfs_nodes - the disk, then its partitions; to be freed */
size_t sysfs_nodes(unsigned int number, struct sysfs_node **nodes);

/**
 * sysfs_pile - these, and all block devices that lie on them; to be freed
 *
 * Logical volumes, decrypted disks, arrays and their partitions: each comes
 * after all that lie on it, the disk last.
 */
size_t sysfs_pile(unsigned int number, struct sysfs_node **nodes);

/**
 * sysfs_number_of - is this path a device of ours?
 * @path: "/dev/qcowN", a link to it, or "qcowN"
 */
bool sysfs_number_of(const char *path, unsigned int *number);

/** sysfs_shows_image - is the file at @st the top layer of this device? */
bool sysfs_shows_image(unsigned int number, const struct stat *st);

/**
 * sysfs_find - the devices that a word on the command line means
 * @word:	a device, or an image file that is attached
 * @numbers:	the devices, to be freed; an image may be attached more than
 *		once, by its snapshots
 *
 * Return: how many; 0 after saying that there is none.
 */
size_t sysfs_find(const char *word, unsigned int **numbers);

#endif /* QCOWCTL_SYSFS_H */
