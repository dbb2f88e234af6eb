// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "error.h"
#include "medium.h"
#include "mend.h"

/* How far the check of a file got. */
struct told {
	struct progress progress;
	enum progress_mode mode;
	const struct file *file;
};

static void begin(void *ctx, u64 total)
{
	struct told *t = ctx;

	progress_begin(&t->progress, t->mode, t->file->path, total);
}

/* There may be a block more than it seemed. */
static void step(void *ctx, u64 bytes)
{
	struct told *t = ctx;
	u64 left = t->progress.total - t->progress.done;

	progress_step(&t->progress, bytes < left ? bytes : left);
}

static int run_check(struct check *c, struct file *f, struct check_result *r,
		     const struct mending *how, check_report report)
{
	struct told t = { .mode = how->progress, .file = f };
	const struct check_watch watch = {
		.begin = begin, .step = step, .ctx = &t,
	};
	struct check_source src = medium_source(f);
	int err;

	c->watch = &watch;
	err = check_image(c, &src, r, report, NULL);
	c->watch = NULL;
	if (err)
		return fail_errno(-err, "cannot check %s", f->path);
	progress_end(&t.progress);
	return 0;
}

static int run_repair(struct check *c, struct file *f, enum repair_mode mode,
		      const struct check_result *found, check_report report)
{
	struct check_source src = medium_source(f);
	struct repair_sink sink = medium_sink(f);
	int err = repair_image(c, &src, &sink, mode, found, report, NULL);

	/* It has said so, and the next check says what is left. */
	if (err == -EUCLEAN)
		return 0;
	return err ? fail_errno(-err, "cannot repair %s", f->path) : 0;
}

static int finish(struct check *c, struct file *f, struct check_result *left)
{
	struct repair_sink sink = medium_sink(f);
	int err = repair_finish(c, &sink, left);

	if (err)
		return fail_errno(-err, "cannot write the header of %s",
				  f->path);
	if (!left->corruptions && !left->check_errors) {
		left->dirty = false;
		left->corrupt = false;
	}
	return 0;
}

static bool has_errors(const struct check_result *r)
{
	return r->corruptions || r->leaks || r->check_errors;
}

int mend(struct file *f, const struct mending *how, struct mended *m)
{
	struct check c;
	int ret;

	check_init(&c);
	ret = run_check(&c, f, &m->found, how, how->report);
	m->left = m->found;
	if (!ret && how->repair && has_errors(&m->found))
		ret = run_repair(&c, f, how->mode, &m->found, how->report) ?:
		      run_check(&c, f, &m->left, how, NULL);
	if (!ret && how->repair)
		ret = finish(&c, f, &m->left);
	check_free(&c);
	return ret;
}

int mend_file(struct file *f, enum repair_mode mode, struct mended *m,
	      check_report report)
{
	const struct mending how = {
		.repair = true, .mode = mode, .report = report,
	};

	return mend(f, &how, m);
}
