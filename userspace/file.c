// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "error.h"
#include "file.h"

static const char *reading_instead;

void file_advise_reading(const char *how)
{
	reading_instead = how;
}

const char *file_reading_instead(void)
{
	return reading_instead;
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
		return "a character device";
	default:
		return "something else";
	}
}

static int check_kind(const struct file *f)
{
	if (S_ISREG(f->st.st_mode) || S_ISBLK(f->st.st_mode))
		return 0;
	return fail(EXIT_IMAGE,
		    "%s is %s: an image is a regular file or a block device",
		    f->path, kind_of(f->st.st_mode));
}

static int open_failed(const struct file *f, int err)
{
	bool used = err == EBUSY && S_ISBLK(f->st.st_mode);
	bool readable = used || err == EROFS || err == EPERM;
	const char *way_out = readable ? reading_instead : NULL;

	if (!f->writable)
		return fail_errno(err, "cannot open %s for reading", f->path);
	return fail(exit_code_of(err), "cannot open %s for writing: %s%s%s",
		    f->path, used ? "it is mounted or otherwise in use" :
		    strerror(err), way_out ? "; " : "", way_out ?: "");
}

/* The same inode that was looked at, whatever the path names by now. */
static int reopen(struct file *f, int handle)
{
	int flags = O_CLOEXEC | (f->writable ? O_RDWR : O_RDONLY);
	char proc[32];

	if (f->writable && S_ISBLK(f->st.st_mode))
		flags |= O_EXCL;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", handle);
	f->fd = open(proc, flags);
	return f->fd < 0 ? open_failed(f, errno) : 0;
}

static int find_length(struct file *f)
{
	off_t end = f->st.st_size;

	if (S_ISBLK(f->st.st_mode))
		end = lseek(f->fd, 0, SEEK_END);
	if (end < 0)
		return fail_errno(errno, "cannot find the size of %s",
				  f->path);
	f->length = end;
	return 0;
}

static int open_checked(struct file *f)
{
	int handle, ret;

	handle = open(f->path, O_PATH | O_CLOEXEC);
	if (handle < 0)
		return fail_errno(errno, "cannot open %s", f->path);
	if (fstat(handle, &f->st))
		ret = fail_errno(errno, "cannot look at %s", f->path);
	else
		ret = check_kind(f) ?: reopen(f, handle) ?: find_length(f);
	close(handle);
	return ret;
}

int file_open(struct file *f, const char *path, bool writable)
{
	int ret;

	*f = FILE_CLOSED;
	f->path = xstrdup(path);
	f->writable = writable;
	ret = open_checked(f);
	if (ret)
		file_close(f);
	return ret;
}

void file_close(struct file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	*f = FILE_CLOSED;
}

bool file_same(const struct file *a, const struct file *b)
{
	if (S_ISBLK(a->st.st_mode) && S_ISBLK(b->st.st_mode))
		return a->st.st_rdev == b->st.st_rdev;
	return a->st.st_dev == b->st.st_dev && a->st.st_ino == b->st.st_ino;
}

u64 file_actual_size(const struct stat *st)
{
	return (u64)st->st_blocks * 512;
}

int file_read(const struct file *f, void *buf, size_t len, u64 offset)
{
	char *to = buf;
	ssize_t n = 1;

	/* Beyond what an off_t holds there is nothing but the end. */
	while (len && n && offset < f->length) {
		n = pread(f->fd, to, len, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(errno,
					  "cannot read %s at offset 0x%llx",
					  f->path, offset);
		to += n;
		len -= n;
		offset += n;
	}
	memset(to, 0, len);
	return 0;
}
