/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes as people write and read them. */
#ifndef QCOWCTL_SIZE_H
#define QCOWCTL_SIZE_H

#include "format/port.h"

/**
 * size_parse - "4096", "64k", "1.5G", "0x1000": bytes, powers of 1024
 *
 * Return: 0, or EXIT_USAGE after saying that @what cannot be @text.
 */
int size_parse(const char *what, const char *text, u64 *size);

/** size_human - "1.5G"; to be freed */
char *size_human(u64 size);

#endif /* QCOWCTL_SIZE_H */
