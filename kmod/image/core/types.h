/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The image and its parts, as every room knows them.  This file holds structs
 * only; the functions are in the header of the file that owns them.
 */
#ifndef QCOW_IMAGE_CORE_TYPES_H
#define QCOW_IMAGE_CORE_TYPES_H

#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/ratelimit.h>
#include <linux/rbtree.h>
#include <linux/semaphore.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "format/header.h"
#include "image/core/interface.h"

struct qcow_reason;
struct qcow_run;
struct qcow_stats;

/**
 * struct qcow_view - an L1 root over an image: the disk that a guest sees
 * @image:	whose
 * @size:	bytes, a multiple of 512
 * @l1_size:	entries that @size needs
 * @l1_table:	the L1 table in CPU order, NULL for raw
 * @slices:	resident L2 slices by number; readers hold the RCU read lock,
 *		who changes it needs the array's own lock only
 * @l1_table_offset: in the file, bytes
 * @snapshot:	id and name, separated by a tab, NULL for the active disk
 * @node:	in image->snapshots
 * @users:	devices on a snapshot view; guarded by the registry's mutex
 */
struct qcow_view {
	struct qcow_image *image;
	u64 size;
	u64 l1_table_offset;
	u32 l1_size;
	u64 *l1_table;
	struct xarray slices;
	char *snapshot;
	struct list_head node;
	unsigned int users;
};

/**
 * struct qcow_epoch - I/O that began between two commits
 * @ref:	each command under way has one, and the epoch before this one
 * @freed:	clusters whose last reference went in it: struct freed
 * @clusters:	how many there are in that list
 * @next:	the epoch after it, which is held until this one is over
 */
struct qcow_epoch {
	struct percpu_ref ref;
	struct qcow_image *image;
	struct list_head freed;
	u64 clusters;
	struct qcow_epoch *next;
	struct work_struct work;
	struct rcu_head rcu;
};

/**
 * struct qcow_commit - an image's commits
 * @wq:		ordered: one at a time
 * @lock:	guards the lists and @quarantine
 * @epoch:	the current one; read under RCU
 * @waiters:	commands that asked since the last commit began
 * @throttled:	commands that may go on when less is dirty
 * @running:	a commit is
 * @result:	of the last one
 * @closed:	the epoch that the commit under way, or the next one after one
 *		that failed, will release
 * @quarantine:	clusters that were freed and are not released yet, of all epochs
 */
struct qcow_commit {
	struct workqueue_struct *wq;
	spinlock_t lock;
	struct qcow_epoch __rcu *epoch;
	struct list_head waiters;
	struct list_head throttled;
	bool running;
	int result;
	struct qcow_epoch *closed;
	u64 quarantine;
	atomic_t epochs;
	wait_queue_head_t idle;
	struct work_struct work;
	struct delayed_work timer;
};

/**
 * struct qcow_health - errors that stay
 * @lock:	guards both
 * @error:	of what failed; nothing is allocated or released after it, and
 *		every flush fails
 * @failed:	what has
 */
struct qcow_health {
	spinlock_t lock;
	int error;
	const char *failed;
};

/**
 * struct qcow_l1 - changes of the active L1 table
 * @lock:	guards them
 * @dirty:	a bit for each unit of the table that has to be written
 * @units:	those that the commit under way writes, from
 * @copy:	a copy of them
 */
struct qcow_l1 {
	spinlock_t lock;
	unsigned long *dirty;
	unsigned long *units;
	u64 *copy;
};

/**
 * struct qcow_alloc - what an image has to give
 * @lock:	guards all down to @error
 * @extents:	runs of fresh clusters, each of one refcount block
 * @clusters:	in them
 * @emptied:	those that were used up
 * @waiters:	commands parked until there is something
 * @refilling:	the work item is queued or running
 * @error:	of the last refill, for those who wait
 * @end:	first cluster beyond the file; refill's own, as is
 * @step:	clusters that the next refill adds; doubles
 * @scan_next:	the refcount block to look into next, for qcow_refs.found
 * @scan_end:	the first cluster behind those in use at attach
 */
struct qcow_alloc {
	spinlock_t lock;
	struct list_head extents;
	u64 clusters;
	struct list_head emptied;
	struct list_head waiters;
	bool refilling;
	int error;
	u64 end;
	u64 step;
	unsigned long scan_next;
	u64 scan_end;
	struct work_struct refill;
};

/**
 * struct qcow_cache - the slices of all views of one image
 * @lock:	guards @lru, @count and the slices' @load; taken in interrupts
 * @lru:	newest first; an approximation: a sweep spares the referenced
 * @count:	slices in @lru
 * @dirty:	slices that a commit has to write, oldest first
 * @nr_dirty:	of them
 * @limit:	at most so many
 * @slice_bits:	log2 of the bytes of a slice
 * @node:	in the shrinker's list
 * @copies:	struct qcow_slice_copy, and
 * @copy_data:	their memory: some of each in reserve, where it is writable
 */
struct qcow_cache {
	spinlock_t lock;
	struct list_head lru;
	unsigned long count;
	struct list_head dirty;
	unsigned long nr_dirty;
	unsigned long limit;
	u8 slice_bits;
	struct list_head node;
	mempool_t *copies;
	mempool_t *copy_data;
};

#define QCOW_COW_HASH_BITS	6
#define QCOW_COW_SPARE		8

/**
 * struct qcow_cow - clusters under copy
 * @lock:	guards @cells and their waiters
 * @cells:	struct cell, by guest cluster
 * @tables:	held while an L2 table is copied
 * @spare:	a cluster's memory each, by @lock: new pages would be cleared
 * @nr_spare:	of them
 */
struct qcow_cow {
	spinlock_t lock;
	DECLARE_HASHTABLE(cells, QCOW_COW_HASH_BITS);
	struct mutex tables;
	void *spare[QCOW_COW_SPARE];
	unsigned int nr_spare;
};

#define QCOW_INFLATE_HASH_BITS	6

/**
 * struct qcow_inflate - an image's decompressed clusters
 * @lock:	guards all of it; not taken in interrupts
 * @count:	entries
 * @limit:	at most so many that nobody uses
 * @idle:	decompressors that nobody uses
 * @running:	limits those in use to the number of CPUs; who has one only
 *		waits for its own read of the file
 */
struct qcow_inflate {
	spinlock_t lock;
	DECLARE_HASHTABLE(hash, QCOW_INFLATE_HASH_BITS);
	struct list_head lru;
	unsigned int count;
	unsigned int limit;
	struct list_head idle;
	struct semaphore running;
};

/**
 * struct qcow_metadata_index - all of them, by cluster
 * @lock: guards
 * @root: the tree
 */
struct qcow_metadata_index {
	spinlock_t lock;
	struct rb_root root;
};

/**
 * struct qcow_refs - the refcounts of one image
 * @mutex:	guards @table's entries, @blocks and their pins, and @found; held
 *		across I/O, by work items and at attach and detach only
 * @table:	the refcount table in CPU order
 * @entries:	of it that the file has room for
 * @blocks:	struct qcow_refblock by index
 * @count:	of them
 * @scanned:	a bit for each block of @table that was looked into
 * @nr_scanned: bits of it
 * @found:	runs that were free at attach: struct qcow_extent
 * @copy:	a cluster's memory, for who writes them
 * @piece:	memory for a part of a block, for who looks at it
 * @lock:	guards what is in the blocks; no I/O under it
 * @dirty:	blocks to be written
 */
struct qcow_refs {
	struct mutex mutex;
	u64 *table;
	u32 entries;
	struct xarray blocks;
	unsigned int count;
	unsigned long *scanned;
	u32 nr_scanned;
	struct list_head found;
	void *copy;
	void *piece;
	spinlock_t lock;
	struct list_head dirty;
};

/**
 * struct qcow_image_ops - what differs between formats
 * @format:	QCOW_FORMAT_*
 * @name:	for people
 * @open:	image->file is open; read what is needed to serve @map
 * @close:	undo it; the error if what was written may not be durable
 * @map:	the run at @pos of at most @len bytes, inside the view.  Returns
 *		0, -EAGAIN with @missing and @slice set, or -EIO.  Any context.
 * @map_write:	the same for a write: only DATA runs may be written at once
 * @discard:	bytes that the guest does not need any more; may sleep
 * @zero:	bytes that are to read zeros; may sleep
 * @erase:	instead of those two: do it to the next run of a command, as
 *		@map_write found it; as qcow_write_prepare()
 */
struct qcow_image_ops {
	u32 format;
	const char *name;
	int (*open)(struct qcow_image *image, const struct qcow_open *open,
		    const struct qcow_layer_files *layer,
		    struct qcow_reason *why);
	int (*close)(struct qcow_image *image);
	int (*map)(struct qcow_view *view, u64 pos, u32 len,
		   struct qcow_run *run);
	int (*map_write)(struct qcow_view *view, u64 pos, u32 len,
			 struct qcow_run *run);
	int (*discard)(struct qcow_image *image, u64 pos, u32 len);
	int (*zero)(struct qcow_image *image, u64 pos, u32 len, bool unmap);
	int (*erase)(struct qcow_cmd *cmd, struct qcow_run *run);
};

/**
 * struct qcow_image - one open image file of a chain
 * @ops:	of its format
 * @file:	metadata, and data unless there is
 * @data_file:	an external data file; else the same as @file
 * @writable:	written by its one device; set at open
 * @path:	for messages
 * @backing:	the layer below, NULL for none
 * @active:	the disk as it is now
 * @snapshots:	views of internal snapshots that are attached
 * @offset:	raw: where the image begins in @file, bytes
 * @sizelimit:	raw: as given by the caller
 * @header, @geo: qcow2
 * @entry_bits:	log2 of the entries of a slice
 * @wq:		writable qcow2: refills and releases, and what goes with it:
 * @sealed:	another backing file is to come, so that from now on whatever
 *		reads zeros has to say so itself
 * @merge:	it is being merged into its backing file; changes while no
 *		command is under way
 * @merged_into: and this is the backing file; guarded by the registry's mutex
 * @changes:	how many structural changes there were, from a number on that
 *		no other opening began with; like @sealed it changes only under
 *		the device's claim
 * @verified:	a bit for each slice whose COPIED flags were checked
 * @header_lock: held while the file's header is changed
 * @corrupted:	marks it so
 * @node:	in the registry's list, guarded by its mutex, as is
 * @users:	devices and overlays
 */
struct qcow_image {
	const struct qcow_image_ops *ops;
	struct qcow_file *file;
	struct qcow_file *data_file;
	bool writable;
	char *path;
	struct qcow_image *backing;
	struct qcow_view active;
	struct list_head snapshots;
	u64 offset;
	u64 sizelimit;
	struct qcow2_header header;
	struct qcow2_geometry geo;
	u8 entry_bits;
	struct qcow_cache cache;
	struct qcow_inflate inflate;
	struct qcow_l1 l1;
	struct workqueue_struct *wq;
	struct qcow_refs refs;
	struct qcow_alloc alloc;
	struct qcow_commit commit;
	struct qcow_health health;
	struct qcow_cow cow;
	struct qcow_metadata_index metadata;
	bool sealed;
	struct qcow_merge_state *merge;
	bool merged_into;
	u64 changes;
	unsigned long *verified;
	struct mutex header_lock;
	struct work_struct corrupted;
	struct qcow_stats __percpu *stats;
	struct ratelimit_state complaints;
	struct list_head node;
	unsigned int users;
};

#endif /* QCOW_IMAGE_CORE_TYPES_H */
