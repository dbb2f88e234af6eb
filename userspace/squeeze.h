/* SPDX-License-Identifier: GPL-2.0 */
/* Clusters, compressed as the format has it. */
#ifndef QCOWCTL_SQUEEZE_H
#define QCOWCTL_SQUEEZE_H

#include "format/header.h"
#include "format/port.h"

struct squeeze;

/** squeeze_new - the working memory of one thread; QCOW2_COMPRESSION_* */
struct squeeze *squeeze_new(u8 compression_type);
void squeeze_free(struct squeeze *s);

/**
 * squeeze_cluster - compress @size bytes to fewer
 * @out: room for @size - 1 bytes
 *
 * Return: how many it became; 0: they do not become fewer.
 */
size_t squeeze_cluster(struct squeeze *s, const void *in, size_t size,
		       void *out);

#endif /* QCOWCTL_SQUEEZE_H */
