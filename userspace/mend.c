// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "error.h"
#include "medium.h"
#include "mend.h"

static int run_check(struct check *c, struct file *f, struct check_result *r,
		     check_report report)
{
	struct check_source src = medium_source(f);
	int err = check_image(c, &src, r, report, NULL);

	return err ? fail_errno(-err, "cannot check %s", f->path) : 0;
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

int mend_check(struct file *f, struct mended *m, check_report report)
{
	struct check c;
	int ret;

	check_init(&c);
	ret = run_check(&c, f, &m->found, report);
	m->left = m->found;
	check_free(&c);
	return ret;
}

static bool has_errors(const struct check_result *r)
{
	return r->corruptions || r->leaks || r->check_errors;
}

int mend_file(struct file *f, enum repair_mode mode, struct mended *m,
	      check_report report)
{
	struct check c;
	int ret;

	check_init(&c);
	ret = run_check(&c, f, &m->found, report);
	m->left = m->found;
	if (!ret && has_errors(&m->found))
		ret = run_repair(&c, f, mode, &m->found, report) ?:
		      run_check(&c, f, &m->left, NULL);
	if (!ret)
		ret = finish(&c, f, &m->left);
	check_free(&c);
	return ret;
}
