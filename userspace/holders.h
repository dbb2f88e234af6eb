/* SPDX-License-Identifier: GPL-2.0 */
/* Who has a device in use. */
#ifndef QCOWCTL_HOLDERS_H
#define QCOWCTL_HOLDERS_H

#include <stddef.h>

struct sysfs_node;

/**
 * holders_name - what holds /dev/qcowN and its partitions
 *
 * Mounts, swap areas, other block devices (LVM, LUKS, md), and processes that
 * have it open.
 *
 * Return: "mounted on /mnt; open by process 12 (fio)", to be freed; NULL
 * where nothing is found.
 */
char *holders_name(unsigned int number);

/**
 * holders_writers - what but a file system writes to one of @nr block devices
 *
 * Swap areas, and processes that have it open for writing: a virtual machine,
 * for example.
 *
 * Return: as holders_name().
 */
char *holders_writers(const struct sysfs_node *nodes, size_t nr);

#endif /* QCOWCTL_HOLDERS_H */
