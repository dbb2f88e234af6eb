/* SPDX-License-Identifier: GPL-2.0 */
/* May these files be used now?  The driver is asked, then everybody else. */
#ifndef QCOWCTL_CLAIM_H
#define QCOWCTL_CLAIM_H

#include "chain.h"
#include "lock.h"

/**
 * claim_chain - take the locks on every file of a chain
 * @c:		the chain; its top is locked as it was opened
 * @peek:	the top is only looked into beside a device that writes it: for
 *		an internal snapshot, which does not change
 *
 * A file that the driver has open carries the driver's locks, which would
 * contradict ours: there the driver's word counts.
 *
 * Return: 0, or an exit code after saying which file is in use and how.
 */
int claim_chain(const struct chain *c, bool peek);

/** claim_file - the same for one file */
int claim_file(const struct file *f, bool peek);

#endif /* QCOWCTL_CLAIM_H */
