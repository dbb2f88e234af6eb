// SPDX-License-Identifier: GPL-2.0
/*
 * Record all that is done to the files of writable images, for selftests/crash.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "file/buf.h"
#include "file/record.h"

/*
 * Bytes of entries in memory.  The program that records must read as well: if
 * it does not, further entries are lost.
 */
#define RECORD_MAX	(1UL << 30)

static unsigned int break_rule;
module_param(break_rule, uint, 0644);
MODULE_PARM_DESC(break_rule, "a rule of the crash protocol to break (tests only)");

static unsigned int stall;
module_param(stall, uint, 0644);
MODULE_PARM_DESC(stall, "a place where the next task stalls (tests only)");

#define STALLED	0x100	/* in stall: the task is there, until a test clears it */

/**
 * struct entry - an entry of the record that was not read completely yet
 * @node: in the list of entries
 * @size: bytes of @head and @data
 * @done: of these, how many were read
 * @head: the head
 * @data: the data that follow the head
 */
struct entry {
	struct list_head node;
	size_t size;
	size_t done;
	struct qcow_record head;
	u8 data[];
};

static DEFINE_SPINLOCK(lock);	/* guards all below except @more and @folder */
static LIST_HEAD(entries);
static size_t pending;		/* bytes of all @entries */
static u32 next_id;
static bool recording, lost;
static DECLARE_WAIT_QUEUE_HEAD(more);
static struct dentry *folder;

static void record_add(struct entry *e)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	if (e && recording && pending < RECORD_MAX) {
		list_add_tail(&e->node, &entries);
		pending += e->size;
		e = NULL;
	} else if (recording) {
		lost = true;
	}
	spin_unlock_irqrestore(&lock, flags);
	kvfree(e);
	wake_up_interruptible(&more);
}

static struct entry *entry_alloc(size_t data, gfp_t gfp)
{
	size_t size = sizeof(struct entry) + data;
	struct entry *e = gfp == GFP_ATOMIC ? kzalloc(size, gfp) :
					      kvzalloc(size, gfp);

	if (e)
		e->size = sizeof(e->head) + data;
	return e;
}

/* Ids begin with 1.  No test records so much that they begin again. */
static u32 take_id(void)
{
	unsigned long flags;
	u32 id;

	spin_lock_irqsave(&lock, flags);
	id = ++next_id;
	spin_unlock_irqrestore(&lock, flags);
	return id;
}

u32 qcow_record_begin(enum qcow_record_type type, u32 file, u64 pos, u64 len,
		      const struct qcow_buf *buf, u32 arg)
{
	struct entry *e;
	u32 id;

	if (!READ_ONCE(recording))
		return 0;
	id = take_id();
	e = entry_alloc(buf ? len : 0, GFP_NOIO);
	if (e) {
		e->head = (struct qcow_record){ .type = type, .file = file,
			.id = id, .pos = pos, .len = len, .arg = arg };
		if (buf)
			qcow_buf_copy_out(buf, e->data, len);
	}
	record_add(e);
	return id;
}

u32 qcow_record_change(u32 kind, u64 size, const char *name, u32 len)
{
	struct entry *e;
	u32 id;

	if (!READ_ONCE(recording))
		return 0;
	id = take_id();
	e = entry_alloc(len, GFP_NOIO);
	if (e) {
		e->head = (struct qcow_record){ .type = QCOW_RECORD_CHANGE,
			.id = id, .pos = size, .len = len, .arg = kind };
		memcpy(e->data, name, len);
	}
	record_add(e);
	return id;
}

static void record_small(const struct qcow_record *head)
{
	struct entry *e;

	if (!READ_ONCE(recording))
		return;
	e = entry_alloc(0, GFP_ATOMIC);
	if (e)
		e->head = *head;
	record_add(e);
}

void qcow_record_end(enum qcow_record_type type, u32 id, int result)
{
	if (id)
		record_small(&(struct qcow_record){ .type = type, .id = id,
						    .result = result });
}

void qcow_record_step(enum qcow_record_step step)
{
	record_small(&(struct qcow_record){ .type = QCOW_RECORD_STEP,
					    .arg = step });
}

bool qcow_rule_broken(enum qcow_rule rule)
{
	return READ_ONCE(break_rule) == rule;
}

void qcow_stall(enum qcow_stall place)
{
	if (cmpxchg(&stall, place, place | STALLED) != place)
		return;
	while (READ_ONCE(stall) & STALLED)
		msleep(20);
}

static void drop_entries(void)
{
	struct entry *e, *next;

	list_for_each_entry_safe(e, next, &entries, node)
		kvfree(e);
	INIT_LIST_HEAD(&entries);
	pending = 0;
}

static int record_open(struct inode *inode, struct file *filp)
{
	if (!(filp->f_mode & FMODE_READ))
		return 0;
	spin_lock_irq(&lock);
	drop_entries();
	lost = false;
	recording = true;
	spin_unlock_irq(&lock);
	return 0;
}

static struct entry *first_entry(void)
{
	struct entry *e;

	spin_lock_irq(&lock);
	e = list_first_entry_or_null(&entries, struct entry, node);
	spin_unlock_irq(&lock);
	return e;
}

/* There is only one reader, so the entry stays in the list while it is read. */
static ssize_t read_entry(struct entry *e, char __user *to, size_t len)
{
	len = min(len, e->size - e->done);
	if (copy_to_user(to, (char *)&e->head + e->done, len))
		return -EFAULT;
	e->done += len;
	if (e->done < e->size)
		return len;
	spin_lock_irq(&lock);
	list_del(&e->node);
	pending -= e->size;
	spin_unlock_irq(&lock);
	kvfree(e);
	return len;
}

static ssize_t record_read(struct file *filp, char __user *to, size_t len,
			   loff_t *pos)
{
	struct qcow_record head = { .type = QCOW_RECORD_LOST };

	if (wait_event_interruptible(more, first_entry() ||
				     !READ_ONCE(recording)))
		return -ERESTARTSYS;
	if (first_entry())
		return read_entry(first_entry(), to, len);
	if (!lost || len < sizeof(head))
		return 0;
	lost = false;
	return copy_to_user(to, &head, sizeof(head)) ? -EFAULT : sizeof(head);
}

static ssize_t record_write(struct file *filp, const char __user *from,
			    size_t len, loff_t *pos)
{
	WRITE_ONCE(recording, false);
	wake_up_interruptible(&more);
	return len;
}

static const struct file_operations record_ops = {
	.owner = THIS_MODULE,
	.open = record_open,
	.read = record_read,
	.write = record_write,
};

void qcow_record_init(void)
{
	folder = debugfs_create_dir("qcow", NULL);
	debugfs_create_file("record", 0600, folder, NULL, &record_ops);
}

void qcow_record_exit(void)
{
	debugfs_remove(folder);
	drop_entries();
}
