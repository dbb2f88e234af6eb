/* SPDX-License-Identifier: GPL-2.0 */
/* Taking a device away. */
#ifndef QCOWCTL_DETACH_H
#define QCOWCTL_DETACH_H

/**
 * detach_device - QCOW_DETACH, again for a while where udev looks at it
 * Return: 0 or an exit code.
 */
int detach_device(unsigned int number, unsigned int flags);

#endif /* QCOWCTL_DETACH_H */
