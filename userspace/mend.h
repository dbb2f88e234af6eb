/* SPDX-License-Identifier: GPL-2.0 */
/* An image file checked, repaired, and checked again. */
#ifndef QCOWCTL_MEND_H
#define QCOWCTL_MEND_H

#include "check.h"
#include "file.h"
#include "progress.h"
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

/**
 * struct mending - what is to be done, and who wants to know of it
 * @repair:	not only to check, which leaves what was found
 * @mode:	if so, of what
 * @report:	for lines on each problem; may be NULL
 * @progress:	of each check, the one after the repair too
 */
struct mending {
	bool repair;
	enum repair_mode mode;
	check_report report;
	enum progress_mode progress;
};

/**
 * mend - check; if that is wanted, repair what was found, and check again
 * @f:		with the locks; open for writing, if it is to be repaired
 *
 * An image without errors, or without errors after the repair, is marked as
 * clean and consistent.
 *
 * Return: 0, or an exit code after saying why it could not be done.
 */
int mend(struct file *f, const struct mending *how, struct mended *m);

/** mend_file - repair, without a word on how far it got */
int mend_file(struct file *f, enum repair_mode mode, struct mended *m,
	      check_report report);

#endif /* QCOWCTL_MEND_H */
