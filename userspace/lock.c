// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>

#include "lock.h"

enum { USED = 100, UNSHARED = 200 };	/* where each row of bytes begins */
enum { CONSISTENT_READ = 0, WRITE = 1, WRITE_UNCHANGED = 2, RESIZE = 3 };

#define PERM(i)		(1U << (i))

static const struct {
	unsigned int used;
	unsigned int unshared;
} modes[] = {
	[LOCKED_READ]	= { PERM(CONSISTENT_READ), PERM(WRITE) | PERM(RESIZE) },
	[LOCKED_WRITE]	= { PERM(CONSISTENT_READ) | PERM(WRITE) | PERM(RESIZE),
			    PERM(WRITE) | PERM(RESIZE) },
	[LOCKED_PEEK]	= { PERM(CONSISTENT_READ), 0 },
};

static struct flock one_byte(short type, int byte)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET,
		.l_start = byte, .l_len = 1,
	};
}

static int hold_row(int fd, int first, unsigned int perms)
{
	int i;

	for (i = CONSISTENT_READ; i <= RESIZE; i++) {
		struct flock fl = one_byte(F_RDLCK, first + i);

		if (perms & PERM(i) && fcntl(fd, F_OFD_SETLK, &fl))
			return -errno;
	}
	return 0;
}

int lock_hold(const struct file *f, enum lock_mode mode)
{
	int ret;

	ret = hold_row(f->fd, USED, modes[mode].used);
	if (!ret)
		ret = hold_row(f->fd, UNSHARED, modes[mode].unshared);
	if (ret)
		lock_release(f);
	return ret;
}

static int conflict_in_row(int fd, int first, unsigned int perms)
{
	int i;

	for (i = CONSISTENT_READ; i <= RESIZE; i++) {
		struct flock fl = one_byte(F_WRLCK, first + i);

		if (!(perms & PERM(i)))
			continue;
		if (fcntl(fd, F_OFD_GETLK, &fl))
			return -errno;
		if (fl.l_type != F_UNLCK)
			return first + i;
	}
	return 0;
}

int lock_conflict(const struct file *f, enum lock_mode mode)
{
	int ret;

	/* What we use others must share, what we do not share none may use. */
	ret = conflict_in_row(f->fd, USED, modes[mode].unshared);
	if (!ret)
		ret = conflict_in_row(f->fd, UNSHARED, modes[mode].used);
	return ret;
}

int lock_raise(const struct file *f, int writer)
{
	const unsigned int read = modes[LOCKED_READ].used;
	const unsigned int write = modes[LOCKED_WRITE].used;
	int ret = hold_row(writer, USED, write & ~read);

	/* each looks past what it holds itself */
	if (!ret)
		ret = conflict_in_row(writer, USED,
				      modes[LOCKED_WRITE].unshared);
	return ret ?: conflict_in_row(f->fd, UNSHARED, write);
}

void lock_release(const struct file *f)
{
	struct flock all = {
		.l_type = F_UNLCK, .l_whence = SEEK_SET,
		.l_start = USED, .l_len = UNSHARED + RESIZE + 1 - USED,
	};

	fcntl(f->fd, F_OFD_SETLK, &all);
}

const char *lock_meaning(int byte)
{
	switch (byte) {
	case USED + WRITE:
		return "writes it";
	case USED + RESIZE:
		return "may resize it";
	case UNSHARED + CONSISTENT_READ:
		return "lets nobody read it";
	case UNSHARED + WRITE:
		return "lets nobody write it";
	case UNSHARED + RESIZE:
		return "lets nobody resize it";
	default:
		return "uses it in a way that does not go together";
	}
}
