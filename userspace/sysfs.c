// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <linux/qcow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "error.h"
#include "sysfs.h"

#ifndef SYSFS
#define SYSFS	"/sys"
#endif

/* A chain is waited for while it is changing, but not longer than 5 seconds. */
#define LAYERS_TRIES	500
#define LAYERS_PAUSE_US	10000

#define SYSFS_MISC	SYSFS "/class/misc"
#define SYSFS_CONTROL	SYSFS_MISC "/" QCOW_CONTROL_NAME

/* "qcow12", and nothing behind it. */
static bool number_of_name(const char *name, unsigned int *number)
{
	size_t prefix = strlen(QCOW_DISK_PREFIX);
	size_t digits;

	if (strncmp(name, QCOW_DISK_PREFIX, prefix))
		return false;
	digits = strspn(name + prefix, "0123456789");
	if (!digits || digits > 9 || name[prefix + digits])
		return false;
	*number = atoi(name + prefix);
	return true;
}

static int compare_numbers(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a;
	unsigned int y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

bool sysfs_has_driver(void)
{
	return !access(SYSFS_CONTROL, F_OK) || access(SYSFS_MISC, F_OK);
}

bool sysfs_control(dev_t *dev)
{
	FILE *file = fopen(SYSFS_CONTROL "/dev", "re");
	unsigned int maj, min;
	bool ok;

	ok = file && fscanf(file, "%u:%u", &maj, &min) == 2;
	if (ok)
		*dev = makedev(maj, min);
	if (file)
		fclose(file);
	return ok;
}

bool sysfs_is_hidden(unsigned int number)
{
	u64 hidden = 0;

	return sysfs_attribute_u64(number, "hidden", &hidden) && hidden;
}

size_t sysfs_devices(unsigned int **numbers)
{
	struct dirent *entry;
	unsigned int number;
	size_t n = 0;
	DIR *dir;

	*numbers = NULL;
	dir = opendir(SYSFS "/block");
	while (dir && (entry = readdir(dir))) {
		if (!number_of_name(entry->d_name, &number) ||
		    sysfs_is_hidden(number))
			continue;
		*numbers = xrealloc(*numbers, n + 1, sizeof(**numbers));
		(*numbers)[n++] = number;
	}
	if (dir)
		closedir(dir);
	if (n)
		qsort(*numbers, n, sizeof(**numbers), compare_numbers);
	return n;
}

char *sysfs_path(unsigned int number, const char *name)
{
	return xasprintf(SYSFS "/block/" QCOW_DISK_PREFIX "%u/%s", number,
			 name);
}

/* An attribute is at most a page. */
static char *read_page(FILE *f)
{
	char *text = xcalloc(1, 65537);
	size_t len = fread(text, 1, 65536, f);

	if (ferror(f)) {
		free(text);
		return NULL;
	}
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return text;
}

char *sysfs_attribute(unsigned int number, const char *name)
{
	char *path = sysfs_path(number, name);
	FILE *f = fopen(path, "re");
	char *text = NULL;

	free(path);
	if (f) {
		text = read_page(f);
		fclose(f);
	}
	return text;
}

bool sysfs_attribute_u64(unsigned int number, const char *name, u64 *value)
{
	char *text = sysfs_attribute(number, name);
	int ok = text && sscanf(text, "%llu", value) == 1;

	free(text);
	return ok;
}

static char *layer_attribute(unsigned int number, size_t layer,
			     const char *what)
{
	char *name = xasprintf("qcow_chain/layer%zu_%s", layer, what);
	char *text = sysfs_attribute(number, name);

	free(name);
	return text;
}

static bool read_layer(unsigned int number, size_t i, struct sysfs_layer *l)
{
	char *direct = layer_attribute(number, i, "direct_io");
	bool there = direct;

	l->format = layer_attribute(number, i, "format");
	l->direct = there && *direct == '1';
	l->file = layer_attribute(number, i, "file");
	free(direct);
	return there && l->format && l->file;
}

void sysfs_layers_free(struct sysfs_layer *layers, size_t n)
{
	while (n--) {
		free(layers[n].format);
		free(layers[n].file);
	}
	free(layers);
}

/* NULL where a layer is missing, for the moment at least. */
static struct sysfs_layer *read_layers(unsigned int number, size_t n)
{
	struct sysfs_layer *layers = xcalloc(n, sizeof(*layers));
	size_t i;

	for (i = 0; i < n; i++) {
		if (!read_layer(number, i, &layers[i])) {
			sysfs_layers_free(layers, n);
			return NULL;
		}
	}
	return layers;
}

static bool same_layers(const struct sysfs_layer *a,
			const struct sysfs_layer *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(a[i].format, b[i].format) ||
		    a[i].direct != b[i].direct || strcmp(a[i].file, b[i].file))
			return false;
	return true;
}

/* Read twice, as the chain may become another one between two of the files. */
static struct sysfs_layer *read_chain(unsigned int number, size_t n)
{
	struct sysfs_layer *layers = read_layers(number, n);
	struct sysfs_layer *again = layers ? read_layers(number, n) : NULL;
	u64 now;

	if (again && same_layers(layers, again, n) &&
	    sysfs_attribute_u64(number, "qcow/layers", &now) && now == n) {
		sysfs_layers_free(again, n);
		return layers;
	}
	if (again)
		sysfs_layers_free(again, n);
	if (layers)
		sysfs_layers_free(layers, n);
	return NULL;
}

size_t sysfs_layers(unsigned int number, struct sysfs_layer **layers)
{
	unsigned int try;
	u64 n;

	for (try = 0; try < LAYERS_TRIES; try++) {
		if (!sysfs_attribute_u64(number, "qcow/layers", &n))
			break;
		*layers = read_chain(number, n);
		if (*layers)
			return n;
		usleep(LAYERS_PAUSE_US);
	}
	*layers = NULL;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t sysfs_attributes(unsigned int number, const char *folder, char ***names)
{
	char *path = sysfs_path(number, folder);
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	free(path);
	*names = NULL;
	while (dir && (entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		*names = xrealloc(*names, n + 1, sizeof(**names));
		(*names)[n++] = xstrdup(entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (n)
		qsort(*names, n, sizeof(**names), compare_names);
	return n;
}

static size_t add_node(unsigned int number, const char *name, bool disk,
		       struct sysfs_node **nodes, size_t n)
{
	char *attribute = xasprintf("%s%s", disk ? "" : name, "/dev");
	char *text = sysfs_attribute(number, attribute);
	unsigned int maj, min;

	if (text && sscanf(text, "%u:%u", &maj, &min) == 2) {
		*nodes = xrealloc(*nodes, n + 1, sizeof(**nodes));
		(*nodes)[n].dev = makedev(maj, min);
		snprintf((*nodes)[n++].name, sizeof((*nodes)->name), "%.31s",
			 name);
	}
	free(text);
	free(attribute);
	return n;
}

size_t sysfs_nodes(unsigned int number, struct sysfs_node **nodes)
{
	char *path = sysfs_path(number, "");
	DIR *dir = opendir(path);
	struct dirent *entry;
	char disk[16];
	size_t n;

	free(path);
	*nodes = NULL;
	snprintf(disk, sizeof(disk), QCOW_DISK_PREFIX "%u", number);
	n = add_node(number, disk, true, nodes, 0);
	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, disk, strlen(disk)))
			n = add_node(number, entry->d_name, false, nodes, n);
	if (dir)
		closedir(dir);
	return n;
}

/* --- What lies on a disk --- */

struct pile {
	struct sysfs_node *nodes;
	size_t nr;
};

static void pile_up(struct pile *p, const char *name);

static bool is_in_pile(const struct pile *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->nr; i++)
		if (!strcmp(p->nodes[i].name, name))
			return true;
	return false;
}

static bool read_dev(const char *folder, dev_t *dev)
{
	char *path = xasprintf("%s/dev", folder);
	FILE *f = fopen(path, "re");
	unsigned int maj, min;
	bool ok = f && fscanf(f, "%u:%u", &maj, &min) == 2;

	free(path);
	if (ok)
		*dev = makedev(maj, min);
	if (f)
		fclose(f);
	return ok;
}

/* Is there a folder @name in @folder, and in that a file @mark? */
static bool has_mark(const char *folder, const char *name, const char *mark)
{
	char *path = xasprintf("%s/%s/%s", folder, name, mark);
	bool has = !access(path, F_OK);

	free(path);
	return has;
}

/* All in @folder, or only what has a file @mark in it. */
static void pile_up_all(struct pile *p, const char *folder, const char *mark)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    (!mark || has_mark(folder, entry->d_name, mark)))
			pile_up(p, entry->d_name);
	if (dir)
		closedir(dir);
}

static void pile_up(struct pile *p, const char *name)
{
	char *folder = xasprintf(SYSFS "/class/block/%s", name);
	char *holders = xasprintf("%s/holders", folder);
	dev_t dev;

	if (!is_in_pile(p, name) && read_dev(folder, &dev)) {
		pile_up_all(p, holders, NULL);
		pile_up_all(p, folder, "partition");
		p->nodes = xrealloc(p->nodes, p->nr + 1, sizeof(*p->nodes));
		p->nodes[p->nr].dev = dev;
		snprintf(p->nodes[p->nr++].name, sizeof(p->nodes->name),
			 "%.31s", name);
	}
	free(holders);
	free(folder);
}

size_t sysfs_pile(unsigned int number, struct sysfs_node **nodes)
{
	struct pile p = { .nr = 0 };
	char disk[16];

	snprintf(disk, sizeof(disk), QCOW_DISK_PREFIX "%u", number);
	pile_up(&p, disk);
	*nodes = p.nodes;
	return p.nr;
}

/* The disk's name by its device number, whatever the node is called. */
static bool number_of_rdev(dev_t rdev, unsigned int *number)
{
	char link[64], target[512], *slash;
	ssize_t len;

	snprintf(link, sizeof(link), SYSFS "/dev/block/%u:%u", major(rdev),
		 minor(rdev));
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	slash = strrchr(target, '/');
	return slash && number_of_name(slash + 1, number);
}

bool sysfs_number_of(const char *path, unsigned int *number)
{
	struct stat st;

	if (!stat(path, &st))
		return S_ISBLK(st.st_mode) &&
		       number_of_rdev(st.st_rdev, number);
	return number_of_name(path, number);
}

bool sysfs_shows_image(unsigned int number, const struct stat *st)
{
	char *path = sysfs_attribute(number, "qcow/backing_file");
	struct stat top;
	bool same;

	same = path && !stat(path, &top) && top.st_dev == st->st_dev &&
	       top.st_ino == st->st_ino;
	free(path);
	return same;
}

static size_t find_by_image(const struct stat *st, unsigned int **numbers)
{
	size_t n, i, found = 0;

	n = sysfs_devices(numbers);
	for (i = 0; i < n; i++)
		if (sysfs_shows_image((*numbers)[i], st))
			(*numbers)[found++] = (*numbers)[i];
	return found;
}

static size_t find_by_number(unsigned int number, unsigned int **numbers)
{
	char *path = sysfs_path(number, "size");
	bool exists = !access(path, F_OK);

	free(path);
	if (!exists)
		return 0;
	*numbers = xcalloc(1, sizeof(**numbers));
	**numbers = number;
	return 1;
}

size_t sysfs_find(const char *word, unsigned int **numbers)
{
	unsigned int number;
	struct stat st;
	size_t found;

	*numbers = NULL;
	if (sysfs_number_of(word, &number)) {
		found = find_by_number(number, numbers);
		if (!found)
			fail(EXIT_IMAGE, "%s: no such device", word);
		return found;
	}
	if (stat(word, &st)) {
		fail_errno(errno, "%s", word);
		return 0;
	}
	found = find_by_image(&st, numbers);
	if (!found)
		fail(EXIT_IMAGE, "%s is not a qcow device, nor an image that is attached",
		     word);
	return found;
}
