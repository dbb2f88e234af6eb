// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "claim.h"
#include "control.h"
#include "error.h"

static int in_use(const struct file *f, const struct qcow_query *q)
{
	const char *how = q->flags & QCOW_QUERY_WRITABLE ?
		"attached for writing" : "attached already";

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
static int share(const struct file *f, const struct qcow_query *q, bool peek)
{
	bool written = q->flags & QCOW_QUERY_WRITABLE;
	int err;

	if (f->writable || (written && !peek))
		return in_use(f, q);
	err = lock_hold(f, written ? LOCKED_PEEK : LOCKED_READ);
	return err ? fail_errno(-err, "cannot lock %s", f->path) : 0;
}

static int conflict_found(const struct file *f, int byte)
{
	const char *advice = f->writable ?
		"stop that process, or attach it read-only with -r" :
		"stop that process first";

	if (byte < 0)
		return fail_errno(-byte, "cannot lock %s", f->path);
	return fail(EXIT_BUSY,
		    "cannot lock %s: it is in use by another process, %s (lock byte %d): %s",
		    f->path, lock_meaning(byte), byte,
		    byte == 101 || byte == 103 || byte == 200 ?
		    "stop that process first" : advice);
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

int claim_file(const struct file *f, bool peek)
{
	struct qcow_query q;
	int byte = 0, ret;

	ret = control_query(f, &q);
	if (ret)
		return ret;
	if (q.flags & QCOW_QUERY_OPEN)
		return share(f, &q, peek);
	ret = lock(f, &byte);
	if (ret || !byte)
		return ret;

	/* Whoever has the lock may have got it in between, and be us. */
	ret = control_query(f, &q);
	if (ret)
		return ret;
	if (q.flags & QCOW_QUERY_OPEN)
		return share(f, &q, peek);
	return conflict_found(f, byte);
}

int claim_chain(const struct chain *c, bool peek)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < c->nr; i++) {
		ret = claim_file(&c->layers[i]->image.file, peek && !i);
		if (!ret && c->layers[i]->data.fd >= 0)
			ret = claim_file(&c->layers[i]->data, peek && !i);
	}
	return ret;
}
