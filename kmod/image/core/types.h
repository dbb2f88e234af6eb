/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The structs of an image and its parts, for all folders of kmod/image.  This
 * file holds structs only; a function is declared in the header of the file
 * that defines it.
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
#include "image/core/bits.h"
#include "image/core/interface.h"

struct qcow_reason;
struct qcow_run;
struct qcow_stats;

/**
 * struct qcow_view - an L1 root over an image: the disk that a guest sees
 * @image:	the image
 * @size:	size of the disk in bytes, a multiple of 512
 * @l1_table_offset: of the L1 table in the file, bytes
 * @l1_size:	number of L1 entries that @size needs
 * @l1_table:	the L1 table in CPU order, NULL for raw
 * @snapshot:	id and name, separated by a tab, NULL for the active disk
 * @node:	in image->snapshots
 * @users:	devices on a snapshot view; guarded by the image's @change_lock
 */
struct qcow_view {
	struct qcow_image *image;
	u64 size;
	u64 l1_table_offset;
	u32 l1_size;
	u64 *l1_table;
	char *snapshot;
	struct list_head node;
	unsigned int users;
};

/**
 * struct qcow_epoch - the commands that began between two commits
 * @ref:	held by each command of the epoch that is in flight, and by the
 *		epoch before this one
 * @image:	the image
 * @freed:	clusters that were freed in the epoch: struct freed
 * @clusters:	number of clusters in that list
 * @next:	the epoch after this one, which is held until this one is over
 * @work:	releases the freed clusters when @ref has dropped to zero
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
 * @wq:		runs @work and @timer: @upkeep of the image, from when commits
 *		can run until the last one has, and else NULL
 * @lock:	guards @waiters, @throttled, @running, @quarantine, the change
 *		of @epoch, and the epochs' lists of freed clusters
 * @epoch:	the current epoch; read under RCU
 * @waiters:	commands that asked for a commit since the last one began
 * @throttled:	commands that go on when less metadata is dirty
 * @running:	a commit is running
 * @calm:	see qcow_commit_calm()
 * @result:	of the last commit: 0 or a negative errno
 * @closed:	the epoch that the running commit will release; if that commit
 *		fails, the next one will
 * @quarantine:	clusters of all epochs that were freed and are not released yet
 * @epochs:	number of epochs that are not over, the current one included
 * @idle:	woken when an epoch is over
 * @work:	a commit
 * @timer:	starts @work if something is dirty
 */
struct qcow_commit {
	struct workqueue_struct *wq;
	spinlock_t lock;
	struct qcow_epoch __rcu *epoch;
	struct list_head waiters;
	struct list_head throttled;
	bool running;
	bool calm;
	int result;
	struct qcow_epoch *closed;
	u64 quarantine;
	atomic_t epochs;
	wait_queue_head_t idle;
	struct work_struct work;
	struct delayed_work timer;
};

/**
 * struct qcow_health - an error that stays until the image is attached again
 * @lock:	guards changes of @error and @failed
 * @error:	a negative errno, or 0 if all is well; after an error nothing is
 *		allocated or released, and every flush fails
 * @failed:	words that name the operation that failed
 */
struct qcow_health {
	spinlock_t lock;
	int error;
	const char *failed;
};

/**
 * struct qcow_l1 - changes of the active L1 table
 * @lock:	held while an entry of the table and its bit in @dirty are set
 * @dirty:	a bit for each unit of the table that has to be written
 * @units:	a bit for each unit that the running commit writes
 * @copies:	by number, memory for a copy of each unit that was ever changed;
 *		those of @units are valid; big-endian
 */
struct qcow_l1 {
	spinlock_t lock;
	unsigned long *dirty;
	unsigned long *units;
	struct xarray copies;
};

/**
 * struct qcow_alloc - the reserve of fresh clusters of an image
 * @extending:	held while clusters are taken at the file's end; guards @end
 * @lock:	guards the members from @extents to @error
 * @extents:	runs of fresh clusters, each counted by one refcount block
 * @clusters:	number of clusters in @extents
 * @emptied:	extents that are used up and still pin their refcount block
 * @waiters:	commands parked until the reserve has clusters
 * @refilling:	the work item @refill is queued or running
 * @error:	of the last refill: 0 or a negative errno
 * @end:	the first cluster behind the file
 * @step:	number of clusters that the next refill adds; set by the refill
 *		only, which doubles it
 * @scan_next:	index of the refcount block that the refill scans next for free
 *		clusters, which go to qcow_refs.found
 * @scan_end:	the first cluster behind those in use at attach
 * @refill:	fills the reserve
 */
struct qcow_alloc {
	struct mutex extending;
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
 * @lock:	guards the lists and counts, and the members of slices that
 *		struct qcow_slice names; taken in interrupts
 * @hash:	the slices of all views, by number; lookups take no lock
 * @hash_mask:	number of buckets of @hash, less one
 * @disk_shift:	log2 of the bytes of the disk that a slice maps
 * @plain:	entries are one word, and data lies in the image file
 * @entries:	number of entries in a slice
 * @cluster_size: bytes of a cluster
 * @lru:	clean slices, newest first; the order is approximate: a sweep
 *		moves a referenced slice to the front instead of evicting it
 * @count:	number of slices in @lru
 * @dirty:	slices that a commit has to write, oldest first
 * @nr_dirty:	number of slices in @dirty
 * @limit:	number of slices to keep at most
 * @slice_bits:	log2 of the bytes of a slice
 * @node:	in the shrinker's list of caches
 * @copies:	a writable image's pool of struct qcow_slice_copy
 * @copy_data:	a writable image's pool of memory for the copies' data
 * @writing:	held while a commit writes slices to the file; guards @written
 * @written:	a bit for each slice of the active disk that a commit has written
 *		since a structural change looked at it; NULL if there is none
 */
struct qcow_cache {
	/* all that a lookup reads; none of it changes */
	struct hlist_head *hash;
	unsigned long hash_mask;
	u8 disk_shift;
	bool plain;
	u32 entries;
	u32 cluster_size;

	spinlock_t lock ____cacheline_aligned_in_smp;
	struct list_head lru;
	unsigned long count;
	struct list_head dirty;
	unsigned long nr_dirty;
	unsigned long limit;
	u8 slice_bits;
	struct list_head node;
	mempool_t *copies;
	mempool_t *copy_data;
	struct mutex writing;
	unsigned long *written;
};

#define QCOW_COW_HASH_BITS	6
#define QCOW_COW_SPARE		8

/**
 * struct qcow_cow - guest clusters and L2 tables under copy
 * @lock:	guards @cells, the cells' waiters, @spare and @nr_spare
 * @cells:	struct cell by guest cluster
 * @tables:	held while an L2 table is copied or a slice is verified, so that
 *		one task at a time does so; may be held across I/O
 * @spare:	buffers of one cluster each, kept because many kernels clear
 *		newly allocated pages
 * @nr_spare:	number of buffers in @spare
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
 * struct qcow_inflate - an image's cache of decompressed clusters
 * @lock:	guards all members but @running; not taken in interrupts
 * @hash:	struct qcow_inflated by the offset of its stream
 * @lru:	the same entries, newest first
 * @count:	number of entries
 * @limit:	if there are more entries, unused ones are freed
 * @idle:	decompressors that are not in use
 * @running:	limits the decompressors in use to the number of CPUs; a worker
 *		that holds one waits for its own read of the file only
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
 * struct qcow_metadata_index - where a writable image's metadata lies
 * @lock: guards @root
 * @root: struct qcow_metadata by cluster
 */
struct qcow_metadata_index {
	spinlock_t lock;
	struct rb_root root;
};

/**
 * struct qcow_refs - the refcounts of one image
 * @mutex:	guards @table and its entries, @blocks and their pins, @found,
 *		@copy and @piece; held across I/O, and therefore taken by work
 *		items and at attach and detach only
 * @table:	the refcount table in CPU order, as far as it is not 0
 * @held:	number of entries at @table; those behind them are 0
 * @entries:	number of entries that the table has in the file
 * @blocks:	resident blocks, struct qcow_refblock by index
 * @count:	number of resident blocks
 * @scanned:	a bit for each block that was scanned for free clusters
 * @nr_scanned: number of bits in @scanned: @held at attach
 * @found:	runs of free clusters inside the file: struct qcow_extent
 * @copy:	memory for a part of a block, for the commit that writes dirty ones
 * @piece:	memory for a part of a block, for a look at a block that is not
 *		resident
 * @lock:	guards the contents of blocks, and @dirty; no I/O under it
 * @dirty:	blocks that a commit has to write
 * @watched:	bitmaps by block: which pieces of QCOW_REFS_PIECE bytes changed
 *		since qcow_refs_copy() copied them.  An entry is added and taken
 *		out, and a bit changes, under @lock
 */
struct qcow_refs {
	struct mutex mutex;
	u64 *table;
	u32 held;
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
	struct xarray watched;
};

/**
 * struct qcow_image_ops - what differs between formats
 * @format:	QCOW_FORMAT_*
 * @name:	the format's name, for people
 * @open:	read what @map needs; image->file is open
 * @close:	undo @open; returns an error if written data may not be durable
 * @map:	look up the run at @pos, of at most @len bytes, inside the view;
 *		returns 0, -EAGAIN with @missing and @slice of the run set, or
 *		-EIO; any context
 * @map_write:	look up the run for a write; only a DATA run may be written at
 *		once
 * @discard:	discard bytes that the guest does not need any more; may sleep
 * @zero:	have bytes read zeros; may sleep
 * @erase:	a format has this one, or @discard and @zero: discard or zero
 *		the next run of a command, as @map_write found the run; returns
 *		as qcow_write_prepare() does
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

/** enum qcow_image_state - may tasks that want the image's files have it? */
enum qcow_image_state {
	QCOW_IMAGE_OPENING,	/* they wait */
	QCOW_IMAGE_OPEN,	/* they share it, or are refused */
	QCOW_IMAGE_CLOSING,	/* they wait; it may come back once more */
};

/**
 * struct qcow_inode_use - a file that an image uses
 * @inode: of the file, to compare with; NULL for none
 * @image: the image
 * @node:  in the registry's hash table, by @inode
 */
struct qcow_inode_use {
	const struct inode *inode;
	struct qcow_image *image;
	struct hlist_node node;
};

/**
 * struct qcow_image - one open image file of a chain
 * @ops:	operations of its format
 * @file:	the image file: metadata, and data if there is no external file
 * @data_file:	the external data file, or the same as @file
 * @writable:	the image's one device may write to it; set at open
 * @path:	of the file, for messages
 * @backing:	the layer below, NULL for none
 * @active:	view of the disk as it is now
 * @snapshots:	views of internal snapshots that are attached
 * @offset:	raw: where the image begins in @file, bytes
 * @sizelimit:	raw: bytes from @offset on, as the caller of the attach gave
 *		them; 0 for all
 * @header:	qcow2: the header
 * @geo:	qcow2: what follows from the header
 * @entry_bits:	log2 of the number of entries in a slice
 * @cache:	L2 slices
 * @inflate:	decompressed clusters
 * @wq:		runs the commands of the devices that show the image; NULL if
 *		none does, and it is not written
 * @upkeep:	runs refills, releases, commits and @corrupted; NULL unless the
 *		image is a writable qcow2.  Not @wq: these wait for memory, and
 *		its rescuer must be free for the commands that swap
 * @sealed:	the image is to get another backing file: from now on an entry
 *		of a range that reads zeros must say so itself
 * @merge:	the image is being merged into its backing file; changes only
 *		while no command is in flight
 * @merged_into: an overlay is being merged into this image; guarded by the
 *		registry's mutex
 * @changes:	number of structural changes so far, plus a start that no other
 *		opening of an image has; like @sealed it changes only under the
 *		device's claim
 * @verified:	a bit for each slice whose COPIED flags were checked
 * @header_lock: held while the file's header is changed
 * @corrupted:	sets the corrupt bit in the header
 * @complaints:	limits the messages about malformed metadata
 * @change_lock: held during a structural change, and while a view of a snapshot
 *		is opened or closed: so that the snapshots stay what they are
 * @file_use:	the use of the image file; guarded by the registry's mutex
 * @data_use:	the use of the external data file; so is this one
 * @state:	guarded by the registry's mutex
 * @users:	number of devices and overlays; guarded by the registry's mutex
 * @shown:	a device shows the active disk; guarded by the registry's mutex
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
	struct workqueue_struct *upkeep;
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
	struct qcow_bits verified;
	struct mutex header_lock;
	struct work_struct corrupted;
	struct qcow_stats __percpu *stats;
	struct ratelimit_state complaints;
	struct mutex change_lock;
	struct qcow_inode_use file_use;
	struct qcow_inode_use data_use;
	enum qcow_image_state state;
	unsigned int users;
	bool shown;
};

#endif /* QCOW_IMAGE_CORE_TYPES_H */
