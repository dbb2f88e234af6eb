// SPDX-License-Identifier: GPL-2.0
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "chain.h"
#include "error.h"
#include "target.h"

enum { RUN = 4 << 20 };

static bool is_qcow2(const struct target *t)
{
	return t->n->format == QCOW_FORMAT_QCOW2;
}

struct fresh *target_data(struct target *t)
{
	return t->n->data_file ? &t->data : &t->image;
}

/* Where the file system does not know the flag, it has nothing to turn off. */
static void set_nocow(const struct fresh *f)
{
	int flags;

	if (!ioctl(f->file.fd, FS_IOC_GETFLAGS, &flags)) {
		flags |= FS_NOCOW_FL;
		ioctl(f->file.fd, FS_IOC_SETFLAGS, &flags);
	}
}

static int open_data(struct target *t, const char *path)
{
	char *name;
	int ret;

	if (!t->n->data_file)
		return 0;
	ret = chain_resolve(path, "data file", t->n->data_file, &name);
	if (ret)
		return ret;
	ret = fresh_open(&t->data, name);
	free(name);
	if (!ret && !strcmp(t->data.file.path, path))
		ret = fail(EXIT_USAGE, "%s cannot be its own data file", path);
	if (!ret && t->n->nocow)
		set_nocow(&t->data);
	return ret ?: fresh_resize(&t->data, t->n->size);
}

int target_open(struct target *t, const struct newimage *n, const char *path)
{
	int ret;

	*t = (struct target){
		.n = n, .image = FRESH_CLOSED, .data = FRESH_CLOSED,
	};
	ret = fresh_open(&t->image, path);
	if (!ret && n->nocow)
		set_nocow(&t->image);
	if (!is_qcow2(t))
		return ret ?: fresh_resize(&t->image, n->size);
	return ret ?: open_data(t, t->image.file.path) ?:
	       writer_open(&t->w, n, &t->image);
}

int target_open_existing(struct target *t, const struct newimage *n,
			 const char *path)
{
	*t = (struct target){
		.n = n, .image = FRESH_CLOSED, .data = FRESH_CLOSED,
	};
	return fresh_open_existing(&t->image, path);
}

/* --- Preallocation --- */

/* Clusters that lie one behind the other and are to be filled. */
struct run {
	u64 start;
	u64 length;
};

static int fill_run(struct target *t, struct run *r)
{
	int ret = 0;

	if (t->n->preallocation == PREALLOCATION_FULL)
		ret = fresh_fill(&t->image, r->start, r->length);
	r->length = 0;
	return ret;
}

static int add_to_run(struct target *t, struct run *r, u64 host, u64 length)
{
	int ret = 0;

	if (r->start + r->length != host || r->length >= RUN)
		ret = fill_run(t, r);
	if (!r->length)
		r->start = host;
	r->length += length;
	return ret;
}

static int place_all(struct target *t)
{
	u64 step = 1ULL << t->n->cluster_bits, guest, host;
	struct run r = { .length = 0 };
	int ret = 0;

	for (guest = 0; !ret && guest < t->n->size; guest += step) {
		ret = writer_place(&t->w, guest, 0, &host);
		if (!ret && !t->n->data_file)
			ret = add_to_run(t, &r, host, step);
	}
	return ret ?: fill_run(t, &r);
}

static int preallocate_file(struct fresh *f, enum preallocation how, u64 size)
{
	if (how == PREALLOCATION_FALLOC)
		return fresh_allocate(f, 0, size);
	if (how == PREALLOCATION_FULL)
		return fresh_fill(f, 0, size);
	return 0;
}

int target_preallocate(struct target *t)
{
	const struct newimage *n = t->n;
	int ret;

	if (!is_qcow2(t))
		return preallocate_file(&t->image, n->preallocation, n->size);
	if (!n->preallocation && !n->data_file_raw)
		return 0;
	ret = place_all(t);
	if (!ret && n->data_file)
		ret = preallocate_file(&t->data, n->preallocation, n->size);
	return ret;
}

/* --- The end --- */

static int finish(struct target *t)
{
	int ret = writer_finish(&t->w);

	if (!ret && t->n->preallocation == PREALLOCATION_FALLOC)
		ret = fresh_allocate(&t->image, 0, t->w.end);
	return ret;
}

/* The image leads to its data file, so that goes first. */
int target_commit(struct target *t, bool sync)
{
	struct fresh *const files[] = { &t->data, &t->image };
	size_t first = t->n->data_file ? 0 : 1;
	int ret = is_qcow2(t) ? finish(t) : 0;

	return ret ?: fresh_commit(files + first, 2 - first, sync);
}

void target_close(struct target *t)
{
	writer_close(&t->w);
	fresh_close(&t->data);
	fresh_close(&t->image);
}
