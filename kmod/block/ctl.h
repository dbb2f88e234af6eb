/* SPDX-License-Identifier: GPL-2.0 */
/* The control device /dev/qcow-control, whose protocol is in <linux/qcow.h>. */
#ifndef QCOW_BLOCK_CTL_H
#define QCOW_BLOCK_CTL_H

int qcow_ctl_init(void);
void qcow_ctl_exit(void);

#endif /* QCOW_BLOCK_CTL_H */
