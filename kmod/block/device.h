/* SPDX-License-Identifier: GPL-2.0 */
/* A /dev/qcowN: its disk, its queue, what it shows, and its end. */
#ifndef QCOW_BLOCK_DEVICE_H
#define QCOW_BLOCK_DEVICE_H

#include <linux/blk-mq.h>
#include <linux/list.h>
#include <linux/workqueue.h>

#include <linux/qcow.h>

#include "image/image.h"

/**
 * enum qcow_state - what a device still does; it only ever goes up
 */
enum qcow_state {
	QCOW_STATE_LIVE,
	QCOW_STATE_DEGRADED,	/* no allocation: only what is mapped */
	QCOW_STATE_READ_ONLY,
	QCOW_STATE_DEAD,	/* being detached: no new openers */
};

/**
 * struct qcow_files - the files of a device, with the locks on them
 * @held:	with a reference to each
 * @nr:		of them
 * @nr_own:	the first of them, which are the top image's
 * @node:	in the list of those that leave
 */
struct qcow_files {
	struct qcow_held_file *held;
	unsigned int nr;
	unsigned int nr_own;
	struct list_head node;
};

/**
 * struct qcow_device - one attached device
 * @number:	N of /dev/qcowN
 * @state:	changed by qcow_device_set_state() only
 * @live:	the disk was added; guarded by the list's mutex
 * @read_only:	attached so
 * @changing:	it is being given another structure; under open_mutex
 * @merger:	it is being merged into its backing file through this control
 *		file; under @merge_lock, which is held for each part of that
 * @shut:	nobody may open it meanwhile; likewise
 * @swapped:	swap lies on it, or did since it was last opened by nobody
 * @lazy:	detach when the last opener closes it
 * @no_discard:	discards are not offered
 * @dio:	direct or buffered I/O on the files
 * @sector_size: logical block size, bytes
 * @name:	for /dev/disk/by-qcow, or empty
 * @view:	what it shows
 * @ctl:	of a hidden one: the control file that it goes with; guarded by
 *		the list's mutex
 * @files:	those that the caller passed
 * @wq:		where commands are continued
 * @bvecs:	pool of bvec arrays for requests of several bios
 * @detach_work: of a lazy detach, which ->release() may not do itself
 * @node:	in the list of devices; guarded by its mutex
 */
struct qcow_device {
	unsigned int number;
	enum qcow_state state;
	bool live;
	bool read_only;
	bool changing;
	const struct file *merger;
	struct mutex merge_lock;
	bool shut;
	bool swapped;
	bool lazy;
	bool no_discard;
	enum qcow_dio dio;
	unsigned int sector_size;
	char name[QCOW_NAME_LEN];
	struct qcow_view *view;
	const struct file *ctl;
	struct qcow_files files;
	struct gendisk *disk;
	struct blk_mq_tag_set tag_set;
	struct workqueue_struct *wq;
	mempool_t *bvecs;
	struct work_struct detach_work;
	struct list_head node;
};

/**
 * qcow_device_attach - make a device
 * @attach: the checked arguments; @attach->number is set
 * @layers: of the chain, with their files; references are taken
 * @snapshot: id or name, or NULL
 * @ctl:    the control file through which it was asked for
 * @why:    set where it fails
 *
 * Context: may sleep; the partition scan reads from the device.
 * Return: 0 or an error as in struct qcow_attach.
 */
int qcow_device_attach(struct qcow_attach *attach,
		       const struct qcow_layer_files *layers,
		       const char *snapshot, const struct file *ctl,
		       struct qcow_reason *why);

/** qcow_device_detach - see struct qcow_detach; through the control file @ctl */
int qcow_device_detach(unsigned int number, bool lazy, const struct file *ctl);

/** qcow_device_detach_hidden - those that were made through @ctl */
void qcow_device_detach_hidden(const struct file *ctl);

/**
 * qcow_device_of - the device whose top image's active disk a file is
 *
 * Return: its number, or QCOW_NO_DEVICE.
 */
unsigned int qcow_device_of(const struct inode *inode);

/** qcow_device_get - a live device, its disk with a reference; or NULL */
struct qcow_device *qcow_device_get(unsigned int number);

/**
 * qcow_device_idle - if nobody uses it: no swap lies on it any more, and where
 *		      a detach waited for that, it comes soon
 *
 * Context: under the disk's open_mutex.
 */
void qcow_device_idle(struct qcow_device *dev);

/* files.c */

/**
 * qcow_files_get - take references to all files of the layers
 * @files: zeroed
 */
int qcow_files_get(struct qcow_files *files,
		   const struct qcow_layer_files *layers, unsigned int nr);

/** qcow_files_get_others - likewise: to @old's own ones, and to the layers' */
int qcow_files_get_others(struct qcow_files *files,
			  const struct qcow_files *old,
			  const struct qcow_layer_files *layers,
			  unsigned int nr);

/** qcow_files_put - give them back */
void qcow_files_put(struct qcow_files *files);

/** qcow_files_leave - the device goes: from here on queries wait for its files */
void qcow_files_leave(struct qcow_files *files);

/**
 * qcow_files_left - it is gone: give them back and wake who waits
 *
 * Context: a kernel thread: they are closed here where it had the last
 * references.
 */
void qcow_files_left(struct qcow_files *files);

/**
 * qcow_files_wait_left - until no device that leaves holds this file
 *
 * Return: 0, or -ERESTARTSYS after a fatal signal.
 */
int qcow_files_wait_left(const struct inode *inode);

/* change.c */

/**
 * qcow_device_change - change the image's structure, with I/O going on
 * @force:	also where the device is in use and its content becomes another
 * @pause_ns:	set to the time that requests had to wait, nanoseconds
 * @why:	set where it is refused
 *
 * For a snapshot, file systems on the disk and its partitions are frozen.
 *
 * Return: 0 or an error as qcow_change_run(); -ENXIO: no such device; -EBUSY:
 * it is in use.
 */
int qcow_device_change(unsigned int number, struct qcow_change *change,
		       bool force, u64 *pause_ns, struct qcow_reason *why);

/**
 * qcow_device_claim - from here on it is not detached, and not changed by others
 * @change: what is about to be done
 * @force:  also where that takes away what somebody may be using
 * @why:    set where it is refused
 *
 * Return: 0, then qcow_device_unclaim() is due; -ENXIO, or -EBUSY.
 */
int qcow_device_claim(struct qcow_device *dev, const struct qcow_change *change,
		      bool force, struct qcow_reason *why);
void qcow_device_unclaim(struct qcow_device *dev);

/** qcow_device_change_claimed - as qcow_device_change() */
int qcow_device_change_claimed(struct qcow_device *dev,
			       struct qcow_change *change, u64 *pause_ns,
			       struct qcow_reason *why);

/* backing.c */

/** qcow_device_fill - see struct qcow_fill */
int qcow_device_fill(unsigned int number, u64 start, u64 length, u64 *changes,
		     struct qcow_reason *why);

/**
 * qcow_device_rebase - see struct qcow_rebase, and QCOW_MERGE_REOPEN
 * @change: QCOW_CHANGE_REBASE with the names, or QCOW_CHANGE_REOPEN
 * @layers: @nr of them; references are taken
 */
int qcow_device_rebase(unsigned int number, struct qcow_change *change,
		       const struct qcow_layer_files *layers, unsigned int nr,
		       u64 *pause_ns, struct qcow_reason *why);

/** qcow_device_change_backing - the same, with the layers below the top image
 *
 * @change->backing will be what is made of @layers.
 */
int qcow_device_change_backing(struct qcow_device *dev,
			       struct qcow_change *change,
			       const struct qcow_layer_files *layers,
			       unsigned int nr, u64 *pause_ns,
			       struct qcow_reason *why);

/* merge.c */

/**
 * qcow_device_merge_begin - see struct qcow_merge, for this and the next ones
 * @ctl: the control file: when that is closed, it is over
 */
int qcow_device_merge_begin(unsigned int number, const struct file *ctl,
			    const struct qcow_layer_files *layers,
			    unsigned int nr, u64 *pause_ns,
			    struct qcow_reason *why);
int qcow_device_merge_step(unsigned int number, const struct file *ctl,
			   u64 *left, struct qcow_reason *why);
int qcow_device_merge_end(unsigned int number, const struct file *ctl,
			  bool keep, u64 *pause_ns, struct qcow_reason *why);
int qcow_device_merge_stop(unsigned int number, const struct file *ctl,
			   u64 *pause_ns, struct qcow_reason *why);

/** qcow_device_merge_orphans - stop all that were begun through @ctl */
void qcow_device_merge_orphans(const struct file *ctl);

/** qcow_device_merged_by - one that is, with a reference to its disk; or NULL */
struct qcow_device *qcow_device_merged_by(const struct file *ctl);

int qcow_device_init(void);
void qcow_device_exit(void);

/* queue.c */

/* A bvec array of the pool: enough for the largest request of pages. */
#define QCOW_MAX_SECTORS	4096U
#define QCOW_POOL_BVECS		(QCOW_MAX_SECTORS >> PAGE_SECTORS_SHIFT)

/** qcow_queue_init - fill in and allocate the device's tag set and pools */
int qcow_queue_init(struct qcow_device *dev);
void qcow_queue_exit(struct qcow_device *dev);

/** qcow_queue_alloc_disk - the disk with its limits */
struct gendisk *qcow_queue_alloc_disk(struct qcow_device *dev);

/* sysfs.c */
extern const struct attribute_group *qcow_device_groups[];

#endif /* QCOW_BLOCK_DEVICE_H */
