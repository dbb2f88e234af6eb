// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "control.h"
#include "error.h"
#include "sysfs.h"

#define CONTROL_PATH	"/dev/" QCOW_CONTROL_NAME

static int control_fd = -1;

/*
 * The node is made for a fixed number, before the driver is loaded.  If another
 * driver had that number already, ours has another and the node leads astray.
 */
static bool is_ours(int fd)
{
	struct stat st;
	dev_t dev;

	return !sysfs_control(&dev) || (!fstat(fd, &st) && st.st_rdev == dev);
}

/* To open the node loads the driver, if that is installed. */
static int try_open(void)
{
	int fd;

	if (control_fd >= 0)
		return 0;
	fd = open(CONTROL_PATH, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!is_ours(fd)) {
		close(fd);
		return -ENOTTY;
	}
	control_fd = fd;
	return 0;
}

static int wrong_node(void)
{
	dev_t dev = 0;

	sysfs_control(&dev);
	return fail(EXIT_IMAGE,
		    "%s leads to another driver, which has its number: remove it, and mknod -m 600 %s c %u %u",
		    CONTROL_PATH, CONTROL_PATH, major(dev), minor(dev));
}

int control_open(void)
{
	int err = try_open();

	switch (err) {
	case 0:
		return 0;
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		return fail(EXIT_IMAGE,
			    "the driver is not loaded (there is no %s): modprobe qcow",
			    CONTROL_PATH);
	case -ENOTTY:
		return wrong_node();
	case -EPERM:
	case -EACCES:
		return fail(EXIT_PERMISSION,
			    "cannot open %s: this needs root (CAP_SYS_ADMIN)",
			    CONTROL_PATH);
	default:
		return fail_errno(-err, "cannot open %s", CONTROL_PATH);
	}
}

int control_attach(struct qcow_attach *a)
{
	return ioctl(control_fd, QCOW_ATTACH, a) ? -errno : 0;
}

int control_detach(unsigned int number, unsigned int flags)
{
	struct qcow_detach d = {
		.size = sizeof(d), .flags = flags, .number = number,
	};

	return ioctl(control_fd, QCOW_DETACH, &d) ? -errno : 0;
}

int control_snapshot(struct qcow_snapshot *s)
{
	return ioctl(control_fd, QCOW_SNAPSHOT, s) ? -errno : 0;
}

int control_resize(struct qcow_resize *r)
{
	return ioctl(control_fd, QCOW_RESIZE, r) ? -errno : 0;
}

int control_fill(struct qcow_fill *f)
{
	return ioctl(control_fd, QCOW_FILL, f) ? -errno : 0;
}

int control_rebase(struct qcow_rebase *r)
{
	return ioctl(control_fd, QCOW_REBASE, r) ? -errno : 0;
}

int control_merge(struct qcow_merge *m)
{
	return ioctl(control_fd, QCOW_MERGE, m) ? -errno : 0;
}

int control_query(const struct file *f, struct qcow_query *q)
{
	*q = (struct qcow_query){
		.size = sizeof(*q), .fd = f->fd, .number = QCOW_NO_DEVICE,
	};
	/* who only asks does not load it */
	if (!sysfs_has_driver() || try_open())
		return 0;
	if (!ioctl(control_fd, QCOW_QUERY, q))
		return 0;
	if (errno == EPERM)
		return 0;
	return fail_errno(errno, "cannot ask the driver about %s", f->path);
}
