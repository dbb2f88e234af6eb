// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "error.h"
#include "holders.h"
#include "mounts.h"
#include "sysfs.h"

enum { MAX_HOLDERS = 16 };	/* that are named; one is enough to know */

/* What is searched for, and what was found. */
struct search {
	unsigned int number;
	const struct sysfs_node *nodes;
	size_t nr_nodes;
	bool writers;			/* of processes, only these */
	char *found;
	size_t nr_found;
};

static void note(struct search *s, char *text)
{
	char *longer;

	if (s->nr_found < MAX_HOLDERS) {
		longer = xasprintf("%s%s%s", s->found ? s->found : "",
				   s->found ? "; " : "", text);
		free(s->found);
		s->found = longer;
	}
	s->nr_found++;
	free(text);
}

static bool is_ours(const struct search *s, dev_t dev)
{
	size_t i;

	for (i = 0; i < s->nr_nodes; i++)
		if (s->nodes[i].dev == dev)
			return true;
	return false;
}

/* Is @path a node of ours?  What cannot be looked at is not. */
static bool path_is_ours(const struct search *s, const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode) &&
	       is_ours(s, st.st_rdev);
}

/* A btrfs has a device number of its own: there the source counts. */
static void check_mount(void *into, const struct mount *m)
{
	struct search *s = into;

	if (is_ours(s, m->dev) ||
	    (mount_is_anonymous(m) && m->source[0] == '/' &&
	     path_is_ours(s, m->source)))
		note(s, xasprintf("mounted on %s", m->point));
}

static void check_swap(struct search *s)
{
	FILE *f = fopen("/proc/swaps", "re");
	char *line = NULL, path[PATH_MAX];
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0)
		if (sscanf(line, "%4095s", path) == 1 && path_is_ours(s, path))
			note(s, xasprintf("swap on %s", path));
	free(line);
	if (f)
		fclose(f);
}

static void check_block_holders(struct search *s, size_t i)
{
	const char *name = s->nodes[i].name;
	char *below = xasprintf("%s/holders", i ? name : ".");
	char *path = sysfs_path(s->number, below);
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			note(s, xasprintf("/dev/%s is used by /dev/%s", name,
					  entry->d_name));
	if (dir)
		closedir(dir);
	free(path);
	free(below);
}

static void note_process(struct search *s, const char *pid)
{
	char path[64], name[64] = "?";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%63[^\n]", name) != 1)
			strcpy(name, "?");
		fclose(f);
	}
	note(s, xasprintf("open by process %s (%s)", pid, name));
}

/* Is the file open for writing that is number @fd of the process @pid? */
static bool writes(const char *pid, const char *fd)
{
	char path[64], line[128];
	unsigned int flags = O_RDONLY;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	if (f)
		fclose(f);
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* Only links that look like a device are followed: another one may lead to a
 * file server that does not answer.
 */
static bool has_open(const struct search *s, const char *fds, const char *fd)
{
	char link[64], target[64];
	ssize_t len;

	snprintf(link, sizeof(link), "%.32s/%.16s", fds, fd);
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 5 || strncmp(target, "/dev/", 5))
		return false;
	return path_is_ours(s, link);
}

static void check_process(struct search *s, const char *pid)
{
	struct dirent *entry;
	char fds[33];
	DIR *dir;

	snprintf(fds, sizeof(fds), "/proc/%.16s/fd", pid);
	dir = opendir(fds);
	while (dir && (entry = readdir(dir))) {
		if (has_open(s, fds, entry->d_name) &&
		    (!s->writers || writes(pid, entry->d_name))) {
			note_process(s, pid);
			break;
		}
	}
	if (dir)
		closedir(dir);
}

/* What this program has it inherited, and it ends in a moment. */
static void check_processes(struct search *s)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    atoi(entry->d_name) != getpid())
			check_process(s, entry->d_name);
	if (dir)
		closedir(dir);
}

static void note_the_rest(struct search *s)
{
	size_t rest = s->nr_found - MAX_HOLDERS;

	if (s->nr_found <= MAX_HOLDERS)
		return;
	s->nr_found = 0;
	note(s, xasprintf("and %zu more", rest));
}

char *holders_writers(const struct sysfs_node *nodes, size_t nr)
{
	struct search s = { .nodes = nodes, .nr_nodes = nr, .writers = true };

	check_swap(&s);
	check_processes(&s);
	note_the_rest(&s);
	return s.found;
}

char *holders_name(unsigned int number)
{
	struct search s = { .number = number };
	struct sysfs_node *nodes;
	size_t i;

	s.nr_nodes = sysfs_nodes(number, &nodes);
	s.nodes = nodes;
	mounts_each(check_mount, &s);
	check_swap(&s);
	for (i = 0; i < s.nr_nodes; i++)
		check_block_holders(&s, i);
	check_processes(&s);
	note_the_rest(&s);
	free(nodes);
	return s.found;
}
