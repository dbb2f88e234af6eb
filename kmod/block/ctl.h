/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/qcow-control: the protocol of <linux/qcow.h>. */
#ifndef QCOW_BLOCK_CTL_H
#define QCOW_BLOCK_CTL_H

int qcow_ctl_init(void);
void qcow_ctl_exit(void);

#endif /* QCOW_BLOCK_CTL_H */
