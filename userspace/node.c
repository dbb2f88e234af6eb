// SPDX-License-Identifier: GPL-2.0
#include <linux/qcow.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "node.h"
#include "sysfs.h"

enum { STEP_MS = 10, LIMIT_MS = 3000 };

static void await_path(const char *path, int *left_ms)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };

	while (access(path, F_OK) && *left_ms > 0) {
		nanosleep(&step, NULL);
		*left_ms -= STEP_MS;
	}
}

/* udev's record of a device appears when its rules have run. */
static void await_udev(unsigned int number, int *left_ms)
{
	struct sysfs_node *nodes;
	size_t n, i;
	char record[64];

	if (access("/run/udev/control", F_OK))
		return;
	n = sysfs_nodes(number, &nodes);
	for (i = 0; i < n; i++) {
		snprintf(record, sizeof(record), "/run/udev/data/b%u:%u",
			 major(nodes[i].dev), minor(nodes[i].dev));
		await_path(record, left_ms);
	}
	free(nodes);
}

void node_await(unsigned int number)
{
	char path[32];
	int left_ms = LIMIT_MS;

	snprintf(path, sizeof(path), "/dev/" QCOW_DISK_PREFIX "%u", number);
	await_path(path, &left_ms);
	if (access(path, F_OK))
		warn("%s is attached, but its node did not appear: is /dev a devtmpfs?",
		     path);
	await_udev(number, &left_ms);
}
