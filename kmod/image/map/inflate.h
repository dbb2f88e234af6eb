/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small cache of decompressed clusters.  However many commands need a
 * cluster at a time, one worker decompresses it.
 */
#ifndef QCOW_IMAGE_MAP_INFLATE_H
#define QCOW_IMAGE_MAP_INFLATE_H

#include <linux/list.h>
#include <linux/types.h>

#include "format/l2.h"

struct qcow_cmd;
struct qcow_image;

#define QCOW_INFLATE_CACHE	(8U << 20)	/* bytes for each image */

/**
 * struct qcow_inflated - a decompressed cluster, or the beginning of one
 * @host_offset: of the stream in the file, bytes: the key
 * @valid:	bytes of @data that are decompressed
 * @busy:	a worker is decompressing the cluster
 * @hashed:	the entry can be found; an entry that failed, or that a longer
 *		one has replaced, cannot be found, and its last user frees it
 * @users:	number of commands that read @data
 * @waiters:	commands parked until the entry is not busy
 * @hash:	in qcow_inflate.hash
 * @lru:	in qcow_inflate.lru
 * @data:	memory for a whole cluster
 *
 * qcow_inflate.lock guards all members but @data.  @data does not change once
 * the entry is not busy.
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
 * qcow_inflate_get - get a cluster's first @need bytes, decompressed
 * @c:	    the stream
 * @need:   bytes from the beginning of the cluster
 * @cmd:    parked if another worker is decompressing the cluster
 * @nowait: the caller is not a worker and must not sleep
 * @found:  set to the entry, to be given back with qcow_inflate_put()
 *
 * Return: 0; -EIOCBQUEUED if the command is parked; -EAGAIN, only with @nowait,
 * if the cluster has to be decompressed; -ENOMEM; -EIO if the stream is broken
 * or cannot be read.
 */
int qcow_inflate_get(struct qcow_image *image, const struct qcow2_compressed *c,
		     u32 need, struct qcow_cmd *cmd, bool nowait,
		     struct qcow_inflated **found);
void qcow_inflate_put(struct qcow_image *image, struct qcow_inflated *e);

/**
 * qcow_inflate_private - copy a part of a cluster to @buf, without the cache
 * @c:	    the stream
 * @offset: where the part begins, bytes from the cluster's start
 * @len:    of the part, bytes
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int qcow_inflate_private(struct qcow_image *image,
			 const struct qcow2_compressed *c, u32 offset, u32 len,
			 void *buf);

/** qcow_inflate_forget - drop the entry of a stream whose clusters are freed */
void qcow_inflate_forget(struct qcow_image *image, u64 host_offset);

#endif /* QCOW_IMAGE_MAP_INFLATE_H */
