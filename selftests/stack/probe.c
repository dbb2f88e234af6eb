// SPDX-License-Identifier: GPL-2.0
/*
 * How deep the stacks of a machine under test go, to the byte, and what the
 * driver has to do with it.  Of the test alone, for x86.
 *
 * The unused part of a stack is painted: the kernel clears a new stack, which
 * is how CONFIG_DEBUG_STACK_USAGE measures, and this module paints what is
 * below the stack pointer whenever qcow_cmd_submit() or the driver's worker is
 * called.  The lowest word that is no paint when the call returns, when a call
 * nested in it begins or when the task ends is where the stack went to.  So it
 * is seen whatever lay there: leaf functions, interrupts, the scheduler.
 *
 * What is used below a call that submitted inline is counted from that call,
 * without what is below another inline submission nested in it: each of them
 * began with QCOW_TASK_STACK_NEEDED left, so the most that is used below any
 * of them says what would be left of it in the worst case.
 */
#include <linux/debugfs.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/sched/signal.h>
#include <linux/stop_machine.h>
#include <linux/uaccess.h>

#include "file/task.h"
#include "image/image.h"

#define PAINT		0x716377a5716377a5UL
#define OWN_FRAMES	256	/* never painted: those of the painter */
#define MOST_CALLS	1024	/* under way at a time */

/* What becomes of a command where it is submitted, and the worker's calls. */
enum fate { INLINE, NO_STACK, MEMALLOC, PARKED, OTHER, WORKER, FATES };

static const char * const fate_names[] = {
	"inlined", "no_stack", "memalloc", "parked", "other", "worker",
};

/* What is deepest: of whose stack. */
enum scope { ANY, IN_QCOW, IN_INLINE, BELOW_INLINE, ENTRY, SCOPES };

static const char * const scope_names[] = {
	"any", "qcow", "inline", "below", "entry",
};

struct deepest {
	unsigned long bytes;
	char comm[TASK_COMM_LEN];
};

/** struct call - a call of the driver that is under way */
struct call {
	struct list_head node;
	struct task_struct *task;
	unsigned long start;	/* the stack pointer at its beginning */
	enum fate fate;
};

/* Guards all below. */
static DEFINE_RAW_SPINLOCK(lock);
static LIST_HEAD(calls);	/* the newest first */
static struct deepest deepest[SCOPES];
static unsigned long counts[FATES];

static struct dentry *folder;

static unsigned long top_of(struct task_struct *task)
{
	return (unsigned long)task_stack_page(task) + THREAD_SIZE;
}

/* The first word is the kernel's own mark. */
static unsigned long *bottom_of(struct task_struct *task)
{
	return end_of_stack(task) + 1;
}

static unsigned long lowest_used(struct task_struct *task)
{
	unsigned long *word = bottom_of(task);

	while ((unsigned long)word < top_of(task) &&
	       (!READ_ONCE(*word) || READ_ONCE(*word) == PAINT))
		word++;
	return (unsigned long)word;
}

static noinline void paint(struct task_struct *task, unsigned long end)
{
	unsigned long *word;

	for (word = bottom_of(task); (unsigned long)word < end; word++)
		WRITE_ONCE(*word, PAINT);
}

static void note(enum scope scope, struct task_struct *task,
		 unsigned long bytes)
{
	if (bytes <= deepest[scope].bytes)
		return;
	deepest[scope].bytes = bytes;
	get_task_comm(deepest[scope].comm, task);
}

/* A call that was refused counts as a part of the one that it is nested in. */
static struct call *call_of(struct task_struct *task)
{
	struct call *call;

	list_for_each_entry(call, &calls, node)
		if (call->task == task &&
		    (call->fate == INLINE || call->fate == WORKER))
			return call;
	return NULL;
}

static bool in_call(struct task_struct *task)
{
	struct call *call;

	list_for_each_entry(call, &calls, node)
		if (call->task == task)
			return true;
	return false;
}

/* What was used since the stack was painted. */
static void account(struct task_struct *task)
{
	unsigned long lowest = lowest_used(task);
	struct call *call = call_of(task);

	note(ANY, task, top_of(task) - lowest);
	if (in_call(task))
		note(IN_QCOW, task, top_of(task) - lowest);
	if (!call || call->fate != INLINE)
		return;
	note(IN_INLINE, task, top_of(task) - lowest);
	if (call->start > lowest)
		note(BELOW_INLINE, task, call->start - lowest);
}

/* As qcow_cmd_submit() and qcow_task_enter() are about to decide. */
static enum fate fate_of(const struct qcow_cmd *cmd, unsigned long here)
{
	unsigned long end = (unsigned long)task_stack_page(current);

	if (cmd->op > QCOW_OP_WRITE || cmd->no_inline)
		return OTHER;
	if (current->flags & PF_MEMALLOC)
		return MEMALLOC;
	if (qcow_task_bios_parked())
		return PARKED;
	if (here - end < QCOW_TASK_STACK_NEEDED)
		return NO_STACK;
	if (cmd->op == QCOW_OP_WRITE && rlimit(RLIMIT_FSIZE) != RLIM_INFINITY)
		return OTHER;
	return INLINE;
}

static void begin(struct call *call, unsigned long start, enum fate fate)
{
	unsigned long end = (unsigned long)__builtin_frame_address(0);
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	account(current);
	call->task = current;
	call->start = start;
	call->fate = fate;
	list_add(&call->node, &calls);
	counts[fate]++;
	if (fate == INLINE)
		note(ENTRY, current, top_of(current) - start);
	paint(current, end - OWN_FRAMES);
	raw_spin_unlock_irqrestore(&lock, flags);
}

static int end_call(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;
	unsigned long end = (unsigned long)__builtin_frame_address(0);
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	account(current);
	list_del(&call->node);
	paint(current, end - OWN_FRAMES);
	raw_spin_unlock_irqrestore(&lock, flags);
	return 0;
}

/* The frame address that the driver compares is one word below. */
static int begin_submit(struct kretprobe_instance *instance,
			struct pt_regs *regs)
{
	const struct qcow_cmd *cmd = (void *)regs->di;

	begin((struct call *)instance->data, regs->sp,
	      fate_of(cmd, regs->sp - sizeof(long)));
	return 0;
}

static int begin_work(struct kretprobe_instance *instance,
		      struct pt_regs *regs)
{
	begin((struct call *)instance->data, regs->sp, WORKER);
	return 0;
}

static int task_ends(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	account(current);
	raw_spin_unlock_irqrestore(&lock, flags);
	return 0;
}

static struct kretprobe submit_probe = {
	.kp.symbol_name = "qcow_cmd_submit",
	.entry_handler = begin_submit,
	.handler = end_call,
	.data_size = sizeof(struct call),
	.maxactive = MOST_CALLS,
};

static struct kretprobe work_probe = {
	.kp.symbol_name = "qcow:cmd_work",
	.entry_handler = begin_work,
	.handler = end_call,
	.data_size = sizeof(struct call),
	.maxactive = MOST_CALLS,
};

static struct kprobe exit_probe = {
	.symbol_name = "do_exit",
	.pre_handler = task_ends,
};

/* --- Every task's stack --- */

/* Nothing else runs, so the stacks stay and none but ours is in use. */
static int paint_all(void *unused)
{
	struct task_struct *group, *task;

	for_each_process_thread(group, task)
		if (!READ_ONCE(task->on_cpu) && task->stack &&
		    refcount_read(&task->stack_refcount))
			paint(task, task->thread.sp - OWN_FRAMES);
	memset(deepest, 0, sizeof(deepest));
	memset(counts, 0, sizeof(counts));
	submit_probe.nmissed = 0;
	work_probe.nmissed = 0;
	return 0;
}

static int account_all(void *unused)
{
	struct task_struct *group, *task;

	for_each_process_thread(group, task)
		if (task->stack && refcount_read(&task->stack_refcount))
			account(task);
	return 0;
}

static int report_show(struct seq_file *seq, void *unused)
{
	int i;

	stop_machine(account_all, NULL, NULL);
	seq_printf(seq, "size %lu\nneeded %lu\n", THREAD_SIZE,
		   QCOW_TASK_STACK_NEEDED);
	for (i = 0; i < SCOPES; i++)
		seq_printf(seq, "%s %lu %s\n", scope_names[i],
			   deepest[i].bytes, deepest[i].comm);
	for (i = 0; i < FATES; i++)
		seq_printf(seq, "%s %lu\n", fate_names[i], counts[i]);
	seq_printf(seq, "missed %d\n",
		   submit_probe.nmissed + work_probe.nmissed);
	return 0;
}

static int report_open(struct inode *inode, struct file *file)
{
	return single_open(file, report_show, NULL);
}

/* Use so many bytes of the stack: does the report say so? */
static noinline void use(unsigned long bytes)
{
	unsigned char frame[256];

	memset(frame, 0x5a, sizeof(frame));
	barrier_data(frame);
	if (bytes > sizeof(frame))
		use(bytes - sizeof(frame));
	barrier_data(frame);
}

/* A number of bytes is used; anything else begins a new report. */
static ssize_t report_write(struct file *file, const char __user *from,
			    size_t len, loff_t *pos)
{
	unsigned long bytes;

	if (kstrtoul_from_user(from, len, 0, &bytes))
		stop_machine(paint_all, NULL, NULL);
	else if (bytes < THREAD_SIZE)
		use(bytes);
	return len;
}

static const struct file_operations report_fops = {
	.owner = THIS_MODULE,
	.open = report_open,
	.read = seq_read,
	.write = report_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int __init probe_init(void)
{
	int err = register_kretprobe(&submit_probe);

	if (err)
		return err;
	err = register_kretprobe(&work_probe);
	if (err)
		goto unregister_submit;
	err = register_kprobe(&exit_probe);
	if (err)
		goto unregister_work;
	folder = debugfs_create_dir("qcow_stack", NULL);
	debugfs_create_file("report", 0600, folder, NULL, &report_fops);
	return 0;

unregister_work:
	unregister_kretprobe(&work_probe);
unregister_submit:
	unregister_kretprobe(&submit_probe);
	return err;
}

static void __exit probe_exit(void)
{
	debugfs_remove_recursive(folder);
	unregister_kprobe(&exit_probe);
	unregister_kretprobe(&work_probe);
	unregister_kretprobe(&submit_probe);
}

module_init(probe_init);
module_exit(probe_exit);
MODULE_DESCRIPTION("How deep stacks go below the qcow driver");
MODULE_LICENSE("GPL");
