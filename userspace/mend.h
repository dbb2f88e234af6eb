/* SPDX-License-Identifier: GPL-2.0 */
/* An image file checked, repaired, and checked again. */
#ifndef QCOWCTL_MEND_H
#define QCOWCTL_MEND_H

#include "check.h"
#include "file.h"
#include "repair.h"

/**
 * struct mended - what came of it
 * @found:	by the first check
 * @left:	by the last one
 */
struct mended {
	struct check_result found;
	struct check_result left;
};

/** mend_check - only check: @m->left is what was found */
int mend_check(struct file *f, struct mended *m, check_report report);

/**
 * mend_file - check, repair what was found, check again
 * @f:		open for writing, with the locks
 * @report:	for lines on each problem; may be NULL
 *
 * An image without errors, or without errors after the repair, is marked as
 * clean and consistent.
 *
 * Return: 0, or an exit code after saying why it could not be done.
 */
int mend_file(struct file *f, enum repair_mode mode, struct mended *m,
	      check_report report);

#endif /* QCOWCTL_MEND_H */
