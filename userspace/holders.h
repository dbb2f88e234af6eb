/* SPDX-License-Identifier: GPL-2.0 */
/* Who keeps a device from being detached. */
#ifndef QCOWCTL_HOLDERS_H
#define QCOWCTL_HOLDERS_H

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

#endif /* QCOWCTL_HOLDERS_H */
