/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file that is whole when it appears.
 *
 * It is written without a name, or where the file system knows no such thing
 * under a temporary one, and gets its own name at the end, after its bytes
 * are on the disk: at no instant is there half a file under that name, and
 * what was there before stays until then.  Block devices have no such choice
 * and are written where they are.
 */
#ifndef QCOWCTL_FRESH_H
#define QCOWCTL_FRESH_H

#include "file.h"

/**
 * struct fresh - the file that is being made
 * @file:	open for reading and writing; its path is the final one
 * @temporary:	its name for now, NULL for none
 * @replaced:	the file that was under its name, if any: with its locks, until
 *		that is this one's name
 * @in_place:	a block device, or a file that was to be kept: what is in it
 *		are no zeros
 */
struct fresh {
	struct file file;
	char *temporary;
	struct file replaced;
	bool in_place;
};

#define FRESH_CLOSED	((struct fresh){ \
	.file = FILE_CLOSED, .replaced = FILE_CLOSED })

/**
 * fresh_open - begin a file that is to be called @path
 *
 * What is there already must be a regular file or a block device that nobody
 * uses: neither the driver nor QEMU, who are kept away until it is replaced.
 * Its mode and its owner are kept.
 *
 * Return: 0, or an exit code; fresh_close() is due in any case.
 */
int fresh_open(struct fresh *f, const char *path);

/** fresh_open_existing - write to the file at @path as it is */
int fresh_open_existing(struct fresh *f, const char *path);

/**
 * fresh_commit - files that belong together are whole: give them their names
 * @files: at most two; the one that leads to the other comes last
 * @sync:  after their bytes are on the disk
 *
 * Return: 0, or an exit code.  Without a name for one of them the others keep
 * their old files too, unless the file system cannot exchange two names.  What
 * somebody else has put there meanwhile stays, too.
 */
int fresh_commit(struct fresh *const *files, size_t nr, bool sync);

/** fresh_close - without fresh_commit() nothing is left of it */
void fresh_close(struct fresh *f);

/** fresh_write - @len bytes; 0 or an exit code */
int fresh_write(const struct fresh *f, const void *buf, size_t len,
		u64 offset);

/** fresh_resize - make it @length bytes long; a device must be that long */
int fresh_resize(struct fresh *f, u64 length);

/** fresh_allocate - take room for @length bytes, as by posix_fallocate() */
int fresh_allocate(struct fresh *f, u64 offset, u64 length);

/** fresh_zero - make these bytes read as zeros, without room if that can be */
int fresh_zero(struct fresh *f, u64 offset, u64 length);

/** fresh_fill - write zeros there */
int fresh_fill(const struct fresh *f, u64 offset, u64 length);

/** fresh_sync - put on the disk what was written so far */
int fresh_sync(const struct fresh *f);

#endif /* QCOWCTL_FRESH_H */
