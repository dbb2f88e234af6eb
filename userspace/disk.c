// SPDX-License-Identifier: GPL-2.0
#include <stdint.h>
#include <stdio.h>

#include "attachment.h"
#include "control.h"
#include "detach.h"
#include "disk.h"
#include "error.h"
#include "node.h"
#include "session.h"
#include "sysfs.h"

/* A shorter disk grows; what is new reads zeros. */
static int grow(unsigned int number, const char *path, u64 size)
{
	struct session s = { .word = path, .number = number };
	char message[512] = "";
	struct qcow_resize r = {
		.size = sizeof(r), .number = number, .disk_size = size,
		.message = (uintptr_t)message, .message_len = sizeof(message),
	};
	u64 sectors;
	int err;

	if (!sysfs_attribute_u64(number, "size", &sectors))
		return fail(EXIT_IMAGE, "%s: its size cannot be read", path);
	if (sectors * 512 >= size)
		return 0;
	err = control_resize(&r);
	return err ? session_failed(&s, "resize", err, message) : 0;
}

/* A raw file can be longer before the driver sees it. */
static int grow_raw(const char *path, u64 size)
{
	struct fresh f;
	int ret = fresh_open_existing(&f, path);

	if (!ret && f.file.length < size)
		ret = fresh_resize(&f, size) ?: fresh_sync(&f);
	fresh_close(&f);
	return ret;
}

static int open_node(struct disk *d)
{
	char node[32];

	node_await(d->number);
	snprintf(node, sizeof(node), "/dev/" QCOW_DISK_PREFIX "%u", d->number);
	return fresh_open_existing(&d->node, node);
}

int disk_open(struct disk *d, const char *path, const struct chain_options *o,
	      u64 size)
{
	struct attachment a = {
		.chain = *o, .flags = QCOW_ATTACH_NO_PARTSCAN,
	};
	int ret = 0;

	*d = (struct disk){ .node = FRESH_CLOSED };
	a.chain.writable = true;
	if (o->format == QCOW_FORMAT_RAW)
		ret = grow_raw(path, size);
	ret = ret ?: attachment_make(&a, path, &d->number);
	if (ret)
		return ret;
	ret = grow(d->number, path, size) ?: open_node(d);
	return ret ? disk_close(d, ret) : 0;
}

int disk_close(struct disk *d, int ret)
{
	int err;

	if (!ret)
		ret = fresh_sync(&d->node);
	fresh_close(&d->node);
	err = detach_device(d->number, 0);
	return ret ?: err;
}
