// SPDX-License-Identifier: GPL-2.0
/* Find what lies on a disk, for a snapshot that freezes it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "above.h"
#include "error.h"
#include "holders.h"
#include "mounts.h"

#define SYSFS_BTRFS	"/sys/fs/btrfs"

enum { UUID_LEN = 36 };		/* bytes of a UUID as text */

/* A file system that is found by its mounts. */
struct found {
	dev_t dev;			/* each has a number */
	char uuid[UUID_LEN + 1];	/* of a btrfs, or empty */
};

struct search {
	struct above *a;
	struct found *found;
	size_t nr_found;
};

static void add_fd(struct above *a, int fd)
{
	a->fds = xrealloc(a->fds, a->nr_fds + 1, sizeof(*a->fds));
	a->fds[a->nr_fds++] = fd;
}

static bool has_name(const struct above *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->nr_nodes; i++)
		if (!strcmp(a->nodes[i].name, name))
			return true;
	return false;
}

/* --- File systems with a device number of their own --- */

/* A name of @folder that is one of our block devices; to be freed, or NULL. */
static char *device_of_btrfs(const struct above *a, const char *uuid)
{
	char *folder = xasprintf(SYSFS_BTRFS "/%s/devices", uuid);
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char *name = NULL;

	free(folder);
	while (dir && !name && (entry = readdir(dir)))
		if (has_name(a, entry->d_name))
			name = xstrdup(entry->d_name);
	if (dir)
		closedir(dir);
	return name;
}

/* The UUID by which a btrfs is known in sysfs; empty for what is none. */
static void uuid_of_btrfs(int fd, char uuid[UUID_LEN + 1])
{
	struct btrfs_ioctl_fs_info_args info = { .flags = 0 };
	size_t i, len = 0;

	uuid[0] = '\0';
	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info))
		return;
	for (i = 0; i < sizeof(info.fsid); i++)
		len += snprintf(uuid + len, UUID_LEN + 1 - len, "%s%02x",
				i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
				info.fsid[i]);
}

/* Is the mount's source one of our block devices? */
static bool comes_from_ours(const struct above *a, const struct mount *m)
{
	struct stat st;
	size_t i;

	if (strncmp(m->source, "/dev/", 5) || stat(m->source, &st) ||
	    !S_ISBLK(st.st_mode))
		return false;
	for (i = 0; i < a->nr_nodes; i++)
		if (a->nodes[i].dev == st.st_rdev)
			return true;
	return false;
}

/* A btrfs may name another of its devices as its source, or one that is gone. */
static bool is_on_ours(const struct above *a, const struct mount *m, int fd,
		       char uuid[UUID_LEN + 1])
{
	char *name = NULL;

	uuid_of_btrfs(fd, uuid);
	if (*uuid)
		name = device_of_btrfs(a, uuid);
	free(name);
	return name || (!*uuid && comes_from_ours(a, m));
}

static bool is_found(const struct search *s, dev_t dev)
{
	size_t i;

	for (i = 0; i < s->nr_found; i++)
		if (s->found[i].dev == dev)
			return true;
	return false;
}

static void check_mount(void *into, const struct mount *m)
{
	struct search *s = into;
	struct found found = { .dev = m->dev };
	int fd;

	if (!mount_is_anonymous(m) || is_found(s, m->dev))
		return;
	if (strcmp(m->type, "btrfs") && !comes_from_ours(s->a, m))
		return;
	fd = mount_open(m);
	if (fd < 0)
		return;
	if (!is_on_ours(s->a, m, fd, found.uuid)) {
		close(fd);
		return;
	}
	s->found = xrealloc(s->found, s->nr_found + 1, sizeof(*s->found));
	s->found[s->nr_found++] = found;
	add_fd(s->a, fd);
}

/* --- What is known to be in use, and cannot be frozen --- */

static int unreachable(const char *what, const char *name, bool force)
{
	if (force) {
		warn("the %s on /dev/%s is not frozen: the snapshot may lack what was written to it and not synced",
		     what, name);
		return 0;
	}
	return fail(EXIT_BUSY, "the %s on /dev/%s is in use, but cannot be reached to be frozen: unmount it, or use --force for a snapshot that may lack what was written to it and not synced",
		    what, name);
}

static bool has_uuid(const struct search *s, const char *uuid)
{
	size_t i;

	for (i = 0; i < s->nr_found; i++)
		if (!strcmp(s->found[i].uuid, uuid))
			return true;
	return false;
}

/* Those in sysfs are in use, perhaps without a mount: after "umount -l". */
static int check_btrfs(const struct search *s, const char *uuid, bool force)
{
	char *name, *what;
	int ret = 0;

	if (strlen(uuid) != UUID_LEN || has_uuid(s, uuid))
		return 0;
	name = device_of_btrfs(s->a, uuid);
	if (name) {
		what = xasprintf("btrfs %s", uuid);
		ret = unreachable(what, name, force);
		free(what);
	}
	free(name);
	return ret;
}

static int check_all_btrfs(const struct search *s, bool force)
{
	DIR *dir = opendir(SYSFS_BTRFS);
	struct dirent *entry;
	int ret = 0;

	while (dir && !ret && (entry = readdir(dir)))
		ret = check_btrfs(s, entry->d_name, force);
	if (dir)
		closedir(dir);
	return ret;
}

static int open_file_systems(struct above *a, bool force)
{
	struct search s = { .a = a };
	int ret;

	mounts_each(check_mount, &s);
	mounts_each_elsewhere(check_mount, &s);
	ret = check_all_btrfs(&s, force);
	free(s.found);
	return ret;
}

/* --- Block devices --- */

struct mounted {
	dev_t dev;
	bool is;
};

static void compare_mount(void *into, const struct mount *m)
{
	struct mounted *mounted = into;

	if (m->dev == mounted->dev)
		mounted->is = true;
}

/* In /dev, a '/' in a name is one, where sysfs has another character. */
static int open_node(const struct sysfs_node *node)
{
	char *path = xasprintf("/dev/%s", node->name), *c;
	struct stat st;
	int fd;

	for (c = path; (c = strchr(c, '!')); )
		*c = '/';
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	free(path);
	if (fd < 0 || (!fstat(fd, &st) && S_ISBLK(st.st_mode) &&
		       st.st_rdev == node->dev))
		return fd;
	close(fd);
	errno = ENODEV;
	return -1;
}

static int add_node(struct above *a, const struct sysfs_node *node, bool force)
{
	struct mounted mounted = { .dev = node->dev };
	int fd = open_node(node);

	if (fd >= 0) {
		add_fd(a, fd);
		return 0;
	}
	warn("cannot open /dev/%s: %m", node->name);
	mounts_each(compare_mount, &mounted);
	mounts_each_elsewhere(compare_mount, &mounted);
	return mounted.is ? unreachable("file system", node->name, force) : 0;
}

/* The driver finds the disk and its partitions itself. */
static int open_nodes(struct above *a, unsigned int number, bool force)
{
	struct sysfs_node *own;
	size_t nr = sysfs_nodes(number, &own), i, j;
	int ret = 0;

	for (i = 0; !ret && i < a->nr_nodes; i++) {
		for (j = 0; j < nr && own[j].dev != a->nodes[i].dev; j++)
			;
		if (j == nr)
			ret = add_node(a, &a->nodes[i], force);
	}
	free(own);
	return ret;
}

/* --- All of it --- */

int above_open(struct above *a, unsigned int number, bool force)
{
	*a = (struct above){ .nr_fds = 0 };
	a->nr_nodes = sysfs_pile(number, &a->nodes);
	return open_file_systems(a, force) ?: open_nodes(a, number, force);
}

void above_tell(const struct above *a)
{
	/* mostly there is none, and one look at all processes tells that */
	char *any = holders_writers(a->nodes, a->nr_nodes);
	size_t i;

	for (i = 0; any && i < a->nr_nodes; i++) {
		char *writers = holders_writers(&a->nodes[i], 1);

		if (writers)
			printf("not frozen: /dev/%s, %s\n", a->nodes[i].name,
			       writers);
		free(writers);
	}
	free(any);
}

void above_close(struct above *a)
{
	while (a->nr_fds)
		close(a->fds[--a->nr_fds]);
	free(a->fds);
	free(a->nodes);
}
