/* SPDX-License-Identifier: GPL-2.0 */
/* Freeze and thaw the file systems on a device. */
#ifndef QCOW_BLOCK_FREEZE_H
#define QCOW_BLOCK_FREEZE_H

struct qcow_change;
struct qcow_device;
struct qcow_freeze;
struct qcow_reason;

/* How long a snapshot waits for the file systems, if the caller does not say. */
#define QCOW_FREEZE_TIMEOUT_MS	10000U

/**
 * qcow_freeze - freeze what the caller names, then the disk and its partitions
 * @change: its @above is what the caller names, and its @freeze_timeout_ms how
 *	    long to wait
 * @why:    set on failure
 *
 * After -ETIMEDOUT and -EINTR a freeze that is still under way is undone when
 * it is over; until then there is no other one of the device.
 *
 * Context: may sleep; the caller has claimed the device.
 * Return: for qcow_thaw(); or an ERR_PTR: -ETIMEDOUT; -EINTR: a fatal signal;
 * -EBUSY: an earlier freeze is not over; -ELOOP: the image itself would be
 * frozen; -ENOMEM; or of the file system.
 */
struct qcow_freeze *qcow_freeze(struct qcow_device *dev,
				const struct qcow_change *change,
				struct qcow_reason *why);

/** qcow_freeze_stops - does something that would write wait for the thaw? */
bool qcow_freeze_stops(const struct qcow_freeze *freeze);

/** qcow_thaw - thaw what qcow_freeze() has frozen */
void qcow_thaw(struct qcow_freeze *freeze);

int qcow_freeze_init(void);
void qcow_freeze_exit(void);

#endif /* QCOW_BLOCK_FREEZE_H */
