/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The locks by which QEMU and its tools keep off each other's images.
 *
 * They are byte locks of the open file description, all of them read locks:
 * byte 100 + i says that permission i is in use, byte 200 + i that it is not
 * shared with others.  Setting them never fails because of others; asking
 * whether somebody else has set a byte that does not go with ours is a second
 * step.  The driver keeps the description, and with it the locks, for as long
 * as the image is attached.
 */
#ifndef QCOWCTL_LOCK_H
#define QCOWCTL_LOCK_H

#include "file.h"

enum lock_mode {
	LOCKED_READ,	/* others may read, nobody writes */
	LOCKED_WRITE,	/* nobody else writes */
	LOCKED_PEEK,	/* only: somebody reads here, whoever writes */
};

/**
 * lock_hold - set the bytes of @mode without asking whom it contradicts
 *
 * For a file that the driver shares between its own devices.
 *
 * Return: 0 or a negative errno.
 */
int lock_hold(const struct file *f, enum lock_mode mode);

/**
 * lock_conflict - which byte of others contradicts @mode?
 * Return: 0 for none, the byte, or a negative errno.
 */
int lock_conflict(const struct file *f, enum lock_mode mode);

/**
 * lock_raise - who holds LOCKED_READ on a file will write it
 * @writer: the file opened once more: what LOCKED_WRITE has beyond that is held
 *	    by it, until it is closed
 *
 * Return: as lock_conflict().
 */
int lock_raise(const struct file *f, int writer);

/** lock_release - take the bytes of lock_hold() back */
void lock_release(const struct file *f);

/** lock_meaning - what the owner of that byte does, to go behind "a process that" */
const char *lock_meaning(int byte);

#endif /* QCOWCTL_LOCK_H */
