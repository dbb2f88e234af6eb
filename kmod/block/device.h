/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device /dev/qcowN: its disk and queue, its files, its attributes in sysfs,
 * structural changes of its image, and its end.
 */
#ifndef QCOW_BLOCK_DEVICE_H
#define QCOW_BLOCK_DEVICE_H

#include <linux/blk-mq.h>
#include <linux/list.h>
#include <linux/workqueue.h>

#include <linux/qcow.h>

#include "image/image.h"

/** enum qcow_state - what a device still does; the state only ever increases */
enum qcow_state {
	QCOW_STATE_LIVE,
	QCOW_STATE_DEGRADED,	/* no allocation, only mapped clusters */
	QCOW_STATE_READ_ONLY,
	QCOW_STATE_DEAD,	/* being detached, cannot be opened */
};

/**
 * struct qcow_files - the files of a device, with the user's locks on them
 * @held:	the files, with a reference to each
 * @nr:		how many
 * @nr_own:	the first so many belong to the top image
 * @node:	in the list of devices that leave; guarded by the lock of that
 *		list
 */
struct qcow_files {
	struct qcow_held_file *held;
	unsigned int nr;
	unsigned int nr_own;
	struct list_head node;
};

/* So many files are kept open for a merge at most: QCOW_MERGE, hold_fds. */
#define QCOW_MERGE_HOLDS	2

/**
 * struct qcow_device - one attached device
 * @number:	N of /dev/qcowN
 * @state:	changed only by set_state(), with the disk's open_mutex held
 * @live:	the disk was added; guarded by the mutex of the device list
 * @read_only:	attached read-only
 * @changing:	a structural change or a merge has claimed the device; guarded
 *		by open_mutex
 * @changed:	such a change has changed what the device shows; belongs to the task
 *		that has claimed the device
 * @freezing:	a freeze of file systems that nobody waits for any more is not over;
 *		set by the task that has claimed the device
 * @merger:	the control file through which the image is being merged into
 *		its backing file, or NULL; written with @merge_lock held
 * @merge_holds: files that are kept open until the merge is over, or NULLs
 * @merge_lock:	guards @merger and @merge_holds; held for each step of a merge
 * @shut:	cannot be opened while it is being changed; guarded by
 *		open_mutex
 * @swapped:	swap lies on it, or did since it was last without an opener
 * @lazy:	detach it when the last opener closes it; guarded by open_mutex
 * @no_discard:	discards are not offered
 * @no_partscan: the kernel does not look for partitions by itself
 * @dio:	direct or buffered I/O on the files
 * @sector_size: logical block size, bytes
 * @name:	for /dev/disk/by-qcow, or empty
 * @view:	what the device shows
 * @ctl:	of a hidden device: the control file that it was attached
 *		through, or NULL; guarded by the mutex of the device list
 * @files:	the files that the caller passed; while the device is live they
 *		are guarded by the mutex of the device list
 * @coming:	the files that a change of the chain that is under way will put
 *		there, or NULL; guarded by that mutex, too
 * @disk:	the disk
 * @tag_set:	its tag set
 * @bvecs:	pool of bvec arrays for requests of several bios
 * @detach_work: detaches: neither ->release() nor a task that can be killed does
 *		so itself
 * @detached:	the detach is over
 * @detach_error: its result, once it is over
 * @node:	in the list of devices; guarded by the mutex of that list
 * @reached:	in the list of qcow_file_depends_on(); guarded by that mutex, too
 */
struct qcow_device {
	unsigned int number;
	enum qcow_state state;
	bool live;
	bool read_only;
	bool changing;
	bool changed;
	bool freezing;
	const struct qcow_control *merger;
	struct file *merge_holds[QCOW_MERGE_HOLDS];
	struct mutex merge_lock;
	bool shut;
	bool swapped;
	bool lazy;
	bool no_discard;
	bool no_partscan;
	enum qcow_dio dio;
	unsigned int sector_size;
	char name[QCOW_NAME_LEN];
	struct qcow_view *view;
	const struct qcow_control *ctl;
	struct qcow_files files;
	const struct qcow_files *coming;
	struct gendisk *disk;
	struct blk_mq_tag_set tag_set;
	mempool_t *bvecs;
	struct work_struct detach_work;
	struct completion detached;
	int detach_error;
	struct list_head node;
	struct list_head reached;
};

/**
 * qcow_device_attach - make a device
 * @attach: the checked arguments; @attach->number is set
 * @layers: the layers of the chain with their files; references are taken
 * @snapshot: id or name of a snapshot, or NULL
 * @ctl:    the control file through which the caller asks for the device
 * @why:    set on failure
 *
 * Context: may sleep; the partition scan reads from the device.
 * Return: 0 or an error as in struct qcow_attach.
 */
int qcow_device_attach(struct qcow_attach *attach,
		       const struct qcow_layer_files *layers,
		       const char *snapshot, const struct qcow_control *ctl,
		       struct qcow_reason *why);

/**
 * qcow_device_detach - see struct qcow_detach
 * @ctl: the control file through which the caller asks for it
 */
int qcow_device_detach(unsigned int number, bool lazy,
		       const struct qcow_control *ctl);

/**
 * qcow_device_detach_hidden - have the hidden devices of @ctl detached
 *
 * Does not wait for that.
 */
void qcow_device_detach_hidden(const struct qcow_control *ctl);

/**
 * qcow_device_of - find the device whose top image is in a file
 *
 * Only a device that shows the active disk of the image counts.
 *
 * Return: its number, or QCOW_NO_DEVICE.
 */
unsigned int qcow_device_of(const struct inode *inode);

/**
 * qcow_device_get - find a live device
 *
 * Return: the device, with a reference to its disk; or NULL.
 */
struct qcow_device *qcow_device_get(unsigned int number);

/**
 * qcow_file_depends_on - does a file lie on a device, or on one that does?
 *
 * What lies between as a device of another driver, loop or dm for example, is
 * not seen.
 */
bool qcow_file_depends_on(const struct file *file,
			  const struct qcow_device *on);

/**
 * qcow_device_announce_files - let it be known that a live device may get files
 * @files: the files; NULL: it keeps those that it has
 *
 * From here on other devices cannot come to lie on this one if it would then
 * lie on itself.  The caller has claimed the device.
 */
void qcow_device_announce_files(struct qcow_device *dev,
				const struct qcow_files *files);

/**
 * qcow_device_swap_files - a live device has the files that were announced
 *
 * Its old ones are in @files then.
 */
void qcow_device_swap_files(struct qcow_device *dev, struct qcow_files *files);

/**
 * qcow_device_idle - do what waits until a device has no opener
 *
 * No swap lies on such a device any more, and a lazy detach begins.
 *
 * Context: called with the disk's open_mutex held.
 */
void qcow_device_idle(struct qcow_device *dev);

/* files.c */

/**
 * qcow_files_get - take references to all files of the layers
 * @files: zeroed
 * @layers: the layers, the top one first
 * @nr:     how many
 */
int qcow_files_get(struct qcow_files *files,
		   const struct qcow_layer_files *layers, unsigned int nr);

/**
 * qcow_files_get_others - take references to the files of @old's top image and
 * to those of other layers below it
 */
int qcow_files_get_others(struct qcow_files *files,
			  const struct qcow_files *old,
			  const struct qcow_layer_files *layers,
			  unsigned int nr);

/** qcow_files_get_file - return file number @i; without another reference */
struct file *qcow_files_get_file(const struct qcow_files *files,
				 unsigned int i);

/** qcow_files_put - drop the references */
void qcow_files_put(struct qcow_files *files);

/** qcow_files_leave - a detach begins: queries now wait for these files */
void qcow_files_leave(struct qcow_files *files);

/**
 * qcow_files_left - a detach ends: drop the references and wake queries
 *
 * Context: a kernel thread, so that a file whose last reference is dropped here
 * is closed at once.
 */
void qcow_files_left(struct qcow_files *files);

/**
 * qcow_files_wait_left - wait until no device that is detached holds the file
 *
 * Return: 0, or -ERESTARTSYS after a fatal signal.
 */
int qcow_files_wait_left(const struct inode *inode);

/* change.c */

/**
 * qcow_device_change - change the image's structure while the device is in use
 * @force:	change the content even if the device is open
 * @pause_ns:	set to the time that requests had to wait, nanoseconds
 * @why:	set where it is refused
 *
 * For a snapshot, file systems on the disk and its partitions are frozen, and
 * what @change names.
 *
 * Return: 0; an error as qcow_change_run(); -ENXIO: no such device; or -EBUSY:
 * the device is in use.
 */
int qcow_device_change(unsigned int number, struct qcow_change *change,
		       bool force, u64 *pause_ns, struct qcow_reason *why);

/**
 * qcow_device_claim - keep a device from being detached or changed by others
 * @change: the change that the caller is about to do
 * @force:  claim it even if the change takes away content that openers use
 * @why:    set where it is refused
 *
 * Return: 0, and qcow_device_unclaim() is due; -ENXIO; or -EBUSY.
 */
int qcow_device_claim(struct qcow_device *dev, const struct qcow_change *change,
		      bool force, struct qcow_reason *why);
void qcow_device_unclaim(struct qcow_device *dev);

/** qcow_device_change_claimed - as qcow_device_change(), on a claimed device */
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
 * @layers: @nr layers below the top image; references are taken
 */
int qcow_device_rebase(unsigned int number, struct qcow_change *change,
		       const struct qcow_layer_files *layers, unsigned int nr,
		       u64 *pause_ns, struct qcow_reason *why);

/**
 * qcow_device_change_backing - give a claimed device other layers below the top
 * @change: its backing is set to what is made of @layers
 * @layers: @nr layers below the top image; references are taken
 */
int qcow_device_change_backing(struct qcow_device *dev,
			       struct qcow_change *change,
			       const struct qcow_layer_files *layers,
			       unsigned int nr, u64 *pause_ns,
			       struct qcow_reason *why);

/* merge.c */

/**
 * qcow_device_merge_begin - see struct qcow_merge, for this and the next ones
 * @ctl: the control file; the merge is stopped when it is closed
 * @holds: QCOW_MERGE_HOLDS files, or NULLs, to be kept open until the merge is
 *	   over; taken over on success
 */
int qcow_device_merge_begin(unsigned int number, const struct qcow_control *ctl,
			    const struct qcow_layer_files *layers,
			    unsigned int nr, struct file **holds,
			    u64 *pause_ns,
			    struct qcow_reason *why);
int qcow_device_merge_step(unsigned int number, const struct qcow_control *ctl,
			   u64 *left, struct qcow_reason *why);
int qcow_device_merge_end(unsigned int number, const struct qcow_control *ctl,
			  bool keep, u64 *pause_ns, struct qcow_reason *why);
int qcow_device_merge_stop(unsigned int number, const struct qcow_control *ctl,
			   u64 *pause_ns, struct qcow_reason *why);

/** qcow_device_merge_orphans - stop all merges that were begun through @ctl */
void qcow_device_merge_orphans(const struct qcow_control *ctl);

/**
 * qcow_device_merged_by - find a device with a merge that began through @ctl
 *
 * Return: the device, with a reference to its disk; or NULL.
 */
struct qcow_device *qcow_device_merged_by(const struct qcow_control *ctl);

int qcow_device_init(void);
void qcow_device_exit(void);

/* queue.c */

/*
 * Segments of a bvec array of the pool: enough for the largest request, if each
 * segment is a page.
 */
#define QCOW_MAX_SECTORS	4096U
#define QCOW_POOL_BVECS		(QCOW_MAX_SECTORS >> PAGE_SECTORS_SHIFT)

/** qcow_queue_init - make the device's pool and tag set */
int qcow_queue_init(struct qcow_device *dev);
void qcow_queue_exit(struct qcow_device *dev);

/** qcow_queue_alloc_disk - allocate the disk with its queue limits */
struct gendisk *qcow_queue_alloc_disk(struct qcow_device *dev);

/* sysfs.c */
extern const struct attribute_group *qcow_device_groups[];

/**
 * qcow_sysfs_chain_changed - show the layers that a claimed device has now
 * @before: how many it had
 */
void qcow_sysfs_chain_changed(struct qcow_device *dev, unsigned int before);

/** qcow_sysfs_init - fill in what qcow_device_groups leads to */
void qcow_sysfs_init(void);

#endif /* QCOW_BLOCK_DEVICE_H */
