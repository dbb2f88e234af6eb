// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "claim.h"
#include "error.h"
#include "fresh.h"

enum { MAX_TEMPORARY = 2, TRIES = 100, ZERO_PIECE = 1 << 20 };

/* What an early end of the program has to remove first. */
static char *temporaries[MAX_TEMPORARY];

static void remove_temporaries(void)
{
	size_t i;

	for (i = 0; i < MAX_TEMPORARY; i++)
		if (temporaries[i])
			unlink(temporaries[i]);
}

static void remove_and_die(int signal)
{
	remove_temporaries();
	raise(signal);
}

static void catch_the_end(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction act = {
		.sa_handler = remove_and_die, .sa_flags = SA_RESETHAND,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &act, NULL);
	atexit(remove_temporaries);
}

static void remember(char *from, char *to)
{
	size_t i;

	for (i = 0; i < MAX_TEMPORARY; i++) {
		if (temporaries[i] == from) {
			temporaries[i] = to;
			return;
		}
	}
}

/* The directory with its slash, "" for here. */
static int directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 - path : 0;
}

static char *temporary_name(const char *path, unsigned int try)
{
	int dir = directory_length(path);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return xasprintf("%.*s.qcowctl-%lx%lx%x", dir, path, (long)getpid(),
			 now.tv_nsec, try);
}

static int open_named(struct fresh *f)
{
	unsigned int try;

	catch_the_end();
	for (try = 0; try < TRIES; try++) {
		f->temporary = temporary_name(f->file.path, try);
		remember(NULL, f->temporary);
		f->file.fd = open(f->temporary,
				  O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (f->file.fd >= 0)
			return 0;
		remember(f->temporary, NULL);
		free(f->temporary);
		f->temporary = NULL;
		if (errno != EEXIST)
			break;
	}
	return fail_errno(errno, "cannot create %s", f->file.path);
}

static int open_nameless(struct fresh *f)
{
	int len = directory_length(f->file.path);
	char *dir = len ? xstrndup(f->file.path, len) : xstrdup(".");

	f->file.fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
	free(dir);
	return f->file.fd < 0 ? -errno : 0;
}

static int create(struct fresh *f, const struct stat *old)
{
	int ret = 0;

	if (open_nameless(f))
		ret = open_named(f);
	if (ret)
		return ret;
	/* Whose it is comes first: a change of owner may clear mode bits. */
	if (old && fchown(f->file.fd, old->st_uid, old->st_gid) &&
	    errno != EPERM)
		return fail_errno(errno, "cannot create %s", f->file.path);
	if (old && fchmod(f->file.fd, old->st_mode & 07777))
		return fail_errno(errno, "cannot create %s", f->file.path);
	if (fstat(f->file.fd, &f->file.st))
		return fail_errno(errno, "cannot look at %s", f->file.path);
	return 0;
}

/* A link keeps its place: what it leads to is replaced. */
static char *final_path(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : xstrdup(path);
}

int fresh_open_existing(struct fresh *f, const char *path)
{
	int ret;

	*f = FRESH_CLOSED;
	f->in_place = true;
	ret = file_open(&f->file, path, true);
	return ret ?: claim_file(&f->file, CLAIM_TARGET);
}

int fresh_open(struct fresh *f, const char *path)
{
	struct file old;
	char *final;
	int ret;

	*f = FRESH_CLOSED;
	final = final_path(path);
	if (access(final, F_OK)) {
		f->file.path = final;
		f->file.writable = true;
		return create(f, NULL);
	}
	ret = file_open(&old, final, true);
	if (!ret && S_ISBLK(old.st.st_mode)) {
		f->file = old;
		f->in_place = true;
		free(final);
		return claim_file(&f->file, CLAIM_TARGET);
	}
	ret = ret ?: claim_file(&old, CLAIM_TARGET);
	f->file.path = final;
	f->file.writable = true;
	ret = ret ?: create(f, &old.st);
	file_close(&old);
	return ret;
}

static int give_name(struct fresh *f)
{
	char proc[32];
	unsigned int try;

	if (f->temporary)
		return 0;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", f->file.fd);
	for (try = 0; try < TRIES; try++) {
		f->temporary = temporary_name(f->file.path, try);
		if (!linkat(AT_FDCWD, proc, AT_FDCWD, f->temporary,
			    AT_SYMLINK_FOLLOW))
			return 0;
		free(f->temporary);
		f->temporary = NULL;
		if (errno != EEXIST)
			break;
	}
	return fail_errno(errno, "cannot name %s", f->file.path);
}

/* The name is durable when its directory is. */
static void sync_directory(const char *path)
{
	int len = directory_length(path), fd;
	char *dir = len ? xstrndup(path, len) : xstrdup(".");

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(dir);
}

static int take_place(struct fresh *f)
{
	int ret = give_name(f);

	if (ret)
		return ret;
	if (rename(f->temporary, f->file.path)) {
		ret = fail_errno(errno, "cannot name %s", f->file.path);
		unlink(f->temporary);
	}
	remember(f->temporary, NULL);
	free(f->temporary);
	f->temporary = NULL;
	return ret;
}

/* No signal may leave the temporary name behind. */
static int take_place_undisturbed(struct fresh *f)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	ret = take_place(f);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

int fresh_sync(const struct fresh *f)
{
	if (fsync(f->file.fd))
		return fail_errno(errno, "cannot write %s to the disk",
				  f->file.path);
	return 0;
}

int fresh_commit(struct fresh *f, bool sync)
{
	int ret = sync ? fresh_sync(f) : 0;

	if (ret || f->in_place)
		return ret;
	ret = take_place_undisturbed(f);
	if (!ret && sync)
		sync_directory(f->file.path);
	return ret;
}

void fresh_close(struct fresh *f)
{
	if (f->temporary) {
		unlink(f->temporary);
		remember(f->temporary, NULL);
		free(f->temporary);
	}
	file_close(&f->file);
	*f = FRESH_CLOSED;
}

int fresh_write(const struct fresh *f, const void *buf, size_t len, u64 offset)
{
	const char *from = buf;
	ssize_t n;

	while (len) {
		n = pwrite(f->file.fd, from, len, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_errno(n ? errno : ENOSPC,
					  "cannot write %s at offset 0x%llx",
					  f->file.path, offset);
		from += n;
		len -= n;
		offset += n;
	}
	return 0;
}

int fresh_resize(struct fresh *f, u64 length)
{
	if (S_ISBLK(f->file.st.st_mode)) {
		if (length <= f->file.length)
			return 0;
		return fail(EXIT_IMAGE,
			    "%s has %llu bytes: %llu are needed",
			    f->file.path, f->file.length, length);
	}
	if (length >> 63)
		return fail_errno(EFBIG, "cannot resize %s", f->file.path);
	if (ftruncate(f->file.fd, length))
		return fail_errno(errno, "cannot make %s %llu bytes long",
				  f->file.path, length);
	f->file.length = length;
	return 0;
}

int fresh_allocate(struct fresh *f, u64 offset, u64 length)
{
	int err = 0;

	if (length && S_ISREG(f->file.st.st_mode))
		err = posix_fallocate(f->file.fd, offset, length);
	if (err)
		return fail_errno(err, "cannot take room for %s",
				  f->file.path);
	return 0;
}

int fresh_fill(const struct fresh *f, u64 offset, u64 length)
{
	void *zeros = xcalloc(1, ZERO_PIECE);
	u64 piece;
	int ret = 0;

	for (; !ret && length; offset += piece, length -= piece) {
		piece = length < ZERO_PIECE ? length : ZERO_PIECE;
		ret = fresh_write(f, zeros, piece, offset);
	}
	free(zeros);
	return ret;
}

int fresh_zero(struct fresh *f, u64 offset, u64 length)
{
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	if (!length)
		return 0;
	if (S_ISBLK(f->file.st.st_mode))
		mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
	if (!fallocate(f->file.fd, mode, offset, length))
		return 0;
	return fresh_fill(f, offset, length);
}
