// SPDX-License-Identifier: GPL-2.0
/*
 * The driver copies, piece by piece, while requests go on and some of what was
 * copied is changed again; when little is left, or no headway is made, it does
 * the rest while they wait.  Whoever is interrupted in between closes the
 * control file, which ends it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attachment.h"
#include "claim.h"
#include "control.h"
#include "error.h"
#include "merge.h"

enum {
	LITTLE = 4 << 20,	/* bytes that may be left for the end */
	PATIENCE = 32,		/* steps without headway */
};

/* Return: 0 or a negative errno, with a reason in @message. */
static int ask(const struct session *s, enum qcow_merge_op op,
	       struct qcow_merge *m, char *message, size_t len)
{
	m->size = sizeof(*m);
	m->number = s->number;
	m->op = op;
	m->message = (uintptr_t)message;
	m->message_len = len;
	return control_merge(m);
}

static int call(const struct session *s, enum qcow_merge_op op,
		struct qcow_merge *m)
{
	char message[512] = "";
	int err = ask(s, op, m, message, sizeof(message));

	return err ? session_failed(s, "commit", err, message) : 0;
}

/* --- The files --- */

/* A raw file can be longer before the driver opens it again. */
static int grow_raw(struct image *base, u64 size)
{
	if (base->format != QCOW_FORMAT_RAW || base->size >= size)
		return 0;
	if (!S_ISREG(base->file.st.st_mode))
		return fail(EXIT_IMAGE, "%s is shorter than the disk",
			    base->file.path);
	if (ftruncate(base->file.fd, size))
		return fail_errno(errno, "cannot make %s longer",
				  base->file.path);
	return 0;
}

/* As the driver has them, but the first one for writing. */
static int open_below(const struct merge *m, const struct chain *now,
		      struct chain *below)
{
	const struct image *old;
	struct chain_options o = {
		.backing_format = m->backing_format, .writable = true,
	};

	if (now->nr < 2)
		return fail(EXIT_IMAGE, "%s has no backing file",
			    now->layers[0]->image.file.path);
	old = &now->layers[1]->image;
	o.format = old->format;
	return chain_open(below, old->file.path, &o) ?: claim_again(below);
}

/* --- The merge --- */

static int copy(const struct merge *m, const struct session *s,
		const struct image *top)
{
	struct progress progress;
	unsigned int steps = 0;
	u64 least = ~0ULL;
	int ret;

	progress_begin(&progress, m->progress, session_disk(s), top->size);
	do {
		struct qcow_merge step = { .flags = 0 };

		ret = call(s, QCOW_MERGE_STEP, &step);
		if (ret)
			return ret;
		steps++;
		if (step.left < least) {
			if (step.left < top->size - progress.done)
				progress_step(&progress, top->size -
					      progress.done - step.left);
			least = step.left;
			steps = 0;
		}
	} while (least > LITTLE && steps < PATIENCE);
	progress_end(&progress);
	return 0;
}

static int end(const struct merge *m, const struct session *s,
	       const struct image *base)
{
	struct qcow_merge last = { .flags = m->keep ? QCOW_MERGE_KEEP : 0 };
	int ret = call(s, QCOW_MERGE_END, &last);

	if (!ret && !s->hidden && m->progress != PROGRESS_JSON)
		printf("%s is in %s now; it stood still for %.1f ms\n",
		       s->word, base->file.path, last.pause_ns / 1e6);
	return ret;
}

/* Before anything is written: is there somebody else who uses it? */
static int begin(const struct session *s, const struct image *top,
		 const struct chain *below, struct claim_raised *raised)
{
	struct qcow_layer *layers = attachment_layers(below);
	struct qcow_merge reopen = {
		.nr_layers = below->nr, .layers = (uintptr_t)layers,
	}, first = reopen;
	int ret;

	ret = call(s, QCOW_MERGE_REOPEN, &reopen) ?:
	      claim_raise(below->layers[0], raised) ?:
	      grow_raw(&below->layers[0]->image, top->size);
	first.flags = QCOW_MERGE_HOLD;
	first.hold_fds[0] = raised->image;
	first.hold_fds[1] = raised->data;
	if (!ret)
		ret = call(s, QCOW_MERGE_BEGIN, &first);
	free(layers);
	return ret;
}

/* That the last writes are lost is worth a word of its own. */
static void stop(const struct session *s)
{
	struct qcow_merge last = { .flags = 0 };
	char message[512] = "";
	int err = ask(s, QCOW_MERGE_STOP, &last, message, sizeof(message));

	/* an end that failed may have been one */
	if (err && err != -ENOENT)
		session_failed(s, "end the commit of", err, message);
}

static int run(const struct merge *m, const struct session *s,
	       const struct image *top, const struct chain *below)
{
	struct claim_raised raised = { -1, -1 };
	int ret = begin(s, top, below, &raised);

	if (!ret) {
		ret = copy(m, s, top) ?:
		      end(m, s, &below->layers[0]->image);
		if (ret)
			stop(s);
	}
	claim_lower(&raised);
	return ret;
}

int merge_live(const struct merge *m, const struct session *s)
{
	struct chain now = { .nr = 0 }, below = { .nr = 0 };
	int ret;

	ret = chain_open_device(&now, s->number) ?:
	      open_below(m, &now, &below) ?:
	      run(m, s, &now.layers[0]->image, &below);
	chain_close(&below);
	chain_close(&now);
	return ret;
}
