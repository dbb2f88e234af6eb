/* SPDX-License-Identifier: GPL-2.0 */
/* An open image file or data file: a regular file or a block device. */
#ifndef QCOWCTL_FILE_H
#define QCOWCTL_FILE_H

#include <sys/stat.h>

#include "format/port.h"

struct file {
	char *path;
	int fd;
	bool writable;
	u64 length;		/* bytes */
	struct stat st;
};

/* What a struct file is before file_open(), and after file_close(). */
#define FILE_CLOSED	((struct file){ .fd = -1 })

/**
 * file_open - open an image file without side effects of opening
 *
 * Anything but a regular file or a block device is refused before it is
 * opened: a FIFO would hang, a tape would rewind.  A block device that is to
 * be written is taken exclusively.
 *
 * Return: 0, or an exit code with @f closed.
 */
int file_open(struct file *f, const char *path, bool writable);
void file_close(struct file *f);

/**
 * file_advise_reading - what to say where a file cannot be written
 * @how: this command does without writing; of others it is not said
 */
void file_advise_reading(const char *how);

/** file_reading_instead - that, or NULL */
const char *file_reading_instead(void);

/** file_same - are these two one inode, or one block device? */
bool file_same(const struct file *a, const struct file *b);

/** file_actual_size - bytes that it takes on its file system */
u64 file_actual_size(const struct stat *st);

/**
 * file_read - read @len bytes; beyond the end of the file they are zeros
 * Return: 0, or an exit code.
 */
int file_read(const struct file *f, void *buf, size_t len, u64 offset);

#endif /* QCOWCTL_FILE_H */
