// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claim.h"
#include "control.h"
#include "error.h"
#include "sysfs.h"

static int in_use(const struct file *f, const struct qcow_query *q)
{
	const char *how = q->flags & QCOW_QUERY_WRITABLE ?
		"attached for writing" : "attached already";

	if (q->number != QCOW_NO_DEVICE && sysfs_is_hidden(q->number))
		return fail(EXIT_BUSY,
			    "cannot use %s: another qcowctl is changing it; wait for that to end",
			    f->path);
	if (q->number != QCOW_NO_DEVICE)
		return fail(EXIT_BUSY,
			    "cannot use %s: it is %s as /dev/qcow%u; detach that first",
			    f->path, how, q->number);
	return fail(EXIT_BUSY,
		    "cannot use %s: it is %s as a part of another image (see qcowctl list -o +LAYERS); detach that first",
		    f->path, how);
}

/* The driver has it: fine for readers together, and beside a writer only for
 * who looks at what the writer does not change.
 */
static int share(const struct file *f, const struct qcow_query *q,
		 enum claim what_for)
{
	bool written = q->flags & QCOW_QUERY_WRITABLE;
	int err;

	/* The driver still holds the lock that the last attach has taken. */
	if (what_for == CLAIM_ATTACH && q->flags & QCOW_QUERY_UNSHOWN)
		return 0;
	if (f->writable || (written && (what_for == CLAIM_DISK ||
					what_for == CLAIM_ATTACH)))
		return in_use(f, q);
	err = lock_hold(f, written ? LOCKED_PEEK : LOCKED_READ);
	return err ? fail_errno(-err, "cannot lock %s", f->path) : 0;
}

/* Read-only goes together with readers, but not with a writer. */
static const char *advice(const struct file *f, int byte, enum claim what_for)
{
	bool writer = byte == 101 || byte == 103 || byte == 200;

	if (what_for == CLAIM_LOOK)
		return "read it as it stands with -U";
	return f->writable && !writer ? file_reading_instead() : NULL;
}

static int conflict_found(const struct file *f, int byte, enum claim what_for)
{
	const char *instead = advice(f, byte, what_for);

	if (byte < 0)
		return fail_errno(-byte, "cannot lock %s", f->path);
	return fail(EXIT_BUSY,
		    "cannot use %s: another process %s (QEMU? It holds lock byte %d): stop that process first%s%s",
		    f->path, lock_meaning(byte), byte,
		    instead ? ", or " : "", instead ?: "");
}

static int lock(const struct file *f, int *byte)
{
	enum lock_mode mode = f->writable ? LOCKED_WRITE : LOCKED_READ;
	int err;

	err = lock_hold(f, mode);
	if (err)
		return fail_errno(-err, "cannot lock %s", f->path);
	*byte = lock_conflict(f, mode);
	if (*byte)
		lock_release(f);
	return 0;
}

int claim_file(const struct file *f, enum claim what_for)
{
	struct qcow_query q;
	int byte = 0, ret;

	ret = control_query(f, &q);
	if (ret)
		return ret;
	if (q.flags & QCOW_QUERY_OPEN)
		return share(f, &q, what_for);
	ret = lock(f, &byte);
	if (ret || !byte)
		return ret;

	/* Whoever has the lock may have got it in between, and be us. */
	ret = control_query(f, &q);
	if (ret)
		return ret;
	if (q.flags & QCOW_QUERY_OPEN)
		return share(f, &q, what_for);
	return conflict_found(f, byte, what_for);
}

int claim_chain(const struct chain *c, enum claim what_for)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < c->nr; i++) {
		const struct layer *l = c->layers[i];

		ret = claim_file(&l->image.file, what_for);
		if (!ret && l->data.fd >= 0)
			ret = claim_file(&l->data, what_for);
		if (what_for == CLAIM_SNAPSHOT || what_for == CLAIM_ATTACH)
			what_for = CLAIM_DISK;
	}
	return ret;
}

static int hold(const struct file *f, enum lock_mode mode)
{
	int err = f->fd < 0 ? 0 : lock_hold(f, mode);

	return err ? fail_errno(-err, "cannot lock %s", f->path) : 0;
}

int claim_again(const struct chain *c)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < c->nr; i++)
		ret = hold(&c->layers[i]->image.file, LOCKED_READ) ?:
		      hold(&c->layers[i]->data, LOCKED_READ);
	return ret;
}

static int is_opened(const struct file *f)
{
	struct qcow_query q;
	int ret = f->fd < 0 ? 0 : control_query(f, &q);

	if (ret || f->fd < 0 || q.flags & QCOW_QUERY_OPEN)
		return ret;
	return fail(EXIT_IMAGE,
		    "%s is not what the device reads: another file lies there now",
		    f->path);
}

int claim_opened(const struct chain *c)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < c->nr; i++)
		ret = is_opened(&c->layers[i]->image.file) ?:
		      is_opened(&c->layers[i]->data);
	return ret;
}

static int raise_file(const struct file *f, int *writer)
{
	char *path;
	int byte;

	if (f->fd < 0)
		return 0;
	path = xasprintf("/proc/self/fd/%d", f->fd);
	*writer = open(path, O_RDWR | O_CLOEXEC);
	free(path);
	if (*writer < 0)
		return fail_errno(errno, "cannot open %s again", f->path);
	byte = lock_raise(f, *writer);
	return byte ? conflict_found(f, byte, CLAIM_TARGET) : 0;
}

int claim_raise(const struct layer *l, struct claim_raised *r)
{
	r->image = r->data = -1;
	return raise_file(&l->image.file, &r->image) ?:
	       raise_file(&l->data, &r->data);
}

void claim_lower(struct claim_raised *r)
{
	if (r->image >= 0)
		close(r->image);
	if (r->data >= 0)
		close(r->data);
	r->image = r->data = -1;
}

/* Its id, the first word of the attribute; NULL for the active disk. */
static char *snapshot_of(unsigned int number)
{
	char *text = sysfs_attribute(number, "qcow/snapshot");

	if (text)
		text[strcspn(text, "\t")] = '\0';
	if (text && !*text) {
		free(text);
		text = NULL;
	}
	return text;
}

int claim_source(struct chain *c, const char *word,
		 const struct chain_options *o, bool share,
		 const char *wanted, char **snapshot)
{
	unsigned int number;
	int ret;

	*snapshot = NULL;
	if (sysfs_number_of(word, &number)) {
		*snapshot = wanted ? xstrdup(wanted) : snapshot_of(number);
		return chain_open_device(c, number);
	}
	*snapshot = wanted ? xstrdup(wanted) : NULL;
	ret = chain_open(c, word, o);
	return ret || share ? ret : claim_chain(c, CLAIM_LOOK);
}
