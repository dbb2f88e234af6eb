/* SPDX-License-Identifier: GPL-2.0 */
/* The node of a device in /dev. */
#ifndef QCOWCTL_NODE_H
#define QCOWCTL_NODE_H

/**
 * node_await - wait until /dev/qcowN is there and udev is through with it
 *
 * The kernel makes the node before QCOW_ATTACH returns; where udev runs, its
 * links (by-uuid and so on) come a moment later, and its probe keeps the
 * device open until then.  Waits a few seconds at most.
 */
void node_await(unsigned int number);

#endif /* QCOWCTL_NODE_H */
