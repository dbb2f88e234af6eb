/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decompressed clusters: a small cache of them, each inflated by one worker
 * however many commands wait for it.
 */
#ifndef QCOW_IMAGE_MAP_INFLATE_H
#define QCOW_IMAGE_MAP_INFLATE_H

#include <linux/list.h>
#include <linux/types.h>

#include "format/l2.h"

struct qcow_cmd;
struct qcow_image;

#define QCOW_INFLATE_CACHE	(8U << 20)	/* bytes an image */

/**
 * struct qcow_inflated - a decompressed cluster, or its beginning
 * @host_offset: of the stream: the key
 * @valid:	bytes of @data that are there
 * @busy:	a worker is inflating it
 * @hashed:	it can be found; one that failed, or that a longer one has
 *		replaced, can not and goes with its last user
 * @users:	who read @data
 * @waiters:	commands parked until it is not busy
 *
 * Guarded by the cache's lock, but @data, which does not change while the
 * entry can be found and is not busy.
 */
struct qcow_inflated {
	u64 host_offset;
	u32 valid;
	bool busy;
	bool hashed;
	unsigned int users;
	struct list_head waiters;
	struct hlist_node hash;
	struct list_head lru;
	void *data;
};

void qcow_inflate_init(struct qcow_image *image);
void qcow_inflate_destroy(struct qcow_image *image);

/**
 * qcow_inflate_get - a cluster's first @need bytes, decompressed
 * @c:	   the stream
 * @need:  bytes from the beginning of the cluster
 * @found: the entry, to be given back with qcow_inflate_put()
 *
 * Return: 0; -EIOCBQUEUED, the command is parked; -EAGAIN, only with @nowait;
 * -ENOMEM; -EIO, the stream is broken or cannot be read.
 */
int qcow_inflate_get(struct qcow_image *image, const struct qcow2_compressed *c,
		     u32 need, struct qcow_cmd *cmd, bool nowait,
		     struct qcow_inflated **found);
void qcow_inflate_put(struct qcow_image *image, struct qcow_inflated *e);

/** qcow_inflate_private - @len bytes from @offset of a cluster, uncached */
int qcow_inflate_private(struct qcow_image *image,
			 const struct qcow2_compressed *c, u32 offset, u32 len,
			 void *buf);

/** qcow_inflate_forget - the stream at this place is going away */
void qcow_inflate_forget(struct qcow_image *image, u64 host_offset);

#endif /* QCOW_IMAGE_MAP_INFLATE_H */
