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
 * QCOW_DETACH takes it away again.
 *
 * The kernel never opens a path and never guesses a format.  The caller opens
 * every file of the chain (the image, each file that backs it, external data
 * files), takes the locks that other users of the image expect on those
 * descriptors, and passes them with their formats.  The driver keeps a
 * reference to each open file description for as long as the device is
 * attached, and so the locks, when they belong to the open file description
 * (F_OFD_SETLK), outlive the caller.
 *
 * A file that the driver has open already is not opened again: a hundred
 * overlays of one base share the base's image and its caches.  Locks that an
 * earlier attach left on the file would conflict with the caller's own: a
 * caller asks first with QCOW_QUERY, and sets its locks on a file that is
 * shared without looking for conflicts.
 *
 * Every structure begins with its own size in bytes as the caller knows it.
 * The kernel refuses a size that is smaller than the first published one, and
 * a larger one whose unknown part is not zero (-E2BIG).  Unknown flags and
 * reserved members that are not zero are refused (-EINVAL).  QCOW_FEATURES
 * says what this kernel knows.
 *
 * Where a structure has a message buffer, the kernel writes a NUL-terminated
 * sentence there whenever it refuses: what was wrong, where in which layer.
 */
#ifndef _UAPI_LINUX_QCOW_H
#define _UAPI_LINUX_QCOW_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define QCOW_CONTROL_NAME	"qcow-control"
#define QCOW_DISK_PREFIX	"qcow"

/* Raised when a structure grows a member or a flag is added. */
#define QCOW_ABI_VERSION	3

/* A chain is at most so many layers deep, the top one included. */
#define QCOW_MAX_LAYERS		256

/* Bytes of qcow_attach.name, the NUL included. */
#define QCOW_NAME_LEN		64

/* A number of a device that does not exist. */
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
 *		reading, or for reading and writing where it is the top layer
 *		of a device that is to be written
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
/* Do not scan for partitions now; BLKRRPART does so later. */
#define QCOW_ATTACH_NO_PARTSCAN	(1U << 1)
/* Direct I/O on the files: required, or never; neither: where it works. */
#define QCOW_ATTACH_DIO_ON	(1U << 2)
#define QCOW_ATTACH_DIO_OFF	(1U << 3)
/* Discards are not offered, and write-zeroes never frees space. */
#define QCOW_ATTACH_NO_DISCARD	(1U << 4)
/*
 * A device that nobody can open, without a node and without partitions: for
 * what the ioctls below do to an image that is not in use.  It is detached when
 * the control device is closed through which it was attached, if not before.
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
 * @snapshot:	in: pointer to the id or the name of an internal snapshot of
 *		the top layer (an id goes first), which must then be read-only;
 *		0 for the active disk
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
 * support), EBUSY (a file is in use by another device in a way that does not
 * go together), EROFS (the image cannot be written; attach it read-only),
 * ENOENT (no such snapshot), EEXIST (the name is in use), ENOMEM, EIO.
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

/* Detach when the last user closes the device; new opens go on until then. */
#define QCOW_DETACH_LAZY	(1U << 0)

/**
 * struct qcow_detach - take a device away (QCOW_DETACH)
 * @size:	in: sizeof(struct qcow_detach)
 * @flags:	in: QCOW_DETACH_*
 * @number:	in: N of /dev/qcowN
 * @reserved:	zero
 *
 * Returns after everything written is in the files and the files are closed.
 * Errors: EPERM, EINVAL, ENXIO (no such device), EBUSY (it is open or mounted,
 * or hidden and another control file's), or the error with which the last
 * writing failed; the device is gone then all the same.
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

/**
 * struct qcow_query - is this file in use by the driver? (QCOW_QUERY)
 * @size:	in: sizeof(struct qcow_query)
 * @fd:		in: a file, opened in any way
 * @flags:	out: QCOW_QUERY_*
 * @number:	out: a device whose top layer (active disk) the file is, or
 *		QCOW_NO_DEVICE where it only backs others
 *
 * Waits for devices with this file that are being detached, until it is closed.
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

/* Apply although the device is open: whoever has it open will be surprised. */
#define QCOW_SNAPSHOT_FORCE	(1U << 0)

/**
 * struct qcow_snapshot - internal snapshots of a qcow2 image (QCOW_SNAPSHOT)
 * @size:	in: sizeof(struct qcow_snapshot)
 * @flags:	in: QCOW_SNAPSHOT_*
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @op:		in: enum qcow_snapshot_op
 * @name:	in: pointer to its name; apply and delete take an id as well,
 *		which goes first
 * @name_len:	in: bytes at @name, without a NUL
 * @message_len: in: bytes at @message
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @pause_ns:	out: how long requests had to wait, nanoseconds
 *
 * The device stays in use meanwhile.  For a new snapshot, file systems that
 * are mounted from the disk or its partitions are frozen, so that it holds
 * them whole.  When it returns 0 the change is durable; else nothing changed.
 *
 * Errors: EPERM, EINVAL, ENXIO (no such device), EROFS (attached read-only),
 * EOPNOTSUPP (not qcow2, or with an external data file), EEXIST (create: the
 * name or id is taken), ENOENT (no such snapshot), EBUSY (apply: the device is
 * open; delete: the snapshot is attached; any: it is being changed already, or
 * the host has swapped to it since it was last opened by nobody), EUCLEAN (the
 * image is malformed), EOVERFLOW (a cluster has as many references as the
 * image's refcounts can hold), EFBIG (a table would be too long), ENOSPC,
 * ENOMEM, EIO.
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
};

/* The disk may become smaller; what is behind its new end is lost. */
#define QCOW_RESIZE_SHRINK	(1U << 0)

/**
 * struct qcow_resize - another size of the disk (QCOW_RESIZE)
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
 * What is new reads zeros, also over a longer backing file.  Snapshots keep the
 * sizes that they have.
 *
 * Errors: as struct qcow_snapshot.
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
 * struct qcow_empty - the disk becomes what backs it (QCOW_EMPTY)
 * @size:	in: sizeof(struct qcow_empty)
 * @flags:	zero
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @message_len: in: bytes at @message
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @pause_ns:	out: how long requests had to wait, nanoseconds
 *
 * All that was written to the top image is forgotten: the second half of
 * merging it into its backing file.  Snapshots stay.
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
 * struct qcow_fill - the image gets what its backing file shows (QCOW_FILL)
 * @size:	in: sizeof(struct qcow_fill)
 * @flags:	zero
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @message_len: in: bytes at @message
 * @start:	in: bytes from the disk's beginning
 * @length:	in: bytes; what lies behind the disk's end does not count
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @changes:	out: for QCOW_REBASE: another snapshot, another size or another
 *		backing file make it another number, as does another attachment
 *
 * Wherever in the range (which is widened to whole clusters) the top image has
 * nothing, it gets what is read there: of its backing file, or zeros.  The disk
 * reads as before, and would over any other backing file, whatever is written,
 * zeroed and discarded from then on (a range of no bytes has it begin); requests
 * go on meanwhile.  It is durable like what is written: after a flush, or after
 * QCOW_REBASE.
 *
 * Errors: as struct qcow_snapshot; EBUSY: the image has snapshots, which show
 * its backing file as well; EINTR: a signal came, and some of it was done.
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

/* What the backing files differ in was filled: @changes is checked. */
#define QCOW_REBASE_FILLED	(1U << 0)

/**
 * struct qcow_rebase - another backing file for the top image (QCOW_REBASE)
 * @size:	in: sizeof(struct qcow_rebase)
 * @flags:	in: QCOW_REBASE_*
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @nr_layers:	in: 0..QCOW_MAX_LAYERS - 1; 0 for no backing file
 * @layers:	in: pointer to @nr_layers struct qcow_layer, as in struct
 *		qcow_attach but without the top image
 * @name:	in: pointer to the backing file's name as the image is to have it
 * @format:	in: pointer to its format, likewise: "raw" or "qcow2"
 * @name_len:	in: bytes at @name, without a NUL; 0 for no backing file
 * @format_len:	in: bytes at @format, without a NUL; 0 to declare none
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @message_len: in: bytes at @message
 * @reserved:	zero
 * @changes:	in: what each QCOW_FILL has said, with QCOW_REBASE_FILLED
 * @pause_ns:	out: how long requests had to wait, nanoseconds
 *
 * The disk reads another content wherever the image has nothing and the two
 * backing files differ: QCOW_FILL goes before.  Files of the old chain are
 * closed.  When it returns 0 the change is durable; else nothing changed.
 *
 * Errors: as struct qcow_snapshot, and as struct qcow_attach for the layers;
 * EBUSY: a snapshot of the image is attached; ENAMETOOLONG: there is no room
 * for the name in the image's first cluster; ELOOP: a layer lies on the device
 * itself; ESTALE: not @changes any more.
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
	QCOW_MERGE_BEGIN	= 1,	/* the backing file can be written now */
	QCOW_MERGE_STEP		= 2,	/* give it some of what it lacks */
	QCOW_MERGE_END		= 3,	/* and the rest, while requests wait */
	QCOW_MERGE_STOP		= 4,	/* leave it at that */
	QCOW_MERGE_REOPEN	= 5,	/* before: other descriptors for its files */
};

/* END: the image keeps what it has, though it is in the backing file as well. */
#define QCOW_MERGE_KEEP		(1U << 0)

/**
 * struct qcow_merge - the top image goes into its backing file (QCOW_MERGE)
 * @size:	in: sizeof(struct qcow_merge)
 * @flags:	in: QCOW_MERGE_KEEP
 * @number:	in: N of /dev/qcowN, which is attached read-write
 * @op:		in: enum qcow_merge_op
 * @nr_layers:	in: REOPEN, BEGIN: how many there are below the top image; else
 *		zero
 * @message_len: in: bytes at @message
 * @layers:	in: REOPEN, BEGIN: pointer to @nr_layers struct qcow_layer, the
 *		files of now; the first one and its data file open for writing
 * @message:	in: pointer to a buffer for the reason of a refusal; 0 for none
 * @left:	out: STEP: bytes of the disk that the backing file may lack;
 *		requests go on, so this may grow, too
 * @pause_ns:	out: how long requests had to wait, nanoseconds
 *
 * REOPEN closes the descriptors that the device had of these files, and with
 * them their locks, and writes nothing: the caller may see now whether somebody
 * else uses the backing file, before BEGIN changes it.
 *
 * The disk reads the same all the while, also after a power cut.  After END the
 * backing file durably has all of the disk, and the top image is empty.  A
 * shorter backing file grows when it begins, unless it is raw: its file must be
 * as long as the disk.  Between BEGIN and END or STOP the device is not
 * detached, resized and so on; closing the control file is a STOP.  After an
 * error of STEP or END it can be tried again, or be stopped; after EIO of END
 * it may have stopped.
 *
 * Errors: as struct qcow_snapshot, and as struct qcow_attach for the layers;
 * EBUSY: others use the backing file, or the top image has snapshots, which
 * would show what is written to it; ESTALE: these are not the files; ENOENT:
 * not begun through this control file; EINTR: a signal came.
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
