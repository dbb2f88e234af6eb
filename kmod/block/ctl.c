// SPDX-License-Identifier: GPL-2.0
/*
 * The control device /dev/qcow-control: check the arguments of each ioctl and
 * run it.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <linux/qcow.h>

#include "block/ctl.h"
#include "block/device.h"
#include "block/freeze.h"
#include "format/header.h"

#define ATTACH_FLAGS	(QCOW_ATTACH_READ_ONLY | QCOW_ATTACH_NO_PARTSCAN | \
			 QCOW_ATTACH_DIO_ON | QCOW_ATTACH_DIO_OFF |	   \
			 QCOW_ATTACH_NO_DISCARD | QCOW_ATTACH_HIDDEN)

/*
 * The control device has a fixed minor number, so that its node can exist
 * before the module is loaded: depmod(8) passes name and number to the programs
 * that fill /dev, and the kernel loads the module when the node is opened.  No
 * number is assigned to this driver.  Of the misc minors, 243 to 254 are for
 * local use (Documentation/admin-guide/devices.txt): the kernel assigns none of
 * them, and never gives one to a driver that asks for any minor.  OpenZFS uses
 * 249.
 */
#define QCOW_CONTROL_MINOR	252

/* The longest id or name of a snapshot that a caller can ask for, bytes. */
#define MAX_SNAPSHOT_STRING	4096

static long ctl_features(struct qcow_control *ctl, void *arg)
{
	struct qcow_features *f = arg;

	f->abi_version = QCOW_ABI_VERSION;
	f->attach_flags = ATTACH_FLAGS;
	f->formats = BIT_ULL(QCOW_FORMAT_RAW) | BIT_ULL(QCOW_FORMAT_QCOW2);
	f->writable_formats = BIT_ULL(QCOW_FORMAT_RAW) |
			      BIT_ULL(QCOW_FORMAT_QCOW2);
	f->qcow2_incompatible = QCOW2_INCOMPAT_KNOWN;
	f->max_layers = QCOW_MAX_LAYERS;
	return 0;
}

static int check_attach(const struct qcow_attach *a)
{
	if (a->flags & ~ATTACH_FLAGS || a->reserved)
		return -EINVAL;
	if ((a->flags & QCOW_ATTACH_DIO_ON) && (a->flags & QCOW_ATTACH_DIO_OFF))
		return -EINVAL;
	if (!a->nr_layers || a->nr_layers > QCOW_MAX_LAYERS)
		return -EINVAL;
	if (a->sector_size && a->sector_size != 512 && a->sector_size != 4096)
		return -EINVAL;
	if (a->snapshot_len > MAX_SNAPSHOT_STRING ||
	    !a->snapshot != !a->snapshot_len)
		return -EINVAL;
	if (strnlen(a->name, sizeof(a->name)) == sizeof(a->name) ||
	    strpbrk(a->name, "/\n"))
		return -EINVAL;
	return 0;
}

static void put_layers(struct qcow_layer_files *layers, unsigned int n)
{
	while (n--) {
		if (layers[n].data_file)
			fput(layers[n].data_file);
		if (layers[n].file)
			fput(layers[n].file);
	}
	kfree(layers);
}

static int get_layer(const struct qcow_layer *l, struct qcow_layer_files *files)
{
	if (l->flags)
		return -EINVAL;
	files->format = l->format;
	files->offset = l->offset;
	files->sizelimit = l->sizelimit;
	files->file = fget(l->fd);
	if (!files->file)
		return -EBADF;
	if (l->data_fd < 0)
		return 0;
	files->data_file = fget(l->data_fd);
	return files->data_file ? 0 : -EBADF;
}

/* The caller must undo this by put_layers(). */
static struct qcow_layer_files *get_layers(u64 from, unsigned int nr)
{
	struct qcow_layer_files *files;
	struct qcow_layer *layers;
	unsigned int i;
	int err = 0;

	layers = memdup_user(u64_to_user_ptr(from), nr * sizeof(*layers));
	if (IS_ERR(layers))
		return ERR_CAST(layers);
	files = kcalloc(nr, sizeof(*files), GFP_KERNEL);
	if (!files)
		err = -ENOMEM;
	for (i = 0; !err && i < nr; i++)
		err = get_layer(&layers[i], &files[i]);
	kfree(layers);
	if (!err)
		return files;
	if (files)
		put_layers(files, nr);
	return ERR_PTR(err);
}

static void put_message(u64 message, u32 message_len,
			const struct qcow_reason *why)
{
	size_t len = min_t(size_t, strlen(why->text) + 1, message_len);

	/* if the copy fails, the caller still gets the error code */
	if (message && len && why->text[0] &&
	    copy_to_user(u64_to_user_ptr(message), why->text, len))
		return;
}

static long attach_layers(struct qcow_control *ctl, struct qcow_attach *a,
			  const struct qcow_layer_files *layers,
			  struct qcow_reason *why)
{
	char *snapshot = NULL;
	long err;

	if (a->snapshot) {
		snapshot = memdup_user_nul(u64_to_user_ptr(a->snapshot),
					   a->snapshot_len);
		if (IS_ERR(snapshot))
			return PTR_ERR(snapshot);
	}
	err = qcow_device_attach(a, layers, snapshot, ctl, why);
	kfree(snapshot);
	return err;
}

static long ctl_attach(struct qcow_control *ctl, void *arg)
{
	struct qcow_attach *a = arg;
	struct qcow_layer_files *layers;
	struct qcow_reason *why;
	long err;

	err = check_attach(a);
	if (err)
		return err;
	layers = get_layers(a->layers, a->nr_layers);
	if (IS_ERR(layers))
		return PTR_ERR(layers);
	why = kzalloc(sizeof(*why), GFP_KERNEL);
	if (why) {
		err = attach_layers(ctl, a, layers, why);
		if (err)
			put_message(a->message, a->message_len, why);
		kfree(why);
	} else {
		err = -ENOMEM;
	}
	put_layers(layers, a->nr_layers);
	return err;
}

/* The caller does not learn which device it has: nobody would detach it. */
static void undo_attach(struct qcow_control *ctl, const void *arg)
{
	const struct qcow_attach *a = arg;

	qcow_device_detach(a->number, true, ctl);
}

static long ctl_detach(struct qcow_control *ctl, void *arg)
{
	struct qcow_detach *d = arg;

	if (d->flags & ~QCOW_DETACH_LAZY || d->reserved)
		return -EINVAL;
	return qcow_device_detach(d->number, d->flags & QCOW_DETACH_LAZY, ctl);
}

static long ctl_query(struct qcow_control *ctl, void *arg)
{
	struct qcow_query *q = arg;
	const struct inode *inode;
	struct file *file;
	int err;

	file = fget(q->fd);
	if (!file)
		return -EBADF;
	inode = file->f_mapping->host;
	q->flags = 0;
	q->number = QCOW_NO_DEVICE;
	err = qcow_files_wait_left(inode);
	if (!err)
		q->flags = qcow_file_use(inode);
	if (q->flags)
		q->number = qcow_device_of(inode);
	fput(file);
	return err;
}

/* The arguments that all structural changes have in common. */
struct asked {
	u32 number;
	bool force;
	u64 *pause_ns;
	u64 message;
	u32 message_len;
};

static long run_change(const struct asked *a, struct qcow_change *change)
{
	struct qcow_reason *why = kzalloc(sizeof(*why), GFP_KERNEL);
	long err;

	if (!why)
		return -ENOMEM;
	err = qcow_device_change(a->number, change, a->force, a->pause_ns,
				 why);
	if (err)
		put_message(a->message, a->message_len, why);
	kfree(why);
	return err;
}

static const enum qcow_change_op snapshot_ops[] = {
	[QCOW_SNAPSHOT_CREATE]	= QCOW_CHANGE_SNAPSHOT_CREATE,
	[QCOW_SNAPSHOT_APPLY]	= QCOW_CHANGE_SNAPSHOT_APPLY,
	[QCOW_SNAPSHOT_DELETE]	= QCOW_CHANGE_SNAPSHOT_DELETE,
};

static void put_above(struct qcow_change *change)
{
	while (change->nr_above)
		fput(change->above[--change->nr_above]);
	kvfree(change->above);
}

/* Take a reference to each file that the caller names as lying on the disk. */
static int get_above(const struct qcow_snapshot *s, struct qcow_change *change)
{
	const s32 __user *fds = u64_to_user_ptr(s->above);
	u32 i;
	int err = 0;
	s32 fd;

	if (!s->nr_above)
		return 0;
	change->above = kvcalloc(s->nr_above, sizeof(*change->above),
				 GFP_KERNEL);
	if (!change->above)
		return -ENOMEM;
	for (i = 0; !err && i < s->nr_above; i++) {
		err = get_user(fd, &fds[i]);
		if (err)
			break;
		change->above[i] = fget(fd);
		if (change->above[i])
			change->nr_above++;
		else
			err = -EBADF;
	}
	if (err)
		put_above(change);
	return err;
}

static int check_snapshot(const struct qcow_snapshot *s)
{
	if (s->flags & ~QCOW_SNAPSHOT_FORCE || s->op < QCOW_SNAPSHOT_CREATE ||
	    s->op > QCOW_SNAPSHOT_DELETE)
		return -EINVAL;
	if (!s->name_len || s->name_len > MAX_SNAPSHOT_STRING)
		return -EINVAL;
	if (!s->nr_above)
		return s->above ? -EINVAL : 0;
	return s->op == QCOW_SNAPSHOT_CREATE && s->nr_above <= QCOW_MAX_ABOVE ?
	       0 : -EINVAL;
}

static long run_snapshot(const struct qcow_snapshot *s,
			 const struct asked *asked, struct qcow_change *change)
{
	long err = get_above(s, change);

	if (err)
		return err;
	err = run_change(asked, change);
	put_above(change);
	return err;
}

static long ctl_snapshot(struct qcow_control *ctl, void *arg)
{
	struct qcow_snapshot *s = arg;
	const struct asked asked = {
		.number = s->number,
		.force = s->flags & QCOW_SNAPSHOT_FORCE,
		.pause_ns = &s->pause_ns,
		.message = s->message,
		.message_len = s->message_len,
	};
	struct qcow_change change = {
		.name_len = s->name_len,
		.freeze_timeout_ms = s->freeze_timeout_ms ?:
				     QCOW_FREEZE_TIMEOUT_MS,
	};
	char *name;
	long err;

	err = check_snapshot(s);
	if (err)
		return err;
	name = memdup_user_nul(u64_to_user_ptr(s->name), s->name_len);
	if (IS_ERR(name))
		return PTR_ERR(name);
	change.op = snapshot_ops[s->op];
	change.name = name;
	err = run_snapshot(s, &asked, &change);
	kfree(name);
	return err;
}

static long ctl_resize(struct qcow_control *ctl, void *arg)
{
	struct qcow_resize *r = arg;
	const struct asked asked = {
		.number = r->number,
		.pause_ns = &r->pause_ns,
		.message = r->message,
		.message_len = r->message_len,
	};
	struct qcow_change change = {
		.op = QCOW_CHANGE_RESIZE,
		.size = r->disk_size,
		.shrink = r->flags & QCOW_RESIZE_SHRINK,
	};

	if (r->flags & ~QCOW_RESIZE_SHRINK || r->reserved || r->reserved2)
		return -EINVAL;
	return run_change(&asked, &change);
}

static long ctl_empty(struct qcow_control *ctl, void *arg)
{
	struct qcow_empty *e = arg;
	const struct asked asked = {
		.number = e->number,
		.pause_ns = &e->pause_ns,
		.message = e->message,
		.message_len = e->message_len,
	};
	struct qcow_change change = { .op = QCOW_CHANGE_EMPTY };

	return e->flags ? -EINVAL : run_change(&asked, &change);
}

static long ctl_fill(struct qcow_control *ctl, void *arg)
{
	struct qcow_fill *f = arg;
	struct qcow_reason *why;
	long err;

	if (f->flags)
		return -EINVAL;
	why = kzalloc(sizeof(*why), GFP_KERNEL);
	if (!why)
		return -ENOMEM;
	err = qcow_device_fill(f->number, f->start, f->length, &f->changes,
			       why);
	if (err)
		put_message(f->message, f->message_len, why);
	kfree(why);
	return err;
}

static int check_rebase(const struct qcow_rebase *r)
{
	if (r->flags & ~QCOW_REBASE_FILLED || r->reserved || r->nr_layers >= QCOW_MAX_LAYERS ||
	    r->name_len > QCOW2_MAX_BACKING_NAME ||
	    r->format_len > QCOW2_MAX_BACKING_FORMAT)
		return -EINVAL;
	/* either both or none: an image without a backing name has no layers */
	if (!r->name_len != !r->nr_layers || (r->format_len && !r->name_len))
		return -EINVAL;
	return 0;
}

static long rebase_onto(struct qcow_rebase *r, struct qcow_change *change)
{
	struct qcow_reason *why = kzalloc(sizeof(*why), GFP_KERNEL);
	struct qcow_layer_files *layers;
	long err;

	if (!why)
		return -ENOMEM;
	layers = get_layers(r->layers, r->nr_layers);
	if (IS_ERR(layers)) {
		kfree(why);
		return PTR_ERR(layers);
	}
	err = qcow_device_rebase(r->number, change, layers, r->nr_layers,
				 &r->pause_ns, why);
	if (err)
		put_message(r->message, r->message_len, why);
	put_layers(layers, r->nr_layers);
	kfree(why);
	return err;
}

static long ctl_rebase(struct qcow_control *ctl, void *arg)
{
	struct qcow_rebase *r = arg;
	struct qcow_change change = {
		.op = QCOW_CHANGE_REBASE,
		.filled = r->flags & QCOW_REBASE_FILLED,
		.changes = r->changes,
		.name_len = r->name_len,
		.format_len = r->format_len,
	};
	char *name, *format;
	long err;

	err = check_rebase(r);
	if (err)
		return err;
	name = memdup_user_nul(u64_to_user_ptr(r->name), r->name_len);
	if (IS_ERR(name))
		return PTR_ERR(name);
	format = memdup_user_nul(u64_to_user_ptr(r->format), r->format_len);
	if (IS_ERR(format)) {
		kfree(name);
		return PTR_ERR(format);
	}
	change.name = r->name_len ? name : NULL;
	change.format = r->format_len ? format : NULL;
	if (strlen(name) == r->name_len && strlen(format) == r->format_len)
		err = rebase_onto(r, &change);
	else
		err = -EINVAL;
	kfree(format);
	kfree(name);
	return err;
}

static u32 merge_flags(u32 op)
{
	switch (op) {
	case QCOW_MERGE_BEGIN:
		return QCOW_MERGE_HOLD;
	case QCOW_MERGE_END:
		return QCOW_MERGE_KEEP;
	default:
		return 0;
	}
}

static int check_merge(const struct qcow_merge *m)
{
	if (m->op < QCOW_MERGE_BEGIN || m->op > QCOW_MERGE_REOPEN)
		return -EINVAL;
	if (m->flags & ~merge_flags(m->op))
		return -EINVAL;
	if (!(m->flags & QCOW_MERGE_HOLD) &&
	    (m->hold_fds[0] || m->hold_fds[1]))
		return -EINVAL;
	if (m->op != QCOW_MERGE_BEGIN && m->op != QCOW_MERGE_REOPEN)
		return m->nr_layers ? -EINVAL : 0;
	return m->nr_layers && m->nr_layers < QCOW_MAX_LAYERS ? 0 : -EINVAL;
}

/*
 * Only what can have an image in it.  If the control file itself were kept open
 * for the merge, its last reference would never be dropped, and the merge would
 * never be stopped.
 */
static int get_holds(const struct qcow_merge *m, struct file **holds)
{
	unsigned int i;
	umode_t mode;

	BUILD_BUG_ON(ARRAY_SIZE(m->hold_fds) != QCOW_MERGE_HOLDS);
	for (i = 0; i < QCOW_MERGE_HOLDS; i++) {
		if (!(m->flags & QCOW_MERGE_HOLD) || m->hold_fds[i] < 0)
			continue;
		holds[i] = fget(m->hold_fds[i]);
		if (!holds[i])
			return -EBADF;
		mode = file_inode(holds[i])->i_mode;
		if (!S_ISREG(mode) && !S_ISBLK(mode))
			return -EINVAL;
	}
	return 0;
}

static void put_holds(struct file **holds)
{
	unsigned int i;

	for (i = 0; i < QCOW_MERGE_HOLDS; i++)
		if (holds[i])
			fput(holds[i]);
}

static long merge_over(struct qcow_control *ctl, struct qcow_merge *m,
		       struct qcow_reason *why)
{
	struct qcow_layer_files *layers = get_layers(m->layers, m->nr_layers);
	struct qcow_change reopen = { .op = QCOW_CHANGE_REOPEN };
	struct file *holds[QCOW_MERGE_HOLDS] = { };
	long err;

	if (IS_ERR(layers))
		return PTR_ERR(layers);
	if (m->op == QCOW_MERGE_REOPEN)
		err = qcow_device_rebase(m->number, &reopen, layers,
					 m->nr_layers, &m->pause_ns, why);
	else
		err = get_holds(m, holds) ?:
		      qcow_device_merge_begin(m->number, ctl, layers,
					      m->nr_layers, holds,
					      &m->pause_ns, why);
	if (err)
		put_holds(holds);
	put_layers(layers, m->nr_layers);
	return err;
}

static long run_merge(struct qcow_control *ctl, struct qcow_merge *m,
		      struct qcow_reason *why)
{
	switch (m->op) {
	case QCOW_MERGE_REOPEN:
	case QCOW_MERGE_BEGIN:
		return merge_over(ctl, m, why);
	case QCOW_MERGE_STEP:
		return qcow_device_merge_step(m->number, ctl, &m->left, why);
	case QCOW_MERGE_END:
		return qcow_device_merge_end(m->number, ctl,
					     m->flags & QCOW_MERGE_KEEP,
					     &m->pause_ns, why);
	default:
		return qcow_device_merge_stop(m->number, ctl, &m->pause_ns,
					      why);
	}
}

static long ctl_merge(struct qcow_control *ctl, void *arg)
{
	struct qcow_merge *m = arg;
	struct qcow_reason *why;
	long err;

	err = check_merge(m);
	if (err)
		return err;
	why = kzalloc(sizeof(*why), GFP_KERNEL);
	if (!why)
		return -ENOMEM;
	err = run_merge(ctl, m, why);
	if (err)
		put_message(m->message, m->message_len, why);
	kfree(why);
	return err;
}

/**
 * struct ctl_command - one ioctl
 * @cmd: its number
 * @size: bytes of its structure now
 * @min_size: bytes of its structure when it was first published
 * @run: runs the ioctl, which came through @ctl; @arg is copied back to the
 *	 caller if it returns 0
 * @undo: undoes it if that copy fails, or NULL
 */
struct ctl_command {
	unsigned int cmd;
	size_t size;
	size_t min_size;
	long (*run)(struct qcow_control *ctl, void *arg);
	void (*undo)(struct qcow_control *ctl, const void *arg);
};

static const struct ctl_command commands[] = {
	{ QCOW_FEATURES, sizeof(struct qcow_features),
	  sizeof(struct qcow_features), ctl_features },
	{ QCOW_ATTACH, sizeof(struct qcow_attach),
	  sizeof(struct qcow_attach), ctl_attach, undo_attach },
	{ QCOW_DETACH, sizeof(struct qcow_detach),
	  sizeof(struct qcow_detach), ctl_detach },
	{ QCOW_QUERY, sizeof(struct qcow_query),
	  sizeof(struct qcow_query), ctl_query },
	{ QCOW_SNAPSHOT, sizeof(struct qcow_snapshot),
	  offsetofend(struct qcow_snapshot, pause_ns), ctl_snapshot },
	{ QCOW_RESIZE, sizeof(struct qcow_resize),
	  sizeof(struct qcow_resize), ctl_resize },
	{ QCOW_EMPTY, sizeof(struct qcow_empty),
	  sizeof(struct qcow_empty), ctl_empty },
	{ QCOW_FILL, sizeof(struct qcow_fill),
	  sizeof(struct qcow_fill), ctl_fill },
	{ QCOW_REBASE, sizeof(struct qcow_rebase),
	  sizeof(struct qcow_rebase), ctl_rebase },
	{ QCOW_MERGE, sizeof(struct qcow_merge),
	  offsetofend(struct qcow_merge, pause_ns), ctl_merge },
};

/*
 * The structure of a newer caller may be larger, and a number encodes the size:
 * so only the type and the sequence number are compared.
 */
static const struct ctl_command *find_command(unsigned int cmd)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (_IOC_TYPE(commands[i].cmd) == _IOC_TYPE(cmd) &&
		    _IOC_NR(commands[i].cmd) == _IOC_NR(cmd))
			return &commands[i];
	return NULL;
}

/*
 * The argument of any ioctl.  It lies on the stack and is not allocated: detach
 * must not fail with ENOMEM, which would mean that the device is gone and that
 * its last writes are lost.
 */
union ctl_arg {
	struct qcow_features features;
	struct qcow_attach attach;
	struct qcow_detach detach;
	struct qcow_query query;
	struct qcow_snapshot snapshot;
	struct qcow_resize resize;
	struct qcow_empty empty;
	struct qcow_fill fill;
	struct qcow_rebase rebase;
	struct qcow_merge merge;
};

static long run_command(const struct ctl_command *c, struct qcow_control *ctl,
			void __user *uarg)
{
	union ctl_arg arg;
	u32 size;
	long err;

	if (get_user(size, (u32 __user *)uarg))
		return -EFAULT;
	if (size < c->min_size || size > PAGE_SIZE)
		return -EINVAL;
	memset(&arg, 0, sizeof(arg));
	err = copy_struct_from_user(&arg, c->size, uarg, size);
	if (!err)
		err = c->run(ctl, &arg);
	if (err || !copy_to_user(uarg, &arg, min_t(size_t, c->size, size)))
		return err;
	if (c->undo)
		c->undo(ctl, &arg);
	return -EFAULT;
}

static long ctl_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct ctl_command *c = find_command(cmd);

	if (!c)
		return -ENOTTY;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	return run_command(c, file->private_data, (void __user *)arg);
}

/**
 * struct qcow_control - a control file: an opening of the control device
 * @closed: stops the merges that were begun through it
 *
 * Other files compare its address only.
 */
struct qcow_control {
	struct work_struct closed;
};

static struct workqueue_struct *closed_wq;

static void control_closed(struct work_struct *work)
{
	struct qcow_control *ctl =
		container_of(work, struct qcow_control, closed);

	qcow_device_merge_orphans(ctl);
	kfree(ctl);
}

static int ctl_open(struct inode *inode, struct file *file)
{
	struct qcow_control *ctl = kzalloc(sizeof(*ctl), GFP_KERNEL_ACCOUNT);

	if (!ctl)
		return -ENOMEM;
	INIT_WORK(&ctl->closed, control_closed);
	file->private_data = ctl;
	return 0;
}

/*
 * To stop a merge takes I/O to files that may be stuck.  The task that closes
 * the file may be one that was killed, which is to end now.
 */
static int ctl_release(struct inode *inode, struct file *file)
{
	struct qcow_control *ctl = file->private_data;

	/* where a device is being merged, that is detached when it is over */
	qcow_device_detach_hidden(ctl);
	queue_work(closed_wq, &ctl->closed);
	return 0;
}

static const struct file_operations ctl_fops = {
	.owner = THIS_MODULE,
	.open = ctl_open,
	.release = ctl_release,
	.unlocked_ioctl = ctl_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice ctl_device = {
	.minor = QCOW_CONTROL_MINOR,
	.name = QCOW_CONTROL_NAME,
	.fops = &ctl_fops,
	.mode = 0600,
};

/* If another driver for local use has the minor already, any minor will do. */
int qcow_ctl_init(void)
{
	int err;

	closed_wq = alloc_workqueue("qcow-closed", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (!closed_wq)
		return -ENOMEM;
	err = misc_register(&ctl_device);
	if (err == -EBUSY) {
		ctl_device.minor = MISC_DYNAMIC_MINOR;
		err = misc_register(&ctl_device);
	}
	if (err)
		destroy_workqueue(closed_wq);
	else if (ctl_device.minor != QCOW_CONTROL_MINOR)
		pr_warn("misc minor %d is another driver's: /dev/%s has %d instead\n",
			QCOW_CONTROL_MINOR, QCOW_CONTROL_NAME, ctl_device.minor);
	return err;
}

void qcow_ctl_exit(void)
{
	misc_deregister(&ctl_device);
	destroy_workqueue(closed_wq);
}

MODULE_ALIAS_MISCDEV(QCOW_CONTROL_MINOR);
MODULE_ALIAS("devname:" QCOW_CONTROL_NAME);
