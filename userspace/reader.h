/* SPDX-License-Identifier: GPL-2.0 */
/* The bytes of an extent: read, inflated, or zeros. */
#ifndef QCOWCTL_READER_H
#define QCOWCTL_READER_H

#include "view.h"

struct reader;

/** reader_new - the working memory of one thread */
struct reader *reader_new(void);
void reader_free(struct reader *r);

/**
 * reader_read - e->length bytes into @buf
 * @e: within one cluster if it is compressed
 *
 * Return: 0 or an exit code.
 */
int reader_read(struct reader *r, const struct extent *e, void *buf);

#endif /* QCOWCTL_READER_H */
