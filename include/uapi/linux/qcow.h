/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * qcow: disk image files as block devices.
 *
 * The protocol
 * ============
 *
 * All requests are ioctls on the control device, /dev/qcow-control, and need
 * CAP_SYS_ADMIN.  No device exists until an image is attached: QCOW_ATTACH
 * allocates a number N, makes /dev/qcowN, scans its partitions and returns;
 * QCOW_DETACH takes the device away again.
 *
 * The kernel never opens a path and never guesses a format.  The caller opens
 * every file of the chain (the image, each file that backs it, external data
 * files), takes the locks on those descriptors that other users of the image
 * expect, and passes the descriptors with their formats.  The driver keeps a
 * reference to each open file description for as long as the device is
 * attached.  So locks that belong to the open file description (F_OFD_SETLK)
 * outlive the caller.
 *
 * A file that the driver has open already is not opened again: a hundred
 * overlays of one base share the base's image and its caches.  Locks that an
 * earlier attach left on such a file would conflict with the locks of a new
 * caller.  So the caller asks first with QCOW_QUERY, and sets its locks on a
 * shared file without looking for conflicts.
 *
 * Every structure begins with its own size in bytes as the caller knows it.
 * The kernel refuses a size that is smaller than the first published one
 * (-EINVAL), and a larger one whose unknown part is not zero (-E2BIG).  Unknown
 * flags and reserved members that are not zero are refused (-EINVAL).
 * QCOW_FEATURES says what this kernel knows.
 *
 * If a structure has a message buffer, the kernel writes a NUL-terminated
 * sentence there whenever it refuses: what is wrong, and where in which layer.
 */
#ifndef _UAPI_LINUX_QCOW_H
#define _UAPI_LINUX_QCOW_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define QCOW_CONTROL_NAME	"qcow-control"
#define QCOW_DISK_PREFIX	"qcow"

/* Increased when a structure gets a member or a flag is added. */
#define QCOW_ABI_VERSION	4

/* The most layers of a chain, the top one included. */
#define QCOW_MAX_LAYERS		256

/* Bytes of qcow_attach.name, the NUL included. */
#define QCOW_NAME_LEN		64

/* Not the number of any device. */
#define QCOW_NO_DEVICE		0xffffffffU

enum qcow_format {
	QCOW_FORMAT_RAW		= 1,
	QCOW_FORMAT_QCOW2	= 2,
};

/**
 * struct qcow_features - what this kernel's driver knows (QCOW_FEATURES)
 * @size:		in: sizeof(struct qcow_features)
 * @abi_version:	out: QCOW_ABI_VERSION of the driver
 * @attach_flags:	out: the QCOW_ATTACH_* flags it takes
 * @formats:		out: bit 1 << QCOW_FORMAT_* for each readable format
 * @writable_formats:	out: the same for formats it can write
 * @qcow2_incompatible:	out: incompatible feature bits that it supports
 * @max_layers:		out: the deepest chain
 * @reserved:		zero
 */
struct qcow_features {
	__u32 size;
	__u32 abi_version;
	__u64 attach_flags;
	__u64 formats;
	__u64 writable_formats;
	__u64 qcow2_incompatible;
	__u32 max_layers;
	__u32 reserved;
};

/**
 * struct qcow_layer - one file of a chain
 * @fd:		the image file: a regular file or a block device, opened for
 *		reading; if it is the top layer of a device that is to be
 *		written, opened for reading and writing
 * @format:	QCOW_FORMAT_*
 * @data_fd:	the external data file of a qcow2 image that has one, else -1
 * @flags:	zero
 * @offset:	raw only: where the image begins in the file, bytes, a multiple
 *		of 512
 * @sizelimit:	raw only: bytes of the file to use from @offset, a multiple of
 *		512; 0 for all
 */
struct qcow_layer {
	__s32 fd;
	__u32 format;
	__s32 data_fd;
	__u32 flags;
	__u64 offset;
	__u64 sizelimit;
};

#define QCOW_ATTACH_READ_ONLY	(1U << 0)
/* Do not scan for partitions now; BLKRRPART scans later. */
#define QCOW_ATTACH_NO_PARTSCAN	(1U << 1)
/*
 * Direct I/O on the files is required, or is not used.  With neither flag it is
 * used where it works.
 */
#define QCOW_ATTACH_DIO_ON	(1U << 2)
#define QCOW_ATTACH_DIO_OFF	(1U << 3)
/* Discards are not offered, and write-zeroes never frees space. */
#define QCOW_ATTACH_NO_DISCARD	(1U << 4)
/*
 * A device that cannot be opened, without a node and without partitions, for
 * ioctls below on an image that is not in use.  If the caller does not detach
 * the device, it is detached when the control file is closed through which it
 * was attached, and close() does not wait for that.
 */
#define QCOW_ATTACH_HIDDEN	(1U << 5)

/**
 * struct qcow_attach - make a device of a chain of files (QCOW_ATTACH)
 * @size:	in: sizeof(struct qcow_attach)
 * @flags:	in: QCOW_ATTACH_*
 * @layers:	in: pointer to @nr_layers struct qcow_layer, the top one first,
 *		each backed by the next
 * @nr_layers:	in: 1..QCOW_MAX_LAYERS
 * @sector_size: in: logical block size of the device, 512 or 4096; 0 for 512
 * @snapshot:	in: pointer to the id or the name of an internal snapshot of the
 *		top layer, which must then be read-only; 0 for the active disk;
 *		a snapshot with this id is preferred to one with this name
 * @snapshot_len: in: bytes at @snapshot, without a NUL
 * @number:	out: N of /dev/qcowN
 * @cache_size:	in: bytes of L2 tables kept in memory for the top image; 0 for
 *		the default
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @message_len: in: bytes at @message
 * @reserved:	zero
 * @name:	in: a name for /dev/disk/by-qcow/, NUL-padded; empty for none
 *
 * Errors: EPERM (no CAP_SYS_ADMIN), EINVAL (arguments), EUCLEAN (the image is
 * malformed), EOPNOTSUPP (the image needs something that the driver does not
 * support), EBUSY (another device uses a file in a way that excludes this one),
 * EROFS (the image cannot be written; attach it read-only), ENOENT (no such
 * snapshot), EEXIST (the name is in use), ENOMEM, EIO.
 */
struct qcow_attach {
	__u32 size;
	__u32 flags;
	__u64 layers;
	__u32 nr_layers;
	__u32 sector_size;
	__u64 snapshot;
	__u32 snapshot_len;
	__u32 number;
	__u64 cache_size;
	__u64 message;
	__u32 message_len;
	__u32 reserved;
	char name[QCOW_NAME_LEN];
};

/* Detach when the last user closes the device.  It can be opened until then. */
#define QCOW_DETACH_LAZY	(1U << 0)

/**
 * struct qcow_detach - take a device away (QCOW_DETACH)
 * @size:	in: sizeof(struct qcow_detach)
 * @flags:	in: QCOW_DETACH_*
 * @number:	in: N of /dev/qcowN
 * @reserved:	zero
 *
 * Without QCOW_DETACH_LAZY, returns after everything written is in the files
 * and the files are closed.
 *
 * Errors: EPERM, EINVAL, ENXIO (no such device), EBUSY (the device is open or
 * mounted, or is a hidden one of another control file), EINTR (a fatal signal
 * came; the detach goes on), or the error of the last writes; in the last case
 * the device is gone all the same.
 */
struct qcow_detach {
	__u32 size;
	__u32 flags;
	__u32 number;
	__u32 reserved;
};

/* The driver has this file open as an image or as a data file... */
#define QCOW_QUERY_OPEN		(1U << 0)
/* ...and writes to it. */
#define QCOW_QUERY_WRITABLE	(1U << 1)
/* ...but only for the snapshots: no device shows the active disk any more. */
#define QCOW_QUERY_UNSHOWN	(1U << 2)

/**
 * struct qcow_query - ask if the driver uses a file (QCOW_QUERY)
 * @size:	in: sizeof(struct qcow_query)
 * @fd:		in: a file, opened in any way
 * @flags:	out: QCOW_QUERY_*
 * @number:	out: a device that shows the active disk of the image in the
 *		file, or QCOW_NO_DEVICE if the file only backs others
 *
 * While a device that holds the file is being detached, waits until the file is
 * closed.
 */
struct qcow_query {
	__u32 size;
	__s32 fd;
	__u32 flags;
	__u32 number;
};

enum qcow_snapshot_op {
	QCOW_SNAPSHOT_CREATE	= 1,	/* of the disk as it is now */
	QCOW_SNAPSHOT_APPLY	= 2,	/* the disk becomes as it was then */
	QCOW_SNAPSHOT_DELETE	= 3,
};

/* The most of qcow_snapshot.above. */
#define QCOW_MAX_ABOVE		4096

/* Apply although the device is open.  Its openers see other content. */
#define QCOW_SNAPSHOT_FORCE	(1U << 0)

/**
 * struct qcow_snapshot - internal snapshots of a qcow2 image (QCOW_SNAPSHOT)
 * @size:	in: sizeof(struct qcow_snapshot)
 * @flags:	in: QCOW_SNAPSHOT_*
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @op:		in: enum qcow_snapshot_op
 * @name:	in: pointer to the name of the snapshot; for apply and delete,
 *		to its name or its id, and the id is preferred
 * @name_len:	in: bytes at @name, without a NUL
 * @message_len: in: bytes at @message
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @pause_ns:	out: how long requests had to wait, nanoseconds
 * @freeze_timeout_ms: in: create: how long to wait until all file systems are
 *		frozen, milliseconds; 0 for 10000
 * @nr_above:	in: create: file descriptors at @above, at most QCOW_MAX_ABOVE
 * @above:	in: create: pointer to __s32 file descriptors of what is to be
 *		frozen as well; 0 for none
 *
 * The device stays in use meanwhile.  For a new snapshot, file systems that are
 * mounted from the disk or its partitions are frozen, so that the snapshot
 * holds them whole.  The driver does not find those that are mounted from
 * another block device that lies on the disk (a logical volume, a decrypted
 * disk), nor those that open the disk without saying how they are frozen (btrfs,
 * until lately).  So the caller names them in @above: an open block device
 * stands for itself and for the file system that is mounted from it, any other
 * file for the file system that it is on.  They are frozen before the disk, in
 * the order of @above: what lies on others there comes before these.
 *
 * All are thawed when this is over, also if the caller is killed meanwhile.  A
 * task that writes to one of them and does not get on keeps it from being
 * frozen: then the caller waits no longer than it wants, or until a fatal
 * signal, and the file system is thawed as soon as it can be.  If this returns 0
 * the change is durable; else nothing changed.
 *
 * Errors: EPERM, EINVAL, ENXIO (no such device), EROFS (attached read-only),
 * EOPNOTSUPP (not qcow2, or with an external data file), EEXIST (create: the
 * name or id is taken), ENOENT (no such snapshot), EBUSY (apply: the device is
 * open; delete: the snapshot is attached; any: the device is being changed
 * already, or the host has swapped to it since it was last without an opener),
 * EUCLEAN (the image is malformed), EOVERFLOW (a cluster has as many references
 * as the image's refcounts can hold), EFBIG (a table would be too long),
 * ETIMEDOUT (a file system could not be frozen in time; EBUSY: nor was it in an
 * earlier attempt, which is not over), EBADF or EOPNOTSUPP (in @above is a file
 * that is not open, or that lies on a file system which cannot be frozen), ELOOP
 * (the image lies on what is to be frozen), EINTR, ENOSPC, ENOMEM, EIO.
 */
struct qcow_snapshot {
	__u32 size;
	__u32 flags;
	__u32 number;
	__u32 op;
	__u64 name;
	__u32 name_len;
	__u32 message_len;
	__u64 message;
	__u64 pause_ns;
	__u32 freeze_timeout_ms;
	__u32 nr_above;
	__u64 above;
};

/* The disk may become smaller; the data behind its new end are lost. */
#define QCOW_RESIZE_SHRINK	(1U << 0)

/**
 * struct qcow_resize - change the size of the disk (QCOW_RESIZE)
 * @size:	in: sizeof(struct qcow_resize)
 * @flags:	in: QCOW_RESIZE_*
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @reserved:	zero
 * @disk_size:	in: bytes, a multiple of the device's sector size
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @message_len: in: bytes at @message
 * @reserved2:	zero
 * @pause_ns:	out: how long requests had to wait, nanoseconds
 *
 * The new part of the disk reads zeros, also over a longer backing file.
 * Snapshots keep their sizes.  While the disk or a partition of it is mounted,
 * or held in another way, the disk can only become larger.
 *
 * Errors: as struct qcow_snapshot; EBUSY: it is to become smaller and is held.
 */
struct qcow_resize {
	__u32 size;
	__u32 flags;
	__u32 number;
	__u32 reserved;
	__u64 disk_size;
	__u64 message;
	__u32 message_len;
	__u32 reserved2;
	__u64 pause_ns;
};

/**
 * struct qcow_empty - make the disk show only its backing file (QCOW_EMPTY)
 * @size:	in: sizeof(struct qcow_empty)
 * @flags:	zero
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @message_len: in: bytes at @message
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @pause_ns:	out: how long requests had to wait, nanoseconds
 *
 * All that was written to the top image is dropped.  This is the second half of
 * merging the image into its backing file.  Snapshots stay.
 *
 * Errors: as struct qcow_snapshot; EBUSY: the device is open.
 */
struct qcow_empty {
	__u32 size;
	__u32 flags;
	__u32 number;
	__u32 message_len;
	__u64 message;
	__u64 pause_ns;
};

/**
 * struct qcow_fill - copy into an image what its backing file shows (QCOW_FILL)
 * @size:	in: sizeof(struct qcow_fill)
 * @flags:	zero
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @message_len: in: bytes at @message
 * @start:	in: bytes from the beginning of the disk
 * @length:	in: bytes; a part behind the end of the disk is ignored
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @changes:	out: a number for QCOW_REBASE, which differs after each
 *		snapshot, size change, change of the backing file, and attach
 *
 * The range is widened to whole clusters.  Wherever the top image has nothing
 * in the range, it gets what the disk reads there: data of its backing file, or
 * zeros.  The disk reads as before.  From the first QCOW_FILL on, whose range
 * may be empty, what is written, zeroed and discarded reads the same over any
 * backing file.  Requests go on meanwhile.  The copied data are durable like
 * written data: after a flush, or after QCOW_REBASE.
 *
 * Errors: as struct qcow_snapshot; EBUSY: the image has snapshots, which also
 * show its backing file; EINTR: a signal came, and a part of the range was
 * filled.
 */
struct qcow_fill {
	__u32 size;
	__u32 flags;
	__u32 number;
	__u32 message_len;
	__u64 start;
	__u64 length;
	__u64 message;
	__u64 changes;
};

/* The caller has filled where the backing files differ: check @changes. */
#define QCOW_REBASE_FILLED	(1U << 0)

/**
 * struct qcow_rebase - change the backing file of the top image (QCOW_REBASE)
 * @size:	in: sizeof(struct qcow_rebase)
 * @flags:	in: QCOW_REBASE_*
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @nr_layers:	in: 0..QCOW_MAX_LAYERS - 1; 0 for no backing file
 * @layers:	in: pointer to @nr_layers struct qcow_layer, as in struct
 *		qcow_attach but without the top image
 * @name:	in: pointer to the backing file's name as the image will have it
 * @format:	in: pointer to the format of the backing file as the image will
 *		have it: "raw" or "qcow2"
 * @name_len:	in: bytes at @name, without a NUL; 0 for no backing file
 * @format_len:	in: bytes at @format, without a NUL; 0 to declare none
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @message_len: in: bytes at @message
 * @reserved:	zero
 * @changes:	in: with QCOW_REBASE_FILLED: what every QCOW_FILL returned
 * @pause_ns:	out: how long requests had to wait, nanoseconds
 *
 * Where the image has nothing and the two backing files differ, the disk reads
 * other content afterwards, unless QCOW_FILL was run before.  Files of the old
 * chain are closed.  If this returns 0 the change is durable; else nothing
 * changed.
 *
 * Errors: as struct qcow_snapshot, and as struct qcow_attach for the layers;
 * EBUSY: a snapshot of the image is attached; ENAMETOOLONG: there is no room
 * for the name in the image's first cluster; ELOOP: a layer lies on the device
 * itself; ESTALE: @changes differs from what QCOW_FILL would return now.
 */
struct qcow_rebase {
	__u32 size;
	__u32 flags;
	__u32 number;
	__u32 nr_layers;
	__u64 layers;
	__u64 name;
	__u64 format;
	__u32 name_len;
	__u32 format_len;
	__u64 message;
	__u32 message_len;
	__u32 reserved;
	__u64 changes;
	__u64 pause_ns;
};

enum qcow_merge_op {
	QCOW_MERGE_BEGIN	= 1,	/* open the backing file for writing */
	QCOW_MERGE_STEP		= 2,	/* copy some data to it */
	QCOW_MERGE_END		= 3,	/* copy the rest while requests wait */
	QCOW_MERGE_STOP		= 4,	/* stop without the rest */
	QCOW_MERGE_REOPEN	= 5,	/* before BEGIN: replace descriptors */
};

/* END: the image keeps its data, although the backing file has them as well. */
#define QCOW_MERGE_KEEP		(1U << 0)
/* BEGIN: there are @hold_fds. */
#define QCOW_MERGE_HOLD		(1U << 1)

/**
 * struct qcow_merge - merge the top image into its backing file (QCOW_MERGE)
 * @size:	in: sizeof(struct qcow_merge)
 * @flags:	in: QCOW_MERGE_KEEP, QCOW_MERGE_HOLD
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @op:		in: enum qcow_merge_op
 * @nr_layers:	in: REOPEN, BEGIN: the number of layers below the top image;
 *		else zero
 * @message_len: in: bytes at @message
 * @layers:	in: REOPEN, BEGIN: pointer to @nr_layers struct qcow_layer, the
 *		same files as now; the first one and its data file must be open
 *		for writing
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @left:	out: STEP: bytes of the disk that the backing file may lack;
 *		requests go on, so this may also grow
 * @pause_ns:	out: how long requests had to wait, nanoseconds
 * @hold_fds:	in: with HOLD: descriptors of files that the driver keeps open
 *		until the merge is over: their locks keep others off the backing
 *		file also when the caller is killed.  Regular files or block
 *		devices; -1: none.  Without HOLD: zero
 *
 * REOPEN replaces the descriptors that the device has of these files, and so
 * drops their locks.  It writes nothing.  After it the caller can see if
 * anybody else uses the backing file, before BEGIN changes that file.
 *
 * The disk reads the same throughout, also after a power cut.  After END the
 * backing file durably has all data of the disk, and the top image is empty.  A
 * backing file that is shorter than the disk grows at BEGIN; a raw one does
 * not, so its file must be as long as the disk.  Between BEGIN and END or STOP
 * the device cannot be detached, resized and so on; closing the control file is
 * a STOP, which close() does not wait for.  After an error of STEP or END the
 * caller can try again, or stop; after EIO of END the merge may have stopped.
 *
 * Errors: as struct qcow_snapshot, and as struct qcow_attach for the layers;
 * EBUSY: the backing file has other users, or the top image has snapshots,
 * which would show what is written to the backing file; ESTALE: these are other
 * files than the device has; ENOENT: the merge was not begun through this
 * control file; EINTR: a signal came.
 */
struct qcow_merge {
	__u32 size;
	__u32 flags;
	__u32 number;
	__u32 op;
	__u32 nr_layers;
	__u32 message_len;
	__u64 layers;
	__u64 message;
	__u64 left;
	__u64 pause_ns;
	__s32 hold_fds[2];
};

#define QCOW_IOC_MAGIC	'Q'

#define QCOW_FEATURES	_IOWR(QCOW_IOC_MAGIC, 0x40, struct qcow_features)
#define QCOW_ATTACH	_IOWR(QCOW_IOC_MAGIC, 0x41, struct qcow_attach)
#define QCOW_DETACH	_IOWR(QCOW_IOC_MAGIC, 0x42, struct qcow_detach)
#define QCOW_QUERY	_IOWR(QCOW_IOC_MAGIC, 0x43, struct qcow_query)
#define QCOW_SNAPSHOT	_IOWR(QCOW_IOC_MAGIC, 0x44, struct qcow_snapshot)
#define QCOW_RESIZE	_IOWR(QCOW_IOC_MAGIC, 0x45, struct qcow_resize)
#define QCOW_EMPTY	_IOWR(QCOW_IOC_MAGIC, 0x46, struct qcow_empty)
#define QCOW_FILL	_IOWR(QCOW_IOC_MAGIC, 0x47, struct qcow_fill)
#define QCOW_REBASE	_IOWR(QCOW_IOC_MAGIC, 0x48, struct qcow_rebase)
#define QCOW_MERGE	_IOWR(QCOW_IOC_MAGIC, 0x49, struct qcow_merge)

#endif /* _UAPI_LINUX_QCOW_H */
