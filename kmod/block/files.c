// SPDX-License-Identifier: GPL-2.0
/*
 * Hold the files that the caller of an attach passed, and with them the locks
 * that the user has on them.
 *
 * A lazy detach takes place when nobody waits for it, and /dev/qcowN is gone
 * before the image is closed.  A user who opens the image again in between must
 * not be told that it is in use, but has to wait.  So a device that is being
 * detached is listed here until its files are closed, and a query waits while
 * the list holds its file.
 */
#include <linux/file.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "block/device.h"

/**
 * struct qcow_held_file - a file of a device
 * @file:	the file, with a reference
 * @inode:	its inode, to compare with; must not be dereferenced, because it
 *		stays here after @file was closed
 */
struct qcow_held_file {
	struct file *file;
	const struct inode *inode;
};

/* Guards the list of files of devices that are being detached. */
static DEFINE_SPINLOCK(leaving_lock);
static LIST_HEAD(leaving);
static DECLARE_WAIT_QUEUE_HEAD(left);

static void add(struct qcow_files *files, struct file *file)
{
	struct qcow_held_file *held = &files->held[files->nr++];

	held->file = get_file(file);
	held->inode = file->f_mapping->host;
}

static void add_layers(struct qcow_files *files,
		       const struct qcow_layer_files *layers, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		add(files, layers[i].file);
		if (layers[i].data_file)
			add(files, layers[i].data_file);
	}
}

int qcow_files_get(struct qcow_files *files,
		   const struct qcow_layer_files *layers, unsigned int nr)
{
	files->held = kcalloc(2 * nr, sizeof(*files->held), GFP_KERNEL);
	if (!files->held)
		return -ENOMEM;
	add_layers(files, layers, 1);
	files->nr_own = files->nr;
	add_layers(files, layers + 1, nr - 1);
	return 0;
}

int qcow_files_get_others(struct qcow_files *files, const struct qcow_files *old,
			  const struct qcow_layer_files *layers,
			  unsigned int nr)
{
	unsigned int i;

	files->held = kcalloc(old->nr_own + 2 * nr, sizeof(*files->held),
			      GFP_KERNEL);
	if (!files->held)
		return -ENOMEM;
	for (i = 0; i < old->nr_own; i++)
		add(files, old->held[i].file);
	files->nr_own = files->nr;
	add_layers(files, layers, nr);
	return 0;
}

struct file *qcow_files_get_file(const struct qcow_files *files,
				 unsigned int i)
{
	return files->held[i].file;
}

static void put_all(struct qcow_files *files)
{
	unsigned int i;

	for (i = 0; i < files->nr; i++)
		qcow_fput(files->held[i].file);
}

void qcow_files_put(struct qcow_files *files)
{
	put_all(files);
	kfree(files->held);
}

void qcow_files_leave(struct qcow_files *files)
{
	spin_lock(&leaving_lock);
	list_add_tail(&files->node, &leaving);
	spin_unlock(&leaving_lock);
}

void qcow_files_left(struct qcow_files *files)
{
	put_all(files);
	spin_lock(&leaving_lock);
	list_del(&files->node);
	spin_unlock(&leaving_lock);
	wake_up_all(&left);
	kfree(files->held);
}

static bool holds(const struct qcow_files *files, const struct inode *inode)
{
	unsigned int i;

	for (i = 0; i < files->nr; i++)
		if (files->held[i].inode == inode)
			return true;
	return false;
}

static bool is_leaving(const struct inode *inode)
{
	struct qcow_files *files;
	bool found = false;

	spin_lock(&leaving_lock);
	list_for_each_entry(files, &leaving, node)
		found |= holds(files, inode);
	spin_unlock(&leaving_lock);
	return found;
}

int qcow_files_wait_left(const struct inode *inode)
{
	return wait_event_killable(left, !is_leaving(inode));
}
