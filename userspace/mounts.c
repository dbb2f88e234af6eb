// SPDX-License-Identifier: GPL-2.0
/* Read the tables of mounts, of this and of other mount namespaces. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "error.h"
#include "mounts.h"

/* Blanks and the like come as \040. */
static void unescape(char *s)
{
	char *to = s;
	unsigned int c;

	for (; *s; s++, to++) {
		*to = *s;
		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1 && c < 256) {
			*to = c;
			s += 3;
		}
	}
	*to = '\0';
}

/*
 * A line of mountinfo: id, parent, major:minor, root, mount point, options,
 * tags, "-", type, source.
 */
static bool parse(const char *line, struct mount *m)
{
	const char *dash = strstr(line, " - ");
	unsigned int maj, min;

	if (!dash || sscanf(line, "%u %*u %u:%u %*s %4095s", &m->id, &maj, &min,
			    m->point) != 4)
		return false;
	if (sscanf(dash, " - %63s %4095s", m->type, m->source) != 2)
		return false;
	m->dev = makedev(maj, min);
	unescape(m->point);
	unescape(m->source);
	return true;
}

/* What the process sees. */
static void each_of(pid_t pid, void (*take)(void *into, const struct mount *m),
		    void *into)
{
	char path[64], *line = NULL;
	struct mount m = { .pid = pid };
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	f = fopen(path, "re");
	while (f && getline(&line, &size, f) > 0)
		if (parse(line, &m))
			take(into, &m);
	free(line);
	if (f)
		fclose(f);
}

void mounts_each(void (*take)(void *into, const struct mount *m), void *into)
{
	each_of(getpid(), take, into);
}

/* --- Other mount namespaces --- */

struct namespaces {
	ino_t *inodes;
	size_t nr;
};

/* Was the mount namespace of the process not seen before? */
static bool is_new(struct namespaces *n, pid_t pid)
{
	char path[64];
	struct stat st;
	size_t i;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	if (stat(path, &st))
		return false;
	for (i = 0; i < n->nr; i++)
		if (n->inodes[i] == st.st_ino)
			return false;
	n->inodes = xrealloc(n->inodes, n->nr + 1, sizeof(*n->inodes));
	n->inodes[n->nr++] = st.st_ino;
	return true;
}

void mounts_each_elsewhere(void (*take)(void *into, const struct mount *m),
			   void *into)
{
	struct namespaces seen = { .nr = 0 };
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	is_new(&seen, getpid());
	while (dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    is_new(&seen, atoi(entry->d_name)))
			each_of(atoi(entry->d_name), take, into);
	if (dir)
		closedir(dir);
	free(seen.inodes);
}

bool mount_is_anonymous(const struct mount *m)
{
	return !major(m->dev);
}

/* The id of the mount that an open file is on; 0 where it cannot be told. */
static unsigned int mount_id(int fd)
{
	char path[64], line[128];
	unsigned int id = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "mnt_id: %u", &id) == 1)
			break;
	if (f)
		fclose(f);
	return id;
}

int mount_open(const struct mount *m)
{
	char *path = xasprintf("/proc/%d/root%s", m->pid, m->point);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(path);
	if (fd < 0 || mount_id(fd) == m->id)
		return fd;
	close(fd);
	errno = ESTALE;
	return -1;
}
