/* SPDX-License-Identifier: GPL-2.0 */
/* A piece of a disk on its way through a pump: its extents, then its bytes. */
#ifndef QCOWCTL_CHUNK_H
#define QCOWCTL_CHUNK_H

#include "reader.h"
#include "view.h"

/**
 * struct chunk - a piece of a disk
 * @start:	in the disk, bytes
 * @length:	bytes; behind the disk's end, where it has one, are zeros
 * @extents:	@nr of them: what lies there
 * @data:	the bytes, after chunk_read()
 * @reader:	to read them with
 */
struct chunk {
	u64 start;
	u64 length;
	struct extent *extents;
	size_t nr;
	size_t room;
	u8 *data;
	struct reader *reader;
};

/** chunk_init - for pieces of up to @size bytes */
void chunk_init(struct chunk *c, size_t size);
void chunk_free(struct chunk *c);

/** chunk_look - which extents lie there; 0 or an exit code */
int chunk_look(struct chunk *c, struct views *v, u64 start, u64 length);

/** chunk_is_zero - do the extents alone say that it reads as zeros? */
bool chunk_is_zero(const struct chunk *c);

/** chunk_read - read all of it; 0 or an exit code */
int chunk_read(struct chunk *c);

/** bytes_are_zero - is there nothing in these bytes? */
static inline bool bytes_are_zero(const u8 *bytes, size_t len)
{
	return !len || (!*bytes && !memcmp(bytes, bytes + 1, len - 1));
}

#endif /* QCOWCTL_CHUNK_H */
