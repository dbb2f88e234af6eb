/* SPDX-License-Identifier: GPL-2.0 */
/* An open image file as what the check reads from and the repair writes to. */
#ifndef QCOWCTL_MEDIUM_H
#define QCOWCTL_MEDIUM_H

#include "check.h"
#include "file.h"
#include "repair.h"

struct check_source medium_source(struct file *f);

/** medium_sink - for a file opened for writing; a write may lengthen it */
struct repair_sink medium_sink(struct file *f);

#endif /* QCOWCTL_MEDIUM_H */
