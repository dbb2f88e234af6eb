// SPDX-License-Identifier: GPL-2.0
/*
 * The cache of decompressed clusters.
 *
 * The first worker that needs a cluster makes an entry for it.  The entry is
 * busy while the worker reads and decompresses the cluster.  Other commands
 * that need the cluster meanwhile are parked on the entry, and look it up again
 * when it is not busy any more.
 *
 * The first worker decompresses no more than it needs: for a small random read
 * that is half of the cluster on average.  If a later worker needs more, it
 * decompresses the whole cluster into a new entry.  It cannot extend the old
 * one: a decompressor may write to memory behind what it has finished, and a
 * command may be reading the old entry.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/file_io.h"
#include "format/l2.h"
#include "image/core/park.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/map/decompress.h"
#include "image/map/inflate.h"

void qcow_inflate_init(struct qcow_image *image)
{
	struct qcow_inflate *inflate = &image->inflate;

	spin_lock_init(&inflate->lock);
	hash_init(inflate->hash);
	INIT_LIST_HEAD(&inflate->lru);
	INIT_LIST_HEAD(&inflate->idle);
	sema_init(&inflate->running, num_online_cpus());
	inflate->limit = max(2U, QCOW_INFLATE_CACHE >> image->geo.cluster_bits);
}

static void entry_free(struct qcow_inflated *e)
{
	kvfree(e->data);
	kfree(e);
}

/* No command finds the entry from now on; its last user frees it. */
static void entry_unhash(struct qcow_inflate *inflate, struct qcow_inflated *e)
{
	lockdep_assert_held(&inflate->lock);
	hash_del(&e->hash);
	list_del_init(&e->lru);
	e->hashed = false;
	inflate->count--;
}

void qcow_inflate_destroy(struct qcow_image *image)
{
	struct qcow_inflate *inflate = &image->inflate;
	struct qcow_decompressor *d, *next_d;
	struct qcow_inflated *e, *next_e;

	list_for_each_entry_safe(e, next_e, &inflate->lru, lru)
		entry_free(e);
	list_for_each_entry_safe(d, next_d, &inflate->idle, node)
		qcow_decompressor_free(d);
}

static struct qcow_inflated *entry_find(struct qcow_inflate *inflate,
					u64 host_offset)
{
	struct qcow_inflated *e;

	hash_for_each_possible(inflate->hash, e, hash, host_offset)
		if (e->host_offset == host_offset)
			return e;
	return NULL;
}

static struct qcow_inflated *entry_alloc(struct qcow_image *image)
{
	struct qcow_inflated *e = kzalloc(sizeof(*e), GFP_NOIO);

	if (!e)
		return NULL;
	e->data = kvmalloc(1U << image->geo.cluster_bits,
			   GFP_NOIO | __GFP_NOWARN);
	if (!e->data) {
		kfree(e);
		return NULL;
	}
	INIT_LIST_HEAD(&e->waiters);
	INIT_LIST_HEAD(&e->lru);
	return e;
}

static void entry_hash(struct qcow_inflate *inflate, struct qcow_inflated *e)
{
	lockdep_assert_held(&inflate->lock);
	hash_add(inflate->hash, &e->hash, e->host_offset);
	list_add(&e->lru, &inflate->lru);
	e->hashed = true;
	inflate->count++;
}

/*
 * If there are too many entries, take the oldest one that is not in use out of
 * the cache.  The caller frees it.
 */
static struct qcow_inflated *entry_evict(struct qcow_inflate *inflate)
{
	struct qcow_inflated *e;

	lockdep_assert_held(&inflate->lock);
	if (inflate->count <= inflate->limit)
		return NULL;
	list_for_each_entry_reverse(e, &inflate->lru, lru) {
		if (e->busy || e->users)
			continue;
		entry_unhash(inflate, e);
		return e;
	}
	return NULL;
}

static struct qcow_decompressor *decompressor_get(struct qcow_image *image)
{
	struct qcow_inflate *inflate = &image->inflate;
	struct qcow_decompressor *d;

	down(&inflate->running);
	spin_lock(&inflate->lock);
	d = list_first_entry_or_null(&inflate->idle, struct qcow_decompressor,
				     node);
	if (d)
		list_del(&d->node);
	spin_unlock(&inflate->lock);
	if (!d)
		d = qcow_decompressor_alloc(image->geo.compression_type,
					    1U << image->geo.cluster_bits);
	if (!d)
		up(&inflate->running);
	return d;
}

static void decompressor_put(struct qcow_image *image,
			     struct qcow_decompressor *d)
{
	spin_lock(&image->inflate.lock);
	list_add(&d->node, &image->inflate.idle);
	spin_unlock(&image->inflate.lock);
	up(&image->inflate.running);
}

/* Read the stream and inflate its first @want bytes. */
static int inflate_to(struct qcow_image *image,
		      const struct qcow2_compressed *c, void *data, u32 want)
{
	u32 align = image->file->align;
	u64 start = round_down(c->host_offset, (u64)align);
	size_t span = round_up(c->host_offset + c->length, (u64)align) - start;
	bool whole = want == 1U << image->geo.cluster_bits;
	struct qcow_decompressor *d;
	int err;

	d = decompressor_get(image);
	if (!d)
		return -ENOMEM;
	err = span > d->in_size ? -EIO :
	      qcow_file_read(image->file, d->in, span, start);
	if (!err)
		err = qcow_decompress(d, d->in + (c->host_offset - start),
				      c->length, data, want, whole);
	decompressor_put(image, d);
	qcow_stat_inc(image, inflations);
	return err;
}

static int entry_fill(struct qcow_image *image, struct qcow_inflated *e,
		      const struct qcow2_compressed *c, u32 want)
{
	int err = inflate_to(image, c, e->data, want);

	if (!err)
		e->valid = want;
	return err;
}

static void wake_inflated(struct list_head *waiters)
{
	struct qcow_cmd *cmd, *next;

	list_for_each_entry_safe(cmd, next, waiters, node)
		qcow_cmd_unpark(cmd);
}

/*
 * The entry is not busy any more.  After success it can be found, and the
 * caller is its user; after an error it is freed.
 */
static void entry_settle(struct qcow_image *image, struct qcow_inflated *e,
			 int err)
{
	struct qcow_inflate *inflate = &image->inflate;
	struct qcow_inflated *old = NULL;
	LIST_HEAD(waiters);

	spin_lock(&inflate->lock);
	e->busy = false;
	list_splice_init(&e->waiters, &waiters);
	if (err)
		entry_unhash(inflate, e);
	else
		e->users++;
	old = entry_evict(inflate);
	spin_unlock(&inflate->lock);
	if (old)
		entry_free(old);
	if (err)
		entry_free(e);
	wake_inflated(&waiters);
}

/*
 * Return: 0, and the caller is a user of *@found; -EIOCBQUEUED if the command
 * is parked; -ENOENT if the caller has to decompress *@want bytes.
 */
static int entry_look(struct qcow_image *image, u64 host_offset, u32 need,
		      struct qcow_cmd *cmd, u32 *want,
		      struct qcow_inflated **found)
{
	struct qcow_inflate *inflate = &image->inflate;
	struct qcow_inflated *e;

	lockdep_assert_held(&inflate->lock);
	*want = need;
	e = entry_find(inflate, host_offset);
	if (!e)
		return -ENOENT;
	if (e->busy) {
		list_add_tail(&cmd->node, &e->waiters);
		return -EIOCBQUEUED;
	}
	if (e->valid < need) {
		*want = 1U << image->geo.cluster_bits;
		return -ENOENT;
	}
	e->users++;
	list_move(&e->lru, &inflate->lru);
	*found = e;
	return 0;
}

/*
 * Insert a new entry, and take one that was too short out of the cache.  The
 * caller frees *@dead, if that is set.
 */
static void entry_replace(struct qcow_inflate *inflate, struct qcow_inflated *e,
			  struct qcow_inflated **dead)
{
	struct qcow_inflated *old = entry_find(inflate, e->host_offset);

	*dead = NULL;
	if (old) {
		entry_unhash(inflate, old);
		if (!old->users)
			*dead = old;
	}
	entry_hash(inflate, e);
}

/* Look the cluster up.  If it is not found, insert @e, a busy entry or NULL. */
static int look_or_insert(struct qcow_image *image, u64 host_offset, u32 need,
			  struct qcow_cmd *cmd, u32 *want,
			  struct qcow_inflated *e, struct qcow_inflated **found)
{
	struct qcow_inflate *inflate = &image->inflate;
	struct qcow_inflated *dead = NULL;
	int ret;

	spin_lock(&inflate->lock);
	ret = entry_look(image, host_offset, need, cmd, want, found);
	if (ret == -ENOENT && e)
		entry_replace(inflate, e, &dead);
	spin_unlock(&inflate->lock);
	if (dead)
		entry_free(dead);
	if (!ret)
		qcow_stat_inc(image, inflate_hits);
	return ret;
}

int qcow_inflate_get(struct qcow_image *image, const struct qcow2_compressed *c,
		     u32 need, struct qcow_cmd *cmd, bool nowait,
		     struct qcow_inflated **found)
{
	struct qcow_inflated *e;
	u32 want;
	int ret;

	ret = look_or_insert(image, c->host_offset, need, cmd, &want, NULL,
			     found);
	if (ret != -ENOENT)
		return ret;
	if (nowait)
		return -EAGAIN;
	e = entry_alloc(image);
	if (!e)
		return -ENOMEM;
	e->host_offset = c->host_offset;
	e->busy = true;
	ret = look_or_insert(image, c->host_offset, need, cmd, &want, e,
			     found);
	if (ret != -ENOENT) {
		entry_free(e);
		return ret;
	}
	ret = entry_fill(image, e, c, want);
	*found = e;
	entry_settle(image, e, ret);
	return ret;
}

void qcow_inflate_put(struct qcow_image *image, struct qcow_inflated *e)
{
	struct qcow_inflated *evicted = NULL;
	bool last;

	spin_lock(&image->inflate.lock);
	last = !--e->users && !e->hashed;
	if (!last)
		evicted = entry_evict(&image->inflate);
	spin_unlock(&image->inflate.lock);
	if (last)
		entry_free(e);
	if (evicted)
		entry_free(evicted);
}

int qcow_inflate_private(struct qcow_image *image,
			 const struct qcow2_compressed *c, u32 offset, u32 len,
			 void *buf)
{
	u32 size = 1U << image->geo.cluster_bits;
	void *data = kvmalloc(size, GFP_NOIO);
	int err;

	if (!data)
		return -ENOMEM;
	err = inflate_to(image, c, data, size);
	if (!err)
		memcpy(buf, data + offset, len);
	kvfree(data);
	return err;
}

/*
 * A busy entry stays in the cache until it is evicted.  That does no harm: the
 * driver writes no compressed clusters, so no other stream comes to lie at this
 * offset while the image is open.
 */
void qcow_inflate_forget(struct qcow_image *image, u64 host_offset)
{
	struct qcow_inflate *inflate = &image->inflate;
	struct qcow_inflated *e, *dead = NULL;

	spin_lock(&inflate->lock);
	e = entry_find(inflate, host_offset);
	if (e && !e->busy) {
		entry_unhash(inflate, e);
		if (!e->users)
			dead = e;
	}
	spin_unlock(&inflate->lock);
	if (dead)
		entry_free(dead);
}
