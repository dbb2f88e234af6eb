// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "claim.h"
#include "error.h"
#include "fresh.h"

enum { MAX_TEMPORARY = 2, TRIES = 100, MAX_LINKS = 40, ZERO_PIECE = 1 << 20 };

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

/* What the user has had ignored, as nohup does, stays ignored. */
static void catch_one(int signal)
{
	const struct sigaction act = {
		.sa_handler = remove_and_die, .sa_flags = SA_RESETHAND,
	};
	struct sigaction old;

	if (!sigaction(signal, NULL, &old) && old.sa_handler == SIG_DFL)
		sigaction(signal, &act, NULL);
}

/* All that come from outside and end a program; a crash leaves its traces. */
static void catch_the_end(void)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGVTALRM,
		SIGPROF, SIGXCPU, SIGUSR1, SIGUSR2, SIGIO, SIGPWR, SIGSTKFLT,
	};
	static bool caught;
	size_t i;

	if (caught)
		return;
	caught = true;
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		catch_one(signals[i]);
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

/* Where the link at @path leads, seen from here; NULL if it is none. */
static char *follow(const char *path)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return NULL;
	target[n] = '\0';
	if (*target == '/')
		return xstrdup(target);
	return xasprintf("%.*s%s", directory_length(path), path, target);
}

/* A link keeps its place: what it leads to is replaced, or is made. */
static int find_final_path(const char *path, char **final)
{
	unsigned int links = 0;
	char *next;

	*final = realpath(path, NULL);
	if (*final)
		return 0;
	*final = xstrdup(path);
	while ((next = follow(*final)) && links++ < MAX_LINKS) {
		free(*final);
		*final = next;
	}
	if (!next)
		return 0;
	free(next);
	return fail_errno(ELOOP, "cannot create %s", path);
}

int fresh_open_existing(struct fresh *f, const char *path)
{
	int ret;

	*f = FRESH_CLOSED;
	f->in_place = true;
	ret = file_open(&f->file, path, true);
	return ret ?: claim_file(&f->file, CLAIM_TARGET);
}

/* What is there must be free, too: it goes when the new one is whole. */
static int open_over(struct fresh *f)
{
	struct file *old = &f->replaced;
	int ret = file_open(old, f->file.path, true);

	if (!ret && S_ISBLK(old->st.st_mode)) {
		free(f->file.path);
		f->file = *old;
		*old = FILE_CLOSED;
		f->in_place = true;
		return claim_file(&f->file, CLAIM_TARGET);
	}
	return ret ?: claim_file(old, CLAIM_TARGET) ?: create(f, &old->st);
}

static bool replaces(const struct fresh *f)
{
	return f->replaced.fd >= 0;
}

int fresh_open(struct fresh *f, const char *path)
{
	int ret;

	*f = FRESH_CLOSED;
	if (!*path)
		return fail(EXIT_USAGE, "the name of the new file is empty");
	f->file.writable = true;
	ret = find_final_path(path, &f->file.path);
	if (ret)
		return ret;
	return access(f->file.path, F_OK) ? create(f, NULL) : open_over(f);
}

/* --- The end --- */

static void forget_temporary(struct fresh *f)
{
	remember(f->temporary, NULL);
	free(f->temporary);
	f->temporary = NULL;
}

static void drop_temporary(struct fresh *f)
{
	if (!f->temporary)
		return;
	unlink(f->temporary);
	forget_temporary(f);
}

static int give_temporary_name(struct fresh *f)
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

static int exchange(const struct fresh *f)
{
	return renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->file.path,
			 RENAME_EXCHANGE);
}

/* Nobody else has put a file there since it was begun. */
static bool place_is_ours(const struct fresh *f)
{
	const struct stat *old = &f->replaced.st;
	struct stat st;

	if (lstat(f->file.path, &st))
		return errno == ENOENT;
	return replaces(f) && st.st_dev == old->st_dev &&
	       st.st_ino == old->st_ino;
}

/*
 * @more: others follow, which may fail.  Then the old file, where there is one
 * and the file system can exchange two names, waits under the temporary one.
 */
static int take_place(struct fresh *f, bool more)
{
	if (!place_is_ours(f))
		return fail(EXIT_IMAGE,
			    "%s is another file now, which is left as it is",
			    f->file.path);
	if (more && replaces(f) && !exchange(f))
		return 0;
	if (rename(f->temporary, f->file.path))
		return fail_errno(errno, "cannot name %s", f->file.path);
	forget_temporary(f);
	return 0;
}

static void give_place_back(struct fresh *f)
{
	if (f->temporary)
		exchange(f);
	else if (!replaces(f))
		unlink(f->file.path);
}

static int take_places(struct fresh *const *files, size_t nr)
{
	size_t i, placed = 0;
	int ret = 0;

	for (i = 0; !ret && i < nr; i++)
		ret = give_temporary_name(files[i]);
	for (; !ret && placed < nr; placed += !ret)
		ret = take_place(files[placed], placed + 1 < nr);
	while (ret && placed)
		give_place_back(files[--placed]);
	for (i = 0; i < nr; i++)
		drop_temporary(files[i]);
	return ret;
}

/* No signal may come between two names, or leave a temporary one behind. */
static int take_places_undisturbed(struct fresh *const *files, size_t nr)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	ret = take_places(files, nr);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

/* The name is durable when its directory is. */
static int sync_directory(const char *path)
{
	int len = directory_length(path), fd, ret = 0;
	char *dir = len ? xstrndup(path, len) : xstrdup(".");

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* EINVAL: a file system without such a thing. */
	if (fd >= 0 && fsync(fd) && errno != EINVAL)
		ret = fail_errno(errno,
				 "cannot write the name of %s to the disk",
				 path);
	if (fd >= 0)
		close(fd);
	free(dir);
	return ret;
}

int fresh_sync(const struct fresh *f)
{
	if (fsync(f->file.fd))
		return fail_errno(errno, "cannot write %s to the disk",
				  f->file.path);
	return 0;
}

/* Those that have a name to get, in their order; how many. */
static size_t choose_unnamed(struct fresh *const *files, size_t nr,
			     struct fresh **unnamed)
{
	size_t i, n = 0;

	for (i = 0; i < nr; i++)
		if (!files[i]->in_place)
			unnamed[n++] = files[i];
	return n;
}

/*
 * All that can fail late comes first: bytes to the disk, then names in one go,
 * then these to the disk.  What remains is a power cut, or a kill, between two
 * of the names: the first file is the new one then, the second the old one.
 */
int fresh_commit(struct fresh *const *files, size_t nr, bool sync)
{
	struct fresh *unnamed[MAX_TEMPORARY] = { NULL };
	size_t i, n = choose_unnamed(files, nr, unnamed);
	int ret = 0;

	for (i = 0; !ret && sync && i < nr; i++)
		ret = fresh_sync(files[i]);
	ret = ret ?: take_places_undisturbed(unnamed, n);
	for (i = 0; !ret && sync && i < n; i++)
		ret = sync_directory(unnamed[i]->file.path);
	return ret;
}

void fresh_close(struct fresh *f)
{
	drop_temporary(f);
	file_close(&f->file);
	file_close(&f->replaced);
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
