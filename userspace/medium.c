// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "medium.h"

static int medium_read(void *ctx, void *buf, size_t len, u64 pos)
{
	const struct file *f = ctx;
	char *to = buf;
	ssize_t n = 1;

	while (len && n && pos < f->length) {
		n = pread(f->fd, to, len, pos);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		to += n;
		len -= n;
		pos += n;
	}
	memset(to, 0, len);
	return 0;
}

static int medium_write(void *ctx, const void *buf, size_t len, u64 pos)
{
	struct file *f = ctx;
	const char *from = buf;
	ssize_t n;

	while (len) {
		n = pwrite(f->fd, from, len, pos);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		from += n;
		len -= n;
		pos += n;
		if (pos > f->length)
			f->length = pos;
	}
	return 0;
}

static int medium_sync(void *ctx)
{
	const struct file *f = ctx;

	return fdatasync(f->fd) ? -errno : 0;
}

/* A hole is a matter of files; what it fails of only costs room. */
static void medium_discard(void *ctx, u64 pos, u64 len)
{
	const struct file *f = ctx;

	if (S_ISREG(f->st.st_mode))
		fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  pos, len);
}

struct check_source medium_source(struct file *f)
{
	return (struct check_source){
		.read = medium_read, .ctx = f, .size = f->length,
	};
}

struct repair_sink medium_sink(struct file *f)
{
	return (struct repair_sink){
		.write = medium_write, .sync = medium_sync,
		.discard = medium_discard, .ctx = f,
	};
}
